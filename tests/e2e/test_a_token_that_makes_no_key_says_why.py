# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""cert request, where the token does not let a key be made: the reason, a cure, no second try, and
mail that goes on. The token's module is the one with faults that "make check" builds; its orders are
files (tests/pki/test-token-module.c)."""

import os

import pytest

from harness import xml
from harness.gateway import BUILD
from harness.pki import GATEWAY
from harness.token import MODULE

FAULTY = BUILD / "tests" / "test-token-module.so"


@pytest.fixture
def orders(tmp_path):
    folder = tmp_path / "orders"
    folder.mkdir()
    return folder


@pytest.fixture
def gateway(postern, cloud, pki, token, orders):
    assert FAULTY.exists(), "make check builds it"
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    return postern(
        xml.inbound(),
        xml.tenant(cloud()),
        certificates={"hybrid": (ours.chain, f"{token.uri};object=hybrid;type=private")},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": FAULTY}],
        environment={
            **token.environment,
            "POSTERN_TEST_TOKEN": str(orders),
            "POSTERN_TEST_SOFTHSM": MODULE,
        },
    )


@pytest.mark.parametrize(
    "order, text, code, said",
    [
        ("read-only", "", os.EX_CONFIG, "write-protected"),
        ("fail", "C_GenerateKeyPair 0x70 1", os.EX_CONFIG, "choose another --algorithm"),
        ("fail", "C_GenerateKeyPair 0x31 1", os.EX_UNAVAILABLE, "no room for another key"),
        ("fail", "C_GenerateKeyPair 0x30 1", os.EX_TEMPFAIL, "posternctl hsm list"),
        ("fail", "C_GetAttributeValue 0x5 1", os.EX_SOFTWARE, "The token has made the key"),
    ],
    ids=["write-protected", "mechanism", "full", "lost", "behind"],
)
def test_the_reason_and_a_cure_are_told_once(gateway, orders, order, text, code, said):
    (orders / order).write_text(text)
    done = gateway.ctl("cert", "request", "hybrid", as_json=False)
    assert done.exit == code, done
    assert said in done.err, done
    makings = orders / "makings"
    assert (len(makings.read_text()) if makings.exists() else 0) == (order != "read-only")
    assert gateway.send()
