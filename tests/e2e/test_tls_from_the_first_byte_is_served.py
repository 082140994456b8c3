# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A Listener with ImplicitTls (RFC 8314, port 465): the handshake comes first, then the greeting."""

import socket

import pytest

from harness import xml
from harness.client import Client, Closed


@pytest.fixture
def implicit(plain):
    def make(**more):
        gateway, far = plain(**more)
        gateway.files["postern.xml"] = gateway.main_file().replace(
            f'Address="127.0.0.1:{gateway.port}"',
            f'Address="127.0.0.1:{gateway.port}" ImplicitTls="true"')
        gateway.configure()
        assert gateway.ctl("reload").exit == 0
        return gateway, far

    return make


def connect(gateway, **options):
    client = Client(("127.0.0.1", gateway.port), greet=False)
    client.handshake(**options)
    client.greeting = client.reply()
    return client


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_message_crosses(implicit, version):
    gateway, far = implicit(inbound={"RequireTls": True})
    client = connect(gateway, minimum=version, maximum=version)
    assert client.greeting == 220
    offers = client.ehlo()
    assert "STARTTLS" not in offers and "PIPELINING" in offers
    assert client.message() == 250
    event = gateway.wait_for("message")
    assert event["client-tls"] == f"TLSv{version}"
    assert b"with ESMTPS" in far.messages[0].content


def test_starttls_inside_is_refused(implicit):
    gateway, far = implicit()
    client = connect(gateway)
    client.ehlo()
    assert client.command("STARTTLS") == (503, "5.5.1")


def test_nothing_is_said_in_the_clear(implicit):
    gateway, far = implicit()
    client = Client(("127.0.0.1", gateway.port), greet=False)
    client.socket.settimeout(0.3)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)
    client.socket.settimeout(30)
    client.send(b"EHLO x\r\n")
    heard = b""
    try:
        while True:
            heard += client.receive()
    except Closed:
        pass
    assert b"220" not in heard and b"250" not in heard, heard
    assert gateway.wait_for("tls-failed")


def test_a_clients_certificate_counts(postern, cloud, pki):
    far = cloud(trust=None)
    mine = pki.root.issue("CN=mail.protection.outlook.com", ["mail.protection.outlook.com"])
    gateway = postern(xml.from_cloud(), xml.outbound(hosts=[far.host]))
    gateway.files["postern.xml"] = gateway.main_file().replace(
        f'Address="127.0.0.1:{gateway.port}"',
        f'Address="127.0.0.1:{gateway.port}" ImplicitTls="true"')
    gateway.configure()
    assert gateway.ctl("reload").exit == 0
    client = connect(gateway, certificate=mine)
    client.ehlo()
    assert client.message() == 250
    stranger = connect(gateway)
    stranger.ehlo()
    assert stranger.command("MAIL FROM:<a@contoso.com>").code in (530, 550)


def test_without_a_certificate_the_log_says_why(plain):
    gateway, far = plain(certificates={})
    gateway.files["postern.xml"] = gateway.main_file().replace(
        f'Address="127.0.0.1:{gateway.port}"',
        f'Address="127.0.0.1:{gateway.port}" ImplicitTls="true"')
    gateway.configure()
    told = gateway.ctl("reload")
    assert told.exit == 78, "refused before anybody meets it"
    assert "ImplicitTls" in told.out and "Certificate" in told.out
