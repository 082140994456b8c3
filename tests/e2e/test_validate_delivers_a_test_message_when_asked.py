# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "MAIL and RCPT, or a whole test message", with the far side's final reply shown."""

import email
import email.utils
import time

TO = ("--recipient", "someone@contoso.com")


def test_the_message_says_what_it_is_and_the_final_reply_is_shown(line):
    gateway, far = line()
    told = gateway.ctl("outbound", "validate", "tenant", *TO, "--send")
    assert told.exit == 0 and told.json["sent"]
    assert [step["step"] for step in told.json["steps"]][-4:] == ["mail", "rcpt", "data", "message"]
    assert told.json["reply"] == {"code": 250, "status": "2.0.0", "text": "2.0.0 Taken as 1.1"}
    (message,) = far.messages
    assert message.mail == "MAIL FROM:<>"
    assert message.recipients == ["RCPT TO:<someone@contoso.com>"]
    parsed = email.message_from_bytes(message.content)
    assert parsed["To"] == "<someone@contoso.com>"
    assert parsed["From"] == "<postmaster@gw.contoso.com>"
    assert parsed["Message-ID"].endswith("@gw.contoso.com>")
    assert "tenant" in parsed["Subject"] and parsed["Auto-Submitted"] == "auto-generated"
    sent = email.utils.parsedate_to_datetime(parsed["Date"])
    assert abs(sent.timestamp() - time.time()) < 3600
    assert "test message" in parsed.get_payload() and "posternctl" in parsed.get_payload()
    assert all(len(one) < 78 and not one.startswith(b".")
               for one in message.content.split(b"\r\n"))
    far.rest()
    assert far.commands[-1] == "QUIT"


def test_the_sender_may_be_named(line):
    gateway, far = line()
    told = gateway.ctl("outbound", "validate", "tenant", *TO, "--sender", "admin@contoso.com", "--send")
    assert told.exit == 0 and told.json["sender"] == "admin@contoso.com"
    (message,) = far.messages
    assert message.mail == "MAIL FROM:<admin@contoso.com>"
    assert b"From: <admin@contoso.com>\r\n" in message.content


def test_the_null_sender_may_be_named_too(line):
    gateway, far = line()
    told = gateway.ctl("outbound", "validate", "tenant", *TO, "--sender", "<>")
    assert told.exit == 0 and "MAIL FROM:<>" in far.commands


def test_two_messages_have_two_ids(line):
    gateway, far = line()
    for _ in range(2):
        assert gateway.ctl("outbound", "validate", "tenant", *TO, "--send").exit == 0
    first, second = (email.message_from_bytes(one.content)["Message-ID"] for one in far.messages)
    assert first != second


def test_a_refusal_of_the_message_is_the_result(line):
    gateway, far = line()
    far.on(".", "550 5.7.64 TenantAttribution; Relay Access Denied")
    told = gateway.ctl("outbound", "validate", "tenant", *TO, "--send")
    assert told.exit == 77 and told.json["failed_step"] == "message" and not told.json["sent"]
    assert told.json["reply"]["status"] == "5.7.64"


def test_a_refusal_of_data_sends_nothing(line):
    gateway, far = line()
    far.on("DATA", "451 4.3.0 Later")
    told = gateway.ctl("outbound", "validate", "tenant", *TO, "--send")
    assert told.exit == 75 and told.json["failed_step"] == "data"
    assert not far.seen
