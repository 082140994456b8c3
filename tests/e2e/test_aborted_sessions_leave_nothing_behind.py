# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats: "limits and timeouts must fire, fds return to base (ls /proc/PID/fd)". Facts: "SSL_free
on a paused job leaks about 34 KiB: an aborted connection stays on a list until its signature is
back"."""

from harness.client import Closed
from harness.waiting import wait_until


def back_to(gateway, base, more=0):
    wait_until(lambda: gateway.descriptors() <= base + more, f"{base} descriptors")


def abort_at(gateway, step):
    client = gateway.client()
    if step > 0:
        client.ehlo()
    if step == 1:
        client.send(b"STARTTLS\r\n")
    if step == 2:
        client.starttls()
    if step == 3:
        client.starttls()
        client.ehlo()
        client.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
    if step == 4:
        client.envelope()
        client.send(b"Subject: half\r\n")
    if step == 5:
        client.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\n")
    client.abort()


def test_descriptors_return_to_base(line):
    gateway, far = line(inbound={"TlsCertificateName": "hybrid"}, gateway={"Workers": 1})
    assert gateway.send() == 250
    wait_until(lambda: gateway.events("message"), "the first message")
    base = gateway.descriptors()
    for number in range(200):
        abort_at(gateway, number % 6)
    # A few connections to the next hop may stay warm in the pool.
    back_to(gateway, base, more=8)
    assert gateway.send() == 250
    status = gateway.ctl("status").json
    assert status["sessions"]["open"] == 0 and status["pool"]["in_use"] == 0


def test_memory_does_not_grow_with_sessions(line):
    gateway, far = line(inbound={"TlsCertificateName": "hybrid"}, gateway={"Workers": 1})
    for number in range(120):
        abort_at(gateway, number % 6)
    wait_until(lambda: gateway.ctl("status").json["sessions"]["open"] == 0, "all to end")
    before = gateway.memory()
    for number in range(240):
        abort_at(gateway, number % 6)
    wait_until(lambda: gateway.ctl("status").json["sessions"]["open"] == 0, "all to end")
    assert gateway.memory() < before + 4096


def test_running_out_of_descriptors_is_survived(plain):
    """Threats: "EMFILE: the gateway must keep the listener alive and recover"."""
    gateway, far = plain(descriptors=64)
    assert gateway.send() == 250
    held = [gateway.client(greet=False) for _ in range(100)]
    gateway.wait_for("resources")
    for client in held:
        client.close()

    def sends():
        try:
            return gateway.send() == 250
        except (Closed, OSError, AssertionError):
            return False

    wait_until(sends, "mail to cross again")


def test_more_sessions_than_allowed_are_told_to_come_back(plain):
    """MaxInboundConnection; RFC 5321 3.1: 421 at the greeting."""
    gateway, far = plain(gateway={"MaxInboundConnection": 3, "Workers": 1})
    held = [gateway.client() for _ in range(3)]
    late = gateway.client()
    assert late.greeting == 421
    assert late.closed_by_peer()
    held[0].command("QUIT")
    held[0].close()
    late.close()

    def room():
        with gateway.client() as client:
            return client.greeting == 220

    wait_until(room, "room for another")
