# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 5321, 2920, 1870, 6152, 2034: the server side, where the other files do not look."""

import pytest


@pytest.fixture
def client(plain):
    gateway, far = plain()
    client = gateway.client()
    client.gateway, client.far = gateway, far
    return client


def test_the_greeting_has_our_name(client):
    assert client.greeting == 220
    assert client.greeting.lines[0].split()[0] == "gw.contoso.com"
    assert "ESMTP" in client.greeting.text


def test_what_is_offered(client):
    """Issue: "PIPELINING, SIZE, 8BITMIME, ENHANCEDSTATUSCODES, STARTTLS". Facts: "Never offer
    X-ANONYMOUSTLS, X-EXPS, XSHADOW*, XPROXY* or XEXCH50"."""
    offers = client.ehlo()
    assert {"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS"} <= set(offers)
    assert {"DSN", "SMTPUTF8", "CHUNKING", "BINARYMIME"} <= set(offers)
    assert not any(offer.startswith("X") for offer in offers)
    assert not {"AUTH", "REQUIRETLS", "VRFY", "ETRN"} & set(offers)


def test_without_a_certificate_starttls_is_not_offered(plain):
    gateway, far = plain(certificates={})
    client = gateway.client()
    assert "STARTTLS" not in client.ehlo()
    assert client.command("STARTTLS").code in (502, 454, 503)


@pytest.mark.parametrize(
    "line, code",
    [
        ("NOOP", 250), ("NOOP ignored text", 250), ("noop", 250), ("RSET", 250), ("QUIT", 221),
        ("VRFY alice", 252), ("HELP", 214), ("EXPN list", 502), ("TURN", 502), ("AUTH PLAIN", 538),
        ("XCLIENT NAME=x", 500), ("", 500), ("MAIL", 501), ("MAIL FROM", 501), ("RCPT", 503),
        ("EHLO", 501), ("HELO", 501), ("DATA", 503), ("DATA now", 501),
    ],
)  # fmt: skip
def test_a_command_alone(client, line, code):
    client.ehlo()
    reply = client.command(line)
    alike = {500, 502} if code in (500, 502) else {code}
    assert reply.code in alike
    if code >= 400:
        assert reply.enhanced and reply.enhanced.startswith("5.7." if code == 538 else "5.5.")


@pytest.mark.parametrize("line", ["MAIL FROM:<a@contoso.com>", "RCPT TO:<b@example.com>", "DATA"])
def test_nothing_goes_before_ehlo(client, line):
    assert client.command(line) == 503


def test_mail_twice_is_out_of_order(client):
    client.ehlo()
    assert client.command("MAIL FROM:<a@contoso.com>") == 250
    assert client.command("MAIL FROM:<a@contoso.com>") == 503
    assert client.command("RCPT TO:<b@example.com>") == 250


@pytest.mark.parametrize(
    "path",
    [
        "a@contoso.com", "<a@contoso.com", "<a@contoso.com>>", "<a b@contoso.com>", "<a>",
        "<@contoso.com>", "<a@>", "<a@contoso..com>", "<a@con_toso.com\x01>",
        "<a@contoso.com>x", "<\"a@contoso.com>",
        "<" + "a" * 300 + "@contoso.com>",
        "<a\r@contoso.com>", "<a\0@contoso.com>", "<\xe9@contoso.com>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["MAIL FROM:", "RCPT TO:"])
def test_a_path_that_is_none_is_refused(client, verb, path):
    client.ehlo()
    if verb.startswith("RCPT"):
        client.command("MAIL FROM:<a@contoso.com>")
    reply = client.command(verb + path)
    assert reply.code in (500, 501, 553)
    assert not any(path in line for line in client.far.commands)
    assert client.command("RSET") == 250


@pytest.mark.parametrize(
    "path",
    [
        "<a@contoso.com>", "<A.b+c=d@sub.contoso.com>", '<"a b"@contoso.com>',
        '<"a\\"b"@contoso.com>', "<a@[127.0.0.1]>", "<a@[IPv6:2001:db8::1]>",
        "<a/b@contoso.com>", "<a@xn--bcher-kva.example>",
    ],
)  # fmt: skip
def test_a_path_that_is_one_crosses_as_it_is(client, path):
    client.ehlo()
    assert client.command(f"MAIL FROM:{path}") == 250
    reply = client.command(f"RCPT TO:{path}")
    if "[" in path:
        assert reply.code in (250, 550)
        return
    assert reply == 250
    client.command("DATA")
    assert client.content(b"x\r\n") == 250
    assert client.far.last.recipients == [f"RCPT TO:{path}"]
    assert client.far.last.mail.startswith(f"MAIL FROM:{path}")


def test_a_source_route_is_taken_off(client):
    """RFC 5321 F.2: "SHOULD ignore the route"."""
    client.ehlo()
    client.command("MAIL FROM:<@relay.example:a@contoso.com>")
    if client.command("RCPT TO:<@relay.example:b@example.com>") == 250:
        client.command("DATA")
        assert client.content(b"x\r\n") == 250
        assert client.far.last.recipients == ["RCPT TO:<b@example.com>"]


@pytest.mark.parametrize(
    "parameter", ["NOSUCH=1", "RET=ALL", "SIZE=1 SIZE=2", "BODY=9BIT", "REQUIRETLS", "XOORG=a.example"]
)
def test_a_parameter_that_was_not_offered_is_refused(client, parameter):
    client.ehlo()
    assert client.command(f"MAIL FROM:<a@contoso.com> {parameter}").code in (501, 504, 555)


def test_body_and_size_cross_to_a_next_hop_that_offers_them(client):
    client.ehlo()
    assert client.message(more=" BODY=8BITMIME SIZE=27") == 250
    assert "BODY=8BITMIME" in client.far.last.mail


def test_parameters_do_not_cross_to_a_next_hop_that_does_not(plain):
    gateway, far = plain()
    far.offers[:] = ["PIPELINING"]
    client = gateway.client()
    client.ehlo()
    assert client.message(more=" BODY=7BIT SIZE=27") == 250
    assert far.last.mail == "MAIL FROM:<alice@contoso.com>"


def test_eight_bits_are_not_sent_where_they_were_not_offered(plain):
    """RFC 6152 3: a next hop without 8BITMIME must not be sent 8-bit content; we convert nothing,
    so it is refused for good (5.6.3: conversion required but not supported)."""
    gateway, far = plain()
    far.offers[:] = ["PIPELINING"]
    client = gateway.client()
    client.ehlo()
    reply = client.attempt(b"Subject: x\r\n\r\n\xe9\r\n", more=" BODY=8BITMIME")
    assert reply.code in (550, 554) and reply.enhanced == "5.6.3"
    assert not far.messages


def test_a_next_hop_that_knows_only_helo_gets_helo(plain):
    """RFC 5321 3.2: a client that gets 5xx to EHLO goes on with HELO."""
    gateway, far = plain()
    far.on("EHLO", "502 5.5.1 Unknown")
    assert gateway.send() == 250
    assert far.commands[:2] == ["EHLO gw.contoso.com", "HELO gw.contoso.com"]


@pytest.mark.parametrize("pieces", ["one segment", "byte by byte", "odd pieces"])
def test_pipelining_however_it_is_cut(client, pieces):
    client.ehlo()
    batch = (
        b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@example.com>\r\n"
        b"RCPT TO:<c@example.com>\r\nDATA\r\n"
    )
    size = {"one segment": len(batch), "byte by byte": 1, "odd pieces": 7}[pieces]
    client.send(*(batch[i : i + size] for i in range(0, len(batch), size)))
    assert [client.reply().code for _ in range(4)] == [250, 250, 250, 354]
    client.send(b"x\r\n.\r\nRSET\r\nQUIT\r\n")
    assert [client.reply().code for _ in range(3)] == [250, 250, 221]
    assert client.closed_by_peer()
    assert len(client.far.last.recipients) == 2


def test_a_hundred_recipients_are_taken(client):
    """RFC 5321 4.5.3.1.8: "The minimum total number of recipients that MUST be buffered is 100".
    """
    client.ehlo()
    people = [f"user{number}@example.com" for number in range(100)]
    assert client.message(recipients=people) == 250
    assert client.far.last.recipients == [f"RCPT TO:<{one}>" for one in people]


def test_more_recipients_than_we_bear_get_452_and_the_others_the_message(client):
    client.ehlo()
    client.command("MAIL FROM:<a@contoso.com>")
    many = 20000
    batch = b"".join(b"RCPT TO:<user%d@example.com>\r\n" % number for number in range(many))
    codes = []
    for start in range(0, len(batch), 16384):
        client.send(batch[start : start + 16384])
        while len(codes) < batch[: start + 16384].count(b"\n"):
            codes.append(client.reply().code)
    assert set(codes) == {250, 452}
    assert client.command("DATA") == 354
    assert client.content(b"x\r\n") == 250
    assert len(client.far.last.recipients) == codes.count(250)


def test_many_bad_commands_end_the_session(client):
    """RFC 5321 leaves it to us; a client that talks nonsense for ever does not stay for ever."""
    for _ in range(1000):
        if client.command("NONSENSE") == 421:
            assert client.closed_by_peer()
            return
    raise AssertionError("a thousand bad commands, and still a session")


def test_quit_closes_from_our_side(client):
    client.ehlo()
    assert client.command("QUIT") == 221
    assert client.closed_by_peer()
