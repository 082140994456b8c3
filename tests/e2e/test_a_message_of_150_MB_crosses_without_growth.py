# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "the message streams through with back-pressure … a 150 MB message crosses without
Postern growing by more than a few MB"."""

import threading

import pytest

from harness.waiting import wait_until

ROW = b"x" * 998 + b"\r\n"
ROWS = 150_000
CHUNK = ROW * 64
FEW = 8 * 1024  # kB


class Sender(threading.Thread):
    """Sends the 150 MB; sent says how far it came."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.sent, self.reply = client, 0, None

    def run(self):
        self.client.socket.settimeout(120)
        while self.sent < ROWS * len(ROW):
            self.client.send(CHUNK)
            self.sent += len(CHUNK)
        self.client.send(b".\r\n")
        self.reply = self.client.reply()


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_next_hop_that_stops_reading_stops_the_sender(line, plain, encrypted):
    gateway, far = line() if encrypted else plain()
    assert gateway.send() == 250
    go = threading.Event()
    far.keep, far.pace = False, lambda: go.wait(120)
    before = gateway.memory()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    sender = Sender(client)
    sender.start()
    stalled = []

    def no_further():
        stalled.append(sender.sent)
        return len(stalled) > 50 and len(set(stalled[-50:])) == 1 and sender.sent > 0

    wait_until(no_further, "the sender to be stopped", limit=60)
    assert sender.sent < ROWS * len(ROW) / 2, "back-pressure reached the sender"
    assert gateway.memory() < before + FEW
    go.set()
    sender.join(120)
    assert sender.reply == 250
    assert gateway.memory("VmHWM") < before + FEW
    wait_until(lambda: far.messages and far.last.size > ROWS * len(ROW), "all of it")
