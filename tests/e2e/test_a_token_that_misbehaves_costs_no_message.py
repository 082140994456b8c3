# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: a token that "hangs in `C_Sign`, answers with wrong signatures, swaps keys behind handles,
wants `CKU_CONTEXT_SPECIFIC`, has no PSS, allows one session only": "Every fault: the messages that got
250 are at the cloud exactly once, none crossed without the client certificate, the gateway never
stopped answering, and it is well again within 10 s of the token being well"."""

import os
import signal

import pytest

from harness.waiting import wait_until

WELL_AGAIN = 10
HASTY = {"RequestTimeOut": "00:00:01"}


@pytest.fixture
def under_load(signed, faulty, load, watch):
    """under_load(…) → (gateway, mail, await_signature, finish); as signed() has it."""

    def make(messages=200, **more):
        gateway, far, ours = signed(faulty, **more)
        watching, mail = watch(gateway), load(gateway, threads=4)
        mail.accept_more(20)

        def certified():
            return len([one for one in far.connections if one.certificate])

        def await_signature():
            before = certified()
            wait_until(lambda: certified() > before, "a signature by the token", WELL_AGAIN)

        def finish():
            mail.finish(messages)
            watching.finish()
            mail.check(far, ours.der)
            [key] = gateway.ctl("hsm", "status").json["keys"]
            assert key["ready"], key
            return key

        return gateway, mail, await_signature, finish

    return make


def test_one_that_hangs_is_given_a_new_process(under_load, faulty):
    """What hangs never returns, also when the token is well again."""
    gateway, mail, await_signature, finish = under_load(place=HASTY)
    for _ in range(2):
        lost = len(gateway.events("signer-lost"))
        faulty.order("hang")
        gateway.wait_for("signer-lost", count=lost + 1)
        faulty.withdraw("hang")
        await_signature()
    key = finish()
    assert key["errors"] and mail.refusals


def test_one_that_hangs_while_its_key_is_proved_is_given_a_new_process(under_load, faulty):
    """The signer that was started for it finds the token hanging still."""
    gateway, mail, await_signature, finish = under_load(place=HASTY)
    faulty.order("hang")
    gateway.wait_for("signer-started", count=2)
    mail.refuse_more(20)  # they are, at once
    faulty.withdraw("hang")
    await_signature()
    finish()


def test_wrong_signatures_reach_nobody(under_load, faulty):
    gateway, mail, await_signature, finish = under_load()
    for _ in range(3):
        faulty.order("wrong", "1")
        wait_until(lambda: not faulty.stands("wrong"), "a wrong signature")
        await_signature()
        mail.accept_more(10)  # or the next one might hit a second try
    assert not mail.refusals, "each was made again"
    faulty.order("all-wrong")
    mail.refuse_more(3)
    faulty.withdraw("all-wrong")
    await_signature()
    assert finish()["recoveries"] >= 3


def test_a_key_swapped_behind_its_handle_is_found_again(under_load, faulty, token):
    token.generate("another", "EC:P-256")
    gateway, mail, await_signature, finish = under_load()
    for _ in range(3):
        faulty.order("swap", "1")
        wait_until(lambda: not faulty.stands("swap"), "the swap")
        await_signature()
        mail.accept_more(10)  # those that met the swap are through
    assert finish()["recoveries"] >= 1
    assert not mail.refusals


def test_a_key_that_wants_its_pin_each_time_gets_it(under_load, faulty):
    faulty.order("ask-always")
    gateway, mail, await_signature, finish = under_load()
    asked = faulty.count("logins")
    await_signature()
    faulty.order("lost-session", "0xb3")
    await_signature()
    key = finish()
    assert faulty.count("logins") > asked and key["recoveries"] >= 1
    assert not mail.refusals


@pytest.mark.parametrize("missing", [["no-pss"], ["no-pss", "no-raw"]])
def test_without_pss_an_rsa_key_does_what_it_can(under_load, faulty, missing):
    for order in missing:
        faulty.order(order)
    gateway, mail, await_signature, finish = under_load(kind="RSA:2048", messages=60)
    faulty.order("lost-session", "0x30")
    await_signature()
    key = finish()
    assert ("rsa_pss_rsae_sha256" in key["algorithms"]) == ("no-raw" not in missing)
    assert not mail.refusals
    if "no-raw" in missing:
        [warning] = gateway.events("config-warning", key=lambda text: "object=hybrid" in text)
        assert "cannot do TLS 1.3 with an RSA key" in warning.line and warning["cure"]


def test_one_session_is_enough(under_load, faulty):
    faulty.order("one-session")
    gateway, mail, await_signature, finish = under_load()
    faulty.order("lost-session", "0xb3")
    await_signature()
    finish()
    assert not mail.refusals
    assert gateway.events("resources", sessions="1")


def test_a_module_that_only_a_new_process_mends_gets_one(under_load, faulty):
    gateway, mail, await_signature, finish = under_load()
    faulty.order("lost-process", "0x30")
    mail.refuse_more()
    await_signature()
    assert finish()["steps"]["process"] >= 1
    assert gateway.events("token-recovery", step="process")


def test_a_signer_that_is_killed_is_started_again(under_load, faulty):
    gateway, mail, await_signature, finish = under_load()
    for _ in range(3):
        for pid in gateway.children():
            os.kill(pid, signal.SIGKILL)
        await_signature()
    finish()
