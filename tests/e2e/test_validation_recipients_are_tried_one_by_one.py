# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""ValidationRecipients: what outbound validate and cert test try where nobody names a recipient."""

WHO = {"ValidationRecipients": ["one@example.com", "two@example.net"]}


def rcpt(far):
    return [one for one in far.commands if one.startswith("RCPT")]


def test_each_is_tried_where_none_is_named(line):
    gateway, far = line(outbound=WHO)
    told = gateway.ctl("outbound", "validate", "tenant")
    assert told.exit == 0
    assert rcpt(far) == ["RCPT TO:<one@example.com>", "RCPT TO:<two@example.net>"]
    assert not far.messages


def test_the_first_that_is_refused_is_the_result(line):
    gateway, far = line(outbound=WHO)
    far.on("RCPT", "550 5.1.1 No such user")
    told = gateway.ctl("outbound", "validate", "tenant")
    assert told.exit == 69 and told.json["failed_step"] == "rcpt"
    assert told.json["recipient"] == "one@example.com" and len(rcpt(far)) == 1


def test_one_that_is_named_is_tried_in_their_place(line):
    gateway, far = line(outbound=WHO)
    assert gateway.ctl("outbound", "validate", "tenant", "--recipient", "x@contoso.com").exit == 0
    assert rcpt(far) == ["RCPT TO:<x@contoso.com>"]


def test_a_test_message_goes_to_nobody_who_is_not_named(line):
    gateway, far = line(outbound=WHO)
    assert gateway.ctl("outbound", "validate", "tenant", "--send").exit == 64
    assert not far.connections


def test_a_new_certificate_is_tested_with_each(line, pki):
    gateway, far = line(outbound=WHO)
    new = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    done = gateway.ctl("cert", "rotate", "hybrid", str(new.chain), "--key", str(new.key))
    assert done.exit == 0, done
    assert [one.certificate for one in far.connections] == [new.der] * 2
    assert rcpt(far) == ["RCPT TO:<one@example.com>", "RCPT TO:<two@example.net>"]
