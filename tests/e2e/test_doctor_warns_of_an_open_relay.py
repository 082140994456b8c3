# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl doctor: an inbound connector that takes anyone, with an outbound one that goes anywhere."""

import pytest

from harness import xml


def findings(told, check):
    return [one for one in told.json["checks"] if one["check"] == check]


@pytest.mark.parametrize("ranges", [None, ["0.0.0.0/0"], ["::/0"], ["10.1.0.5", "0.0.0.0/0"]])
def test_anyone_may_send_anywhere(line, ranges):
    gateway, far = line(inbound={"SenderIPAddresses": ranges})
    (found,) = findings(gateway.ctl("doctor"), "open-relay")
    assert found["outcome"] == "warning" and found["subject"] == "exchange"
    assert "tenant" in found["what"] and "SenderIPAddresses" in found["cure"]


@pytest.mark.parametrize("outbound", [
    {"RecipientDomains": ["contoso.com", "*.contoso.com"]},
    {"InboundConnectors": ["other"]},
    {"Enabled": False},
])
def test_anyone_may_send_to_some_alone(postern, cloud, outbound):
    far = cloud(trust=None)
    other = xml.inbound("other", SenderIPAddresses=["127.0.0.1"])
    gateway = postern(xml.inbound(), other, xml.outbound(hosts=[far.host], **outbound))
    (found,) = findings(gateway.ctl("doctor"), "open-relay")
    assert found["outcome"] == "ok"


def test_a_certificate_is_proof_enough(line):
    gateway, far = line(inbound={
        "TlsSenderCertificateName": "mail.contoso.com", "TrustAnchors": "public",
        "SenderIPAddresses": ["0.0.0.0/0"]})
    (found,) = findings(gateway.ctl("doctor"), "open-relay")
    assert found["outcome"] == "ok"
