# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "Each RCPT picks its outbound connector … None: 550 5.7.1"."""

from harness import xml


def test_it_gets_550_and_a_log_line_that_says_why(postern, cloud):
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound(), xml.outbound(hosts=[far.host], RecipientDomains=["contoso.com"])
    )
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    for stranger in ("bob@example.com", "bob@sub.contoso.com", "bob@notcontoso.com"):
        assert client.command(f"RCPT TO:<{stranger}>") == (550, "5.7.1")
    assert gateway.wait_for("recipient-refused", count=3)["session"]
    assert client.command("RCPT TO:<bob@CONTOSO.com>") == 250


def test_a_recipient_of_another_inbound_connector_alone_is_refused(postern, cloud):
    """The scope InboundConnectors."""
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound("a", SenderIPAddresses=["127.0.0.1"]),
        xml.inbound("b", SenderIPAddresses=["127.0.0.2"]),
        xml.outbound(hosts=[far.host], InboundConnectors=["b"]),
    )
    with gateway.client() as client:
        client.ehlo()
        client.command("MAIL FROM:<alice@contoso.com>")
        assert client.command("RCPT TO:<bob@example.com>") == (550, "5.7.1")
    with gateway.client(source="127.0.0.2") as client:
        client.ehlo()
        assert client.message() == 250
