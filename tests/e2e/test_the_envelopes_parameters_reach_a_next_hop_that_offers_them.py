# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 3461, 6531, 9422; threats C15: "ORCPT/ENVID/xtext", C17: "MAIL parameters with xtext +0A", C21:
"state of message n never leaks to n+1"."""

import pytest

DSN = " RET=HDRS ENVID=QQ+2B1"
NOTIFY = " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40example.com"


def send(client, more, after=""):
    assert client.command(f"MAIL FROM:<alice@contoso.com>{more}") == 250
    assert client.command(f"RCPT TO:<bob@example.com>{after}") == 250
    assert client.command("DATA") == 354
    assert client.content(b"x\r\n") == 250


def test_dsn(plain):
    gateway, far = plain()
    far.offers.append("DSN")
    client = gateway.client()
    client.ehlo()
    send(client, DSN, NOTIFY)
    assert far.last.mail == "MAIL FROM:<alice@contoso.com>" + DSN
    assert far.last.recipients == ["RCPT TO:<bob@example.com>" + NOTIFY]
    send(client, "", "")
    assert far.last.mail == "MAIL FROM:<alice@contoso.com>", "nothing is left of the one before"
    assert far.last.recipients == ["RCPT TO:<bob@example.com>"]
    assert len(far.connections) == 1


def test_dsn_is_left_out_where_it_is_not_offered(plain):
    """RFC 3461 5.2.2 (a)."""
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    send(client, DSN, " NOTIFY=NEVER")
    assert far.last.mail == "MAIL FROM:<alice@contoso.com>"
    assert far.last.recipients == ["RCPT TO:<bob@example.com>"]


@pytest.mark.parametrize(
    "line",
    [
        "MAIL FROM:<a@contoso.com> ENVID=a+0D+0ARSET", "MAIL FROM:<a@contoso.com> ENVID=a+0A",
        "MAIL FROM:<a@contoso.com> ENVID=" + "x" * 101, "MAIL FROM:<a@contoso.com> RET=NONE",
        "RCPT TO:<b@example.com> ORCPT=rfc822;a+0Ab", "RCPT TO:<b@example.com> NOTIFY=NEVER,DELAY",
        "RCPT TO:<b@example.com> ORCPT=rfc822;" + "x" * 500,
    ],
)  # fmt: skip
def test_what_is_no_parameter_is_refused(plain, line):
    gateway, far = plain()
    far.offers.append("DSN")
    client = gateway.client()
    client.ehlo()
    if line.startswith("RCPT"):
        assert client.command("MAIL FROM:<a@contoso.com>") == 250
    assert client.command(line) == (501, "5.5.4")
    assert client.command("RSET") == 250
    assert client.message() == 250


def test_utf8_addresses(plain):
    """RFC 6531 3.4; 3.5: without SMTPUTF8 553."""
    gateway, far = plain()
    far.offers.append("SMTPUTF8")
    client = gateway.client()
    client.ehlo()
    person = "<j\u00f6rg@b\u00fccher.example>".encode()
    assert client.command(b"MAIL FROM:" + person) == (553, "5.6.7")
    assert client.command("MAIL FROM:<a@contoso.com>") == 250
    assert client.command(b"RCPT TO:" + person) == (553, "5.6.7")
    assert client.command("RSET") == 250
    assert client.command("MAIL FROM:<a@contoso.com> SMTPUTF8 BODY=8BITMIME") == 250
    assert client.command(b"RCPT TO:" + person) == 250
    assert client.command("DATA") == 354
    assert client.content(b"Subject: \xc3\xa9\r\n\r\nx\r\n") == 250
    assert far.last.recipients == [(b"RCPT TO:" + person).decode("latin-1")]
    assert "SMTPUTF8" in far.last.mail


def test_the_next_hops_limits_are_kept(plain):
    """RFC 9422."""
    gateway, far = plain()
    far.offers.append("LIMITS RCPTMAX=3 MAILMAX=2 RCPTDOMAINMAX=2 OTHER=1")
    client = gateway.client()
    client.ehlo()
    for _ in range(3):
        assert client.command("MAIL FROM:<a@contoso.com>") == 250
        assert client.command("RCPT TO:<a@one.example>") == 250
        assert client.command("RCPT TO:<a@two.example>") == 250
        assert client.command("RCPT TO:<a@three.example>") == (452, "4.5.3")
        assert client.command("RCPT TO:<b@ONE.example>") == 250
        assert client.command("RCPT TO:<c@one.example>") == (452, "4.5.3")
        assert client.command("DATA") == 354
        assert client.content(b"x\r\n") == 250
    assert [len(connection.messages) for connection in far.connections] == [2, 1]


def test_xoorg_is_neither_offered_to_nor_taken_from_a_stranger(line):
    gateway, far = line()
    far.offers.append("XOORG")
    client = gateway.client()
    client.ehlo()
    client.starttls()
    assert "XOORG" not in client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com> XOORG=contoso.com") == (555, "5.5.4")


@pytest.mark.parametrize("hybrid", [True, False])
def test_xoorg_goes_from_a_proven_hybrid_peer_to_another(line, pki, hybrid):
    gateway, far = line(
        inbound={
            "TlsSenderCertificateName": "mail.protection.outlook.com", "TrustAnchors": "public",
            "RequireTls": True, "ClientEku": "ClientOrServerAuth",
            "CloudServicesMailEnabled": True,
        },
        outbound={"CloudServicesMailEnabled": hybrid},
    )  # fmt: skip
    far.offers.append("XOORG")
    client = gateway.client()
    client.ehlo()
    client.starttls(certificate=pki.endpoint)
    assert "XOORG" in client.ehlo()
    assert client.attempt(more=" XOORG=contoso.com") == 250
    assert ("XOORG=contoso.com" in far.last.mail) == hybrid
