# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Against SoftHSM through `p11-kit server`, killed and started again in the middle of a load
of thousands of messages from a client that retries what gets 4xx": "the messages that got 250 are at
the cloud exactly once, none crossed without the client certificate, the gateway never stopped
answering, and it is well again within 10 s of the token being well"."""

import time

import pytest

from harness.waiting import LIMIT, wait_until

MESSAGES = 3000
OUTAGES = (0.0, 0.4, 1.5)  # seconds that the token is away
WELL_AGAIN = 10


def certified(far):
    return sum(1 for one in far.connections if one.certificate)


def await_recovery(far):
    """Until a connection with our certificate, whose signature was made after this moment."""
    before = certified(far)
    wait_until(lambda: certified(far) > before, "a signature by the token", WELL_AGAIN)


def test_every_message_crosses_once_and_with_the_certificate(signed, remote, load, watch):
    gateway, far, ours = signed(remote)
    watching, mail = watch(gateway), load(gateway)
    for outage in OUTAGES:
        mail.accept_more(300)
        remote.kill()
        mail.refuse_more()
        time.sleep(outage)
        remote.start()
        await_recovery(far)
    mail.finish(MESSAGES, limit=LIMIT * 15)
    watching.finish()
    mail.check(far, ours.der)
    status = gateway.ctl("hsm", "status").json
    [key] = status["keys"]
    assert key["ready"] and key["recoveries"] >= len(OUTAGES) and key["steps"]["session"], key
    assert len(mail.accepted) >= MESSAGES and mail.refusals


def test_a_server_restarted_between_two_signatures_is_hardly_noticed(signed, remote, load):
    """Back at once, so that what was asked meanwhile is the only thing that may be refused."""
    gateway, far, ours = signed(remote)
    assert gateway.send() == 250
    for _ in range(3):
        remote.kill()
        remote.start()
        assert gateway.send() == 250
        assert gateway.send() == 250
    assert all(message.connection.certificate == ours.der for message in far.messages)
    assert len(far.messages) == 7


@pytest.mark.parametrize("end", ["thaw", "kill"])
def test_a_server_that_swallows_everything_is_given_up(signed, remote, load, watch, end):
    """Nothing fails, nothing is closed; only the deadline is left, first of a signature and then of
    the steps in which a new signer opens the key."""
    gateway, far, ours = signed(remote, place={"RequestTimeOut": "00:00:01"})
    watching, mail = watch(gateway), load(gateway)
    mail.accept_more(50)
    remote.freeze()
    gateway.wait_for("signer-lost", count=2)
    if end == "thaw":
        remote.thaw()
    else:
        remote.kill()
        remote.start()
    await_recovery(far)
    mail.finish(200)
    watching.finish()
    mail.check(far, ours.der)
    assert mail.refusals
