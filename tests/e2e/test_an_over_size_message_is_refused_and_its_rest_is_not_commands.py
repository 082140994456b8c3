# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RFC 1870; threats C2: "after 552 the rest of DATA must not be read as commands"; C4: "SIZE= … at
2^31, 2^32, 2^63 ± 1"."""

import pytest

LIMIT = 100_000


@pytest.fixture
def small(plain):
    gateway, far = plain(gateway={"MaxMessageSize": str(LIMIT)})
    client = gateway.client()
    return gateway, far, client, client.ehlo()


def test_the_limit_is_offered(small):
    _, _, _, offers = small
    assert offers["SIZE"] == str(LIMIT)


def test_a_declared_size_above_it_is_refused_at_mail(small):
    gateway, far, client, _ = small
    assert client.command(f"MAIL FROM:<alice@contoso.com> SIZE={LIMIT + 1}") == (552, "5.3.4")
    assert client.command(f"MAIL FROM:<alice@contoso.com> SIZE={LIMIT}") == 250


@pytest.mark.parametrize("power", [31, 32, 63, 64, 66])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_no_size_is_too_big_to_be_understood(small, power, more):
    gateway, far, client, _ = small
    reply = client.command(f"MAIL FROM:<alice@contoso.com> SIZE={2 ** power + more}")
    assert reply.code in (501, 552)
    assert client.message() == 250


@pytest.mark.parametrize("value", ["", "-1", "1e3", "0x10", " 10", "10;", "9" * 21])
def test_a_size_that_is_no_number_is_refused(small, value):
    gateway, far, client, _ = small
    assert client.command(f"MAIL FROM:<alice@contoso.com> SIZE={value}").code in (501, 552, 555)


def test_data_above_it_is_refused_and_read_to_its_end(small):
    gateway, far, client, _ = small
    client.envelope()
    body = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000
    inside = b"RSET\r\nMAIL FROM:<evil@contoso.com>\r\nRCPT TO:<v@example.com>\r\nDATA\r\n"
    client.send(body + inside + b".\r\n")
    assert client.reply() == (552, "5.3.4")
    assert client.command("NOOP") == 250, "one reply for one message"
    assert not far.messages
    assert not any("evil" in line for line in far.commands)
    assert client.message() == 250


def test_a_bad_dot_in_over_size_data_does_not_end_it(small):
    """chasquid: after too much data, the dot was looked for less strictly."""
    gateway, far, client, _ = small
    client.envelope()
    body = b"Subject: big\r\n\r\n" + (b"x" * 70 + b"\r\n") * 3000
    evil = b"MAIL FROM:<evil@contoso.com>\r\nRCPT TO:<v@example.com>\r\nDATA\r\n"
    client.send(body + b"\n.\n" + evil + b"\n.\r\n" + evil + b"\r\n.\r\n")
    assert 500 <= client.reply().code < 600
    assert client.command("NOOP") == 250
    assert not far.messages and not any("evil" in line for line in far.commands)


def test_the_next_hops_smaller_limit_is_its_own_to_tell(plain):
    gateway, far = plain()
    far.offers[0] = "SIZE 1000"
    far.on("MAIL", "552 5.3.4 Too big for me")
    assert gateway.attempt(more=" SIZE=5000") == (552, "5.3.4")


def test_exactly_the_limit_passes(small):
    gateway, far, client, _ = small
    content = b"x" * 98 + b"\r\n"
    assert client.message(content * (LIMIT // 100)) == 250
    assert len(far.last.rest) == LIMIT
