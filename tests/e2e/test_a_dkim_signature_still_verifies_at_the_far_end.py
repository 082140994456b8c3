# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "DKIM signatures still verify", by each framing."""

import base64

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CONTENT = (
    b"From: alice@contoso.com\r\nTo: bob@example.com\r\nSubject: signed  \r\n\tand folded\r\n"
    b"\r\n.leading dot\r\n  spaces  \r\n\xc3\xa9\r\n..\r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def key():
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )  # fmt: skip
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


@pytest.mark.parametrize("canonical", [(b"simple", b"simple"), (b"relaxed", b"relaxed")])
@pytest.mark.parametrize("near", ["DATA", "BDAT"])
@pytest.mark.parametrize("far", ["DATA", "BDAT"])
def test_it_verifies(plain, key, near, far, canonical):
    pem, record = key
    signed = dkim.sign(CONTENT, b"s", b"contoso.com", pem, canonicalize=canonical) + CONTENT
    gateway, cloud = plain()
    if far == "BDAT":
        cloud.offers.append("CHUNKING")
    client = gateway.client()
    client.ehlo()
    if near == "DATA":
        assert client.message(signed, more=" BODY=8BITMIME") == 250
    else:
        assert client.command("MAIL FROM:<alice@contoso.com> BODY=8BITMIME") == 250
        assert client.command("RCPT TO:<bob@example.com>") == 250
        assert client.chunk(signed[:100]) == 250
        assert client.chunk(signed[100:], last=True) == 250

    def verifies(content):
        return dkim.verify(content, dnsfunc=lambda name, timeout=5: record)

    assert verifies(cloud.last.content)
    assert not verifies(cloud.last.content.replace(b"leading", b"heading"))
