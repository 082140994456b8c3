# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "at MAIL the first one whose every condition holds admits the sender, or none does (530
5.7.0, 550 5.7.1 with a reason the administrator can find in the log)"."""

import ssl

import pytest

from harness import tls, xml
from harness.client import Closed


def mail(gateway, sender="alice@contoso.com", **options):
    """The reply to MAIL, or None when the session was refused before."""
    with gateway.client(**options) as client:
        client.ehlo()
        return client.command(f"MAIL FROM:<{sender}>")


def test_another_address_is_refused(plain):
    gateway, far = plain(inbound={"SenderIPAddresses": ["127.0.0.1", "10.0.0.0/8"]})
    assert mail(gateway) == 250
    try:
        assert mail(gateway, source="127.0.0.2") == (550, "5.7.1")
    except (Closed, AssertionError) as error:
        pytest.fail(f"an address that no connector takes is told so at MAIL: {error}")
    assert gateway.wait_for("sender-refused")["session"]
    assert not far.connections


@pytest.mark.parametrize(
    "ranges, source, fits",
    [
        (["127.0.0.0/30"], "127.0.0.3", True),
        (["127.0.0.0/30"], "127.0.0.4", False),
        (["127.0.0.2-127.0.0.9"], "127.0.0.9", True),
        (["127.0.0.2-127.0.0.9"], "127.0.0.10", False),
        (["::/0"], "127.0.0.1", False),
        (["0.0.0.0/0"], "127.0.0.1", True),
    ],
)
def test_ranges_mean_what_they_say(plain, ranges, source, fits):
    gateway, far = plain(inbound={"SenderIPAddresses": ranges})
    assert mail(gateway, source=source) == (250 if fits else 550)


@pytest.mark.parametrize(
    "domains, sender, fits",
    [
        (["contoso.com"], "alice@contoso.com", True),
        (["contoso.com"], "alice@CONTOSO.Com", True),
        (["contoso.com"], "alice@sub.contoso.com", False),
        (["contoso.com"], "alice@notcontoso.com", False),
        (["*.contoso.com"], "alice@sub.contoso.com", True),
        (["*.contoso.com"], "alice@contoso.com", False),
        (["*"], "alice@anything.example", True),
        (["contoso.com"], '"a@contoso.com"@evil.example', False),
        (["contoso.com"], "alice@contoso.com.evil.example", False),
    ],
)
def test_sender_domains_refuse_the_others(plain, domains, sender, fits):
    gateway, far = plain(inbound={"SenderDomains": domains})
    reply = mail(gateway, sender)
    assert reply == 250 if fits else (reply.code, reply.enhanced) == (550, "5.7.1")


def test_a_null_sender_passes_sender_domains_when_the_connector_has_other_proof(plain):
    """model.h: "A null sender passes when the connector has other proof"."""
    gateway, far = plain(
        inbound={"SenderDomains": ["contoso.com"], "SenderIPAddresses": ["127.0.0.1"]}
    )
    assert mail(gateway, "") == 250


def test_plain_text_where_tls_is_required_gets_530(plain):
    gateway, far = plain(inbound={"RequireTls": True, "TlsCertificateName": "hybrid"})
    assert mail(gateway) == (530, "5.7.0")


def test_with_tls_the_same_sender_is_taken(plain):
    gateway, far = plain(inbound={"RequireTls": True, "TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.starttls()
    client.ehlo()
    assert client.message() == 250


def test_an_older_tls_than_the_connectors_minimum_is_refused(plain):
    gateway, far = plain(
        inbound={"RequireTls": True, "TlsMinimumVersion": "1.3", "TlsCertificateName": "hybrid"}
    )
    client = gateway.client()
    client.ehlo()
    try:
        client.starttls(maximum="1.2")
    except Closed:
        return
    client.ehlo()
    assert client.command("MAIL FROM:<alice@contoso.com>") == (550, "5.7.1")
    assert not far.connections


@pytest.fixture
def with_old_devices(plain, pki):
    """A gateway whose only connector allows an old version of TLS."""

    def start(version, kind="RSA:2048"):
        ours = pki.organisation.issue("CN=gw.contoso.com,O=Contoso", ["gw.contoso.com"], kind=kind)
        return plain(
            inbound={
                "SenderIPAddresses": ["127.0.0.0/8"],
                "RequireTls": True,
                "TlsMinimumVersion": version,
                "TlsCertificateName": "hybrid",
            },
            certificates={"hybrid": (ours.chain, ours.key)},
        )[0]

    return start


@pytest.mark.parametrize("kind", ["EC:P-256", "RSA:2048"])
def test_a_connector_that_allows_tls_1_0_for_old_devices_gets_it(with_old_devices, kind):
    """Design: inbound/devices.xml has TlsMinimumVersion 1.0."""
    client = with_old_devices("1.0", kind).client()
    client.ehlo()
    client.starttls(minimum="1.0", maximum="1.0")
    assert client.socket.version() == "TLSv1"
    client.ehlo()
    assert client.message() == 250


@pytest.mark.parametrize("kind", ["EC:P-256", "RSA:2048"])
def test_a_connector_that_allows_tls_1_1_gets_no_1_0(with_old_devices, kind):
    gateway = with_old_devices("1.1", kind)
    client = gateway.client()
    client.ehlo()
    client.starttls(minimum="1.1", maximum="1.1")
    assert client.socket.version() == "TLSv1.1"
    client.ehlo()
    assert client.message() == 250
    client = gateway.client()
    client.ehlo()
    with pytest.raises(Closed):
        client.starttls(minimum="1.0", maximum="1.0")


@pytest.mark.parametrize("version", ["1.0", "1.2"])
@pytest.mark.parametrize("suite", ["ECDHE-RSA-NULL-SHA", "AECDH-AES256-SHA", "AES128-SHA"])
def test_old_devices_get_no_tls_without_encryption_certificate_or_secrecy(
    with_old_devices, suite, version
):
    """Level 0 of OpenSSL has them all."""
    gateway = with_old_devices("1.0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = tls.VERSIONS[version]
    context.set_ciphers(f"{suite}:@SECLEVEL=0")
    client = gateway.client()
    client.ehlo()
    with pytest.raises(Closed, match="HANDSHAKE_FAILURE"):
        client.starttls(context=context)


def test_tls_1_1_is_not_spoken_when_nobody_asked_for_it(plain):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    with pytest.raises(Closed):
        client.starttls(minimum="1.0", maximum="1.1")


def test_the_first_connector_by_file_name_whose_conditions_hold_is_the_one(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound("zebra", file="10-zebra", SenderDomains=["contoso.com"]),
        xml.inbound("aardvark", file="20-aardvark"),
        xml.outbound("one", [one.host], InboundConnectors=["zebra"]),
        xml.outbound("two", [two.host], InboundConnectors=["aardvark"]),
    )
    assert gateway.send(sender="alice@contoso.com") == 250
    assert gateway.send(sender="alice@other.example") == 250
    assert (len(one.messages), len(two.messages)) == (1, 1)
    assert "zebra" in one.last.received and "aardvark" in two.last.received
