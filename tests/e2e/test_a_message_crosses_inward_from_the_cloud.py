# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "and the same the other way round". "It signs for client certificates *and* for our own
server certificate."
"""

import pytest

from harness import xml
from harness.pki import GATEWAY
from harness.token import KINDS, MODULE


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_inward(postern, cloud, pki, token, kind, version):
    public = token.generate("hybrid", kind)
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    premises = cloud(trust=None)
    gateway = postern(
        xml.from_cloud(),
        xml.outbound("premises", [premises.host], RecipientDomains=["contoso.com"]),
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    client = gateway.client()
    assert "STARTTLS" in client.ehlo()
    client.starttls(pki.endpoint, trust=pki.organisation.anchors, minimum=version, maximum=version)
    assert client.socket.getpeercert(binary_form=True) == ours.der
    assert client.ehlo()
    reply = client.message(sender="bob@example.com", recipients=["alice@contoso.com"])
    assert reply == 250
    assert premises.last.rest == b"Subject: test\r\n\r\nhello\r\n"
    assert premises.last.recipients == ["RCPT TO:<alice@contoso.com>"]
