# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "sd_notify READY, RELOADING with MONOTONIC_USEC, STATUS, STOPPING, WATCHDOG". Facts:
"Type=notify with RELOADING=1, MONOTONIC_USEC=…, then READY=1. A refused reload keeps the old
configuration, says so in STATUS="."""

import signal
import socket
import time

import pytest

from harness.waiting import wait_until


class Manager:
    """systemd's end of NOTIFY_SOCKET: every message as a dictionary."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.path, self.messages = path, []

    def read(self):
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return self.messages
            self.messages.append(dict(row.split("=", 1) for row in text.splitlines() if row))

    def wait_for(self, name, start=0):
        """The first message at or after number start that has that variable."""
        return wait_until(
            lambda: next((one for one in self.read()[start:] if name in one), None), name
        )


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


@pytest.fixture
def notified(plain, manager):
    def make(**environment):
        return plain(environment={"NOTIFY_SOCKET": str(manager.path), **environment})[0]

    return make


def test_ready_comes_when_the_port_answers(notified, manager):
    gateway = notified()
    assert manager.wait_for("READY")["READY"] == "1"
    assert gateway.client().greeting == 220
    assert manager.wait_for("STATUS")["STATUS"]


def test_a_reload_is_announced_with_its_time_and_ends_with_ready(notified, manager):
    gateway = notified()
    manager.wait_for("READY")
    start, before = len(manager.read()), time.monotonic_ns() // 1000
    gateway.signal(signal.SIGHUP)
    said = manager.wait_for("RELOADING", start)
    assert said["RELOADING"] == "1"
    assert before <= int(said["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    place = manager.messages.index(said, start)
    assert manager.wait_for("READY", place)["READY"] == "1"


def test_a_refused_reload_says_so_in_its_status(notified, manager):
    gateway = notified()
    manager.wait_for("READY")
    start = len(manager.read())
    (gateway.directory / "postern.xml").write_text("<")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reload-refused")
    wait_until(
        lambda: any("refused" in one.get("STATUS", "") for one in manager.read()[start:]),
        "a STATUS that says so",
    )
    manager.wait_for("READY", start)


def test_stopping_is_said(notified, manager):
    gateway = notified()
    manager.wait_for("READY")
    gateway.signal(signal.SIGTERM)
    assert manager.wait_for("STOPPING")["STOPPING"] == "1"
    assert gateway.wait_exit() == 0


def test_the_watchdog_is_fed(notified, manager):
    notified(WATCHDOG_USEC="1000000")
    manager.wait_for("READY")
    for _ in range(3):
        start = len(manager.read())
        assert manager.wait_for("WATCHDOG", start)["WATCHDOG"] == "1"


def test_nobody_feeds_a_watchdog_that_was_not_asked_for(notified, manager):
    gateway = notified()
    manager.wait_for("READY")
    assert gateway.send() == 250
    assert not any("WATCHDOG" in one for one in manager.read())
