# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "the new one is wholly checked before it replaces the old; when it is refused the old
stays and the command fails"."""

import signal

import pytest

from harness import xml
from harness.gateway import free_port


def to(gateway, far):
    """The gateway's outbound connector leads to that cloud after the next reload."""
    gateway.connectors = [xml.inbound(), xml.outbound(hosts=[far.host])]


def test_a_good_one_is_in_force_when_the_command_returns(plain, cloud):
    gateway, old = plain()
    new = cloud(trust=None)
    to(gateway, new)
    assert gateway.reload().exit == 0
    assert gateway.wait_for("reloaded")
    assert gateway.send() == 250
    assert not old.messages and len(new.messages) == 1


def test_sighup_does_the_same(plain, cloud):
    gateway, old = plain()
    new = cloud(trust=None)
    to(gateway, new)
    gateway.configure()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reloaded")
    assert gateway.send() == 250
    assert not old.messages and len(new.messages) == 1


def test_a_refused_one_fails_with_78_and_changes_nothing(plain):
    gateway, far = plain()
    gateway.files["outbound/broken.xml"] = "<OutboundConnector>\n<Nonsense>"
    done = gateway.reload()
    assert done.exit == 78
    assert "broken.xml" in done.err
    event = gateway.wait_for("reload-refused")
    assert event["level"] == "error"
    assert gateway.send() == 250


def test_sighup_with_a_broken_folder_changes_nothing(plain):
    gateway, far = plain()
    (gateway.directory / "postern.xml").write_text("")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reload-refused")
    assert gateway.send() == 250


def test_a_connector_taken_away_is_gone(plain):
    gateway, far = plain()
    gateway.connectors = [xml.inbound(SenderIPAddresses=["10.0.0.1"]), gateway.connectors[1]]
    assert gateway.reload().exit == 0
    with gateway.client() as client:
        client.ehlo()
        assert client.command("MAIL FROM:<alice@contoso.com>") == (550, "5.7.1")


def test_a_session_in_flight_keeps_the_old(plain, cloud):
    gateway, old = plain()
    new = cloud(trust=None)
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"first half\r\n")
    to(gateway, new)
    assert gateway.reload().exit == 0
    client.send(b"second half\r\n.\r\n")
    assert client.reply() == 250
    assert old.last.rest == b"first half\r\nsecond half\r\n"
    assert gateway.send() == 250
    assert len(new.messages) == 1


def test_a_new_listener_answers_and_an_old_one_does_not(plain):
    gateway, far = plain(listeners=2)
    first, second = gateway.ports
    third = free_port()
    gateway.ports = [first, third]
    assert gateway.reload().exit == 0
    assert gateway.client(third).greeting == 220
    assert gateway.client(first).greeting == 220
    with pytest.raises(ConnectionRefusedError):
        gateway.client(second)


def test_twenty_reloads_under_load_lose_nothing(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    for number in range(20):
        gateway.signal(signal.SIGHUP)
        assert client.message(b"%d\r\n" % number) == 250
    gateway.wait_for("reloaded")
    assert [message.rest for message in far.messages] == [b"%d\r\n" % n for n in range(20)]


def test_descriptors_do_not_grow_with_reloads(plain):
    gateway, far = plain()
    assert gateway.reload().exit == 0
    before = gateway.descriptors()
    for _ in range(10):
        assert gateway.reload().exit == 0
    assert gateway.descriptors() <= before + 1
