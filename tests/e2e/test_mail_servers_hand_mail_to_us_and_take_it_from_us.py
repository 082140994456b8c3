# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Interoperation tests with Debian's Postfix, Exim, OpenSMTPD (each as client and as next
hop, with and without TLS)"; "the interoperation table in the README filled from the tests' own
output"."""

import pytest

from harness import interop, xml
from harness.client import Client
from harness.pki import ENDPOINT, ENDPOINT_NAMES
from harness.relays import RELAYS
from harness.waiting import wait_until


@pytest.fixture
def relay(pki, postern):
    """relay(name, way, secure) → one of the real servers; it goes before the gateway does."""
    made = []
    # OpenSMTPD's key process knows no curve in OpenSSL 3; nobody minds RSA.
    credential = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, kind="RSA:2048")

    def make(name, way, secure=False, **more):
        made.append(RELAYS[name](credential, pki.root.anchors, way, secure, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def next_hop(postern, far, secure):
    setting = {
        "TlsSettings": "DomainValidation",
        "TlsDomain": ["mail.protection.outlook.com"],
        "TrustAnchors": "public",
    }
    return postern(xml.inbound(), xml.outbound(hosts=[far.host], **(setting if secure else {})))


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", RELAYS)
def test_as_client(relay, postern, cloud, name, secure):
    far = cloud(trust=None)
    near = xml.inbound(RequireTls=secure, TlsCertificateName="hybrid")
    gateway = postern(near, xml.outbound(hosts=[far.host]))
    server = relay(name, f"127.0.0.1:{gateway.port}", secure)
    with Client(("127.0.0.1", server.port)) as client:
        client.ehlo()
        for each in interop.BODIES:
            assert client.message(interop.whole(each), more=" BODY=8BITMIME") == 250
    interop.came_whole(lambda: [message.content for message in far.messages])
    gateway.wait_for("message", count=len(interop.BODIES))
    versions = [event.get("client-tls") for event in gateway.events("message")]
    if secure:
        interop.record(name, server.version, "client TLS", interop.spoken(versions))
    else:
        assert versions == [None] * len(interop.BODIES)
        interop.record(name, server.version, "client plain", "yes")


NEXT_HOPS = [
    (name, secure)
    for name in RELAYS
    for secure in (False, True)
    if (name, secure) != ("OpenSMTPD", True)  # see below
]


@pytest.mark.parametrize("name, secure", NEXT_HOPS)
def test_as_next_hop(relay, postern, cloud, name, secure):
    far = cloud(trust=None)
    server = relay(name, far.host)
    gateway = next_hop(postern, server, secure)
    with gateway.client() as client:
        client.ehlo()
        for each in interop.BODIES:
            assert client.message(interop.whole(each), more=" BODY=8BITMIME") == 250
    interop.came_whole(lambda: [message.content for message in far.messages])
    gateway.wait_for("message", count=len(interop.BODIES))
    versions = [event.get("tls") for event in gateway.events("message")]
    if secure:
        interop.record(name, server.version, "next hop TLS", interop.spoken(versions))
    else:
        assert versions == [None] * len(interop.BODIES)
        interop.record(name, server.version, "next hop plain", "yes")


@pytest.mark.parametrize("setting", ["Opportunistic", "EncryptionOnly"])
def test_a_next_hop_whose_handshake_fails(relay, postern, cloud, setting):
    """Debian 12's OpenSMTPD offers STARTTLS and then cannot sign with OpenSSL 3 (OpenSMTPD issues
    1171 and 1239): where TLS is demanded nothing goes there, where it is not, mail does."""
    far = cloud(trust=None)
    server = relay("OpenSMTPD", far.host)
    gateway = postern(xml.inbound(), xml.outbound(hosts=[server.host], TlsSettings=setting))
    reply = gateway.attempt(interop.whole("plain"))
    assert gateway.wait_for("next-hop-failed", outbound="tenant")
    wait_until(lambda: "io-error" in server.log(), "what OpenSMTPD says of it")
    if setting == "Opportunistic":
        assert reply == 250
        assert "tls" not in gateway.wait_for("message")
        wait_until(lambda: far.messages, "the message in the clear")
        return
    assert 400 <= reply.code < 500, reply
    assert not far.messages and " message msgid=" not in server.log()
    interop.record(
        "OpenSMTPD", server.version, "next hop TLS", "no",
        "as a server it cannot sign with Debian 12's OpenSSL 3 (its issue 1239)")
