# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C6 (CVE-2021-38371): "replies pipelined after 220 trusted inside TLS → a server that
pipelines replies behind its 220"."""

import pytest

INJECTED = (
    b"220 2.0.0 Go ahead\r\n250-cloud.example\r\n250 SIZE\r\n"
    b"250 Ok\r\n250 Ok\r\n354 Go\r\n250 Ok\r\n"
)


def test_the_connection_is_given_up(line):
    gateway, far = line()
    far.on("STARTTLS", INJECTED)
    reply = gateway.attempt(b"secret\r\n")
    assert 400 <= reply.code < 500
    assert not far.seen
    assert gateway.wait_for("next-hop-failed", outbound="tenant")


def test_where_plain_text_is_good_enough_they_are_not_believed_either(line):
    """Opportunistic may go on in plain text, but over a connection of its own: the message gets its
    own replies, or is not taken."""
    gateway, far = line(outbound={"TlsSettings": "Opportunistic", "TlsDomain": None})
    far.once("STARTTLS", INJECTED)
    content = b"Subject: not for the tainted one\r\n\r\n"
    reply = gateway.attempt(content)
    if reply == 250:
        assert far.last.rest == content and far.last.connection.number > 1
    else:
        assert 400 <= reply.code < 500
    tainted = far.connections[0]
    assert tainted.clear == ["EHLO gw.contoso.com", "STARTTLS"]
    assert not tainted.messages and tainted.commands == tainted.clear


def test_the_next_message_is_well_again(line):
    gateway, far = line()
    far.once("STARTTLS", INJECTED)
    gateway.attempt(b"secret\r\n")
    assert gateway.send() == 250


@pytest.mark.parametrize("setting", ["EncryptionOnly", "CertificateValidation", "DomainValidation"])
@pytest.mark.parametrize(
    "step, action",
    [
        ("EHLO", "250-cloud.example\n250 SIZE 1000000"),
        ("EHLO", "250-cloud.example\n250-XSTARTTLS\n250 STARTTLSX"),
        ("EHLO", "502 5.5.1 What is EHLO?"),
        ("STARTTLS", "454 4.7.0 TLS not available"),
        ("STARTTLS", "502 5.5.1 No"),
        ("STARTTLS", "554 5.7.3 Never"),
        ("STARTTLS", "250 Ok"),
        ("STARTTLS", b"220 Go\n"),
        ("HANDSHAKE", b"I am no TLS server\r\n"),
    ],
)
def test_no_envelope_leaves_outside_tls(line, setting, step, action):
    """Threats C6: "a server that strips or garbles STARTTLS at each step: no envelope outside
    TLS"."""
    domains = ["mail.protection.outlook.com"] if setting == "DomainValidation" else None
    gateway, far = line(outbound={"TlsSettings": setting, "TlsDomain": domains})
    far.on(step, action)
    reply = gateway.attempt(b"secret\r\n")
    assert 400 <= reply.code < 500
    far.hang_up()
    for connection in far.connections:
        assert b"contoso.com>" not in connection.wire and b"secret" not in connection.wire
        verbs = {line.split()[0] for line in connection.clear}
        assert verbs <= {"EHLO", "HELO", "STARTTLS", "QUIT"}
