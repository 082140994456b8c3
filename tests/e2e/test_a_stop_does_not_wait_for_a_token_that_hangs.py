# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A token that hangs has a minute here; posternd is stopped meanwhile. Who waits for its signatures
is told so at once, whether a session or the administrator, and nothing of theirs is left behind (which
the sanitizers look at)."""

import signal
import threading

import pytest

from harness.cloud import silence
from harness.waiting import LIMIT, wait_until


@pytest.fixture
def hanging(signed, faulty):
    gateway, far, ours = signed(
        faulty, sessions=2, place={"RequestTimeOut": "00:01:00"}, gateway={"DrainTimeOut": "00:00:01"}
    )
    faulty.order("hang")
    return gateway, far


class Asking:
    """posternctl, waiting for its answer on a thread."""

    def __init__(self, gateway, *arguments):
        self.done = None
        self.thread = threading.Thread(target=self.ask, args=[gateway, arguments])
        self.thread.start()

    def ask(self, gateway, arguments):
        self.done = gateway.ctl(*arguments)

    def answer(self):
        self.thread.join(LIMIT)
        return self.done


def stop(gateway):
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert "event=stopped" in gateway.log_text()


def waiting(gateway, count):
    wait_until(
        lambda: gateway.ctl("hsm", "status").json["signer"]["waiting"] >= count, "the hang"
    )


def test_a_session(hanging):
    gateway, far = hanging
    client = gateway.client()
    client.ehlo()
    client.send(b"MAIL FROM:<a@contoso.com>\r\n", b"RCPT TO:<b@example.com>\r\n")
    waiting(gateway, 1)
    stop(gateway)
    assert not far.seen


def test_hsm_test(hanging):
    gateway, far = hanging
    asking = Asking(gateway, "hsm", "test")
    waiting(gateway, 2)
    stop(gateway)
    answer = asking.answer()
    assert answer.exit and "stopping" in answer.err + answer.out, answer


@pytest.mark.parametrize("step", ["EHLO", "the handshake"])
def test_a_validation(hanging, step):
    gateway, far = hanging
    if step == "EHLO":
        far.on("EHLO", silence)
    asking = Asking(gateway, "outbound", "validate", "tenant")
    if step == "EHLO":
        wait_until(lambda: far.connections and far.connections[-1].names, "the EHLO")
    else:
        waiting(gateway, 1)
    stop(gateway)
    answer = asking.answer()
    assert answer.exit and "stopping" in answer.err + answer.out, answer


def test_a_reload(hanging, pki):
    """The same key under another name is opened anew, and its proof hangs."""
    gateway, far = hanging
    gateway.certificates["other"] = gateway.certificates["hybrid"]
    gateway.configure()
    asking = Asking(gateway, "reload")
    waiting(gateway, 1)
    stop(gateway)
    answer = asking.answer()
    assert answer.exit and "stopping" in answer.err + answer.out, answer
