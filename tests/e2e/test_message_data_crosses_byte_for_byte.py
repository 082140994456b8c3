# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "What crosses is byte for byte what came, apart from our Received: line on top"."""

import hashlib
import random

import pytest

CASES = {
    "empty": b"",
    "one empty line": b"\r\n",
    "no header": b"\r\njust a body\r\n",
    "no body": b"Subject: nothing follows\r\n",
    "not a header at all": b"this is no field\r\nnor is this\r\n",
    "eight bits": b"Subject: \xc3\xa9t\xc3\xa9\r\n\r\n" + bytes(range(128, 256)) + b"\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.a\r\n .\r\na.\r\n.",
    "dot first of all": b".Subject: dot\r\n\r\nx\r\n",
    "lines as long as RFC 5321 allows": b"Subject: long\r\n\r\n" + (b"x" * 998 + b"\r\n") * 50,
    "longest line of dots": b"\r\n" + b"." * 998 + b"\r\n",
    "control characters": b"X: \x01\x07\x1b[31m\x7f\r\n\r\n\x00\x08\x0b\x0c\r\n",
    "spaces at line ends": b"X: y  \r\n\r\n \t \r\n\t\r\n",
    "a folded Received of another": b"Received: from a\r\n\tby b; now\r\nSubject: x\r\n\r\n\r\n",
    "only dots and empty lines": b"\r\n.\r\n\r\n.\r\n\r\n",
}


def ended(content):
    return content if not content or content.endswith(b"\r\n") else content + b"\r\n"


@pytest.mark.parametrize("name", CASES)
def test_it_arrives_as_it_came(plain, name):
    gateway, far = plain()
    assert gateway.send(CASES[name]) == 250
    assert far.last.rest == ended(CASES[name])


def test_twenty_megabytes_arrive_as_they_came(line):
    """Over TLS, with lines of every length and a dot at the start of many."""
    chance = random.Random(2)
    rows = [
        bytes(chance.choices(b".abc \xfe", k=8)) * chance.randrange(120) + b"\r\n"
        for _ in range(45000)
    ]
    content = b"Subject: big\r\n\r\n" + b"".join(rows)
    assert len(content) > 20_000_000
    gateway, far = line()
    assert gateway.send(content) == 250
    assert len(far.last.rest) == len(content)
    assert hashlib.sha256(far.last.rest).digest() == hashlib.sha256(content).digest()


def test_it_arrives_as_it_came_a_byte_at_a_time(plain):
    content = CASES["dots"] + b"\r\nend\r\n"
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    wire = content.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    client.send(*(wire[i : i + 1] for i in range(len(wire))))
    assert client.reply() == 250
    assert far.last.rest == content
