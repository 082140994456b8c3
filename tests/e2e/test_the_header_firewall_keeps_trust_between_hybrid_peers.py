# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: the header firewall. X-MS-Exchange-Organization-*, -Forest-*, -CrossPremises-* and
X-OriginatorOrg pass only between proven hybrid peers with CloudServicesMailEnabled."""

import pytest

from harness import xml

TRUST = (
    b"X-MS-Exchange-Organization-SCL: -1\r\n"
    b"x-ms-exchange-forest-rulesexecuted: mail1\r\n"
    b"X-MS-Exchange-CrossPremises-OriginalClientIPAddress:\r\n 10.1.2.3\r\n"
    b"X-OriginatorOrg : contoso.com\r\n"
)
REST = b"Subject: hello\r\nX-MS-Exchange-AntiSpam-Relay: 0\r\n\r\nX-OriginatorOrg: in the body\r\n"
HERE = {"SenderIPAddresses": ["127.0.0.1"]}
CLOUD = {"CloudServicesMailEnabled": True}


def test_between_proven_hybrid_peers_they_pass_untouched(line):
    gateway, far = line(inbound={**HERE, **CLOUD}, outbound=CLOUD)
    assert gateway.send(TRUST + REST) == 250
    assert far.last.rest == TRUST + REST
    assert not gateway.events("headers-removed")


@pytest.mark.parametrize(
    "near, outward",
    [
        pytest.param(HERE, CLOUD, id="from one who is no hybrid peer"),
        pytest.param({**HERE, **CLOUD}, {}, id="towards one who is none"),
        pytest.param(CLOUD, CLOUD, id="from one who proves nothing"),
        pytest.param(
            {**HERE, **CLOUD},
            {**CLOUD, "TlsSettings": "EncryptionOnly", "TlsDomain": None, "TrustAnchors": None},
            id="towards one whose certificate nobody verifies",
        ),
    ],
)
def test_else_they_are_removed_and_the_log_says_so(line, near, outward):
    gateway, far = line(inbound=near, outbound=outward)
    assert gateway.send(TRUST + REST) == 250
    assert far.last.rest == REST
    event = gateway.wait_for("headers-removed", inbound="exchange", outbound="tenant", removed=4)
    assert "x-ms-exchange-organization-scl" in event["names"]
    assert "x-originatororg" in event["names"]


def test_the_usual_mail_is_not_touched(line):
    gateway, far = line()
    assert gateway.send(REST) == 250
    assert far.last.rest == REST
    assert not gateway.events("headers-removed")


def test_internal_mail_of_a_device_is_vouched_for(line):
    """TreatMessagesAsInternal: of ours, when the sender's domain is."""
    device = {**HERE, "TreatMessagesAsInternal": True, "ConnectorType": "OnPremises"}
    gateway, far = line(inbound=device, outbound=CLOUD, accepted=["contoso.com"])
    forged = b"X-MS-Exchange-CrossPremises-AuthAs: Forged\r\n"
    assert gateway.send(forged + REST) == 250
    assert b"\r\nX-MS-Exchange-CrossPremises-AuthAs: Internal\r\n" in far.last.content
    assert b"Forged" not in far.last.content
    assert gateway.send(REST, sender="stranger@elsewhere.example") == 250
    assert b"AuthAs" not in far.last.content
