# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C1 (CVE-2023-51764 and its kin): "every known false ending through the gateway into a
lenient next hop … result: reject (5xx) or no smuggled mail, and no bare CR/LF ever leaves us".
Issue: strict line ends; "bare LF" gets a clear error."""

import re

import pytest

from harness.client import Closed

SECOND = (
    b"MAIL FROM:<smuggled@contoso.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nboo\r\n.\r\n"
)
ENDINGS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n\r", b"\n\n.\r\n", b"\r\n\n.\n", b"\r\n.\n\r\n",
    b"\r\n\x00.\r\n\n", b"\n.\x00\r\n", b"\r\n.\x00\r\n\r", b"\r\n .\r\n\n", b"\r\n.\r\r",
]  # fmt: skip
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
    wire = b"Subject: first\r\n\r\nfirst" + ending + SECOND
    if pieces == "at once":
        client.send(wire)
    else:
        client.send(*(wire[i : i + 1] for i in range(len(wire))))
    assert 500 <= client.reply().code < 600
    assert one_reply_only(client)
    assert not far.messages
    assert not any("smuggled" in line for line in far.commands)
    for connection in far.connections:
        assert not BARE.search(connection.wire), connection.wire
    assert gateway.wait_for("protocol-violation")["session"]


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
