# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "forced TLS for a list of domains, by smart host or by MX […] A domain that must have TLS and
cannot gets a 4xx with the reason, never plain text"; opportunistic TLS elsewhere."""

import pytest

from harness import xml

SETTINGS = {
    "EncryptionOnly": {},
    "CertificateValidation": {"TrustAnchors": "public"},
    "DomainValidation": {"TrustAnchors": "public", "TlsDomain": "mail.protection.outlook.com"},
}


@pytest.fixture
def partners(postern, cloud, dns):
    def make(settings, credential=None, by="mx"):
        strict = cloud(credential, trust=None, address="127.0.0.2")
        loose = cloud(trust=None, address="127.0.0.3", number=strict.port)
        domains = ["partner.example", "*.partner.example"]
        tls = {"TlsSettings": settings, **SETTINGS[settings]}
        forced = (
            xml.by_mx("forced", strict.port, *domains, **tls)
            if by == "mx"
            else xml.outbound("forced", [strict.host], **{**tls, "RecipientDomains": domains})
        )
        rest = xml.by_mx("rest", strict.port, TlsSettings="Opportunistic")
        dns.mx("partner.example", (10, "mx.partner.example"))
        dns.a("mx.partner.example", "127.0.0.2")
        dns.a("example.com", "127.0.0.3")
        return postern(xml.inbound(), forced, rest, dns=[dns.server]), strict, loose

    return make


TO = ["bob@partner.example"]


@pytest.mark.parametrize("by", ["mx", "smart host"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_it_is_protected_where_it_can_be(partners, settings, by):
    gateway, strict, _loose = partners(settings, by=by)
    assert gateway.send(recipients=TO) == 250
    assert strict.last.connection.tls_version


@pytest.mark.parametrize("by", ["mx", "smart host"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_without_starttls_it_waits_with_the_reason(partners, settings, by):
    gateway, strict, _loose = partners(settings, by=by)
    strict.offers.remove("STARTTLS")
    reply = gateway.attempt(recipients=TO)
    assert reply == (454, "4.7.4") and "STARTTLS" in reply.text
    assert not [one for one in strict.commands if one.startswith(("MAIL", "RCPT", "DATA"))]


def test_with_another_name_in_the_certificate_it_waits_with_the_reason(partners, pki):
    gateway, strict, _loose = partners("DomainValidation", pki.stranger())
    assert gateway.attempt(recipients=TO) == (454, "4.7.5")
    assert not strict.seen and gateway.wait_for("peer-refused", outbound="forced")["cure"]


def test_elsewhere_tls_is_used_where_offered_and_mail_goes_on_where_not(partners):
    gateway, _strict, loose = partners("EncryptionOnly")
    assert gateway.send() == 250
    assert loose.last.connection.tls_version
    loose.offers.remove("STARTTLS")
    loose.hang_up()
    assert gateway.send() == 250
    assert loose.last.connection.tls_version is None
