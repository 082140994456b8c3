# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "A signature never blocks a loop: show it with a signer that takes 500 ms, while other
sessions' replies stay quick". Order, not time, is what is looked at: a whole message of another
session, on the same and only worker, is through before the signature is back."""

import select
import threading

import pytest

from harness import xml
from harness.gateway import SIGNER, SOURCE

PROXY = SOURCE / "tests" / "e2e" / "harness" / "slow_signer.py"


@pytest.fixture
def slow(postern, cloud):
    near, far = cloud(trust=None), cloud()

    def make():
        gateway = postern(
            xml.inbound(TlsCertificateName="hybrid"),
            xml.outbound("near", [near.host], RecipientDomains=["near.example"]),
            xml.tenant(far, RecipientDomains=["far.example"]),
            gateway={"Workers": 1},
            signer=PROXY,
            environment={"POSTERN_TEST_SIGNER": str(SIGNER), "POSTERN_TEST_DELAY": "1.5"},
        )
        return gateway, near, far

    return make


def silent(client):
    return not select.select([client.socket], [], [], 0)[0]


def test_a_handshake_with_the_cloud_waits_alone(slow):
    gateway, near, far = slow()
    other = gateway.client()
    other.ehlo()
    waiting = gateway.client()
    waiting.ehlo()
    waiting.send(
        b"MAIL FROM:<a@contoso.com>\r\n", b"RCPT TO:<b@far.example>\r\n", b"DATA\r\n"
    )
    assert waiting.reply() == 250
    for _ in range(10):
        assert other.message(recipients=["c@near.example"]) == 250
    assert not far.messages and silent(waiting), "the slow one is not done yet"
    while waiting.reply() != 354:
        pass
    assert waiting.content(b"slow\r\n") == 250
    assert far.last.rest == b"slow\r\n"


def test_a_handshake_with_a_client_waits_alone(slow):
    gateway, near, far = slow()
    other = gateway.client()
    other.ehlo()
    waiting = gateway.client()
    waiting.ehlo()
    assert waiting.command("STARTTLS") == 220
    thread = threading.Thread(target=waiting.handshake)
    thread.start()
    for _ in range(10):
        assert other.message(recipients=["c@near.example"]) == 250
    assert not waiting.encrypted, "the slow one is not done yet"
    thread.join(30)
    waiting.ehlo()
    assert waiting.message(recipients=["c@near.example"]) == 250


def test_posternctl_is_answered_meanwhile(slow):
    gateway, near, far = slow()
    waiting = gateway.client()
    waiting.ehlo()
    waiting.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@far.example>\r\nDATA\r\n")
    assert waiting.reply() == 250
    assert gateway.ctl("status").exit == 0
    assert gateway.client().greeting == 220
    while waiting.reply() != 354:
        pass
    assert waiting.content(b"slow\r\n") == 250


def test_a_client_that_leaves_while_the_signature_is_made_harms_nothing(slow):
    gateway, near, far = slow()
    for _ in range(5):
        gone = gateway.client()
        gone.ehlo()
        gone.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@far.example>\r\nDATA\r\n")
        gone.reply()
        gone.abort()
    assert gateway.send(recipients=["b@far.example"]) == 250
    assert len(far.messages) == 1
