# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""ErrorPolicies: a refusal changes its class on the way back to the sender, and the log has both."""

import pytest

from harness import xml

DOWN, UP = "DowngradeCustomFailures", "UpgradeCustomFailures"


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(
    "policy, said, given",
    [
        (DOWN, "550 5.1.1 No such user", (450, "4.1.1")),
        (DOWN, "554 5.7.1 Not you", (454, "4.7.1")),
        (DOWN, "571 5.7.1 Not you", (450, "4.7.1")),
        (DOWN, "451 4.3.0 Later", (451, "4.3.0")),
        (UP, "451 4.3.0 Later", (551, "5.3.0")),
        (UP, "450 4.2.1 Busy", (550, "5.2.1")),
        (UP, "550 5.1.1 No such user", (550, "5.1.1")),
        ("Default", "550 5.1.1 No such user", (550, "5.1.1")),
    ],
)
def test_the_class_is_what_the_policy_says(plain, step, policy, said, given):
    gateway, far = plain(outbound={"ErrorPolicies": policy})
    far.on(step, said)
    assert gateway.attempt() == given
    if said.startswith(str(given[0])):
        assert not gateway.events("reply-changed")
        return
    changed = gateway.wait_for("reply-changed", outbound="tenant")
    assert (changed["original-code"], changed["original-reply"]) == (said[:3], said[4:])
    assert changed["code"] == str(given[0])


def test_what_is_accepted_stays_accepted(plain):
    gateway, far = plain(outbound={"ErrorPolicies": f"{DOWN}, {UP}"})
    assert gateway.send() == 250
    assert len(far.messages) == 1


def test_the_end_of_a_connection_is_no_refusal_of_a_message(plain):
    gateway, far = plain(outbound={"ErrorPolicies": UP})
    far.on("RCPT", "421 4.3.2 Closing")
    assert gateway.attempt().code == 421


def test_a_domain_that_does_not_exist_yet_is_waited_for(postern, dns):
    connector = xml.by_mx("partner", 9, ErrorPolicies="DowngradeDnsFailures")
    gateway = postern(xml.inbound(), connector, dns=[dns.server])
    dns.mx("null.example", (0, "."))
    assert gateway.attempt() == (450, "4.1.2")
    assert gateway.attempt(recipients=["a@null.example"]) == (450, "4.1.10")
    assert gateway.wait_for("reply-changed", outbound="partner")["original-code"] == "550"


def test_a_policy_for_the_dns_leaves_the_next_hops_word(plain):
    gateway, far = plain(outbound={"ErrorPolicies": "DowngradeDnsFailures"})
    far.on("RCPT", "550 5.1.1 No such user")
    assert gateway.attempt() == (550, "5.1.1")
