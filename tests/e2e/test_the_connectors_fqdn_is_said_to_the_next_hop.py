# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Fqdn of an outbound connector: "EHLO name", before TLS and in it; HostName without."""

from harness import xml


def test_fqdn_is_the_name_in_every_ehlo(line):
    gateway, far = line(outbound={"Fqdn": "mail.contoso.com"})
    assert gateway.send() == 250
    assert far.last.connection.names == ["mail.contoso.com"] * 2


def test_a_helo_says_it_too(plain):
    gateway, far = plain(outbound={"Fqdn": "mail.contoso.com"})
    far.on("EHLO", "502 5.5.1 Not known here")
    assert gateway.send() == 250
    assert "HELO mail.contoso.com" in far.commands


def test_without_it_the_host_name_is_said(postern, cloud):
    one, two = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound(),
        xml.outbound("one", [one.host], RecipientDomains=["one.example"], Fqdn="a.contoso.com"),
        xml.outbound("two", [two.host], RecipientDomains=["two.example"]),
    )
    assert gateway.send(recipients=["a@one.example"]) == 250
    assert gateway.send(recipients=["a@two.example"]) == 250
    assert one.last.connection.names == ["a.contoso.com"]
    assert two.last.connection.names == ["gw.contoso.com"]
