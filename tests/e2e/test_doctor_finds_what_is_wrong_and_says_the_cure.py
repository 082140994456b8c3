# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl doctor: each finding is ok, a warning or an error with its cure, and the exit status
tells; configuration, posternd, certificates, keys and trust anchors here."""

import json
import signal

from harness import xml
from harness.pki import GATEWAY, Authority
from harness.token import MODULE


def findings(told, check, outcome=None):
    return [one for one in told.json["checks"]
            if one["check"] == check and (not outcome or one["outcome"] == outcome)]


HEALTHY = {
    "inbound": {"SenderIPAddresses": ["127.0.0.1"]},
    # Not Exchange Online, so that its root is not missed.
    "outbound": {"TlsSettings": "CertificateValidation", "TlsDomain": None},
    "gateway": {"HostName": "localhost"},
}


def test_all_is_well(line):
    gateway, far = line(**HEALTHY)
    told = gateway.ctl("doctor")
    checks = [one for one in told.json["checks"] if one["check"] != "clock"]  # the machine's own
    assert [one["check"] for one in checks] == [
        "configuration", "posternd", "certificate", "chain", "trust-anchors", "key", "dns",
        "smart-host", "outbound", "permissions", "open-relay"]
    for one in checks:
        assert one["outcome"] == "ok" and one["cure"] is None, one
    (clock,) = findings(told, "clock")
    assert told.exit == (0 if clock["outcome"] == "ok" else 75)
    plain = gateway.ctl("doctor", as_json=False)
    last = "All is well." if told.exit == 0 else "Nothing is wrong yet; see the warnings."
    assert plain.out.endswith(f"\n{last}\n") and not plain.err


def test_a_configuration_that_does_not_load(line):
    gateway, far = line()
    gateway.files["outbound/tenant.xml"] = "<nonsense/>"
    gateway.configure()
    told = gateway.ctl("doctor")
    assert told.exit == 78
    (one,) = findings(told, "configuration", "error")
    assert one["cure"] == f"posternctl config check {gateway.directory}"
    assert findings(told, "posternd", "ok") and findings(told, "certificate", "ok")


def test_posternd_that_does_not_run(line):
    gateway, far = line()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    told = gateway.ctl("doctor")
    assert told.exit == 69
    (one,) = findings(told, "posternd", "error")
    assert "does not seem to run" in one["what"] and "systemctl" in one["cure"]
    (certificate,) = findings(told, "certificate", "ok")
    assert GATEWAY.split(",", 1)[0] in certificate["what"], "read from the file then"
    assert not findings(told, "key")


def test_a_key_that_is_not_ready(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("gone"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    told = gateway.ctl("doctor")
    assert told.exit == 69
    (key,) = findings(told, "key", "error")
    assert "no such private key" in key["what"] and key["cure"] and "gone" in key["subject"]
    assert findings(told, "posternd", "error"), "it is degraded"
    assert token.pin not in told.out


def test_trust_anchors_that_have_expired(line, pki):
    old = Authority(pki.directory, "CN=Old Root")
    old.certificate = Authority._certify(
        old.subject, old.key.public_key(), old, authority=True, days=(-20, -1))
    both = pki.directory / "both.pem"
    both.write_bytes(old.anchors.read_bytes() + pki.root.anchors.read_bytes())
    gateway, far = line(**HEALTHY, anchors={"public": both})
    told = gateway.ctl("doctor")
    assert told.exit == 75 and told.json["outcome"] == "warning"
    (one,) = findings(told, "trust-anchors", "warning")
    assert "CN=Old Root" in one["what"] and one["cure"]
    both.write_bytes(old.anchors.read_bytes())
    told = gateway.ctl("doctor")
    assert told.exit == 78 and findings(told, "trust-anchors", "error")[0]["cure"]


def test_trust_anchors_that_cannot_be_read(line, pki):
    mine = pki.directory / "mine.pem"
    mine.write_bytes(pki.root.anchors.read_bytes())
    gateway, far = line(anchors={"public": mine})
    mine.write_text("nothing")
    told = gateway.ctl("doctor")
    assert told.exit == 78
    assert findings(told, "configuration", "error") or findings(told, "trust-anchors", "error")


def test_a_certificate_that_ends_soon_while_posternd_is_down(postern, pki):
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], days=(-340, 25))
    gateway = postern(
        xml.inbound(), certificates={"hybrid": (ours.chain, ours.key)}, start=False)
    gateway.configure()
    told = gateway.ctl("doctor")
    (one,) = findings(told, "certificate", "warning")
    assert "24 days" in one["what"] or "25 days" in one["what"]
    assert json.loads(told.out) == told.json and told.exit == 69
