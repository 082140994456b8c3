# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A message that is being carried when the certificate is switched goes on over the connection it began
on; that connection carries no other, and one that only waits is closed politely."""

from harness.waiting import wait_until


def rotate(gateway, pki):
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    done = gateway.ctl("cert", "rotate", "hybrid", str(renewed.chain), "--key", str(renewed.key))
    assert done.exit == 0, done
    return renewed


def test_a_message_half_way_goes_on(pki, line):
    gateway, cloud = line()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"Subject: half\r\n\r\nbefore\r\n")
    wait_until(lambda: cloud.connections and cloud.connections[0].messages, "the first half")
    renewed = rotate(gateway, pki)
    client.send(b"after\r\n.\r\n")
    assert client.reply().code == 250
    first = cloud.last.connection
    assert first.number == 1 and first.certificate == pki.gateway.der
    assert cloud.last.content.endswith(b"before\r\nafter\r\n")
    # The next message of the same session is carried by another.
    assert client.message().code == 250
    assert cloud.last.connection.certificate == renewed.der
    wait_until(lambda: first.finished, "the old connection's end")
    assert first.commands[-1] == "QUIT" and len(first.messages) == 1


def test_a_connection_that_waits_is_closed_politely(pki, line):
    gateway, cloud = line()
    assert gateway.send().code == 250
    waiting = cloud.last.connection
    rotate(gateway, pki)
    wait_until(lambda: waiting.finished, "the waiting connection's end")
    assert waiting.commands[-1] == "QUIT" and waiting.error is None
