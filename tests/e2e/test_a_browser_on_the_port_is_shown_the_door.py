# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C20 (CVE-2021-3618): "GET/POST/CONNECT first line → close"."""

import pytest

from harness.client import Closed


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"CONNECT a:25 HTTP/1.0\r\n"]
)
def test_the_session_ends_before_the_body_is_read(plain, first):
    gateway, far = plain()
    client = gateway.client()
    replies = []
    try:
        client.send(
            first + b"Host: a\r\nContent-Length: 999\r\n\r\n",
            b"EHLO x\r\nMAIL FROM:<evil@contoso.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n",
        )
        while True:
            replies.append(client.reply())
    except Closed:
        pass
    assert not any(reply.code < 400 for reply in replies), replies
    assert not far.connections
    assert gateway.wait_for("protocol-violation")
    assert gateway.send() == 250
