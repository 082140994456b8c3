# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue 3 in issue 2's words: PINs come "from PinSource only"; facts: "and never reach a log"."""

from harness.pki import GATEWAY
from harness.token import MODULE


def test_the_pin_is_in_no_line_at_debug_level(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
        level=7,
    )
    assert gateway.send(b"Subject: confidential-content\r\n\r\nconfidential-content\r\n") == 250
    gateway.wait_for("message")
    told = [gateway.log_text()]
    for words in (["status"], ["hsm", "status"], ["outbound", "show", "tenant"]):
        done = gateway.ctl(*words)
        told += [done.out, done.err]
    assert gateway.events()
    assert not any(token.pin in text for text in told)
    assert "confidential-content" not in gateway.log_text(), "nor is what a message says"


def test_neither_pin_nor_key_is_in_arguments_or_environment(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    for pid in [gateway.process.pid, *gateway.children()]:
        for name in ("cmdline", "environ"):
            assert token.pin.encode() not in open(f"/proc/{pid}/{name}", "rb").read()


def test_the_pin_may_not_stand_in_the_xml(line, pki, token, postern):
    """Facts: "PINs come from a file or a systemd credential …, never from XML"."""
    with_pin = f"?pin-value={token.pin}"
    gateway = postern(
        certificates={"hybrid": (pki.gateway.chain, token.key_uri("hybrid") + with_pin)},
        tokens=[{"Uri": token.uri + with_pin, "Module": MODULE}],
        start=False,
    )
    done = gateway.check()
    assert done.returncode == 78
    assert "PIN" in done.stderr and "postern.xml:" in done.stderr
    assert token.pin not in done.stdout + done.stderr
