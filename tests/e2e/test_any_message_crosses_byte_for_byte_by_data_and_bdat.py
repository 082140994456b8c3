# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "what crosses is what came. Property tests over random messages (8-bit, binary, dots, empty,
no final line end, 100 MB, one-byte segments, BDAT of all sizes including 0 and LAST 0), through
DATA→DATA, DATA→BDAT, BDAT→DATA, BDAT→BDAT, compare hashes at the far end." """

import hashlib
import os
import random

import pytest

from harness.client import dot_stuff

SEED = int(os.environ.get("POSTERN_TEST_SEED", "20260611"))
CHUNKING = ["PIPELINING", "SIZE 0", "8BITMIME", "CHUNKING", "BINARYMIME"]
DATA = ["PIPELINING", "SIZE 0", "8BITMIME"]
WAYS = [(near, far) for near in ("DATA", "BDAT") for far in ("DATA", "BDAT")]


def text(chance):
    """Lines of every length, with dots where they hurt."""
    kinds = (b"", b".", b"..", b". ", b".a\x00", b"\xc3\xa9", b"From x", bytes(range(128, 256)))
    rows = []  # the first is a field: a line that begins with a space would go on with our Received
    for number in range(chance.randrange(40)):
        row = b"" if number else b"X: "
        row += chance.choice(kinds) + bytes(chance.choices(b".ab \x01\xff", k=chance.randrange(200)))
        rows.append(row * chance.choice((1, 1, 1, 5)) + b"\r\n")
    return b"".join(rows)


def pieces(chance, content, most):
    """The content cut at random; some pieces are empty, and so may be the last."""
    cut = []
    while content:
        size = chance.choice((0, 1, 1, 2, 3, chance.randrange(most), most))
        cut.append(content[:size])
        content = content[size:]
    return cut + [b""] * chance.randrange(3) or [b""]


def send(client, near, chance, content, more=""):
    assert (reply := client.command(f"MAIL FROM:<alice@contoso.com>{more}")) == 250, reply
    assert client.command("RCPT TO:<bob@example.com>") == 250
    if near == "DATA":
        assert client.command("DATA") == 354
        client.send(*pieces(chance, dot_stuff(content), 4000))
        return client.reply()
    chunks = pieces(chance, content, chance.choice((10, 1000, 100_000)))
    for chunk in chunks[:-1]:
        assert (reply := client.chunk(chunk)) == (250, "2.0.0"), reply
    return client.chunk(chunks[-1], last=True)


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("near, far", WAYS)
def test_random_messages(plain, near, far):
    chance = random.Random(f"{SEED} {near} {far}")
    print("seed", SEED)
    gateway, cloud = plain()
    cloud.offers[:] = CHUNKING if far == "BDAT" else DATA
    client = gateway.client()
    client.ehlo()
    for number in range(60):
        content = text(chance)
        assert send(client, near, chance, content, " BODY=8BITMIME") == 250
        assert digest(cloud.last.rest) == digest(content), f"message {number} of seed {SEED}"
        assert (cloud.last.chunks is not None) == (far == "BDAT")
    assert len(cloud.messages) == 60


@pytest.mark.parametrize("far", ["DATA", "BDAT"])
def test_a_message_without_a_last_line_end(plain, far):
    """By BDAT it stays without; DATA has no way to say so, and gets the line end."""
    gateway, cloud = plain()
    cloud.offers[:] = CHUNKING if far == "BDAT" else DATA
    client = gateway.client()
    client.ehlo()
    assert send(client, "BDAT", random.Random(SEED), b"Subject: x\r\n\r\nno end") == 250
    assert cloud.last.rest == b"Subject: x\r\n\r\nno end" + (b"" if far == "BDAT" else b"\r\n")


def test_random_bytes_as_binarymime(plain):
    chance = random.Random(SEED)
    print("seed", SEED)
    gateway, cloud = plain()
    cloud.offers[:] = CHUNKING
    client = gateway.client()
    client.ehlo()
    for number in range(30):
        body = chance.choice((b"", b"\r", b"\n.\n", b"\r\n.\r\n", chance.randbytes(200_000)))
        content = b"Subject: x\r\n\r\n" + body + chance.randbytes(chance.randrange(300))
        assert send(client, "BDAT", chance, content, " BODY=BINARYMIME") == 250
        assert "BODY=BINARYMIME" in cloud.last.mail
        assert digest(cloud.last.rest) == digest(content), f"message {number} of seed {SEED}"


@pytest.mark.parametrize("near, far", WAYS)
def test_one_byte_at_a_time(plain, near, far):
    content = b".Subject: dots\r\n\r\n.\r\n..\r\n\xff\x00.\r\n.end\r\n"
    gateway, cloud = plain()
    cloud.offers[:] = CHUNKING if far == "BDAT" else DATA
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<alice@contoso.com>") == 250
    assert client.command("RCPT TO:<bob@example.com>") == 250
    if near == "DATA":
        wire = b"DATA\r\n" + dot_stuff(content)
    else:
        wire = b"".join(b"BDAT 1\r\n%c" % byte for byte in content) + b"BDAT 0 LAST\r\n"
    client.send(*(wire[i : i + 1] for i in range(len(wire))))
    codes = [client.reply().code for _ in range(2 if near == "DATA" else len(content) + 1)]
    assert codes[-1] == 250 and set(codes[:-1]) == ({354} if near == "DATA" else {250})
    assert cloud.last.rest == content


def test_chunks_wait_for_their_replies_where_pipelining_is_not_offered(plain):
    """RFC 3030 4.2 with RFC 2920."""
    chance = random.Random(SEED)
    gateway, cloud = plain()
    cloud.offers[:] = ["CHUNKING", "8BITMIME"]
    cloud.on("BDAT", lambda one: one.send(b"" if one.buffer else b"250 2.0.0 Alone\r\n"))
    content = b"".join(chance.choices((b"x" * 70 + b"\r\n", b".\r\n"), k=20_000))
    assert gateway.send(content) == 250
    assert digest(cloud.last.rest) == digest(content)
    assert len(cloud.last.chunks) > 3


@pytest.mark.parametrize("near, far", WAYS)
def test_a_hundred_megabytes(plain, near, far):
    row = b".2345678 0123456\xff" * 15 + b"\r\n"
    block = row * 2000
    gateway, cloud = plain()
    cloud.offers[:] = CHUNKING if far == "BDAT" else DATA
    seen, sent = hashlib.sha256(), hashlib.sha256()
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<alice@contoso.com>") == 250
    assert client.command("RCPT TO:<bob@example.com>") == 250
    count = 100_000_000 // len(block) + 1
    stuffed = dot_stuff(block)[: -len(b".\r\n")]
    if near == "DATA":
        assert client.command("DATA") == 354
    for _ in range(count):
        sent.update(block)
        if near == "DATA":
            client.send(stuffed)
        else:
            client.send(b"BDAT %d\r\n" % len(block) + block)
    if near == "BDAT":
        assert all(client.reply() == 250 for _ in range(count))
    client.send(b".\r\n" if near == "DATA" else b"BDAT 0 LAST\r\n")
    assert client.reply() == 250
    seen.update(cloud.last.rest)
    assert seen.hexdigest() == sent.hexdigest()
