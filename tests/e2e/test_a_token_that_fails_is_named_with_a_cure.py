# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "a token that is not there, a wrong PIN (tried once), a key that does not match its
certificate" get "a clear error". Facts: "Never try a refused PIN twice: tokens lock"."""

import time

import pytest

from harness import xml
from harness.client import Closed
from harness.pki import GATEWAY
from harness.token import MODULE

SPY = "/usr/lib/x86_64-linux-gnu/pkcs11/pkcs11-spy.so"
# The spy itself leaks, so no leaks are looked for where it is used.
SPYING = {"PKCS11SPY": MODULE, "ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture
def tokened(postern, cloud, pki, token):
    """make(label, pin, module) → a gateway that is launched, whose key is in the token."""
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)

    def make(uri=token.uri, object="hybrid", module=MODULE, credential=ours, **environment):
        far = cloud()
        gateway = postern(
            xml.inbound(),
            xml.tenant(far),
            certificates={
                "hybrid": (credential.chain, f"{uri};object={object};type=private")
            },
            tokens=[{"Uri": uri, "PinSource": f"file:{token.pin_file}", "Module": module}],
            environment={**token.environment, **environment},
            level=7,
            start=False,
        )
        gateway.launch()
        return gateway, far

    return make


def logins(path):
    return path.read_text(errors="replace").count("C_Login\n") if path.exists() else 0


def test_a_refused_pin_is_tried_once(tokened, token, tmp_path):
    token.pin_file.write_text("0000999\n")
    seen = tmp_path / "spy.log"
    gateway, far = tokened(module=SPY, PKCS11SPY_OUTPUT=str(seen), **SPYING)
    event = gateway.wait_for("pin-refused")
    assert event["level"] == "crit"
    assert "postern" in event.line and "PIN" in event.line and event["cure"]
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and gateway.process.poll() is None:
        try:
            assert gateway.attempt().code // 100 == 4
        except (OSError, Closed):
            pass
        time.sleep(0.2)
    if gateway.process.poll() is not None:
        assert gateway.wait_exit() == 78
    assert logins(seen) == 1
    assert not far.seen


def test_a_refused_pin_is_not_tried_again_by_reloads_until_it_changes(tokened, token, tmp_path):
    """On a gateway that runs, a reload with the same wrong PIN must not use up the token's tries.
    """
    seen = tmp_path / "spy.log"
    gateway, far = tokened(module=SPY, PKCS11SPY_OUTPUT=str(seen), **SPYING)
    gateway.wait_for("started")
    assert gateway.send() == 250
    good = logins(seen)
    token.pin_file.write_text("0000999\n")
    for _ in range(5):
        gateway.reload()
    assert logins(seen) <= good + 1
    assert gateway.send() == 250


def test_a_token_that_is_not_there_is_named(tokened):
    gateway, far = tokened(uri="pkcs11:token=elsewhere")
    event = gateway.wait_for("key-unavailable")
    assert "elsewhere" in event.line and event["cure"]
    gateway.wait_for("started")
    reply = gateway.attempt()
    assert 400 <= reply.code < 500
    assert not far.seen


def test_a_token_that_comes_late_is_used_without_a_restart(tokened, token):
    """Facts: "tokens appear late"."""
    folder = token.directory / "tokens"
    away = folder.rename(token.directory / "away")
    folder.mkdir()
    gateway, far = tokened()
    gateway.wait_for("key-unavailable")
    gateway.wait_for("started")
    assert gateway.attempt().code // 100 == 4
    folder.rmdir()
    away.rename(folder)
    gateway.wait_for("key-ready", limit=60)
    assert gateway.send() == 250


def test_a_key_that_is_not_on_the_token_is_named(tokened):
    gateway, far = tokened(object="no-such-key")
    event = gateway.wait_for("key-unavailable", or_exit=True)
    assert "no-such-key" in gateway.log_text()
    if event is True:
        assert gateway.wait_exit() in (69, 78)
    else:
        assert event["cure"]


def test_a_key_of_another_certificate_stops_the_start_with_78(tokened, pki):
    gateway, far = tokened(credential=pki.gateway)
    assert gateway.wait_exit() == 78
    assert "hybrid" in gateway.log_text() and "cure=" in gateway.log_text()
    assert not gateway.events("started")


def test_so_does_a_file_of_another_certificate(postern, cloud, pki):
    other = pki.organisation.issue(GATEWAY, ["gw.contoso.com"])
    gateway = postern(
        xml.inbound(),
        xml.tenant(cloud()),
        certificates={"hybrid": (pki.gateway.chain, other.key)},
        start=False,
    )
    gateway.launch()
    assert gateway.wait_exit() == 78
    assert "cure=" in gateway.log_text()
