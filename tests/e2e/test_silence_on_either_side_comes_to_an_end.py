# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Time-outs of RFC 5321 4.5.3.2"; a next hop that "never answers" gets "a clear error". They
are minutes; ConnectionInactivityTimeOut makes them short enough to be seen."""

import time

import pytest

from harness.cloud import silence


@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_a_next_hop_that_never_answers_is_given_up_with_4xx(plain, step):
    gateway, far = plain(outbound={"ConnectionInactivityTimeOut": "00:00:01"})
    far.once(step, silence)
    reply = gateway.attempt()
    assert 400 <= reply.code < 500 and reply.enhanced.startswith("4.4.")
    told = ("next-hop-failed", "recipient-refused", "message")
    assert "1 s" in gateway.wait_for(told, outbound="tenant").line
    assert gateway.send() == 250


@pytest.mark.parametrize("step", ["STARTTLS", "HANDSHAKE", "TLS EHLO"])
def test_nor_does_one_that_falls_silent_around_tls_hold_the_sender(line, step):
    gateway, far = line(outbound={"ConnectionInactivityTimeOut": "00:00:01"})
    far.once(step, silence)
    assert 400 <= gateway.attempt().code < 500
    assert not far.seen
    assert gateway.send() == 250


@pytest.mark.parametrize("where", ["greeted", "ehlo", "half a command", "mail", "data"])
def test_a_client_that_falls_silent_is_told_421(plain, where):
    """RFC 5321 4.5.3.2.7: "An SMTP server SHOULD have a timeout of at least 5 minutes while it is
    awaiting the next command from the sender". """
    gateway, far = plain(gateway={"ConnectionInactivityTimeOut": "00:00:01"})
    client = gateway.client()
    if where != "greeted":
        client.ehlo()
    if where == "half a command":
        client.send(b"MAIL FR")
    if where == "mail":
        client.command("MAIL FROM:<alice@contoso.com>")
    if where == "data":
        client.envelope()
        client.send(b"Subject: half\r\n")
    assert client.reply() == 421
    assert client.closed_by_peer()
    assert not far.messages


def test_a_client_that_never_begins_its_handshake_is_let_go(plain):
    gateway, far = plain(
        gateway={"ConnectionInactivityTimeOut": "00:00:01"}, inbound={"TlsCertificateName": "hybrid"}
    )
    client = gateway.client()
    client.ehlo()
    assert client.command("STARTTLS") == 220
    assert client.closed_by_peer()


def test_a_slow_client_that_does_send_is_not_cut_off(plain):
    gateway, far = plain(gateway={"ConnectionInactivityTimeOut": "00:00:02"})
    client = gateway.client()
    client.ehlo()
    client.envelope()
    content = b"Subject: slow\r\n\r\n" + b"s" * 10 + b"\r\n"
    for at in range(0, len(content), 4):
        client.send(content[at : at + 4])
        # Each pause is well inside the limit, all of them together well past it.
        time.sleep(0.4)
    client.send(b".\r\n")
    assert client.reply() == 250
    assert far.last.rest == content
