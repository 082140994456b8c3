# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "Recipients of one transaction that go to different outbound connectors: the second kind
gets 452 4.5.3, and the sender comes back with them, as RFC 5321 lets it."
"""

from harness import xml


def test_the_second_kind_gets_452(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound(),
        xml.outbound("one", [one.host], RecipientDomains=["one.example"]),
        xml.outbound("two", [two.host], RecipientDomains=["two.example"]),
    )
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    assert client.command("RCPT TO:<a@one.example>") == 250
    assert client.command("RCPT TO:<b@two.example>") == (452, "4.5.3")
    assert client.command("RCPT TO:<c@ONE.example>") == 250
    client.command("DATA")
    assert client.content(b"x\r\n") == 250
    assert client.message(recipients=["b@two.example"]) == 250
    assert one.last.recipients == ["RCPT TO:<a@one.example>", "RCPT TO:<c@ONE.example>"]
    assert two.last.recipients == ["RCPT TO:<b@two.example>"]
