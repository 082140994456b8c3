# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: sizes, hops, recipients "all bounded, all settable, all with a proper reply"; what a connector
does not say is the gateway's. RFC 1870: 552; RFC 5321 4.5.3.1.10: 452."""

import pytest

from harness import xml


@pytest.fixture
def two(postern, cloud):
    """Two addresses, two connectors: 127.0.0.2 has little room, 127.0.0.3 what the gateway gives."""
    far = cloud(trust=None)

    def make(small, gateway):
        made = postern(
            xml.inbound("small", SenderIPAddresses=["127.0.0.2"], **small),
            xml.inbound("usual", SenderIPAddresses=["127.0.0.3"]),
            xml.outbound(hosts=[far.host]),
            gateway=gateway,
        )
        return made.client(source="127.0.0.2"), made.client(source="127.0.0.3"), made

    return make


def test_max_message_size(two):
    small, usual, gateway = two({"MaxMessageSize": "2 KB"}, {"MaxMessageSize": "4 KB"})
    assert small.ehlo()["SIZE"] == "2048"
    assert usual.ehlo()["SIZE"] == "4096"
    assert small.command("MAIL FROM:<a@contoso.com> SIZE=2049") == (552, "5.3.4")
    assert small.message(b"x" * 900 + b"\r\n") == 250
    assert small.message((b"x" * 900 + b"\r\n") * 3) == (552, "5.3.4")
    assert usual.message((b"x" * 900 + b"\r\n") * 3) == 250
    assert gateway.wait_for("limit-reached", bound="MaxMessageSize", inbound="small")


def test_a_connector_may_take_more_than_the_gateway_says(two):
    large, usual, _ = two({"MaxMessageSize": "8 KB"}, {"MaxMessageSize": "4 KB"})
    assert large.ehlo()["SIZE"] == "8192"
    assert large.message((b"x" * 900 + b"\r\n") * 6) == 250
    usual.ehlo()
    assert usual.message((b"x" * 900 + b"\r\n") * 6) == (552, "5.3.4")


def test_max_recipients_per_message(two):
    small, usual, gateway = two({"MaxRecipientsPerMessage": 2}, {"MaxRecipientsPerMessage": 3})
    for client, most in ((small, 2), (usual, 3)):
        client.ehlo()
        client.command("MAIL FROM:<a@contoso.com>")
        for number in range(most):
            assert client.command(f"RCPT TO:<b{number}@example.com>") == 250
        assert client.command("RCPT TO:<more@example.com>") == (452, "4.5.3")
        assert client.command("DATA") == 354
        assert client.content(b"x\r\n") == 250
    assert gateway.wait_for("limit-reached", bound="MaxRecipientsPerMessage", inbound="small")


def test_max_hop_count(two):
    small, usual, _ = two({"MaxHopCount": 2}, {"MaxHopCount": 4})
    message = b"Received: by a; now\r\n" * 3 + b"\r\nx\r\n"
    for client, code in ((small, 554), (usual, 250)):
        client.ehlo()
        assert client.message(message) == code


def test_max_protocol_errors(two):
    """Until MAIL the gateway's hold, for until then the connector is not known."""
    small, usual, gateway = two({"MaxProtocolErrors": 2}, {"MaxProtocolErrors": 4})
    for client, most in ((small, 2), (usual, 4)):
        client.ehlo()
        client.command("MAIL FROM:<a@contoso.com>")
        for _ in range(most - 1):
            assert client.command("NONSENSE") == 500
        assert client.command("NONSENSE") == 500
        assert client.reply() == (421, "4.7.0")
        assert client.closed_by_peer()
    assert gateway.wait_for("limit-reached", bound="MaxProtocolErrors", inbound="small")


def test_the_gateways_errors_count_before_mail(two):
    small, _, _ = two({"MaxProtocolErrors": 9}, {"MaxProtocolErrors": 2})
    assert small.command("NONSENSE") == 500
    assert small.command("NONSENSE") == 500
    assert small.reply() == (421, "4.7.0")


def test_max_junk_commands(two):
    """RFC 5321 wants NOOP and RSET answered; not for ever. A message makes them forgotten."""
    small, _, gateway = two({"MaxJunkCommands": 5}, {})
    small.ehlo()
    assert small.message(b"x\r\n") == 250
    for _ in range(5):
        assert small.command("NOOP") == 250
    assert small.command("NOOP") == (421, "4.7.0")
    assert small.closed_by_peer()
    assert gateway.wait_for("limit-reached", bound="MaxJunkCommands")


def test_messages_are_no_junk(two):
    small, _, _ = two({"MaxJunkCommands": 3}, {})
    small.ehlo()
    for _ in range(6):
        assert small.command("RSET") == 250
        assert small.message(b"x\r\n") == 250
