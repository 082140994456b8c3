# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C21: "state of message n never leaks to n+1 (two senders, one next-hop connection)"."""



def test_an_envelope_given_up_is_not_the_next_senders(plain):
    gateway, far = plain(gateway={"Workers": 1})
    with gateway.client() as first:
        first.ehlo()
        first.command("MAIL FROM:<first@contoso.com>")
        first.command("RCPT TO:<one@example.com>")
        first.command("RSET")
        assert first.command("QUIT") == 221
    assert gateway.send(sender="second@contoso.com", recipients=["two@example.com"]) == 250
    assert far.last.mail.startswith("MAIL FROM:<second@contoso.com>")
    assert far.last.recipients == ["RCPT TO:<two@example.com>"]


def test_a_client_that_vanishes_leaves_no_recipient_behind(plain):
    gateway, far = plain(gateway={"Workers": 1})
    first = gateway.client()
    first.ehlo()
    first.command("MAIL FROM:<first@contoso.com>")
    first.command("RCPT TO:<one@example.com>")
    first.abort()
    assert gateway.send(sender="second@contoso.com", recipients=["two@example.com"]) == 250
    assert far.last.recipients == ["RCPT TO:<two@example.com>"]


def test_a_failed_transaction_leaves_nothing_to_the_next(plain):
    gateway, far = plain(gateway={"Workers": 1})
    far.once(".", "554 5.6.0 No")
    client = gateway.client()
    client.ehlo()
    assert client.message(recipients=["one@example.com"]) == 554
    assert client.message(sender="", recipients=["two@example.com"]) == 250
    assert far.last.mail.startswith("MAIL FROM:<>")
    assert far.last.recipients == ["RCPT TO:<two@example.com>"]


def test_a_second_ehlo_starts_anew(plain):
    """RFC 5321 4.1.4: EHLO in mid-session clears all buffers "exactly as if a RSET"."""
    gateway, far = plain(gateway={"Workers": 1})
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<first@contoso.com>")
    client.command("RCPT TO:<one@example.com>")
    client.ehlo()
    assert client.command("DATA").code in (503, 554)
    assert client.message(recipients=["two@example.com"]) == 250
    assert far.last.recipients == ["RCPT TO:<two@example.com>"]
    assert len(far.messages) == 1


def test_two_senders_at_once_do_not_mix(plain):
    gateway, far = plain(gateway={"Workers": 1})
    one, two = gateway.client(), gateway.client()
    for client, name in ((one, "one"), (two, "two")):
        client.ehlo()
        client.envelope(sender=f"{name}@contoso.com", recipients=[f"{name}@example.com"])
    one.send(b"one, first half\r\n")
    two.send(b"two, first half\r\n")
    one.send(b"one, second half\r\n.\r\n")
    two.send(b"two, second half\r\n.\r\n")
    assert one.reply() == 250 and two.reply() == 250
    assert len(far.messages) == 2
    for message in far.messages:
        name = message.mail.split("<")[1].split("@")[0]
        assert message.recipients == [f"RCPT TO:<{name}@example.com>"]
        half = name.encode()
        assert message.rest == half + b", first half\r\n" + half + b", second half\r\n"
