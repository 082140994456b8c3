# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 5321 3.1: the server speaks first. Bytes that were there before the greeting are nobody's mail."""

import pathlib
import signal

from harness.client import Client, Closed
from harness.waiting import wait_until


def is_stopped(process):
    status = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


def test_bytes_that_came_with_the_connection(plain):
    """The gateway is stopped while the client connects and talks."""
    gateway, far = plain()
    gateway.signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(gateway.process), "the gateway to stop")
    client = Client(("127.0.0.1", gateway.port), greet=False)
    client.send(b"EHLO x\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\n")
    gateway.signal(signal.SIGCONT)
    replies = []
    try:
        while True:
            replies.append(client.reply())
    except Closed:
        pass
    assert [reply.code for reply in replies] == [554], replies
    event = gateway.wait_for("protocol-violation")
    assert "before it was greeted" in event["error"]
    assert not far.connections
    assert gateway.send() == 250
