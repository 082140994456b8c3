# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "loop detection (hop count)". RFC 5321 6.3; RFC 3463: 5.4.6 routing loop detected."""

import pytest


def message(hops):
    return b"Received: from a by b; now\r\n" * hops + b"Subject: again\r\n\r\nReceived: no\r\n"


def test_one_hop_too_many_is_refused_for_good(plain):
    gateway, far = plain(gateway={"MaxHopCount": 5})
    assert gateway.send(message(6)) == (554, "5.4.6")
    assert not far.messages


@pytest.mark.parametrize("hops", [0, 4])
def test_fewer_hops_pass(plain, hops):
    gateway, far = plain(gateway={"MaxHopCount": 5})
    assert gateway.send(message(hops)) == 250
    assert far.last.rest == message(hops)


def test_the_usual_limit_is_sixty(plain):
    gateway, far = plain()
    assert gateway.send(message(61)) == (554, "5.4.6")
    assert gateway.send(message(50)) == 250


def test_the_words_received_in_the_body_do_not_count(plain):
    gateway, far = plain(gateway={"MaxHopCount": 5})
    assert gateway.send(b"Subject: x\r\n\r\n" + message(9)) == 250


def test_the_name_is_told_apart_whatever_its_case_and_neighbours(plain):
    gateway, far = plain(gateway={"MaxHopCount": 5})
    alike = b"Received-SPF: pass\r\nX-Received: y\r\n" * 9
    assert gateway.send(alike + b"\r\n") == 250
    assert gateway.send(b"rEcEiVeD: from a\r\n" * 6 + b"\r\n") == (554, "5.4.6")


def test_the_session_goes_on_after_it(plain):
    gateway, far = plain(gateway={"MaxHopCount": 5})
    client = gateway.client()
    client.ehlo()
    assert client.message(message(9)) == 554
    assert client.message() == 250
    assert len(far.messages) == 1
