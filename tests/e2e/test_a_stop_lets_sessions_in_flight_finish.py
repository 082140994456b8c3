# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "graceful stop (no new sessions, those in flight finish within a limit that can be set)".
"""

import os
import signal

from harness.client import Closed
from harness.waiting import wait_until


def refused(gateway):
    """True when a new session is turned away: no connection, or a 421. Silence is neither."""
    try:
        with gateway.client(limit=2) as client:
            return client.greeting == 421
    except (ConnectionError, Closed):
        return True


def test_a_message_in_flight_gets_through_and_a_new_session_does_not(plain):
    gateway, far = plain(gateway={"DrainTimeOut": "00:01:00"})
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"first half\r\n")
    gateway.signal(signal.SIGTERM)
    gateway.wait_for("stopping")
    wait_until(lambda: refused(gateway), "new sessions to be refused")
    client.send(b"second half\r\n.\r\n")
    assert client.reply() == 250
    assert far.last.rest == b"first half\r\nsecond half\r\n"
    assert gateway.wait_exit() == 0
    assert gateway.events("stopped")


def test_an_idle_session_is_told_421(plain):
    """RFC 5321 3.8: an SMTP server that shuts down says 421 before it closes."""
    gateway, far = plain(gateway={"DrainTimeOut": "00:01:00"})
    client = gateway.client()
    client.ehlo()
    gateway.signal(signal.SIGTERM)
    assert client.reply() == 421
    assert gateway.wait_exit() == 0


def test_a_session_that_does_not_end_is_ended_at_the_limit(plain):
    gateway, far = plain(gateway={"DrainTimeOut": "00:00:01"})
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"half\r\n")
    wait_until(lambda: far.seen, "the data")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    far.rest()
    assert not far.messages


def test_sigint_stops_it_too(plain):
    gateway, far = plain()
    gateway.signal(signal.SIGINT)
    assert gateway.wait_exit() == 0


def test_the_signer_goes_with_it(line):
    gateway, far = line()
    children = gateway.children()
    assert children
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    for pid in children:
        wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the signer to end")


def test_the_signer_ends_when_posternd_is_killed(line):
    gateway, far = line()
    children = gateway.children()
    gateway.signal(signal.SIGKILL)
    gateway.wait_exit()
    for pid in children:
        wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the signer to end")


def test_the_control_socket_is_taken_away(plain):
    gateway, far = plain()
    assert gateway.control.exists()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert not gateway.control.exists()
