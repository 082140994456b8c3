# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""RouteAllMessagesViaOnPremises: centralized mail transport, for the inbound connectors named."""

import pytest

from harness import xml


def premises(far, **more):
    usual = {
        "RecipientDomains": None, "InboundConnectors": ["cloud"], "ConnectorType": "OnPremises",
        "RouteAllMessagesViaOnPremises": True,
    }
    return xml.outbound("premises", [far.host], **{**usual, **more})


@pytest.fixture
def gate(postern, cloud):
    inside, outside = cloud(trust=None), cloud(trust=None)
    gateway = postern(
        xml.inbound("cloud", SenderDomains=["contoso.com"]),
        xml.inbound("exchange"),
        xml.outbound("internet", [outside.host], RecipientDomains=["example.com", "*"]),
        premises(inside),
    )
    return gateway, inside, outside


def test_every_recipient_of_that_mail_goes_there(gate):
    gateway, inside, outside = gate
    assert gateway.send(recipients=["bob@example.com", "carol@elsewhere.example"]) == 250
    assert len(inside.messages) == 1 and not outside.connections


def test_mail_of_another_inbound_connector_goes_by_its_domain(gate):
    gateway, inside, outside = gate
    assert gateway.send(sender="dave@fabrikam.example") == 250
    assert len(outside.messages) == 1 and not inside.connections


@pytest.mark.parametrize(
    "elements",
    [
        {"InboundConnectors": None},
        {"ConnectorType": "Partner"},
        {"SmartHosts": None, "UseMXRecord": True},
    ],
)
def test_what_would_make_a_loop_is_refused(postern, cloud, elements):
    gateway = postern(xml.inbound("cloud"), premises(cloud(trust=None), **elements), start=False)
    done = gateway.check()
    assert done.returncode == 78
    assert "RouteAllMessagesViaOnPremises is true, but" in done.stderr + done.stdout
