# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Bindings, AssociatedAcceptedDomains and Fqdn of an inbound connector."""

from harness import xml
from harness.gateway import free_port


def test_a_connector_takes_clients_of_its_bindings_only(postern, cloud):
    far = cloud(trust=None)
    gateway = postern(
        xml.outbound(hosts=[far.host]),
        listeners=2,
        start=False,
    )
    bound = xml.inbound(
        "bound", SenderIPAddresses=["127.0.0.1"], Fqdn="second.contoso.com",
        Bindings=[f"127.0.0.1:{gateway.ports[1]}"],
    )
    gateway.connectors.append(bound)
    gateway.start()
    first, second = (gateway.client(port=port) for port in gateway.ports)
    assert first.greeting.text.startswith("gw.contoso.com")
    assert second.greeting.text.startswith("second.contoso.com")
    first.ehlo(), second.ehlo()
    assert first.command("MAIL FROM:<a@contoso.com>") == (550, "5.7.1")
    assert second.command("MAIL FROM:<a@contoso.com>") == 250
    assert gateway.wait_for("sender-refused", closest="bound", condition="binding")


def test_a_binding_to_every_address_is_one_to_this(postern, cloud):
    far, port = cloud(trust=None), free_port()
    near = xml.inbound(SenderIPAddresses=["127.0.0.1"], Bindings=[f"0.0.0.0:{port}"])
    gateway = postern(near, xml.outbound(hosts=[far.host]), start=False)
    gateway.ports = [port]
    gateway.launch().wait_for("started")
    assert gateway.send() == 250


def test_the_senders_domain_is_one_associated(plain):
    gateway, _ = plain(
        inbound={
            "SenderIPAddresses": ["127.0.0.1"],
            "AssociatedAcceptedDomains": ["contoso.com", "*.contoso.com"],
        }
    )
    for sender, code in (("a@contoso.com", 250), ("a@x.contoso.com", 250), ("", 250), ("a@b.c", 550)):
        client = gateway.client()
        client.ehlo()
        reply = client.command(f"MAIL FROM:<{sender}>")
        assert reply == code, sender


def test_fqdn_is_our_name_in_greeting_ehlo_and_received(postern, cloud):
    far = cloud(trust=None)
    gateway = postern(
        xml.inbound("anyone"),
        xml.inbound("devices", SenderIPAddresses=["127.0.0.2"], Fqdn="relay.contoso.com"),
        xml.outbound(hosts=[far.host]),
    )
    client = gateway.client(source="127.0.0.2")
    assert client.greeting.text.startswith("relay.contoso.com ")
    assert client.command("EHLO x").lines[0] == "relay.contoso.com"
    assert client.command("HELO x").lines[0] == "relay.contoso.com"
    assert gateway.client(source="127.0.0.3").greeting.text.startswith("gw.contoso.com ")


def test_the_received_line_has_the_admitting_connectors_name(plain):
    gateway, far = plain(inbound={"Fqdn": "relay.contoso.com"})
    assert gateway.send() == 250
    assert b"\r\n\tby relay.contoso.com (" in far.last.content
