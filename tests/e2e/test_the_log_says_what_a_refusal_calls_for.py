# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The catalogue of replies serves the log too: a message that the next hop defers or refuses has a
field cure where the catalogue knows one, and none where it does not."""


def test_a_deferred_message(plain):
    gateway, far = plain()
    far.on(".", "450 4.7.230 Connecting Exchange server version is out-of-date; throttled")
    assert gateway.send() == 450
    event = gateway.wait_for("message", outcome="deferred")
    assert "update the Exchange server" in event["cure"]


def test_a_rejected_message(plain):
    gateway, far = plain()
    far.on(".", "550 5.7.64 TenantAttribution; Relay Access Denied ATTR36")
    assert gateway.send() == 550
    assert "TlsSenderCertificateName" in gateway.wait_for("message", outcome="rejected")["cure"]


def test_a_refused_recipient(plain):
    gateway, far = plain()
    far.on("RCPT", "550 5.4.1 Recipient address rejected: Access denied.")
    assert gateway.attempt() == 550
    assert "InternalRelay" in gateway.wait_for("recipient-refused")["cure"]


def test_a_next_hop_that_does_not_serve(plain):
    gateway, far = plain()
    far.on("CONNECT", "421 4.3.2 The maximum number of concurrent connections has exceeded a limit")
    assert gateway.attempt() == 451
    assert "limits of the connector" in gateway.wait_for("next-hop-failed")["cure"]


def test_what_the_catalogue_does_not_know_has_no_cure(plain):
    gateway, far = plain()
    far.on(".", "554 5.0.0 No")
    assert gateway.send() == 554
    assert "cure" not in gateway.wait_for("message", outcome="rejected")


def test_a_message_that_was_taken_has_none_though_a_recipient_was_refused(plain):
    gateway, far = plain()
    far.once("RCPT", "550 5.4.1 Recipient address rejected: Access denied.")
    with gateway.client() as client:
        client.ehlo()
        client.command("MAIL FROM:<a@contoso.com>")
        assert client.command("RCPT TO:<b@fabrikam.com>") == 550
        assert client.command("RCPT TO:<c@fabrikam.com>") == 250
        assert client.command("DATA") == 354
        client.send(b"x\r\n.\r\n")
        assert client.reply() == 250
    assert "cure" not in gateway.wait_for("message", outcome="accepted")
