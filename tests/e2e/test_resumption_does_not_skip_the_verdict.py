# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C7 (CVE-2025-23419, CVE-2025-23048): "resumption crosses listeners with different
client-cert rules"; design: "TLS session caches are keyed by connector, identity and policy, and
emptied when one of them changes: resumption never skips a verdict"."""

import pytest

from harness import xml
from harness.client import Closed
from harness.pki import ENDPOINT, ISSUER


OTHER = "CN=DigiCert Cloud Services CA-2,O=DigiCert Inc,C=US"


def encrypted(gateway, port=None, versions=(), **options):
    client = gateway.client(port)
    client.ehlo()
    client.starttls(**options, **dict(versions))
    client.ehlo()
    return client


def ticket_of(client):
    """A session that can be resumed: TLS 1.3 hands it over after the first bytes."""
    client.command("NOOP")
    return {"session": client.socket.session, "context": client.context}


def mail(client, sender="bob@example.com"):
    return client.command(f"MAIL FROM:<{sender}>")


VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])


@VERSIONS
def test_a_session_made_without_certificate_is_not_trusted_elsewhere(postern, cloud, pki, version):
    far = cloud(trust=None)
    both = {"minimum": version, "maximum": version}
    gateway = postern(
        xml.from_cloud("a-cloud"),
        xml.inbound("b-local", SenderDomains=["contoso.com"], TlsCertificateName="hybrid"),
        xml.outbound("next", [far.host]),
        listeners=2,
    )
    first = encrypted(gateway, versions=both)
    assert mail(first, "alice@contoso.com") == 250
    kept = ticket_of(first)
    again = encrypted(gateway, gateway.ports[1], **kept)
    assert mail(again) == (550, "5.7.1")


@VERSIONS
def test_a_rule_changed_by_reload_holds_for_resumed_clients_too(postern, cloud, pki, version):
    far = cloud(trust=None)
    both = {"minimum": version, "maximum": version}
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    first = encrypted(gateway, certificate=pki.endpoint, versions=both)
    assert mail(first) == 250
    kept = ticket_of(first)
    first.close()
    gateway.connectors[0] = xml.from_cloud(
        PeerCertificates=xml.peers((ENDPOINT, OTHER))
    )
    assert gateway.reload().exit == 0
    try:
        again = encrypted(gateway, **kept)
    except Closed:
        return
    assert mail(again) == (550, "5.7.1")


@VERSIONS
def test_a_resumed_client_keeps_the_certificate_it_proved(postern, cloud, pki, version):
    far = cloud(trust=None)
    both = {"minimum": version, "maximum": version}
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    first = encrypted(gateway, certificate=pki.endpoint, versions=both)
    assert mail(first) == 250
    again = encrypted(gateway, **ticket_of(first))
    assert mail(again) == 250


@VERSIONS
def test_a_rule_changed_by_reload_holds_for_the_cloud_too(line, pki, version):
    """Outward: the pooled connection and the cached session were made under the old rule."""
    gateway, far = line(
        gateway={"Workers": 1},
        cloud_options={"minimum": version, "maximum": version},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))},
    )
    assert gateway.send() == 250
    gateway.connectors[1].elements["PeerCertificates"] = xml.peers((ENDPOINT, OTHER))
    assert gateway.reload().exit == 0
    assert gateway.attempt() == (454, "4.7.5")
    assert len(far.messages) == 1


def test_two_connectors_to_one_cloud_share_no_session(postern, cloud, pki):
    """One presents a certificate, the other none: what the first proved is not the second's."""
    far = cloud(trust=pki.organisation.anchors)
    gateway = postern(
        xml.inbound(),
        xml.tenant(far, "proved", RecipientDomains=["proved.example"]),
        xml.outbound(
            "bare", [far.host], RecipientDomains=["bare.example"], TlsSettings="EncryptionOnly"
        ),
        gateway={"Workers": 1},
    )
    assert gateway.send(recipients=["a@proved.example"]) == 250
    assert 400 <= gateway.attempt(recipients=["b@bare.example"]).code < 500
    assert len(far.messages) == 1
