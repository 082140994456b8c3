# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "A signer that hangs or crashes is killed and started again; mail that needs a signature
meanwhile gets a 4xx, never a connection without the certificate"."""

import os
import signal

from harness.pki import GATEWAY
from harness.token import MODULE
from harness.waiting import wait_until


def deliver_until_taken(gateway):
    """A sender that comes back after a 4xx, as it should; the refusals it got."""
    refusals = []

    def attempt():
        reply = gateway.attempt()
        if reply.code >= 400:
            refusals.append(reply)
        return reply == 250

    wait_until(attempt, "the message to be taken")
    return refusals


def kill(gateway, number=signal.SIGKILL):
    for pid in gateway.children():
        os.kill(pid, number)


def check(gateway, far):
    assert gateway.send() == 250
    # Neither a pooled connection nor a resumed session shall help: a new signature it must be.
    far.forget_sessions()
    started = len(gateway.events("signer-started"))
    kill(gateway)
    assert gateway.wait_for("signer-lost")["error"]
    refusals = deliver_until_taken(gateway)
    assert all(400 <= reply.code < 500 for reply in refusals), refusals
    assert gateway.wait_for("signer-started", count=started + 1)
    assert len(far.messages) == 2
    assert all(message.connection.certificate for message in far.messages)


def test_killed_with_a_key_from_a_file(line):
    gateway, far = line()
    check(gateway, far)


def test_killed_with_a_key_in_the_token(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    check(gateway, far)


def test_one_that_hangs_is_killed_and_started_again(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[
            {
                "Uri": token.uri,
                "PinSource": f"file:{token.pin_file}",
                "Module": MODULE,
                "RequestTimeOut": "00:00:01",
            }
        ],
        environment=token.environment,
    )
    kill(gateway, signal.SIGSTOP)
    refusals = deliver_until_taken(gateway)
    assert all(400 <= reply.code < 500 for reply in refusals), refusals
    assert gateway.wait_for("signer-lost")
    assert len(far.messages) == 1 and far.last.connection.certificate == ours.der


def test_warm_connections_go_on_meanwhile(line):
    gateway, far = line(gateway={"Workers": 1})
    assert gateway.send() == 250
    kill(gateway)
    assert gateway.send() == 250
    assert len(far.connections) == 1
