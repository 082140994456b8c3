# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Postern proves itself to the cloud with a certificate whose key is in an HSM token,
verifies the cloud's certificate by name, subject and issuer, and the message arrives". "RSA
(PKCS#1 for TLS 1.2, PSS for 1.3), ECDSA P-256 and P-384, Ed25519"."""

import pytest

from harness import xml
from harness.pki import ENDPOINT, GATEWAY, ISSUER
from harness.token import KINDS, MODULE


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_outward(line, pki, token, kind, version):
    public = token.generate("hybrid", kind)
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        cloud_options={"minimum": version, "maximum": version},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))},
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    assert gateway.send(b"Subject: out\r\n\r\nhello\r\n") == 250
    assert far.last.rest == b"Subject: out\r\n\r\nhello\r\n"
    assert far.last.mail.startswith("MAIL FROM:<alice@contoso.com>")
    assert far.last.recipients == ["RCPT TO:<bob@example.com>"]
    assert far.last.connection.certificate == ours.der
    assert far.last.connection.tls_version == f"TLSv{version}"
    assert far.clear == ["EHLO gw.contoso.com", "STARTTLS"]


def test_the_module_may_be_named_in_the_keys_own_uri(line, pki, token):
    """Issue: "from a PKCS#11 URI (p11-kit modules, module-path allowed)"."""
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    key = f"{token.key_uri('hybrid')}?module-path={MODULE}"
    gateway, far = line(
        certificates={"hybrid": (ours.chain, key)},
        tokens=[{"Uri": token.uri, "PinSource": str(token.pin_file)}],
        environment=token.environment,
    )
    assert gateway.send() == 250
    assert far.last.connection.certificate == ours.der
