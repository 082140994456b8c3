# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A validation that waits for the far side when posternd stops is ended and answered; nothing of it
is left behind (which the sanitizers would tell)."""

import signal
import subprocess

import pytest

from harness.cloud import silence
from harness.gateway import POSTERNCTL
from harness.waiting import LIMIT, wait_until


def begin(gateway, *arguments):
    return subprocess.Popen(
        [str(POSTERNCTL), "--config", str(gateway.directory), "outbound", "validate", "tenant",
         *arguments],
        env=gateway.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


@pytest.mark.parametrize("at", ["CONNECT", "EHLO", "HANDSHAKE", "TLS EHLO", "RCPT"])
def test_who_asked_is_told(line, at):
    gateway, far = line()
    far.on(at, silence)
    asking = begin(gateway, "--recipient", "a@contoso.com")
    wait_until(lambda: far.connections, "the connection")
    if at != "CONNECT":
        wait_until(lambda: any(
            one.startswith("STARTTLS" if at == "HANDSHAKE" else at.split()[-1])
            for one in far.commands), "the step")
    gateway.signal(signal.SIGTERM)
    out, err = asking.communicate(timeout=LIMIT)
    assert asking.returncode == 75, out + err
    assert "posternd is stopping" in err
    assert gateway.wait_exit() == 0


def test_several_at_once(line):
    gateway, far = line()
    far.on("RCPT", silence)
    asking = [begin(gateway, "--recipient", "a@contoso.com") for _ in range(4)]
    wait_until(lambda: len(far.connections) == 4, "the connections")
    gateway.signal(signal.SIGTERM)
    for one in asking:
        one.communicate(timeout=LIMIT)
        assert one.returncode == 75
    assert gateway.wait_exit() == 0


def test_who_has_left_is_not_waited_for(line):
    gateway, far = line()
    far.on("RCPT", silence)
    asking = begin(gateway, "--recipient", "a@contoso.com")
    wait_until(lambda: any(one.startswith("RCPT") for one in far.commands), "RCPT")
    asking.kill()
    asking.communicate(timeout=LIMIT)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
