# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "All five TlsSettings". Design: Opportunistic "TLS if offered, else plain",
EncryptionOnly "TLS or nothing, any certificate", CertificateValidation "chain, dates",
DomainValidation "and a name from TlsDomain"; "A failed verdict on an outbound connector is 4xx
(454 4.7.5)"."""

import pytest

from harness.pki import CLIENT, ENDPOINT, ENDPOINT_NAMES

CLOUDS = {
    "no TLS": None,
    "right": lambda pki: pki.endpoint,
    "other name": lambda pki: pki.intermediate.issue(ENDPOINT, ["mail.example.com"]),
    "self-signed": lambda pki: pki.self_signed(),
    "untrusted CA": lambda pki: pki.stranger(),
    "expired": lambda pki: pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, days=(-9, -1)),
    "client usage": lambda pki: pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, usages=(CLIENT,)),
}
PLAIN, TLS, REFUSED, NO_TLS = "plain", "tls", "454 4.7.5", "4.7"
EXPECTED = {
    "None": [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN],
    "Opportunistic": [PLAIN, TLS, TLS, TLS, TLS, TLS, TLS],
    "EncryptionOnly": [NO_TLS, TLS, TLS, TLS, TLS, TLS, TLS],
    "CertificateValidation": [NO_TLS, TLS, TLS, REFUSED, REFUSED, REFUSED, REFUSED],
    "DomainValidation": [NO_TLS, TLS, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED],
}
CASES = [
    (setting, name, expected)
    for setting, row in EXPECTED.items()
    for name, expected in zip(CLOUDS, row)
]


@pytest.mark.parametrize("setting, name, expected", CASES)
def test_setting_against_cloud(line, pki, setting, name, expected):
    credential = (CLOUDS[name] or CLOUDS["right"])(pki)
    domains = ["mail.protection.outlook.com"] if setting == "DomainValidation" else None
    gateway, far = line(
        cloud_options={"credential": credential},
        outbound={"TlsSettings": setting, "TlsDomain": domains},
    )
    if name == "no TLS":
        far.offers.remove("STARTTLS")
    reply = gateway.attempt()
    if expected in (PLAIN, TLS):
        assert reply == 250, reply
        assert (far.last.connection.tls_version is None) == (expected == PLAIN)
        return
    assert 400 <= reply.code < 500, reply
    assert f"{reply.code} {reply.enhanced}".endswith(expected) or (
        expected == NO_TLS and reply.enhanced.startswith(NO_TLS)
    ), reply
    assert not any(one.startswith(("MAIL", "RCPT", "DATA")) for one in far.commands)
    event = gateway.wait_for("peer-refused" if expected == REFUSED else "next-hop-failed")
    assert event["outbound"] == "tenant" and event["cure"]


def test_a_star_in_tls_domain_stands_for_one_label(line, pki):
    credential = pki.intermediate.issue(ENDPOINT, ["contoso-com.b-v1.mx.microsoft"])
    gateway, far = line(
        cloud_options={"credential": credential},
        outbound={"TlsDomain": ["mail.protection.outlook.com", "*.b-v1.mx.microsoft"]},
    )
    assert gateway.send() == 250


def test_a_star_in_the_certificate_covers_a_host_below_it(line, pki):
    credential = pki.intermediate.issue(ENDPOINT, ["*.mail.protection.outlook.com"])
    gateway, far = line(
        cloud_options={"credential": credential},
        outbound={"TlsDomain": ["contoso-com.mail.protection.outlook.com"]},
    )
    assert gateway.send() == 250


def test_an_outbound_minimum_version_is_kept(line):
    gateway, far = line(
        cloud_options={"maximum": "1.2"}, outbound={"TlsMinimumVersion": "1.3"}
    )
    assert 400 <= gateway.attempt().code < 500
    assert not far.seen


def test_opportunistic_goes_on_in_plain_text_only_where_tls_was_not_offered(line):
    """Exchange Online: TLS if offered, else plain. The whole choice is the next hop's word in
    EHLO, and a 454 to STARTTLS is that too (RFC 3207 4.2 leaves it to the client)."""
    gateway, far = line(outbound={"TlsSettings": "Opportunistic", "TlsDomain": None})
    far.offers.remove("STARTTLS")
    assert gateway.send() == 250
    assert "STARTTLS" not in far.commands
    assert "tls" not in gateway.wait_for("message")
