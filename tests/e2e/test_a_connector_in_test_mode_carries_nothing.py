# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""TestMode: "everything is done and logged as if, and mail goes the way it would without the
connector"."""

from harness import xml
from harness.cloud import silence


def test_mail_goes_the_other_way_and_the_log_says_what_would_have_been(postern, cloud):
    old, new = cloud(trust=None), cloud()
    connector = xml.tenant(new, "new", RecipientDomains=["example.com"], TestMode=True)
    gateway = postern(xml.inbound(), xml.outbound("old", [old.host]), connector)
    assert gateway.send() == 250
    assert len(old.messages) == 1 and not new.messages
    chosen = gateway.wait_for("test-mode", outcome="chosen")
    assert (chosen["outbound"], chosen["instead"]) == ("new", "old")
    assert chosen["to"] == "<bob@example.com>" and chosen["id"]
    passed = gateway.wait_for("test-mode", outcome="passed")
    assert passed["outbound"] == "new" and passed["tls"] == "TLSv1.3"
    new.rest()
    verbs = [one.split()[0] for one in new.commands]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "QUIT"]  # no envelope


def test_its_verdict_is_given_and_costs_the_message_nothing(postern, cloud, pki):
    old, new = cloud(trust=None), cloud(pki.stranger())
    connector = xml.tenant(new, "new", file="0-first", TestMode=True)
    gateway = postern(xml.inbound(), xml.outbound("old", [old.host]), connector)
    assert gateway.send() == 250
    assert gateway.wait_for("peer-refused", outbound="new")
    failed = gateway.wait_for("test-mode", outcome="failed")
    assert failed["code"] == "454" and failed["cure"]
    assert len(old.messages) == 1


def test_a_next_hop_that_keeps_silent_holds_up_nothing(postern, cloud):
    old, new = cloud(trust=None), cloud(trust=None)
    new.on("CONNECT", silence)
    gateway = postern(
        xml.inbound(),
        xml.outbound("old", [old.host]),
        xml.outbound("new", [new.host], RecipientDomains=["example.com"], TestMode=True),
    )
    assert [gateway.send() for _ in range(5)] == [250] * 5
    # Each worker tries once in five minutes.
    assert 1 <= len(new.connections) <= 8
    assert len(gateway.events("test-mode", outcome="chosen")) == 5


def test_without_another_connector_there_is_no_way(postern, cloud):
    far = cloud(trust=None)
    gateway = postern(xml.inbound(), xml.outbound("new", [far.host], TestMode=True))
    assert gateway.attempt() == (550, "5.7.1")
    assert gateway.wait_for("test-mode", outcome="chosen")["to"] == "<bob@example.com>"


def test_a_connector_that_would_not_have_been_chosen_says_nothing(postern, cloud):
    old, new = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound(),
        xml.outbound("old", [old.host], RecipientDomains=["example.com"]),
        xml.outbound("new", [new.host], TestMode=True),
    )
    assert gateway.send() == 250
    assert not gateway.events("test-mode") and not new.connections
