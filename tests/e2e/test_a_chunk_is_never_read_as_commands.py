# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 3030; threats C3: "BDAT 0, BDAT 0 LAST, BDAT 18446744073709551615, BDAT inside DATA, close_notify
in mid-chunk then more bytes"."""

import ssl

import pytest

EVIL = b"MAIL FROM:<evil@contoso.com>\r\nRCPT TO:<v@example.com>\r\nBDAT 3 LAST\r\nevil"


@pytest.fixture(params=["DATA", "BDAT"])
def ready(plain, request):
    gateway, far = plain()
    if request.param == "BDAT":
        far.offers.append("CHUNKING")
    client = gateway.client()
    client.ehlo()
    client.gateway, client.far = gateway, far
    return client


def begin(client):
    assert client.command("MAIL FROM:<alice@contoso.com>") == 250
    assert client.command("RCPT TO:<bob@example.com>") == 250


def no_evil(client):
    assert client.command("NOOP") == 250, "one reply for one chunk"
    assert not any("evil" in line for line in client.far.commands)


def test_an_empty_message(ready):
    begin(ready)
    assert ready.chunk(b"", last=True) == 250
    assert ready.far.last.rest == b""


def test_empty_chunks(ready):
    begin(ready)
    for piece in (b"", b"a\r", b"", b"\nb\r\n", b""):
        assert ready.chunk(piece) == (250, "2.0.0")
    assert ready.chunk(b"", last=True) == 250
    assert ready.far.last.rest == b"a\r\nb\r\n"


@pytest.mark.parametrize("size", ["18446744073709551615", "9223372036854775808", "x", "", "-1", "5 LAS"])
def test_a_length_that_nobody_can_count_ends_the_session(ready, size):
    begin(ready)
    ready.send(f"BDAT {size}\r\n".encode() + EVIL)
    assert ready.reply() == (501, "5.5.4")
    assert ready.closed_by_peer()
    assert not any("evil" in line for line in ready.far.commands)
    assert not ready.far.messages


def test_more_than_we_take_is_read_to_its_end(plain):
    gateway, far = plain(gateway={"MaxMessageSize": "2000"})
    client = gateway.client()
    client.ehlo()
    client.far = far
    begin(client)
    assert client.chunk(EVIL * 200) == (552, "5.3.4")
    assert client.chunk(EVIL) == (503, "5.5.1")
    no_evil(client)
    assert not far.messages
    begin(client)
    assert client.chunk(b"x\r\n", last=True) == 250


def test_without_a_transaction(ready):
    assert ready.chunk(EVIL) == (503, "5.5.1")
    no_evil(ready)


def test_without_a_recipient(ready):
    ready.far.on("RCPT", "550 5.1.1 Nobody")
    assert ready.command("MAIL FROM:<alice@contoso.com>") == 250
    assert ready.command("RCPT TO:<bob@example.com>") == 550
    assert ready.chunk(EVIL, last=True) == (554, "5.5.1")
    no_evil(ready)


def test_a_refused_chunk_has_one_reply_and_the_next_has_none_to_go_to(plain):
    gateway, far = plain()
    far.on("DATA", "451 4.3.0 Not now")
    client = gateway.client()
    client.ehlo()
    client.far = far
    begin(client)
    assert client.chunk(EVIL) == (451, "4.3.0")
    assert client.chunk(EVIL, last=True) == (503, "5.5.1")
    no_evil(client)


@pytest.mark.parametrize("bad", [b"a\nb\r\n", b"a\rb\r\n", b"a\r", b"a\n.\r\n", b"x" * 70_000])
def test_a_line_end_that_data_may_not_hold_is_refused(ready, bad):
    begin(ready)
    assert ready.chunk(bad + EVIL.replace(b"evil", b"live"), last=True) == (554, "5.6.0")
    assert ready.command("NOOP") == 250
    assert not ready.far.messages


def test_nothing_but_bdat_follows_bdat(ready):
    begin(ready)
    assert ready.chunk(b"a\r\n") == 250
    for line in ("DATA", "RCPT TO:<c@example.com>", "MAIL FROM:<c@example.com>"):
        assert ready.command(line) == (503, "5.5.1")
    assert ready.command("NOOP") == 250
    assert ready.chunk(b"b\r\n", last=True) == 250
    assert ready.far.last.rest == b"a\r\nb\r\n"


def test_rset_forgets_the_chunks(ready):
    begin(ready)
    assert ready.chunk(b"a\r\n") == 250
    assert ready.command("RSET") == 250
    assert ready.chunk(b"b\r\n", last=True) == (503, "5.5.1")
    begin(ready)
    assert ready.chunk(b"c\r\n", last=True) == 250
    assert [message.rest for message in ready.far.messages] == [b"c\r\n"]


def test_binarymime_does_not_come_by_data(ready):
    ready.far.offers += ["CHUNKING", "BINARYMIME"]
    assert ready.command("MAIL FROM:<alice@contoso.com> BODY=BINARYMIME") == 250
    assert ready.command("RCPT TO:<bob@example.com>") == 250
    assert ready.command("DATA") == (503, "5.5.1")


def test_close_notify_in_the_middle_of_a_chunk_ends_all(line):
    gateway, far = line()
    client = gateway.client()
    client.ehlo()
    plain = client.socket
    assert client.command("STARTTLS") == 220
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    inside = context.wrap_bio(incoming, outgoing)

    def drive(step):
        while True:
            try:
                result = step()
                plain.sendall(outgoing.read())
                return result
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))

    def command(text, replies=1):
        inside.write(text)
        answer = b""
        while answer.count(b"\r\n") < replies:
            answer += drive(lambda: inside.read(65536))
        return answer

    drive(inside.do_handshake)
    assert b"CHUNKING" in command(b"EHLO client.example\r\n", 9)
    command(b"MAIL FROM:<alice@contoso.com>\r\nRCPT TO:<bob@example.com>\r\n", 2)
    inside.write(b"BDAT 1000\r\nhalf of it")
    plain.sendall(outgoing.read())
    try:
        inside.unwrap()
    except ssl.SSLError:
        pass
    try:
        plain.sendall(outgoing.read() + EVIL)
        while plain.recv(65536):
            pass
    except ConnectionError:
        pass
    gateway.wait_for("message", outcome="broken-off")
    assert not far.messages and not any("evil" in line for line in far.commands)
    assert gateway.send() == 250
