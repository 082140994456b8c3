# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: OriginatorOrganizations, "because every tenant comes under one certificate"."""

import pytest


@pytest.fixture
def gateway(plain):
    made, made.far = plain(inbound={"OriginatorOrganizations": ["contoso.com", "fabrikam.com"]})
    return made


@pytest.mark.parametrize("name", [b"contoso.com", b"FABRIKAM.com", b"\r\n contoso.com \r\n\t"])
def test_a_tenant_of_the_list_passes(gateway, name):
    assert gateway.send(b"X-OriginatorOrg: " + name + b"\r\n\r\nx\r\n") == 250
    assert len(gateway.far.messages) == 1


@pytest.mark.parametrize(
    "header",
    [
        b"X-OriginatorOrg: evil.example\r\n",
        b"X-OriginatorOrg: contoso.com\r\nX-OriginatorOrg: evil.example\r\n",
        b"X-OriginatorOrg : evil.example\r\nX-OriginatorOrg: contoso.com\r\n",
        b"X-OriginatorOrg: contoso.com evil.example\r\n",
        b"X-OriginatorOrg: sub.contoso.com\r\n",
        b"X-OriginatorOrg:\r\n",
        b"Subject: none\r\n",
    ],
)
def test_another_is_refused_and_nothing_goes_on(gateway, header):
    client = gateway.client()
    client.ehlo()
    assert client.message(header + b"\r\nx\r\n") == (550, "5.7.1")
    assert client.message(b"X-OriginatorOrg: contoso.com\r\n\r\nx\r\n") == 250
    assert len(gateway.far.messages) == 1
    gateway.wait_for("protocol-violation", error=lambda text: "Originator" in text or "XOORG" in text)


def test_a_message_without_end_of_header_is_judged_too(gateway):
    assert gateway.send(b"X-OriginatorOrg: evil.example\r\n") == (550, "5.7.1")
    assert gateway.send(b"Subject: nobody\r\n") == (550, "5.7.1")
    assert gateway.send(b"X-OriginatorOrg: contoso.com\r\n") == 250


def test_xoorg_says_it_too(line, pki):
    gateway, far = line(
        inbound={
            "TlsSenderCertificateName": "mail.protection.outlook.com", "TrustAnchors": "public",
            "RequireTls": True, "ClientEku": "ClientOrServerAuth",
            "CloudServicesMailEnabled": True, "OriginatorOrganizations": ["contoso.com"],
        },
    )  # fmt: skip
    client = gateway.client()
    client.ehlo()
    client.starttls(certificate=pki.endpoint)
    client.ehlo()
    assert client.command("MAIL FROM:<a@b.example> XOORG=evil.example") == (550, "5.7.1")
    assert client.attempt(b"Subject: x\r\n\r\nx\r\n", more=" XOORG=Contoso.com") == 250
    assert client.attempt(b"Subject: x\r\n\r\nx\r\n") == (550, "5.7.1"), "neither says it"
    assert client.attempt(
        b"X-OriginatorOrg: evil.example\r\n\r\nx\r\n", more=" XOORG=contoso.com") == (550, "5.7.1")
    assert len(far.messages) == 1
