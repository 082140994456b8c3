# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: MaxInboundConnection and MaxInboundConnectionPerSource. RFC 5321 3.1, RFC 3463: 421 4.3.2."""

import pytest

from harness import xml
from harness.waiting import wait_until


def admitted(gateway, source):
    client = gateway.client(source=source)
    client.ehlo()
    return client.command("MAIL FROM:<a@contoso.com>"), client


def test_one_address_has_its_share_at_the_greeting(plain):
    gateway, _ = plain(gateway={"MaxInboundConnectionPerSource": 2, "Workers": 2})
    first, second = (gateway.client(source="127.0.0.2") for _ in range(2))
    third = gateway.client(source="127.0.0.2")
    assert third.greeting == (421, "4.3.2")
    assert third.closed_by_peer()
    assert gateway.client(source="127.0.0.3").greeting == 220
    assert gateway.wait_for("limit-reached", bound="MaxInboundConnectionPerSource")
    first.command("QUIT")
    wait_until(lambda: gateway.client(source="127.0.0.2").greeting == 220, "its place")
    assert second.command("NOOP") == 250


@pytest.fixture
def narrow(postern, cloud):
    def make(**limits):
        far = cloud(trust=None)
        return postern(
            xml.inbound("narrow", SenderIPAddresses=["127.0.0.2", "127.0.0.3"], **limits),
            xml.inbound("wide"),
            xml.outbound(hosts=[far.host]),
            gateway={"Workers": 2},
        )

    return make


def test_a_connector_has_so_many_sessions_of_all_addresses(narrow):
    gateway = narrow(MaxInboundConnection=2)
    one, _ = admitted(gateway, "127.0.0.2")
    two, client = admitted(gateway, "127.0.0.3")
    three, full = admitted(gateway, "127.0.0.3")
    assert (one.code, two.code) == (250, 250)
    assert three == (421, "4.3.2")
    assert full.closed_by_peer()
    assert admitted(gateway, "127.0.0.4")[0] == 250, "another connector is not concerned"
    assert client.command("RSET") == 250
    assert client.command("MAIL FROM:<a@contoso.com>") == 250, "the session has its place already"
    client.command("QUIT")
    wait_until(lambda: admitted(gateway, "127.0.0.3")[0] == 250, "the place that became free")


def test_a_connector_has_so_many_sessions_of_one_address(narrow):
    gateway = narrow(MaxInboundConnectionPerSource=1)
    assert admitted(gateway, "127.0.0.2")[0] == 250
    assert admitted(gateway, "127.0.0.2")[0] == (421, "4.3.2")
    assert admitted(gateway, "127.0.0.3")[0] == 250
    assert gateway.wait_for("limit-reached", inbound="narrow")
