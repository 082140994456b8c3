# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Forward secrecy only, AEAD only by default; cipher lists and groups per connector, with the
Exchange Online list of today as default; TLS 1.0 and 1.1 only where an inbound connector says so for
its addresses"."""

import socket
import ssl
import struct

import pytest

from harness import tls, xml
from harness.client import Closed


def suites(*names):
    rows = "".join(f"<CipherSuite>{name}</CipherSuite>" for name in names)
    return xml.Raw(f"  <TlsCipherSuites>{rows}</TlsCipherSuites>\n")


def groups(*names):
    rows = "".join(f"<Group>{name}</Group>" for name in names)
    return xml.Raw(f"  <TlsGroups>{rows}</TlsGroups>\n")


def client_context(ciphers=None, version="1.2", curve=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = tls.VERSIONS[version]
    if ciphers:
        context.set_ciphers(ciphers)
    if curve:
        context.set_ecdh_curve(curve)
    return context


def encrypted(gateway, source=None, **options):
    client = gateway.client(source=source)
    client.ehlo()
    client.starttls(context=client_context(**options))
    client.ehlo()
    return client


def offered_by(hello):
    """The codes of the cipher suites in a ClientHello (RFC 8446 4.1.2), without signals such as RFC 5746's.
    """
    assert hello[0] == 22 and hello[5] == 1
    start = 5 + 4 + 2 + 32
    start += 1 + hello[start]
    (length,) = struct.unpack_from(">H", hello, start)
    codes = struct.unpack_from(f">{length // 2}H", hello, start + 2)
    return [code for code in codes if code not in (0x00FF, 0x5600)]


def mail(client):
    return client.command("MAIL FROM:<alice@contoso.com>")


@pytest.fixture
def rsa(pki):
    ours = pki.organisation.issue("CN=gw.contoso.com,O=Contoso", ["gw.contoso.com"], kind="RSA:2048")
    return {"hybrid": (ours.chain, ours.key)}


@pytest.mark.parametrize(
    "suite",
    ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256",
     "ECDHE-RSA-AES256-SHA", "DHE-RSA-AES256-GCM-SHA384"],
)
def test_by_default_nothing_without_forward_secrecy_or_aead(plain, rsa, suite):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"}, certificates=rsa)
    with pytest.raises(Closed):
        encrypted(gateway, ciphers=suite)


@pytest.mark.parametrize(
    "suite", ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
)
def test_by_default_what_exchange_online_takes(plain, rsa, suite):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"}, certificates=rsa)
    client = encrypted(gateway, ciphers=suite)
    assert client.socket.cipher()[0] == suite and mail(client) == 250


def test_the_gateways_order_counts_and_the_strongest_is_first(plain, rsa):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"}, certificates=rsa)
    weaker_first = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
    assert encrypted(gateway, ciphers=weaker_first).socket.cipher()[0].endswith("AES256-GCM-SHA384")


def test_a_list_of_its_own_is_all_that_a_connector_takes(plain, rsa):
    gateway, far = plain(
        inbound={
            "TlsCertificateName": "hybrid",
            "TlsCipherSuites": suites("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        },
        certificates=rsa,
    )
    client = encrypted(gateway)
    assert client.socket.cipher()[0] == "ECDHE-RSA-AES128-GCM-SHA256"
    assert mail(client) == 250
    with pytest.raises(Closed):
        encrypted(gateway, ciphers="ECDHE-RSA-AES256-GCM-SHA384")
    with pytest.raises(Closed):  # no suite of TLS 1.3 is listed, so it is not spoken
        encrypted(gateway, version="1.3")


def test_the_suites_of_tls_1_3_are_chosen_too(plain, rsa):
    gateway, far = plain(
        inbound={
            "TlsMinimumVersion": "1.3",
            "TlsCertificateName": "hybrid",
            "TlsCipherSuites": suites("TLS_CHACHA20_POLY1305_SHA256"),
        },
        certificates=rsa,
    )
    client = encrypted(gateway, version="1.3")
    assert client.socket.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    assert mail(client) == 250


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_groups_are_the_connectors(plain, rsa, version):
    gateway, far = plain(
        inbound={"TlsCertificateName": "hybrid", "TlsGroups": groups("secp384r1")},
        certificates=rsa,
    )
    assert mail(encrypted(gateway, version=version, curve="secp384r1")) == 250
    with pytest.raises(Closed):
        encrypted(gateway, version=version, curve="prime256v1")


def test_connectors_that_share_an_address_are_each_held_to_their_own(postern, cloud, rsa):
    """The handshake comes before the choice, which is by the sender's domain here."""
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound(
            "a-strict",
            SenderDomains=["contoso.com"],
            TlsCipherSuites=suites(
                "TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
            ),
        ),
        xml.inbound("b-usual", SenderDomains=["other.example"]),
        xml.outbound("next", [far.host]),
        certificates=rsa,
    )
    weak = encrypted(gateway, ciphers="ECDHE-RSA-AES128-GCM-SHA256")
    assert mail(weak) == (550, "5.7.1")
    assert weak.command("MAIL FROM:<x@other.example>") == 250
    assert mail(encrypted(gateway, ciphers="ECDHE-RSA-AES256-GCM-SHA384")) == 250


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_and_to_their_own_groups(postern, cloud, rsa, version):
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound("a-strict", SenderDomains=["contoso.com"], TlsGroups=groups("secp384r1")),
        xml.inbound("b-usual", SenderDomains=["other.example"]),
        xml.outbound("next", [far.host]),
        certificates=rsa,
    )
    client = encrypted(gateway, version=version, curve="prime256v1")
    assert mail(client) == (550, "5.7.1")
    assert client.command("MAIL FROM:<x@other.example>") == 250
    assert mail(encrypted(gateway, version=version, curve="secp384r1")) == 250


def test_old_versions_are_for_the_addresses_of_the_connector_that_says_so(postern, cloud, rsa):
    """The choice is made by address, before the handshake."""
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound(
            "devices", SenderIPAddresses=["127.0.0.2"], TlsMinimumVersion="1.0",
            TlsCertificateName="hybrid",
        ),
        xml.inbound("exchange", SenderIPAddresses=["127.0.0.1", "127.0.0.3"]),
        xml.outbound("next", [far.host]),
        certificates=rsa,
    )
    old = {"ciphers": "ALL:@SECLEVEL=0"}
    for version in ("1.0", "1.1"):
        device = encrypted(gateway, source="127.0.0.2", version=version, **old)
        assert mail(device) == 250
        for source in ("127.0.0.1", "127.0.0.3", "127.0.0.4"):
            with pytest.raises(Closed):
                encrypted(gateway, source=source, version=version, **old)
    # CBC, which the devices need, is theirs alone as well.
    cbc = {"ciphers": "ECDHE-RSA-AES128-SHA"}
    assert mail(encrypted(gateway, source="127.0.0.2", **cbc)) == 250
    with pytest.raises(Closed):
        encrypted(gateway, source="127.0.0.1", **cbc)


def test_a_connector_beside_that_of_the_devices_takes_no_old_version(postern, cloud, rsa):
    """One address, two connectors: the handshake is let through, the mail of the other is not."""
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound("a-usual", SenderDomains=["contoso.com"]),
        xml.inbound(
            "b-devices", SenderIPAddresses=["127.0.0.1"], TlsMinimumVersion="1.0",
            SenderDomains=["devices.example"],
        ),
        xml.outbound("next", [far.host]),
        certificates=rsa,
    )
    device = encrypted(gateway, version="1.0", ciphers="ALL:@SECLEVEL=0")
    assert mail(device) == (550, "5.7.1")
    assert device.command("MAIL FROM:<x@devices.example>") == 250
    device = encrypted(gateway, ciphers="ECDHE-RSA-AES128-SHA")
    assert mail(device) == (550, "5.7.1")


def test_outbound_by_default_only_forward_secrecy_and_aead_are_offered(line):
    gateway, far = line()
    hello = []

    def look(connection):
        hello.append(connection.socket.recv(4096, socket.MSG_PEEK))

    far.once("HANDSHAKE", look)
    assert gateway.send() == 250
    assert offered_by(hello[0]) == [
        0x1302, 0x1301, 0x1303, 0xC02C, 0xC030, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8,
    ]


def test_outbound_the_list_is_what_is_offered(line):
    gateway, far = line(
        cloud_options={"maximum": "1.2"},
        outbound={"TlsCipherSuites": suites("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")},
    )
    assert gateway.send() == 250
    assert far.connections[0].cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"


def test_outbound_tls_1_3_is_not_spoken_without_a_suite_of_it(line):
    gateway, far = line(
        cloud_options={"minimum": "1.3"},
        outbound={"TlsCipherSuites": suites("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")},
    )
    assert gateway.attempt() == (454, "4.7.5")
    assert not far.messages


def test_outbound_groups_are_the_connectors(line):
    gateway, far = line(outbound={"TlsGroups": groups("secp384r1")})
    far.context.set_ecdh_curve("secp384r1")
    assert gateway.send() == 250
    far.hang_up()
    far.context.set_ecdh_curve("prime256v1")
    assert gateway.attempt() == (454, "4.7.5")


def test_what_is_in_force_is_shown(line):
    gateway, far = line()
    shown = gateway.ctl("outbound", "show", "tenant").json["xml"]
    assert "<CipherSuite>TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384</CipherSuite>" in shown
    assert "<Group>x25519</Group>" in shown and "_CBC_" not in shown


def test_a_list_without_forward_secrecy_or_aead_is_refused(postern):
    for name in ("TLS_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"):
        gateway = postern(
            xml.inbound(TlsCipherSuites=suites(name)), xml.outbound(hosts=["x"]), start=False
        )
        done = gateway.check()
        assert done.returncode == 78
        assert "no forward secrecy" in done.stderr or "no AEAD" in done.stderr
