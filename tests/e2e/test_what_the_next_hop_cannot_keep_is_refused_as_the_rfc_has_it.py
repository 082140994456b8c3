# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "where it cannot be kept (binary to a hop without it, SMTPUTF8 to a hop without it) the sender
gets the RFC's reply"; "SIZE (the smaller of ours and the next hop's)"."""

import pytest


@pytest.mark.parametrize(
    "more, offers, reply",
    [
        (" BODY=BINARYMIME", ["8BITMIME", "CHUNKING"], (554, "5.6.1")),
        (" BODY=BINARYMIME", ["8BITMIME", "BINARYMIME"], (554, "5.6.1")),
        (" BODY=8BITMIME", ["CHUNKING"], (554, "5.6.3")),
        (" SMTPUTF8", ["8BITMIME"], (550, "5.6.7")),
        (" SMTPUTF8", ["SMTPUTF8"], (550, "5.6.7")),
        (" SIZE=2001", ["SIZE 2000"], (552, "5.3.4")),
        (" SIZE=2000", ["SIZE 2000"], 250),
        (" SIZE=2001", ["SIZE 0"], 250),
        (" SIZE=2001", ["SIZE"], 250),
    ],
)
def test_before_any_data(plain, more, offers, reply):
    gateway, far = plain()
    far.offers[:] = ["PIPELINING", *offers]
    client = gateway.client()
    client.ehlo()
    assert client.command(f"MAIL FROM:<alice@contoso.com>{more}") == 250
    assert client.command("RCPT TO:<bob@example.com>") == reply
    if reply != 250:
        assert not any(line.startswith("MAIL") for line in far.commands)
        assert client.command("RSET") == 250
        assert client.message() == 250


def test_a_message_that_grows_past_the_next_hops_size(plain):
    gateway, far = plain()
    far.offers[:] = ["SIZE 2000"]
    assert gateway.send(b"x\r\n" * 1000) == (552, "5.3.4")
    assert not far.messages
    assert gateway.send(b"x\r\n" * 400) == 250


def test_requiretls_outside_tls_is_refused(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    assert client.command("MAIL FROM:<alice@contoso.com> REQUIRETLS") == (555, "5.5.4")


@pytest.mark.parametrize("offered", [True, False])
def test_requiretls_goes_to_a_next_hop_that_is_proven_and_offers_it(line, offered):
    """RFC 8689 4.2.1."""
    gateway, far = line()
    if offered:
        far.offers.append("REQUIRETLS")
    client = gateway.client()
    client.ehlo()
    client.starttls()
    assert "REQUIRETLS" in client.ehlo()
    reply = client.attempt(more=" REQUIRETLS")
    if offered:
        assert reply == 250 and far.last.mail.endswith(" REQUIRETLS")
    else:
        assert reply == (550, "5.7.30") and not far.messages


@pytest.mark.parametrize("settings", ["Opportunistic", "EncryptionOnly", "CertificateValidation"])
def test_requiretls_does_not_go_where_no_name_was_verified(line, settings):
    gateway, far = line(outbound={"TlsSettings": settings, "TlsDomain": None})
    far.offers.append("REQUIRETLS")
    client = gateway.client()
    client.ehlo()
    client.starttls()
    client.ehlo()
    assert client.attempt(more=" REQUIRETLS") == (550, "5.7.30")
    assert not far.messages
