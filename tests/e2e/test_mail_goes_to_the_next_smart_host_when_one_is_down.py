# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "SmartHosts (several, with ports, tried in order, next one when one is down)"."""

import pytest

from harness import xml
from harness.cloud import drop, reset, silence


def send_to(postern, hosts):
    gateway = postern(xml.inbound(), xml.outbound(hosts=hosts))
    return gateway.send()


def test_the_first_is_used_while_it_is_well(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    gateway = postern(xml.inbound(), xml.outbound(hosts=[one.host, two.host]))
    assert [gateway.send().code for _ in range(3)] == [250] * 3
    assert len(one.messages) == 3 and not two.connections


def test_a_closed_port_is_passed_over(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    one.go_down()
    assert send_to(postern, [one.host, two.host]) == 250
    assert len(two.messages) == 1


@pytest.mark.parametrize(
    "step, action",
    [
        ("CONNECT", reset),
        ("CONNECT", drop),
        ("CONNECT", "421 4.3.2 Closing"),
        ("CONNECT", "554 5.3.2 No SMTP service here"),
        ("CONNECT", b"\x00\xffrubbish\r\n"),
        ("EHLO", reset),
        ("EHLO", "421 4.3.2 Closing"),
        ("EHLO", b"250-broken\n250 lines\n"),
    ],
)
def test_a_host_that_cannot_talk_is_passed_over(postern, cloud, step, action):
    one, two = cloud(trust=None), cloud(trust=None)
    one.on(step, action)
    assert send_to(postern, [one.host, two.host]) == 250
    assert one.connections and len(two.messages) == 1


def test_a_host_that_never_answers_is_passed_over(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    one.on("CONNECT", silence)
    connector = xml.outbound(
        hosts=[one.host, two.host], ConnectionInactivityTimeOut="00:00:01"
    )
    assert postern(xml.inbound(), connector).send() == 250
    assert one.connections and len(two.messages) == 1


def test_a_name_that_does_not_resolve_is_passed_over(postern, cloud):
    two = cloud(trust=None)
    assert send_to(postern, ["no-such-host.invalid:25", two.host]) == 250


def test_when_all_are_down_the_sender_is_told_to_come_back(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    one.go_down()
    two.on("CONNECT", "421 4.3.2 Closing")
    gateway = postern(xml.inbound(), xml.outbound(hosts=[one.host, two.host]))
    client = gateway.client()
    client.ehlo()
    reply = client.attempt()
    assert 400 <= reply.code < 500 and reply.enhanced.startswith("4.")
    assert gateway.wait_for("next-hop-failed", outbound="tenant")["cure"]
    assert client.command("RSET") == 250


def test_it_is_used_again_when_it_is_back(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    one.once("CONNECT", "421 4.3.2 Restarting")
    gateway = postern(
        xml.inbound(),
        xml.outbound(hosts=[one.host, two.host], SmtpMaxMessagesPerConnection=1),
    )
    assert gateway.send() == 250
    assert len(two.messages) == 1
    # How long a host that failed is left alone is ours to choose; that it comes back is not.
    for _ in range(400):
        assert gateway.send() == 250
        if one.messages:
            return
    raise AssertionError("the first host was never tried again")


def test_a_failed_verdict_is_not_a_host_that_is_down(postern, cloud, pki):
    """The second host is as much part of the connector: it may well have the right certificate."""
    one, two = cloud(pki.stranger()), cloud()
    connector = xml.tenant(one)
    connector.elements["SmartHosts"] = [one.host, two.host]
    gateway = postern(xml.inbound(), connector)
    assert gateway.send() == 250
    assert not one.seen and len(two.messages) == 1
    assert gateway.wait_for("peer-refused")
