# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol, versions 1 and 2: from the balancers that a Listener names, and from nobody else.
The client's address behind the balancer is the one that connectors, the log and Received speak of."""

import socket
import struct
import time

import pytest

from harness import xml
from harness.client import Client, Closed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def one(client, ours="192.0.2.25"):
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {ours} 56324 25\r\n".encode()


def two(client, ours="192.0.2.25", extra=b""):
    family = socket.AF_INET6 if ":" in client else socket.AF_INET
    body = socket.inet_pton(family, client) + socket.inet_pton(family, ours)
    body += struct.pack("!HH", 56324, 25) + extra
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return SIGNATURE + bytes([0x21, kind]) + struct.pack("!H", len(body)) + body


@pytest.fixture
def behind(plain):
    """behind(…) → (gateway, cloud): 127.0.0.2 is a balancer, 10.1.0.5 and 2001:db8::5 may send."""

    def make(balancers=("127.0.0.2",), attributes="", **more):
        gateway, far = plain(
            inbound={"SenderIPAddresses": ["10.1.0.5", "2001:db8::5", "127.0.0.1"]}, **more)
        ranges = "".join(f"<Range>{one}</Range>" for one in balancers)
        port = gateway.port
        gateway.files["postern.xml"] = gateway.main_file().replace(
            f'<Listener Address="127.0.0.1:{port}"/>',
            f'<Listener Address="127.0.0.1:{port}"{attributes}>'
            f"<ProxyProtocol>{ranges}</ProxyProtocol></Listener>")
        gateway.configure()
        assert gateway.ctl("reload").exit == 0
        return gateway, far

    return make


def connect(gateway, header, *segments, source="127.0.0.2"):
    client = Client(("127.0.0.1", gateway.port), source=source, greet=False)
    client.send(header, *segments)
    return client


def assert_refused(gateway, header):
    client = Client(("127.0.0.1", gateway.port))
    client.send(header + b"EHLO x\r\nQUIT\r\n")
    replies = []
    try:
        while True:
            replies.append(client.reply())
    except Closed:
        pass
    assert not any(reply.code == 250 for reply in replies), replies


def send(client):
    client.ehlo()
    return client.message()


@pytest.mark.parametrize("header", [
    one("10.1.0.5"), two("10.1.0.5"), two("10.1.0.5", extra=b"\x04\0\x03abc"),
    one("2001:db8::5", "2001:db8::1"), two("2001:db8::5", "2001:db8::1"),
], ids=["one", "two", "two-with-more", "one-six", "two-six"])
def test_the_clients_own_address_counts(behind, header):
    gateway, far = behind()
    client = connect(gateway, header)
    assert client.reply() == 220
    assert send(client) == 250
    event = gateway.wait_for("message")
    assert event["client"] in ("10.1.0.5", "2001:db8::5") and event["balancer"] == "127.0.0.2"
    assert event["client"].encode() in far.messages[0].content.split(b"\r\n\r\n")[0]
    assert b"127.0.0.2" not in far.messages[0].content


@pytest.mark.parametrize("header", [one("10.9.9.9"), two("10.9.9.9")], ids=["one", "two"])
def test_a_stranger_behind_the_balancer_stays_one(behind, header):
    gateway, far = behind()
    client = connect(gateway, header)
    assert client.reply() == 220
    client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com>").code == 550
    event = gateway.wait_for("sender-refused")
    assert event["client"] == "10.9.9.9"


@pytest.mark.parametrize("header", [one("10.1.0.5"), two("10.1.0.5")], ids=["one", "two"])
def test_a_byte_at_a_time(behind, header):
    gateway, far = behind()
    client = connect(gateway, header[:1], *(header[i:i + 1] for i in range(1, len(header))))
    assert client.reply() == 220 and send(client) == 250


def test_nothing_is_said_before_the_header_is_whole(behind):
    gateway, far = behind()
    client = connect(gateway, one("10.1.0.5")[:-1])
    client.socket.settimeout(0.3)
    with pytest.raises(socket.timeout):
        client.socket.recv(1)
    client.socket.settimeout(30)
    client.send(b"\n")
    assert client.reply() == 220


@pytest.mark.parametrize("header", [
    b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x20\0\0\0", SIGNATURE + b"\x21\0\0\0",
], ids=["unknown", "local", "unspecified"])
def test_a_balancer_that_speaks_for_itself_has_its_own_address(behind, header):
    gateway, far = behind()
    client = connect(gateway, header)
    assert client.reply() == 220
    client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com>").code == 550, "127.0.0.2 may not send"


@pytest.mark.parametrize("header", [
    b"EHLO balancer\r\n", b"PROXY TCP4 10.1.0.5\r\n", b"PROXY TCP4 10.1.0.5 192.0.2.25 1 2\n",
    SIGNATURE + b"\x21\x11\xff\xff", SIGNATURE + b"\x31\x11\0\x0c" + bytes(12),
    b"PROXY " + b"x" * 200,
], ids=["none", "short", "bare-lf", "too-long", "version-3", "endless"])
def test_a_balancer_without_a_good_header_is_cut_off(behind, header):
    gateway, far = behind()
    client = connect(gateway, header)
    with pytest.raises(Closed):
        client.reply()
    assert gateway.wait_for("protocol-violation")
    assert gateway.send() == 250


@pytest.mark.parametrize("header", [one("10.1.0.5"), two("10.1.0.5")], ids=["one", "two"])
def test_nobody_else_may_say_such_a_thing(behind, header):
    gateway, far = behind()
    assert_refused(gateway, header)


@pytest.mark.parametrize("header", [one("10.1.0.5"), two("10.1.0.5")], ids=["one", "two"])
def test_a_header_on_a_listener_without_balancers(plain, header):
    gateway, far = plain()
    assert_refused(gateway, header)


def test_a_silent_balancer_does_not_hold_its_place_for_ever(behind):
    gateway, far = behind()
    client = connect(gateway, b"PROXY TCP4 ")
    begun = time.monotonic()
    with pytest.raises(Closed):
        client.reply()
    assert time.monotonic() - begun > 3
    assert gateway.ctl("status").json["sessions"]["open"] == 0


def test_who_is_no_balancer_is_greeted_as_ever(behind):
    gateway, far = behind()
    assert gateway.send() == 250


def test_a_reload_takes_the_balancer_away(behind):
    gateway, far = behind()
    del gateway.files["postern.xml"]
    gateway.configure()
    assert gateway.ctl("reload").exit == 0
    client = Client(("127.0.0.1", gateway.port), source="127.0.0.2")
    assert client.greeting == 220


@pytest.mark.parametrize("header", [one("10.1.0.5"), two("10.1.0.5")], ids=["one", "two"])
def test_with_tls_right_behind_it(behind, header):
    gateway, far = behind(attributes=' ImplicitTls="true"')
    client = connect(gateway, header)
    client.handshake()
    assert client.reply() == 220
    assert send(client) == 250
