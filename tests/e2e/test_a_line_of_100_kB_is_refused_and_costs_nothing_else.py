# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "lines of 100 kB" get "a clear error". RFC 5321 4.5.3.1.4: a command line has 512 octets
at most, 4.5.3.1.6: a text line 1000."""

from harness.client import Closed
from harness.waiting import wait_until

LONG = b"x" * 100_000


def test_a_command_line(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    reply = client.command(b"MAIL FROM:<" + LONG + b"@contoso.com>")
    assert reply == 500 and reply.enhanced.startswith("5.5.")
    assert client.message() == 250
    assert len(far.messages) == 1


def test_a_command_line_that_never_ends(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    before = gateway.memory()
    try:
        for _ in range(200):
            client.send(LONG)
    except Closed:  # to be cut off is right as well
        pass
    assert gateway.memory() < before + 4096
    assert gateway.send() == 250


def test_a_line_of_data(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"Subject: long\r\n\r\n" + LONG + b"\r\nQUIT\r\nRSET\r\n.\r\n")
    reply = client.reply()
    assert 500 <= reply.code < 600 and reply.enhanced.startswith("5.")
    assert not far.messages
    try:  # the rest of the data was not read as commands; to end the session is right as well
        assert client.command("NOOP") == 250
    except Closed:
        pass
    assert gateway.send() == 250


def test_a_header_line(plain):
    gateway, far = plain()
    reply = gateway.send(b"Subject: " + LONG + b"\r\n\r\nx\r\n")
    assert 500 <= reply.code < 600
    assert not far.messages


def test_a_thousand_octets_pass(plain):
    """Nothing that RFC 5321 allows is refused: 998 and CRLF, and a stuffed dot beside."""
    gateway, far = plain()
    content = b"." * 998 + b"\r\n" + b"x" * 998 + b"\r\n"
    assert gateway.send(content) == 250
    assert far.last.rest == content


def test_other_sessions_go_on_while_it_is_sent(plain):
    gateway, far = plain(gateway={"Workers": 1})
    rude = gateway.client()
    rude.ehlo()
    rude.send(LONG[:50_000])
    assert gateway.send() == 250
    rude.send(LONG[50_000:] + b"\r\n")
    assert rude.reply() == 500
    wait_until(lambda: gateway.events("message"), "the log")
