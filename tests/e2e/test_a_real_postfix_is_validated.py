# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""outbound validate against Debian's Postfix, which asks for our certificate: up to RCPT, with a
message, and where Postfix refuses."""

import pytest

from harness import xml
from harness.postfix import Postfix
from harness.waiting import wait_until


@pytest.fixture
def far(pki):
    postfix = Postfix(pki.endpoint, pki.organisation.anchors)
    yield postfix
    postfix.stop()


def test_it_passes_delivers_and_is_refused_with_a_cure(far, postern, pki):
    """One behaviour after the other, for Postfix is slow to start."""
    gateway = postern(xml.inbound(), xml.tenant(far))
    told = gateway.ctl("outbound", "validate", "tenant", "--recipient", "someone@contoso.com")
    assert told.exit == 0, told
    steps = {step["step"]: step for step in told.json["steps"]}
    assert "ESMTP Postfix" in steps["greeting"]["detail"]
    assert "asked for and sent" in steps["handshake"]["detail"] and told.json["group"]
    assert "8BITMIME" in told.json["offers"] and "STARTTLS" not in told.json["offers"]
    assert told.json["reply"]["status"] == "2.0.0"
    wait_until(lambda: "Trusted TLS connection established" in far.log(), "its own verdict")

    told = gateway.ctl(
        "outbound", "validate", "tenant", "--recipient", "someone@contoso.com", "--send",
        "--sender", "admin@fabrikam.com")
    assert told.exit == 0 and "queued as" in told.json["reply"]["text"]
    wait_until(lambda: "relay=none" in far.log() and "status=sent" in far.log(), "delivery")

    told = gateway.ctl("outbound", "validate", "tenant", "--recipient", "a@elsewhere.example")
    assert told.exit == 69 and told.json["failed_step"] == "rcpt"
    assert "RecipientDomains" in told.json["cure"]
    told = gateway.ctl("outbound", "validate", "tenant", "--recipient", "nobody@contoso.com")
    assert told.exit == 69 and told.json["reply"]["status"] == "5.1.1"
    assert "no such recipient" in told.json["cause"]


def test_a_certificate_that_it_does_not_trust(far, postern, pki):
    stranger = pki.root.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    gateway = postern(
        xml.inbound(), xml.tenant(far), certificates={"hybrid": (stranger.chain, stranger.key)})
    told = gateway.ctl("outbound", "validate", "tenant", "--recipient", "someone@contoso.com")
    assert told.exit == 77 and told.json["failure"] == "our-identity", told.json
    assert "certificate" in told.json["cause"]
