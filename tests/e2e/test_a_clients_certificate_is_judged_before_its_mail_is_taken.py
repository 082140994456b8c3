# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: TlsSenderCertificateName, ClientEku, TrustAnchors. Threats C8: "wrong, missing, self-
signed, expired, wrong-issuer-same-subject certificates; matrix test"."""

import pytest

from harness import xml
from harness.client import Closed
from harness.pki import CLIENT, ENDPOINT, ENDPOINT_NAMES, ISSUER, SERVER, Authority

WRONG = {
    "none at all": lambda pki: None,
    "self-signed": lambda pki: pki.self_signed(),
    "a CA that nobody trusts": lambda pki: pki.stranger(),
    "our own CA": lambda pki: pki.gateway,
    "expired": lambda pki: pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, days=(-9, -1)),
    "not yet valid": lambda pki: pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, days=(1, 9)),
    "another name": lambda pki: pki.intermediate.issue(ENDPOINT, ["mail.example.com"]),
    "the name in the CN alone": lambda pki: pki.intermediate.issue(ENDPOINT),
    "a name that only ends so": lambda pki: pki.intermediate.issue(
        ENDPOINT, ["evil-mail.protection.outlook.com", "mail.protection.outlook.com.evil.example"]
    ),
    "server usage alone": lambda pki: pki.intermediate.issue(
        ENDPOINT, ENDPOINT_NAMES, usages=(SERVER,)
    ),
}


def mail(gateway, certificate, **versions):
    """The reply to MAIL, or None when the handshake failed already."""
    client = gateway.client()
    client.ehlo()
    try:
        client.starttls(certificate, **versions)
        client.ehlo()
    except Closed:
        return None
    return client.command("MAIL FROM:<bob@example.com>")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(postern, cloud, pki, name, version):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    reply = mail(gateway, WRONG[name](pki), minimum=version, maximum=version)
    assert reply is None or (reply.code, reply.enhanced) == (550, "5.7.1")
    refused = gateway.wait_for("sender-refused", condition="certificate")
    assert refused["session"] and refused["closest"] == "cloud"
    assert not far.connections


def test_what_is_right_is_taken(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    assert mail(gateway, pki.endpoint) == 250


@pytest.mark.parametrize(
    "setting, usages, taken",
    [
        (None, (CLIENT,), True),
        (None, (SERVER,), False),
        (None, (), True),
        ("ClientAuth", (SERVER,), False),
        ("ClientOrServerAuth", (SERVER,), True),
        ("ClientOrServerAuth", (CLIENT,), True),
    ],
)
def test_client_eku_says_which_usage_will_do(postern, cloud, pki, setting, usages, taken):
    """Design: "public CAs no longer issue the clientAuth usage: the other side's certificate, and
    ours, may carry serverAuth alone"."""
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(ClientEku=setting), xml.outbound("next", [far.host]))
    credential = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, usages=usages)
    assert mail(gateway, credential) == (250 if taken else 550)


def test_a_chain_without_its_intermediate_is_refused(postern, cloud, pki, tmp_path):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    alone = Authority(tmp_path, ISSUER, parent=pki.root).issue(ENDPOINT, ENDPOINT_NAMES)
    leaf = alone.chain.read_text().split("-----END CERTIFICATE-----")[0]
    alone.chain.write_text(leaf + "-----END CERTIFICATE-----\n")
    assert mail(gateway, alone).code == 550


def test_peer_certificates_narrow_it_further(postern, cloud, pki):
    far = cloud(trust=None)
    pairs = xml.peers((ENDPOINT, ISSUER))
    gateway = postern(xml.from_cloud(PeerCertificates=pairs), xml.outbound("next", [far.host]))
    assert mail(gateway, pki.endpoint) == 250
    assert mail(gateway, pki.other_issuer()) == (550, "5.7.1")
    event = gateway.wait_for("sender-refused", condition="certificate", closest="cloud")
    assert "Cloud Services CA-2" in event.line and "Cloud Services CA-1" in event.line


def test_report_only_reports(postern, cloud, pki):
    """Design: "Mode is Enforce or ReportOnly"; nothing is ever silently ignored."""
    far = cloud(trust=None)
    pairs = xml.peers((ENDPOINT, ISSUER), mode="ReportOnly")
    gateway = postern(xml.from_cloud(PeerCertificates=pairs), xml.outbound("next", [far.host]))
    assert mail(gateway, pki.other_issuer()) == 250
    assert "Cloud Services CA-2" in gateway.wait_for("peer-reported", inbound="cloud").line


def test_the_mail_of_a_plain_connector_still_goes_its_own_way(postern, cloud, pki):
    """One refused by the cloud's connector may be taken by another that asks for less, and then is
    that connector's and no more."""
    far, other = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.from_cloud("a-cloud"),
        xml.inbound("b-devices", SenderDomains=["devices.example"]),
        xml.outbound("next", [far.host], InboundConnectors=["a-cloud"]),
        xml.outbound("devices", [other.host], InboundConnectors=["b-devices"]),
    )
    assert mail(gateway, pki.stranger()) == (550, "5.7.1")
    assert gateway.send(sender="printer@devices.example") == 250
    assert not far.messages and len(other.messages) == 1
