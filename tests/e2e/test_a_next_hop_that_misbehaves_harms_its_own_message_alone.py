# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "a next hop that refuses, resets, sends rubbish, or never answers" gets "a clear error
and costs nothing else". RFC 5321: what is not certainly accepted is 4xx, so that nothing is lost.
"""

import pytest

from harness.cloud import Drop, after, byte_by_byte, drop, reset, silence
from harness.waiting import wait_until

STEPS = ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "."]


def endless(connection):
    while not connection.cloud.stopped.is_set():
        connection.send(b"250-and so on and so forth, without end\r\n" * 100)


def one_long_line(connection):
    while not connection.cloud.stopped.is_set():
        connection.send(b"250 " + b"x" * 65536)


RUBBISH = {
    "drop": drop,
    "reset": reset,
    "421 and drop": after("421 4.3.2 Bye", drop),
    "no code": b"Hello!\r\n",
    "a code of two digits": b"25 Ok\r\n",
    "a code from elsewhere": b"999 Ok\r\n",
    "a code of HTTP": b"HTTP/1.1 200 Ok\r\n",
    "binary": bytes(range(256)) * 8 + b"\r\n",
    "codes that differ": b"250-one\r\n550 two\r\n",
    "bare LF": b"250 Ok\n",
    "endless lines": endless,
    "one endless line": one_long_line,
    "preliminary": b"150 maybe\r\n",
}


# What says so in the log: of the next hop while it is dialed, else of what it was to take.
TOLD = ("next-hop-failed", "recipient-refused", "message")


@pytest.mark.parametrize("what", RUBBISH)
@pytest.mark.parametrize("step", STEPS)
def test_at_each_step(plain, step, what):
    gateway, far = plain()
    # A BODY action is a reply that nobody asked for yet.
    far.on(step, RUBBISH[what])
    bystander = gateway.client()
    reply = gateway.attempt()
    assert 400 <= reply.code < 500, reply
    assert reply.enhanced and reply.enhanced.startswith("4.")
    gateway.wait_for(TOLD, outbound="tenant")
    assert bystander.command("EHLO x") == 250
    far.always.clear()
    assert gateway.send() == 250


@pytest.mark.parametrize(
    "step, text",
    [
        ("CONNECT", "250 2.0.0 Ok"),
        ("EHLO", "354 Go on"),
        ("MAIL", "354 Go on"),
        ("RCPT", "354 Go on"),
        ("DATA", "250 2.0.0 Ok"),
        (".", "354 Go on"),
    ],
)
def test_a_reply_of_another_kind_than_was_asked_for_is_none(plain, step, text):
    """RFC 5321 4.3.2: only 354 lets data follow DATA, and 250 says that a message was taken only when
    it was sent. Neither may reach the client in another place, or be counted as accepted."""
    gateway, far = plain()
    far.once(step, text)
    reply = gateway.attempt()
    assert 400 <= reply.code < 500, reply
    assert gateway.ctl("status").json["messages"]["accepted"] == 0
    assert gateway.send() == 250


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "."])
def test_a_reply_byte_by_byte_is_a_reply(plain, step):
    texts = {
        "CONNECT": "220-cloud.example\n220 ESMTP",
        "EHLO": "250-cloud.example\n250-SIZE 100000000\n250 PIPELINING",
    }
    gateway, far = plain()
    far.on(step, byte_by_byte(texts.get(step, "250-2.0.0 Yes\n250 2.0.0 Yes")))
    assert gateway.send() == 250


def test_a_reply_of_many_lines_is_bounded_and_survived(plain):
    """Threats C15: "10k continuation lines"."""
    gateway, far = plain()
    before = gateway.memory()
    far.once(".", b"250-more\r\n" * 10000 + b"250 end\r\n")
    assert gateway.attempt().code in range(200, 500)
    assert gateway.memory() < before + 8192
    assert gateway.send() == 250


def test_a_connection_lost_after_250_is_still_250(plain):
    gateway, far = plain()
    far.once(".", after("250 2.0.0 Taken", drop))
    assert gateway.send(b"one\r\n") == 250
    assert gateway.send(b"two\r\n") == 250
    assert [message.rest for message in far.messages] == [b"one\r\n", b"two\r\n"]


def test_a_final_reply_that_never_came_is_not_250(plain):
    """Threats: "next hop answers 250 but connection dies before we read it … must not report 250
    upstream; duplicates allowed, loss not"."""
    gateway, far = plain()

    def half_a_reply(connection):
        connection.send(b"250 2.0.0 Tak")
        raise Drop()

    far.once(".", half_a_reply)
    reply = gateway.send()
    assert 400 <= reply.code < 500


def test_silence_does_not_stop_the_others(plain):
    gateway, far = plain(gateway={"Workers": 1})
    far.once("MAIL", silence)
    waiting = gateway.client()
    waiting.ehlo()
    waiting.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
    wait_until(lambda: any("MAIL" in line for line in far.commands), "the silence to begin")
    assert gateway.send() == 250
    waiting.abort()
    assert gateway.send() == 250


def test_an_early_refusal_in_the_middle_of_data_is_relayed_after_it(plain):
    """A next hop may answer and close before the data's end; the client still hears one reply,
    after its own dot, and no more data is kept."""
    gateway, far = plain()
    far.once("BODY", after("552 5.3.4 Too much", drop))
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(*[b"x" * 70 + b"\r\n"] * 2000)
    client.send(b".\r\n")
    reply = client.reply()
    assert reply.code in (552, 451, 421, 450)
    assert not far.messages
    assert gateway.send() == 250
