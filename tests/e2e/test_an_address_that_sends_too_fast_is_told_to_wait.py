# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: MessageRateLimit: messages a minute of an address. 450 4.7.1, and the session goes on."""


def test_the_next_message_is_deferred(plain):
    gateway, far = plain(inbound={"MessageRateLimit": 3}, gateway={"Workers": 2})
    for _ in range(3):
        assert gateway.send() == 250
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com>") == (450, "4.7.1")
    assert client.command("NOOP") == 250
    assert len(far.messages) == 3
    assert gateway.wait_for("limit-reached", bound="MessageRateLimit", inbound="exchange")


def test_another_address_is_not_held_up(plain):
    gateway, _ = plain(gateway={"MessageRateLimit": 1})
    for source, code in (("127.0.0.2", 250), ("127.0.0.2", 450), ("127.0.0.3", 250)):
        client = gateway.client(source=source)
        client.ehlo()
        assert client.command("MAIL FROM:<a@contoso.com>") == code
