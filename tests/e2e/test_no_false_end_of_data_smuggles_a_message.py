# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C1 (CVE-2023-51764 and its kin): "every known false ending through the gateway into a
lenient next hop … result: reject (5xx) or no smuggled mail, and no bare CR/LF ever leaves us".
Issue: strict line ends; "bare LF" gets a clear error."""

import re

import pytest

from harness.client import Closed
from harness.smuggling import ENDINGS, LINES, wire

BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")


def one_reply_only(client):
    """What came behind was not read as commands; to end the session after that is right as well.
    """
    try:
        return client.command("NOOP") == 250
    except Closed:
        return True


@pytest.mark.parametrize("pieces", ["at once", "byte by byte"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_it_is_refused_and_nothing_passes(plain, ending, pieces):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    text = wire(ending)
    if pieces == "at once":
        client.send(text)
    else:
        client.send(*(text[i : i + 1] for i in range(len(text))))
    assert 500 <= client.reply().code < 600
    assert one_reply_only(client)
    assert not far.messages
    assert not any("smuggled" in line for line in far.commands)
    for connection in far.connections:
        assert not BARE.search(connection.wire), connection.wire
    assert gateway.wait_for("protocol-violation")["session"]


@pytest.mark.parametrize("line", LINES)
def test_no_line_becomes_an_end_when_octets_are_dropped(plain, line):
    """A server that drops NUL, as some do, finds one end in what we send it, and that is the last."""
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(wire(line))
    assert client.reply().code in (250, 554)
    assert one_reply_only(client)
    far.hang_up()
    (connection,) = far.connections
    sent = connection.wire.replace(b"\0", b"")
    assert sent.count(b"\r\n.\r\n") == len(far.messages)
    assert not any("smuggled" in command for command in far.commands)


def test_the_real_end_is_found_however_it_is_split(plain):
    """CRLF.CRLF over TCP segments of one byte each, and of every two-way split."""
    end = b"\r\n.\r\n"
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    for at in range(len(end) + 1):
        client.envelope()
        client.send(b"body", end[:at], end[at:])
        assert client.reply() == 250
    assert [message.rest for message in far.messages] == [b"body\r\n"] * (len(end) + 1)


@pytest.mark.parametrize("bare", [b"\n", b"\r", b"\r\r\n", b"\n\r"])
@pytest.mark.parametrize("place", ["header", "body", "first", "last"])
def test_bare_line_ends_are_refused_anywhere(plain, bare, place):
    text = {
        "header": b"Subject: a" + bare + b"X: y\r\n\r\nbody\r\n",
        "body": b"Subject: a\r\n\r\nbo" + bare + b"dy\r\n",
        "first": bare + b"Subject: a\r\n\r\nbody\r\n",
        "last": b"Subject: a\r\n\r\nbody" + bare + b"\r\n",
    }[place]
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(text + b".\r\n")
    reply = client.reply()
    assert 500 <= reply.code < 600 and reply.enhanced
    assert not far.messages


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\r\n"])
def test_a_command_with_another_end_is_no_command(plain, end):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.send(b"MAIL FROM:<alice@contoso.com>" + end + b"RCPT TO:<bob@example.com>\r\n")
    reply = client.reply()
    assert 500 <= reply.code < 600
    assert client.command("DATA").code in (503, 554)
    assert not far.seen


def test_bdat_inside_data_is_data(plain):
    """Threats C3."""
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    assert client.content(b"BDAT 3 LAST\r\nabc") == 250
    assert far.last.rest == b"BDAT 3 LAST\r\nabc\r\n"
