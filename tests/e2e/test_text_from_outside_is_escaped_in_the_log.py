# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""log.h: "no control character, no line end and no escape sequence ever reaches the log". Threats
C14 (log forging), C16 (format strings)."""

import pytest

from harness.pki import Authority

NASTY = "\x1b[31m\x07\x00\xff%n%s%x${run}$(id)\"=\\ event=message"


def assert_clean(gateway):
    for line in gateway.lines:
        assert all(" " <= letter < "\x7f" for letter in line), line
        assert line.startswith("time="), line


@pytest.mark.parametrize("command", ["EHLO {}", "HELO {}", "MAIL FROM:<{}@contoso.com>", "{}"])
def test_a_command(plain, command):
    gateway, far = plain(level=7)
    client = gateway.client()
    if "MAIL" in command:
        client.ehlo()
    client.command(command.format(NASTY))
    client.command("QUIT")
    assert gateway.send() == 250
    gateway.wait_for("message")
    assert_clean(gateway)


def test_a_recipient(plain):
    gateway, far = plain(level=7)
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    client.command(f'RCPT TO:<"{NASTY}"@example.com>')
    client.command('RCPT TO:<"%n%s${x}"@example.com>')
    client.command("RSET")
    assert client.message() == 250
    gateway.wait_for("message")
    assert_clean(gateway)


def test_a_next_hops_reply(plain):
    gateway, far = plain(level=7)
    far.once(".", ("554 5.7.1 " + NASTY + "\r\n").encode("latin-1"))
    reply = gateway.send()
    assert reply == 554 or reply.code // 100 == 4
    assert all(byte >= 32 or byte in b"\r\n" for byte in reply.raw)
    gateway.wait_for("message")
    assert_clean(gateway)


def test_the_subject_of_a_certificate(line, pki, tmp_path):
    name = "CN=evil\x1b[2J\nevent=message %n,O=x"
    stranger = Authority(tmp_path, name).issue(name, ["mail.protection.outlook.com"])
    gateway, far = line(cloud_options={"credential": stranger}, level=7)
    client = gateway.client()
    client.ehlo()
    client.send(b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\n")
    client.reply()
    client.reply()
    assert gateway.wait_for("peer-refused")
    assert_clean(gateway)
    assert len(gateway.events("message")) <= 1


def test_format_characters_cross_unchanged(plain):
    gateway, far = plain()
    odd = "%n%s${run}'`!#&*/=?^_{|}~@example.com"
    assert gateway.send(b"%n%s\r\n", sender="%s%n@contoso.com", recipients=[odd]) == 250
    assert far.last.mail.startswith("MAIL FROM:<%s%n@contoso.com>")
    assert far.last.recipients == [f"RCPT TO:<{odd}>"]
    assert far.last.rest == b"%n%s\r\n"
