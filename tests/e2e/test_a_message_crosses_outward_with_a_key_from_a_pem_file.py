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
    assert gateway.children(), "the signer is a process of its own"
    secret = pki.gateway.private_key.private_numbers().private_value.to_bytes(32, "big")
    assert secret not in memory_of(gateway.process.pid)


def memory_of(pid):
    """Every private, writable page of a process that can be read."""
    found = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for row in maps:
            span, mode = row.split()[:2]
            start, end = (int(number, 16) for number in span.split("-"))
            if not mode.startswith("rw") or end - start > 1 << 28:
                continue
            try:
                memory.seek(start)
                found += memory.read(end - start)
            except (OSError, ValueError):
                pass
    return found
