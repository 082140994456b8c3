# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""SourceIPAddress: where a connection to the next hop comes from, for each kind of address."""

from harness import xml


def test_the_address_is_the_one_the_next_hop_sees(plain):
    gateway, far = plain(outbound={"SourceIPAddress": "127.0.0.77"})
    assert gateway.send() == 250
    assert far.last.connection.peer == "127.0.0.77"


def test_each_kind_of_address_has_its_own(postern, cloud):
    four, six = cloud(trust=None), cloud(trust=None, address="::1")
    sources = ["127.0.0.78", "::1"]
    gateway = postern(
        xml.inbound(),
        xml.outbound("four", [four.host], RecipientDomains=["four.example"], SourceIPAddress=sources),
        xml.outbound("six", [six.host], RecipientDomains=["six.example"], SourceIPAddress=sources),
    )
    assert gateway.send(recipients=["a@four.example"]) == 250
    assert gateway.send(recipients=["a@six.example"]) == 250
    assert (four.last.connection.peer, six.last.connection.peer) == ("127.0.0.78", "::1")


def test_a_kind_without_source_address_is_not_used(postern, cloud):
    six, four = cloud(trust=None, address="::1"), cloud(trust=None)
    connector = xml.outbound(hosts=[six.host, four.host], SourceIPAddress="127.0.0.79")
    gateway = postern(xml.inbound(), connector)
    assert gateway.send() == 250
    assert four.last.connection.peer == "127.0.0.79" and not six.connections
    assert "IPv6" in gateway.wait_for("next-hop-failed", outbound="tenant")["error"]


def test_an_address_that_is_not_ours_is_told_with_its_cure(plain):
    gateway, far = plain(outbound={"SourceIPAddress": "192.0.2.25"})
    assert gateway.attempt() == (451, "4.4.1")
    told = gateway.wait_for("next-hop-failed", outbound="tenant")
    assert "192.0.2.25" in told["error"] and "SourceIPAddress" in told["cure"]
    assert not far.connections


def test_two_of_one_kind_are_refused(postern):
    gateway = postern(
        xml.inbound(),
        xml.outbound(hosts=["mail.example"], SourceIPAddress=["192.0.2.1", "192.0.2.2"]),
        start=False,
    )
    done = gateway.check()
    assert done.returncode == 78 and "twice for one kind" in done.stderr + done.stdout
