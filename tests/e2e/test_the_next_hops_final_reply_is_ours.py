# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "the next hop's final reply is our reply"."""

import pytest

REPLIES = [
    "250 2.0.0 Queued as 4F3A2",
    "250 Ok, without an enhanced code",
    "250-2.0.0 Taken\n250 2.0.0 and thanks",
    "421 4.3.2 Going down",
    "450 4.4.317 Cannot connect to remote server",
    "451 4.7.500 Server busy. Please try again later",
    "452 4.3.1 Insufficient system resources",
    "550 5.7.64 TenantAttribution; Relay Access Denied [ATTR36]",
    "554-5.7.1 We do not want this\n554 5.7.1 for more than one reason",
    "554 no enhanced code",
]


@pytest.mark.parametrize("text", REPLIES)
def test_code_status_and_text_come_through(plain, text):
    gateway, far = plain()
    far.once(".", text)
    reply = gateway.send()
    rows = text.split("\n")
    assert reply == int(rows[0][:3])
    enhanced = rows[0].split()[1]
    if enhanced[1] == ".":
        assert reply.enhanced == enhanced
    else:
        assert reply.enhanced is None or reply.enhanced[0] == rows[0][0]
    for row in rows:
        words = row[4:].split(" ", 1)[1] if row[5] == "." else row[4:]
        assert words in reply.text


def test_a_refused_message_does_not_end_the_session(plain):
    gateway, far = plain()
    far.once(".", "554 5.6.0 Not this one")
    client = gateway.client()
    client.ehlo()
    assert client.message() == (554, "5.6.0")
    assert client.message(b"another\r\n") == 250
    assert far.last.rest == b"another\r\n"


@pytest.mark.parametrize("text", ["450 4.2.0 Later", "550 5.7.1 Not from you"])
def test_a_refused_sender_is_refused_by_us(plain, text):
    """Not at MAIL necessarily: which next hop is asked is known at RCPT. Never later than DATA."""
    gateway, far = plain()
    far.on("MAIL", text)
    client = gateway.client()
    client.ehlo()
    reply = client.attempt()
    assert (reply.code, reply.enhanced) == (int(text[:3]), text[4:9])
    assert client.command("RSET") == 250


def test_data_refused_by_the_next_hop_takes_no_message(plain):
    gateway, far = plain()
    far.once("DATA", "451 4.3.0 Not now")
    client = gateway.client()
    client.ehlo()
    assert client.attempt() == (451, "4.3.0")
    assert client.message(b"again\r\n") == 250
    assert [message.rest for message in far.messages] == [b"again\r\n"]
