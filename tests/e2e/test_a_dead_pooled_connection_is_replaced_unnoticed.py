# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "one found dead before the message's data went out is replaced by a new one, and the
sender notices nothing"."""

import pytest

from harness.cloud import drop, reset


def test_the_next_hop_closed_it_while_it_was_idle(line):
    gateway, far = line(gateway={"Workers": 1})
    assert gateway.send() == 250
    far.hang_up()
    assert gateway.send() == 250
    assert len(far.messages) == 2 and len(far.connections) == 2


@pytest.mark.parametrize("how", [drop, reset, "421 4.4.2 Idle too long"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_it_dies_when_it_is_used_again(plain, step, how):
    gateway, far = plain(gateway={"Workers": 1})
    assert gateway.send() == 250
    far.once(step, how)
    assert gateway.send(b"second\r\n") == 250
    assert [message.rest for message in far.messages][1:] == [b"second\r\n"]


def test_all_recipients_follow_to_the_new_one(plain):
    gateway, far = plain(gateway={"Workers": 1})
    assert gateway.send() == 250
    far.once("DATA", drop)
    people = [f"user{number}@example.com" for number in range(5)]
    assert gateway.send(recipients=people) == 250
    assert far.last.recipients == [f"RCPT TO:<{one}>" for one in people]


def test_after_the_data_went_out_there_is_no_second_try(plain):
    """Nobody knows whether the next hop took it: the sender decides, with a 4xx."""
    gateway, far = plain(gateway={"Workers": 1})
    assert gateway.send() == 250
    far.once(".", drop)
    reply = gateway.send(b"once\r\n")
    assert 400 <= reply.code < 500
    assert sum(message.rest == b"once\r\n" for message in far.seen) == 1
