# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "slow senders (slowloris by bytes over time)". RFC 5321 4.5.3.2 has the time-outs."""

import threading

from harness.client import Closed


def dribble(client, piece, seconds):
    """A byte now and then until the other side has spoken; the reply."""
    stop = threading.Event()

    def send():
        try:
            while not stop.wait(seconds):
                client.send(piece)
        except Closed:
            pass

    sender = threading.Thread(target=send)
    sender.start()
    try:
        return client.reply()
    finally:
        stop.set()
        sender.join()


def test_a_command_that_comes_byte_by_byte_has_no_longer_than_silence(plain):
    gateway, _ = plain(gateway={"ConnectionInactivityTimeOut": "00:00:01"})
    client = gateway.client()
    client.ehlo()
    assert dribble(client, b"N", 0.2) == (421, "4.4.2")
    assert client.closed_by_peer()


def test_nor_has_a_line_past_its_end(plain):
    gateway, _ = plain(gateway={"ConnectionInactivityTimeOut": "00:00:01"})
    client = gateway.client()
    client.send(b"N" * 3000)
    assert client.reply() == 500
    assert dribble(client, b"N", 0.2) == (421, "4.4.2")


def test_message_data_that_comes_too_slowly_is_broken_off(plain):
    gateway, far = plain(inbound={"MinimumTransferRate": 100})
    client = gateway.client()
    client.ehlo()
    client.envelope()
    assert dribble(client, b"x", 0.5) == (421, "4.4.2")
    assert not far.messages
    assert gateway.wait_for("limit-reached", bound="MinimumTransferRate", inbound="exchange")


def test_a_session_comes_to_its_end_however_busy(plain):
    gateway, _ = plain(gateway={"ConnectionTimeOut": "00:00:02", "MaxJunkCommands": "Unlimited"})
    client = gateway.client()
    client.ehlo()
    while (reply := client.command("NOOP")) == 250:
        pass
    assert reply == (421, "4.4.2")
    assert client.closed_by_peer()
    assert gateway.wait_for("limit-reached", bound="ConnectionTimeOut")


def test_a_connectors_patience_is_its_own(plain):
    gateway, _ = plain(inbound={"ConnectionInactivityTimeOut": "00:00:01"})
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com>") == 250
    assert client.reply() == (421, "4.4.2")
