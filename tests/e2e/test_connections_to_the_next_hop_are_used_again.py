# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Connections to the next hop are pooled and reused, TLS sessions resumed, so that most
messages cost no handshake and no signature"."""

import pytest

from harness.waiting import wait_until


def signatures(gateway):
    status = gateway.ctl("hsm", "status")
    assert status.exit == 0, status
    return sum(key["signatures"] for key in status.json["keys"])


def test_many_sessions_share_one_connection(line):
    gateway, far = line(gateway={"Workers": 1})
    for _ in range(10):
        assert gateway.send() == 250
    assert len(far.messages) == 10 and len(far.connections) == 1


def test_a_session_keeps_its_connection(line):
    gateway, far = line()
    client = gateway.client()
    client.ehlo()
    for _ in range(5):
        assert client.message() == 250
    assert len(far.connections) == 1


def test_smtp_max_messages_per_connection_is_kept(line):
    gateway, far = line(gateway={"Workers": 1}, outbound={"SmtpMaxMessagesPerConnection": 3})
    for _ in range(7):
        assert gateway.send() == 250
    assert [len(connection.messages) for connection in far.connections] == [3, 3, 1]
    wait_until(lambda: far.connections[1].finished, "the second connection to end")
    assert far.connections[0].commands[-1] == "QUIT"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_second_connection_resumes_and_costs_no_signature(line, version):
    gateway, far = line(
        gateway={"Workers": 1},
        outbound={"SmtpMaxMessagesPerConnection": 1},
        cloud_options={"minimum": version, "maximum": version},
    )
    assert gateway.send() == 250
    before = signatures(gateway)
    for _ in range(5):
        assert gateway.send() == 250
    assert [connection.resumed for connection in far.connections] == [False] + [True] * 5
    assert signatures(gateway) == before
    assert all(connection.certificate for connection in far.connections)


def test_workers_share_tls_sessions(line):
    """More than one worker: at most one full handshake each."""
    gateway, far = line(gateway={"Workers": 2}, outbound={"SmtpMaxMessagesPerConnection": 1})
    for _ in range(12):
        assert gateway.send() == 250
    assert sum(not connection.resumed for connection in far.connections) <= 2


def test_the_log_tells_new_resumed_and_pooled_apart(line):
    gateway, far = line(gateway={"Workers": 1}, outbound={"SmtpMaxMessagesPerConnection": 2})
    for _ in range(3):
        assert gateway.send() == 250
    wait_until(lambda: len(gateway.events("message")) == 3, "three lines")
    kinds = [event["connection"] for event in gateway.events("message")]
    assert kinds == ["new", "pooled", "resumed"]

