# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "posternctl cert request NAME [--algorithm rsa:3072|ec:p256|ec:p384|ed25519] [--reuse-key]:
makes a key on the token (C_GenerateKeyPair, not extractable, sensitive) or reuses one, and writes a
PKCS#10 request signed by it with the subject and SANs wanted (from the present certificate if none
are given)"."""

import json
import os
import re
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from harness import xml
from harness.gateway import BUILD
from harness.pki import GATEWAY
from harness.token import MODULE

NAMES = ["gw.contoso.com", "mail.contoso.com"]


@pytest.fixture
def gateway(postern, cloud, pki, token):
    """A gateway whose certificate "hybrid" has its key on the token, and "filed" one in a file."""
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, NAMES, public_key=public)
    filed = pki.organisation.issue(GATEWAY, ["filed.contoso.com"])
    return postern(
        xml.inbound(),
        xml.tenant(cloud()),
        certificates={
            "hybrid": (ours.chain, f"{token.uri};object=hybrid;type=private"),
            "filed": (filed.chain, filed.key),
        },
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )


def ask(gateway, *words):
    """The program itself: what it prints where, and its exit status."""
    return subprocess.run(
        [BUILD / "gateway/posternctl", "--config", gateway.directory, "cert", "request", *words],
        capture_output=True, text=True, timeout=120,
    )


def read(pem):
    """The request, which openssl finds in order."""
    done = subprocess.run(
        ["openssl", "req", "-verify", "-noout"], input=pem, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "verify OK" in done.stderr, done.stderr
    return x509.load_pem_x509_csr(pem.encode())


def names_of(request):
    extension = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def point(key):
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    "algorithm, kind",
    [("rsa:2048", "RSA 2048"), ("ec:p256", "EC P-256"), ("ec:p384", "EC P-384"),
     ("ed25519", "Ed25519")],
)
def test_a_key_of_each_kind_is_made_and_signs(gateway, token, algorithm, kind):
    done = ask(gateway, "hybrid", "--algorithm", algorithm)
    assert done.returncode == 0, done.stderr
    request = read(done.stdout)
    assert names_of(request) == NAMES
    present = x509.load_pem_x509_certificate(open(gateway.certificates["hybrid"][0], "rb").read())
    assert request.subject == present.subject
    assert kind in done.stderr and "posternctl cert stage hybrid FILE" in done.stderr
    label = re.search(r"object=(hybrid-\d{8}-\d{6})", done.stderr).group(1)
    assert "id=" in done.stderr
    shown = token.tool("--login", "--pin", token.pin, "--list-objects", "--type", "privkey")
    made = shown[shown.index(label):].split("Private Key Object")[0]
    assert "sensitive" in made and "never extractable" in made


def test_what_is_asked_for_can_be_chosen(gateway, tmp_path):
    out = tmp_path / "new.csr"
    done = ask(
        gateway, "hybrid", "--subject", "CN=other.contoso.com, O=Contoso", "--san",
        "other.contoso.com", "--san", "*.contoso.com", "--out", str(out),
    )
    assert done.returncode == 0 and done.stdout == "", done.stderr
    request = read(out.read_text())
    assert request.subject.rfc4514_string() == "CN=other.contoso.com,O=Contoso"
    assert names_of(request) == ["other.contoso.com", "*.contoso.com"]
    usages = request.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert {usage.dotted_string for usage in usages} == {"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}


@pytest.mark.parametrize("name", ["hybrid", "filed"])
def test_the_present_key_can_be_used_again(gateway, name):
    answer = json.loads(ask(gateway, name, "--reuse-key", "--json").stdout)
    assert answer["reused"] is True and answer["label"] is None
    chain = gateway.certificates[name][0]
    present = x509.load_pem_x509_certificate(open(chain, "rb").read()).public_key()
    assert point(read(answer["pem"]).public_key()) == point(present)


def test_a_key_in_a_file_is_not_made_by_postern(gateway):
    done = ask(gateway, "filed")
    assert done.returncode == os.EX_CONFIG and done.stdout == ""
    assert "--reuse-key" in done.stderr and "openssl genpkey" in done.stderr
    assert "cert import" in done.stderr


@pytest.mark.parametrize(
    "words, code, said",
    [
        (["nobody"], os.EX_DATAERR, "There is no certificate"),
        (["hybrid", "--algorithm", "rsa:1024"], os.EX_USAGE, "rsa:3072"),
        (["hybrid", "--san", "not a name"], os.EX_DATAERR, "is no DNS name"),
        (["hybrid", "--subject", "nonsense"], os.EX_DATAERR, ""),
        (["hybrid", "--reuse-key", "--algorithm", "ec:p256"], os.EX_USAGE, "leave one"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_key_is_made(gateway, token, words, code, said):
    before = token.tool("--login", "--pin", token.pin, "--list-objects", "--type", "privkey")
    done = ask(gateway, *words)
    assert done.returncode == code and said in done.stderr, done.stderr
    after = token.tool("--login", "--pin", token.pin, "--list-objects", "--type", "privkey")
    assert after == before
