# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "from a PKCS#11 URI … or a PEM file, both through the signer"."""

import pytest

from harness.pki import GATEWAY, KEYS


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("kind", KEYS)
def test_outward(line, pki, kind, version):
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], kind=kind)
    gateway, far = line(
        cloud_options={"minimum": version, "maximum": version},
        certificates={"hybrid": (ours.chain, ours.key)},
    )
    assert gateway.send() == 250
    assert far.last.connection.certificate == ours.der
    assert far.last.connection.tls_version == f"TLSv{version}"


def test_posternd_itself_never_opens_the_key(line, pki):
    """Design: posternd holds "no private key, no vendor code"."""
    gateway, far = line()
    assert gateway.send() == 250
    mapped = open(f"/proc/{gateway.process.pid}/maps").read()
    assert "softhsm" not in mapped and "p11-kit" not in mapped
    secret = pki.gateway.private_key.private_numbers().private_value.to_bytes(32, "big")
    (signer,) = gateway.children()
    assert memory_holds(signer, secret) and not memory_holds(gateway.process.pid, secret)


def memory_holds(pid, secret):
    """Looks through the writable pages of a process, for the number in either order of bytes."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for row in maps:
            span, mode = row.split()[:2]
            start, end = (int(number, 16) for number in span.split("-"))
            # What is larger than this is a sanitizer's own book-keeping.
            if not mode.startswith("rw") or end - start > 1 << 26:
                continue
            try:
                memory.seek(start)
                page = memory.read(end - start)
            except (OSError, ValueError):
                continue
            if secret in page or secret[::-1] in page:
                return True
    return False
