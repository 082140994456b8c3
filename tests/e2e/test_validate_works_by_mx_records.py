# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""outbound validate of a connector with UseMXRecord: the look-up is a step with its cure."""

import pytest

from harness import xml


@pytest.fixture
def gate(postern, cloud, dns):
    def make(*domains, **elements):
        far = cloud(trust=None, address="127.0.0.2")
        gateway = postern(
            xml.inbound(), xml.by_mx("partner", far.port, *domains, **elements), dns=[dns.server]
        )
        return gateway, far

    return make


def test_the_mail_hosts_are_the_first_step(gate, dns):
    gateway, _far = gate()
    dns.mx("example.com", (10, "a.example.com"), (20, "b.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    told = gateway.ctl("outbound", "validate", "partner", "--recipient", "bob@EXAMPLE.com")
    assert told.exit == 0 and told.json["host"] == "a.example.com"
    first, second = told.json["steps"][:2]
    assert (first["step"], first["outcome"]) == ("mx", "passed")
    assert first["detail"] == "a.example.com (10), b.example.com (20)"
    assert second["step"] == "resolve"


def test_without_recipient_the_first_domain_of_the_connector_is_tried(gate, dns):
    gateway, _far = gate("example.net", "example.com")
    dns.a("example.net", "127.0.0.2")
    told = gateway.ctl("outbound", "validate", "partner")
    assert told.exit == 0 and told.json["host"] == "example.net"
    assert "no MX record" in told.json["steps"][0]["detail"]


def test_without_any_domain_a_recipient_is_asked_for(gate):
    gateway, _far = gate()
    told = gateway.ctl("outbound", "validate", "partner")
    assert told.exit == 64 and "--recipient" in told.json["error"]["cure"]


def test_a_domain_that_does_not_exist_fails_at_that_step(gate):
    gateway, far = gate()
    told = gateway.ctl("outbound", "validate", "partner", "--recipient", "a@example.com")
    assert told.exit == 69 and told.json["failed_step"] == "mx"
    assert told.json["cure"] and not far.connections


def test_validation_recipients_of_two_domains_are_both_tried(gate, dns):
    gateway, far = gate(ValidationRecipients=["a@example.com", "b@example.net"])
    dns.a("example.com", "127.0.0.2")
    dns.a("example.net", "127.0.0.2")
    assert gateway.ctl("outbound", "validate", "partner").exit == 0
    assert [one for one in far.commands if one.startswith("RCPT")] == [
        "RCPT TO:<a@example.com>", "RCPT TO:<b@example.net>",
    ]
