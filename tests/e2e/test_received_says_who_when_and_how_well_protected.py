# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Received: with our name, the peer, protocol (ESMTP, ESMTPS …), TLS version and cipher,
and the inbound connector's name". RFC 5321 4.4, RFC 3848, RFC 8314 4.3."""

import email.utils
import re
import time

from harness import xml


def look(received):
    assert received.startswith("Received: from client.example ")
    assert "[127.0.0.1]" in received
    assert " by gw.contoso.com " in received
    stamp = email.utils.parsedate_to_datetime(received.rpartition(";")[2].strip())
    assert abs(stamp.timestamp() - time.time()) < 300
    return re.search(r" with (\w+)", received).group(1)


def test_in_plain_text_it_is_esmtp(plain):
    gateway, far = plain(inbound={"name": "printers"})
    assert gateway.send() == 250
    received = far.last.received
    assert look(received) == "ESMTP"
    assert "printers" in received and "TLS" not in received


def test_after_helo_it_is_smtp(plain):
    gateway, far = plain()
    client = gateway.client()
    assert client.command("HELO client.example") == 250
    assert client.message() == 250
    assert look(far.last.received) == "SMTP"


def test_with_tls_it_is_esmtps_with_version_and_cipher(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud("tenant"), xml.outbound("next", [far.host]))
    for version, cipher in [("1.2", "TLS_ECDHE_ECDSA_WITH_"), ("1.3", "TLS_AES_")]:
        client = gateway.client()
        client.ehlo()
        client.starttls(pki.endpoint, minimum=version, maximum=version)
        client.ehlo()
        assert client.message() == 250
        received = far.last.received
        assert look(received) == "ESMTPS"
        assert f"tls {cipher}" in received and f"(TLSv{version})" in received
        assert "tenant" in received


def test_its_lines_are_folded(postern, cloud, pki):
    """RFC 5322 2.1.1: "Each line … SHOULD be no more than 78 characters, excluding the CRLF"; a
    name as long as RFC 1035 allows must not break the 998 that it MUST."""
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    client = gateway.client()
    client.ehlo()
    client.starttls(pki.endpoint)
    client.ehlo()
    assert client.message() == 250
    field = far.last.content[: len(far.last.content) - len(far.last.rest)]
    assert field.count(b"\r\n") > 1
    assert all(len(row) <= 100 for row in field.split(b"\r\n"))


def test_the_name_in_ehlo_cannot_forge_a_header(plain):
    gateway, far = plain()
    client = gateway.client()
    reply = client.command("EHLO x) by evil; now\x0b\x1b[2J (")
    if reply == 250:
        assert client.message() == 250
        assert "by evil;" not in far.last.received and "\x1b" not in far.last.received
    else:
        assert reply == 501
