# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "A PinSource file whose content changes is taken up on reload, and a refused PIN is not tried
again until then": on a gateway that runs, whose token was given another PIN. The module counts each
C_Login."""

import os
import signal

import pytest

from harness.waiting import wait_until

NEW_PIN = "90817263"


@pytest.fixture
def refused(signed, faulty, token):
    """A gateway with a key that was ready, and whose PIN is refused now: (gateway, cloud, logins)."""
    gateway, far, ours = signed(faulty)
    assert gateway.send() == 250
    far.forget_sessions()
    assert faulty.count("logins") == 1
    token.tool("--login", "--pin", token.pin, "--change-pin", "--new-pin", NEW_PIN)
    faulty.order("lost-module", "0x30")
    assert gateway.attempt().code == 451
    event = gateway.wait_for("pin-refused")
    assert event["level"] == "crit" and event["cure"] and token.pin not in event.line
    assert faulty.count("logins") == 2
    return gateway, far


def test_however_often_mail_and_reloads_come(refused, faulty, token):
    gateway, far = refused
    for _ in range(5):
        for _ in range(20):
            reply = gateway.attempt()
            assert reply.code == 451 and reply.enhanced.startswith("4.7."), reply
        gateway.reload()
    gateway.ctl("hsm", "list")
    gateway.ctl("hsm", "test")
    # The same one again. The signer, which alone knows it, has looked when hsm list answers.
    token.pin_file.write_text(token.pin + "\n")
    gateway.reload()
    assert gateway.ctl("hsm", "list").json["tokens"][0]["error"]
    assert gateway.attempt().code == 451
    # Neither does a new signer try it.
    [pid] = gateway.children()
    os.kill(pid, signal.SIGKILL)
    gateway.wait_for("signer-started", count=2)
    [listed] = gateway.ctl("hsm", "list").json["tokens"]
    assert listed["error"]
    gateway.reload()
    assert gateway.attempt().code == 451
    assert faulty.count("logins") == 2
    assert len(far.messages) == 1
    assert token.pin not in gateway.log_text()


def test_and_another_is_taken_up_by_a_reload(refused, faulty, token):
    gateway, far = refused
    gateway.reload()
    token.pin_file.write_text(NEW_PIN + "\n")
    assert gateway.reload().exit == 0
    gateway.wait_for("key-ready", count=2)
    wait_until(lambda: gateway.attempt() == 250, "mail to flow")
    assert faulty.count("logins") == 3
    assert NEW_PIN not in gateway.log_text()
