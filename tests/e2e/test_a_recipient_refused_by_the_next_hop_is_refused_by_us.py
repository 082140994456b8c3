# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 5321 3.3: a recipient refused is not in the transaction; the others are."""


def test_the_reply_comes_through_and_the_others_get_the_message(plain):
    gateway, far = plain()
    far.once("RCPT", "250 2.1.5 Ok", "550 5.1.1 No such user", "250 2.1.5 Ok")
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    assert client.command("RCPT TO:<one@example.com>") == 250
    refused = client.command("RCPT TO:<two@example.com>")
    assert refused == (550, "5.1.1") and "No such user" in refused.text
    assert client.command("RCPT TO:<three@example.com>") == 250
    assert client.command("DATA") == 354
    assert client.content(b"x\r\n") == 250
    assert [one.split(":")[1] for one in far.last.recipients] == [
        "<one@example.com>", "<two@example.com>", "<three@example.com>",
    ]


def test_with_no_recipient_left_there_is_no_data(plain):
    """RFC 5321 4.1.1.4: "If there was no RCPT … 503 or 554"."""
    gateway, far = plain()
    far.on("RCPT", "550 5.1.1 No such user")
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    assert client.command("RCPT TO:<one@example.com>") == 550
    assert client.command("DATA").code in (503, 554)
    assert not far.seen
    assert client.command("NOOP") == 250
