# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl doctor: a chain that Exchange Online could not follow, a certificate whose name is under
no accepted domain, and trust anchors without the root that Exchange Online's certificates lead to."""

import pathlib

import pytest

from harness.pki import GATEWAY, Authority, pem

SYSTEM = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def findings(told, check):
    return [one for one in told.json["checks"] if one["check"] == check]


def test_a_chain_without_its_intermediate(line, pki):
    middle = Authority(pki.directory, "CN=Contoso Issuing CA", pki.organisation)
    ours = middle.issue(GATEWAY, ["gw.contoso.com"])
    alone = pki.directory / "alone.pem"
    alone.write_bytes(pem(ours.certificate))
    gateway, far = line(certificates={"hybrid": (alone, ours.key)})
    told = gateway.ctl("doctor")
    (found,) = findings(told, "chain")
    assert found["outcome"] == "error" and "intermediate" in found["what"] + found["cure"]
    assert found["subject"] == "hybrid" and told.exit == 78


def test_the_chain_in_force_is_judged_and_not_the_file(line, pki):
    gateway, far = line()
    renewed = pki.organisation.issue(GATEWAY, ["gw2.contoso.com"])
    assert gateway.ctl("cert", "stage", "hybrid", str(renewed.chain), "--key",
                       str(renewed.key)).exit == 0
    assert gateway.ctl("cert", "activate", "hybrid").exit == 0
    gateway.files["postern.xml"] = gateway.main_file().replace(
        "<Control", "<AcceptedDomains><Domain>gw2.contoso.com</Domain></AcceptedDomains><Control")
    gateway.configure()
    (found,) = findings(gateway.ctl("doctor"), "accepted-domain")
    assert found["outcome"] == "ok" and "gw2.contoso.com" in found["what"]


@pytest.mark.parametrize("domain, outcome", [
    ("contoso.com", "ok"),
    ("gw.contoso.com", "ok"),
    ("*.contoso.com", "ok"),
    ("toso.com", "warning"),
    ("fabrikam.com", "warning"),
])
def test_a_name_under_an_accepted_domain(line, domain, outcome):
    gateway, far = line()
    gateway.files["postern.xml"] = gateway.main_file().replace(
        "<Control", f"<AcceptedDomains><Domain>{domain}</Domain></AcceptedDomains><Control")
    gateway.configure()
    (found,) = findings(gateway.ctl("doctor"), "accepted-domain")
    assert found["outcome"] == outcome and "gw.contoso.com" in found["what"]
    assert bool(found["cure"]) == (outcome == "warning")


def test_exchange_onlines_root_is_missed(line):
    gateway, far = line()
    *_, found = findings(gateway.ctl("doctor"), "trust-anchors")
    assert found["outcome"] == "warning" and "DigiCert Global Root G2" in found["what"]
    assert found["subject"] == "public" and str(SYSTEM) in found["cure"]


def test_exchange_onlines_root_is_found_among_the_systems(line, pki):
    both = pki.directory / "both.pem"
    both.write_bytes(SYSTEM.read_bytes() + pki.root.anchors.read_bytes())
    gateway, far = line(anchors={"public": both})
    *_, found = findings(gateway.ctl("doctor"), "trust-anchors")
    assert found["outcome"] == "ok" and "DigiCert Global Root G2" in found["what"]
