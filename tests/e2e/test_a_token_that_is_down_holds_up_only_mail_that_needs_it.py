# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: while the token is down "451 4.7.x with a reason to the sender", "sessions on warm
connections go on", and "Signatures wait in a bounded queue; a full one answers at once"."""

import threading

import pytest

from harness import xml
from harness.client import Closed
from harness.waiting import LIMIT


@pytest.fixture
def two_ways(signed, remote, cloud):
    """The tenant needs the token; near.example does not."""
    near = cloud(trust=None)
    gateway, far, ours = signed(
        remote, gateway={"Workers": 1}, outbound={"SmtpMaxMessagesPerConnection": 1000}
    )
    gateway.connectors.append(
        xml.outbound("near", [near.host], RecipientDomains=["near.example"])
    )
    assert gateway.reload().exit == 0
    return gateway, far, near


def test_the_sender_is_told_why(two_ways, remote):
    gateway, far, near = two_ways
    remote.kill()
    reply = gateway.attempt()
    assert reply.code == 451 and reply.enhanced.startswith("4.7."), reply
    # What the administrator may look for; nothing of the way to the token.
    assert "CKR_" in reply.text or "token" in reply.text.lower(), reply
    assert str(remote.socket) not in reply.text and "pin" not in reply.text.lower()
    gateway.wait_for("key-unavailable")
    again = gateway.attempt()
    assert again.code == 451 and again.enhanced.startswith("4.7."), again
    assert not far.seen
    [key] = gateway.ctl("hsm", "status").json["keys"]
    assert not key["ready"] and key["last_error"] and key["cure"]


def test_warm_connections_go_on(two_ways, remote):
    gateway, far, near = two_ways
    warm = gateway.client()
    warm.ehlo()
    assert warm.message() == 250
    remote.kill()
    for _ in range(20):
        assert warm.message() == 250
        assert gateway.send() == 250
    assert len(far.connections) == 1
    far.hang_up()
    assert gateway.attempt().code == 451
    assert warm.attempt().code == 451


def test_what_needs_no_signature_goes_on(two_ways, remote):
    gateway, far, near = two_ways
    remote.kill()
    assert gateway.attempt().code == 451
    for _ in range(20):
        assert gateway.send(recipients=["bob@near.example"]) == 250


# More sessions than may wait for the signatures of one key (224), as pki/key.h has it.
SESSIONS = 260


def test_a_full_queue_of_signatures_answers_at_once(signed, faulty, pki):
    """The token hangs and all wait: who comes beyond the bound is refused, and needs not wait for
    the deadline of the others."""
    gateway, far, ours = signed(
        faulty, sessions=1, place={"RequestTimeOut": "00:05:00"},
        gateway={"Workers": 2, "DrainTimeOut": "00:00:01"},
        outbound={"SmtpMaxMessagesPerConnection": 1000},
        inbound={"TlsCertificateName": "file"},
        more_certificates={"file": (pki.gateway.chain, pki.gateway.key)},
    )
    faulty.order("hang")
    clients = []
    for _ in range(SESSIONS):
        client = gateway.client(limit=300)
        client.ehlo()
        client.send(b"MAIL FROM:<a@contoso.com>\r\n", b"RCPT TO:<b@example.com>\r\n")
        clients.append(client)
    refused = threading.Semaphore(0)
    replies = []

    def read(client):
        try:
            assert client.reply() == 250
            replies.append(client.reply())
            refused.release()
        except (Closed, OSError):
            pass

    # Who needs another key has its signature at once.
    other = gateway.client()
    other.ehlo()
    other.starttls()
    assert other.command("NOOP") == 250
    for client in clients:
        threading.Thread(target=read, args=[client], daemon=True).start()
    # Well before the five minutes that the token has.
    for _ in range(SESSIONS - 224):
        assert refused.acquire(timeout=LIMIT * 6)
    assert all(reply.code == 451 and "wait" in reply.text for reply in replies), replies[:3]
    assert gateway.client().command("NOOP") == 250
    faulty.withdraw("hang")
