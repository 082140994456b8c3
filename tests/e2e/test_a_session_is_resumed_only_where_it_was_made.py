# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C7: `openssl s_client -sess_out` on connector A, `-sess_in` on B without certificate, TLS 1.2
and 1.3; also after the rule changed, and after the peer's certificate expired. Issue: "sessions are
cached by connector, identity, policy and anchors; tickets from another connector are not accepted"."""

import datetime
import subprocess
import time

import pytest

from harness import xml
from harness.pki import ENDPOINT, ENDPOINT_NAMES, ISSUER
from harness.waiting import LIMIT

OTHER = "CN=DigiCert Cloud Services CA-2,O=DigiCert Inc,C=US"
VERSIONS = pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
A, B = "127.0.0.2", "127.0.0.3"


class SClient:
    """What openssl s_client saw: reused or new, and the reply to MAIL."""

    def __init__(self, gateway, version, source=A, credential=None, keep=None, resume=None):
        command = [
            "openssl", "s_client", "-connect", f"127.0.0.1:{gateway.port}", "-bind", f"{source}:0",
            "-starttls", "smtp", f"-{version}", "-crlf", "-ign_eof",
        ]
        if credential:
            command += ["-cert", credential.chain, "-cert_chain", credential.chain]
            command += ["-key", credential.key]
        command += ["-sess_out", keep] if keep else []
        command += ["-sess_in", resume] if resume else []
        done = subprocess.run(
            list(map(str, command)), capture_output=True, timeout=3 * LIMIT,
            input=b"EHLO client.example\nMAIL FROM:<bob@example.com>\nQUIT\n",
        )
        self.text = done.stdout.decode("latin-1") + done.stderr.decode("latin-1")
        assert ("Reused, TLS" in self.text) != ("New, TLS" in self.text), self.text
        self.reused = "Reused, TLS" in self.text
        self.admitted = "\n250 2.1.0 " in self.text.replace("\r", "")
        assert self.admitted or "550 5.7.1" in self.text, self.text


@pytest.fixture
def two(postern, cloud):
    """Connector A wants the cloud's certificate; B the same, of another issuer. They share everything
    that a TLS context is made of."""

    def make(**more):
        far = cloud(trust=None)
        return postern(
            xml.from_cloud("a", SenderIPAddresses=[A], **more),
            xml.from_cloud(
                "b", SenderIPAddresses=[B], PeerCertificates=xml.peers((ENDPOINT, OTHER))
            ),
            xml.outbound("next", [far.host]),
        )

    return make


@VERSIONS
def test_where_it_was_made_the_certificate_is_known_from_the_session(two, pki, tmp_path, version):
    gateway, kept = two(), tmp_path / "session"
    assert SClient(gateway, version, credential=pki.endpoint, keep=kept).admitted
    again = SClient(gateway, version, resume=kept)
    assert again.reused and again.admitted


@VERSIONS
@pytest.mark.parametrize("proved", [True, False])
def test_another_connector_does_not_take_it(two, pki, tmp_path, version, proved):
    gateway, kept = two(), tmp_path / "session"
    first = SClient(gateway, version, credential=pki.endpoint if proved else None, keep=kept)
    assert first.admitted == proved
    again = SClient(gateway, version, source=B, resume=kept)
    assert not again.reused and not again.admitted
    # And what B would take is taken by a full handshake, whatever was brought along.
    good = SClient(gateway, version, source=B, credential=pki.other_issuer(), resume=kept)
    assert not good.reused and good.admitted


@VERSIONS
def test_a_connector_that_asks_for_nothing_gives_nothing_away(postern, cloud, pki, tmp_path, version):
    far, kept = cloud(trust=None), tmp_path / "session"
    gateway = postern(
        xml.inbound("devices", SenderIPAddresses=[B], TlsCertificateName="hybrid"),
        xml.from_cloud("a", SenderIPAddresses=[A]),
        xml.outbound("next", [far.host]),
    )
    assert SClient(gateway, version, source=B, keep=kept).admitted
    again = SClient(gateway, version, source=A, resume=kept)
    assert not again.reused and not again.admitted


@VERSIONS
@pytest.mark.parametrize(
    "change",
    [
        {"PeerCertificates": xml.peers((ENDPOINT, OTHER))},
        {"TlsSenderCertificateName": "other.example"},
    ],
)
def test_a_rule_that_a_reload_changed_is_applied_anew(two, pki, tmp_path, version, change):
    gateway, kept = two(), tmp_path / "session"
    assert SClient(gateway, version, credential=pki.endpoint, keep=kept).admitted
    gateway.connectors[0].elements.update(change)
    assert gateway.reload().exit == 0
    assert not SClient(gateway, version, resume=kept).admitted


@VERSIONS
def test_anchors_that_a_reload_changed_are_applied_anew(two, pki, tmp_path, version):
    gateway, kept = two(), tmp_path / "session"
    assert SClient(gateway, version, credential=pki.endpoint, keep=kept).admitted
    gateway.anchors["public"] = pki.organisation.anchors
    assert gateway.reload().exit == 0
    assert not SClient(gateway, version, resume=kept).admitted


def expiring(pki, works):
    """A certificate of the cloud's that works(certificate) still, and that has expired a moment later."""
    for seconds in (2, 8, 40):
        credential = pki.intermediate.issue(
            ENDPOINT, ENDPOINT_NAMES, days=(-2, seconds / 86400)
        )
        if works(credential):
            end = credential.certificate.not_valid_after
            while datetime.datetime.utcnow() < end + datetime.timedelta(seconds=1):
                time.sleep(0.2)
            return credential
    raise AssertionError("too slow for a certificate of 40 s")


@VERSIONS
def test_a_certificate_that_has_expired_since_is_refused_and_forgotten(two, pki, tmp_path, version):
    gateway, kept = two(), tmp_path / "session"
    expiring(
        pki, lambda credential: SClient(gateway, version, credential=credential, keep=kept).admitted
    )
    resumed = SClient(gateway, version, resume=kept, keep=kept)
    assert resumed.reused and not resumed.admitted
    # The next one begins anew, and with a new certificate it is let in.
    renewed = SClient(gateway, version, credential=pki.endpoint, resume=kept)
    assert not renewed.reused and renewed.admitted


# --- outward ---

CLOUD = pytest.mark.parametrize("version", ["1.2", "1.3"])


def outward(line, version, **more):
    """Each message has a connection of its own, which is ended politely: one that breaks off takes its
    session with it."""
    return line(
        gateway={"Workers": 1},
        cloud_options={"minimum": version, "maximum": version},
        outbound={"SmtpMaxMessagesPerConnection": 1},
        **more,
    )


def send_anew(gateway, far):
    """A message; whether the session of its connection was resumed."""
    far.rest()
    assert gateway.send() == 250
    return far.connections[-1].resumed


@CLOUD
def test_outward_a_session_is_resumed_and_outlives_a_reload_that_does_not_touch_it(line, version):
    gateway, far = outward(line, version)
    assert not send_anew(gateway, far)
    assert send_anew(gateway, far)
    gateway.connectors[0].elements["SenderDomains"] = ["contoso.com"]
    assert gateway.reload().exit == 0
    assert send_anew(gateway, far)


@CLOUD
@pytest.mark.parametrize(
    "change",
    [
        {"PeerCertificates": xml.peers((ENDPOINT, ISSUER))},
        {"TlsDomain": ["mail.protection.outlook.com", "*.mx.microsoft"]},
        {"TlsSettings": "CertificateValidation", "TlsDomain": None},
        {"TlsGroups": xml.Raw("<TlsGroups><Group>secp256r1</Group></TlsGroups>")},
        {"TlsCertificateName": "second"},
        {"TrustAnchors": "both"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_outward_a_change_of_its_connector_empties_it(line, pki, tmp_path, version, change):
    second = pki.organisation.issue("CN=gw.contoso.com,O=Contoso,C=US", ["gw.contoso.com"])
    both = tmp_path / "both.pem"
    both.write_bytes(pki.root.anchors.read_bytes() + pki.organisation.anchors.read_bytes())
    gateway, far = outward(
        line, version,
        certificates={
            "hybrid": (pki.gateway.chain, pki.gateway.key), "second": (second.chain, second.key)
        },
        anchors={"public": pki.root.anchors, "both": both},
    )
    send_anew(gateway, far)
    assert send_anew(gateway, far)
    gateway.connectors[1].elements.update(change)
    assert gateway.reload().exit == 0
    assert not send_anew(gateway, far)
    assert send_anew(gateway, far)


@CLOUD
def test_outward_a_renewed_certificate_of_ours_empties_it(line, pki, tmp_path, version):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(pki.gateway.chain.read_bytes())
    key.write_bytes(pki.gateway.key.read_bytes())
    key.chmod(0o600)
    gateway, far = outward(line, version, certificates={"hybrid": (chain, key)})
    send_anew(gateway, far)
    assert send_anew(gateway, far)
    renewed = pki.organisation.issue("CN=gw.contoso.com,O=Contoso,C=US", ["gw.contoso.com"])
    chain.write_bytes(renewed.chain.read_bytes())
    key.write_bytes(renewed.key.read_bytes())
    assert gateway.reload().exit == 0
    assert not send_anew(gateway, far)
    assert far.connections[-1].certificate == renewed.der


@CLOUD
def test_outward_a_renewed_certificate_of_the_cloud_is_seen_once_the_old_has_expired(
    line, pki, version
):
    """The cloud would resume with the old one for hours yet, and mail must not wait for that."""
    gateway, far = outward(line, version)

    def works(credential):
        far.present(credential)
        return gateway.attempt() == 250

    expiring(pki, works)
    far.context.load_cert_chain(pki.endpoint.chain, pki.endpoint.key)
    assert gateway.send() == 250
    assert [one.resumed for one in far.connections[-2:]] == [True, False]
    assert not far.connections[-2].names[1:], "not even EHLO was said to the expired one"


@CLOUD
def test_outward_an_expired_certificate_is_refused_though_resumed(line, pki, version):
    gateway, far = outward(line, version)

    def works(credential):
        far.present(credential)
        return gateway.attempt() == 250

    expiring(pki, works)
    messages = len(far.messages)
    assert gateway.attempt() == (454, "4.7.5")
    assert len(far.messages) == messages
    gateway.wait_for("peer-refused", check="dates")
