# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""MaxMessageSize of an outbound connector: 552 5.3.4 at RCPT by SIZE, and while the message comes."""

import pytest

from harness import xml


@pytest.fixture
def ways(postern, cloud):
    small, large = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound(),
        xml.outbound("small", [small.host], RecipientDomains=["small.example"], MaxMessageSize="2 KB"),
        xml.outbound("large", [large.host], RecipientDomains=["large.example"]),
    )
    return gateway, small, large


def test_what_announces_itself_too_large_is_refused_before_the_next_hop_is_asked(ways):
    gateway, small, large = ways
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<alice@contoso.com> SIZE=2049") == 250
    assert client.command("RCPT TO:<a@small.example>") == (552, "5.3.4")
    assert client.command("RCPT TO:<a@large.example>") == 250
    assert not small.connections and large.connections


def test_the_limit_itself_passes(ways):
    gateway, small, _large = ways
    content = b"Subject: x\r\n\r\n" + b"y" * (2048 - 14 - 2) + b"\r\n"
    assert len(content) == 2048
    assert gateway.send(content, recipients=["a@small.example"], more=" SIZE=2048") == 250
    assert small.last.rest == content


def test_what_turns_out_too_large_is_refused_and_never_delivered(ways):
    gateway, small, _large = ways
    content = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n"
    content += (b"z" * 70 + b"\r\n") * 40
    with gateway.client() as client:
        client.ehlo()
        assert client.attempt(content, recipients=["a@small.example"]) == (552, "5.3.4")
        assert client.message(recipients=["a@large.example"]) == 250
    assert not [one for one in small.messages if one.complete]


def test_another_way_has_another_limit(ways):
    gateway, _small, large = ways
    content = b"Subject: x\r\n\r\n" + (b"z" * 70 + b"\r\n") * 100
    assert gateway.send(content, recipients=["a@large.example"]) == 250
    assert large.last.rest == content
