# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "against a token module of our own for tests that returns each `CKR_*` at the N-th call":
"Every fault: the messages that got 250 are at the cloud exactly once, none crossed without the client
certificate, the gateway never stopped answering, and it is well again within 10 s of the token being
well"."""

import pytest

from harness.waiting import wait_until

WELL_AGAIN = 10
CODES = {
    "CKR_GENERAL_ERROR": 0x5,
    "CKR_DEVICE_ERROR": 0x30,
    "CKR_DEVICE_MEMORY": 0x31,
    "CKR_DEVICE_REMOVED": 0x32,
    "CKR_KEY_HANDLE_INVALID": 0x60,
    "CKR_OBJECT_HANDLE_INVALID": 0x82,
    "CKR_SESSION_CLOSED": 0xB0,
    "CKR_SESSION_COUNT": 0xB1,
    "CKR_SESSION_HANDLE_INVALID": 0xB3,
    "CKR_TOKEN_NOT_PRESENT": 0xE0,
    "CKR_USER_NOT_LOGGED_IN": 0x101,
    "CKR_CRYPTOKI_NOT_INITIALIZED": 0x190,
}
CALLS = ("C_SignInit", "C_Sign")


def await_signature(far):
    before = len([one for one in far.connections if one.certificate])
    wait_until(
        lambda: len([one for one in far.connections if one.certificate]) > before,
        "a signature by the token",
        WELL_AGAIN,
    )


@pytest.mark.parametrize("name", CODES)
def test_and_no_message_is_lost_or_doubled(signed, faulty, load, watch, name):
    gateway, far, ours = signed(faulty)
    watching, mail = watch(gateway), load(gateway, threads=4)
    mail.accept_more(20)
    for call in CALLS:
        faulty.order("fail", f"{call} {CODES[name]:#x} 7")
        wait_until(lambda: not faulty.stands("fail"), "the seventh call")
        mail.accept_more(20)
    refused_once = len(mail.refusals)
    # For a while it is all that the token has to say; sessions and whole modules are lost.
    faulty.order("fail", f"C_Sign {CODES[name]:#x} 0")
    mail.refuse_more(3)
    faulty.withdraw("fail")
    await_signature(far)
    for loss in ("lost-session", "lost-module"):
        faulty.order(loss, f"{CODES[name]:#x}")
        wait_until(lambda: not faulty.stands(loss), "the loss")
        await_signature(far)
    mail.finish(200)
    watching.finish()
    mail.check(far, ours.der)
    assert refused_once == 0, "a signature that failed once is made again"
    [key] = gateway.ctl("hsm", "status").json["keys"]
    assert key["recoveries"] > 0 and key["steps"]["session"] > 0
    recoveries = gateway.events("token-recovery", step="session")
    assert any(name in event["error"] for event in recoveries), recoveries
