# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RestrictDomainsToIPAddresses and RestrictDomainsToCertificate, as Exchange Online has them: mail of
the partner's domain from elsewhere is refused, even where another connector would take it (5.7.51)."""

import pytest

from harness import xml


def from_address(gateway, source, sender):
    client = gateway.client(source=source)
    client.ehlo()
    return client.command(f"MAIL FROM:<{sender}>")


@pytest.fixture
def partner(postern, cloud):
    far = cloud(trust=None)

    def make(*partners):
        return postern(
            *partners,
            xml.inbound("wide", SenderIPAddresses=["127.0.0.0/8"]),
            xml.outbound(hosts=[far.host]),
        )

    return make


def restricted(name="partner", source="127.0.0.2", **more):
    return xml.inbound(
        name,
        SenderDomains=["partner.example", "*.partner.example"],
        SenderIPAddresses=[source],
        RestrictDomainsToIPAddresses=True,
        **more,
    )


@pytest.mark.parametrize(
    "source, sender, code",
    [
        ("127.0.0.2", "a@partner.example", 250),
        ("127.0.0.3", "a@partner.example", 550),
        ("127.0.0.3", "a@SUB.partner.example", 550),
        ("127.0.0.3", "a@other.example", 250),
        ("127.0.0.3", "", 250),
    ],
)
def test_by_address(partner, source, sender, code):
    gateway = partner(restricted())
    reply = from_address(gateway, source, sender)
    assert reply == code
    if code == 550:
        assert reply.enhanced == "5.7.51" and "RestrictDomainsToIPAddresses" in reply.text
        event = gateway.wait_for("sender-refused", closest="partner")
        assert event["condition"] == "address"


def test_two_connectors_of_one_partner_are_each_enough(partner):
    gateway = partner(restricted(), restricted("second", "127.0.0.4"))
    assert from_address(gateway, "127.0.0.4", "a@partner.example") == 250
    assert from_address(gateway, "127.0.0.3", "a@partner.example") == 550


def test_one_that_is_not_enabled_restricts_nobody(partner):
    gateway = partner(restricted(Enabled=False))
    assert from_address(gateway, "127.0.0.3", "a@partner.example") == 250


def test_by_certificate(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(
        xml.from_cloud(
            "partner",
            SenderDomains=["partner.example"],
            RestrictDomainsToCertificate=True,
            ClientEku="ClientOrServerAuth",
        ),
        xml.inbound("wide", SenderIPAddresses=["127.0.0.0/8"]),
        xml.outbound(hosts=[far.host]),
    )
    assert from_address(gateway, "127.0.0.3", "a@other.example") == 250
    reply = from_address(gateway, "127.0.0.3", "a@partner.example")
    assert reply == (550, "5.7.51") and "RestrictDomainsToCertificate" in reply.text
    client = gateway.client()
    client.starttls(certificate=pki.endpoint)
    client.ehlo()
    assert client.command("MAIL FROM:<a@partner.example>") == 250


@pytest.mark.parametrize(
    "elements, words",
    [
        ({"RestrictDomainsToIPAddresses": True}, "needs SenderDomains and SenderIPAddresses"),
        ({"RestrictDomainsToCertificate": True}, "needs SenderDomains and TlsSenderCertificateName"),
        ({"TreatMessagesAsInternal": True}, "needs ConnectorType OnPremises"),
    ],
)
def test_what_cannot_mean_anything_is_an_error(postern, elements, words):
    near = xml.inbound(SenderIPAddresses=["127.0.0.1"], **elements)
    done = postern(near, xml.outbound(hosts=["127.0.0.1:9"]), start=False).check()
    assert done.returncode and words in done.stdout + done.stderr
