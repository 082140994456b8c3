# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "CRL files and directories, reloaded when they change; soft or hard fail per connector"."""

import pytest

from harness import xml
from harness.waiting import wait_until

HARD = {"CertificateRevocationCheck": "HardFail", "RevocationLists": "lists"}
SOFT = {"CertificateRevocationCheck": "SoftFail", "RevocationLists": "lists"}


@pytest.fixture
def lists(pki, tmp_path):
    directory = tmp_path / "lists"
    directory.mkdir()
    pki.root.revoke(path=directory / "root.crl")
    pki.intermediate.revoke(path=directory / "ca.crl")
    return directory


def fresh(gateway, far):
    """The reply to a message over a connection that was not there before."""
    far.hang_up()
    return gateway.attempt()


def test_a_next_hop_that_is_revoked_gets_no_more_mail(line, pki, lists):
    gateway, far = line(outbound=HARD, lists={"lists": lists})
    assert gateway.send() == 250
    pki.intermediate.revoke(pki.endpoint, path=lists / "ca.crl")
    wait_until(lambda: fresh(gateway, far) == (454, "4.7.5"), "the hop is refused")
    event = gateway.wait_for("peer-refused", check="revocation")
    assert "revoked" in event["error"] and event["outbound"] == "tenant"
    gateway.wait_for("revocation-lists-read")
    pki.intermediate.revoke(path=lists / "ca.crl")
    wait_until(lambda: fresh(gateway, far) == 250, "the hop is taken again")


def test_hard_fail_refuses_what_is_not_known_and_soft_fail_tells_it(line, pki, lists):
    pki.intermediate.revoke(path=lists / "ca.crl", days=(-9, -1))
    gateway, far = line(outbound=HARD, lists={"lists": lists})
    assert gateway.attempt() == (454, "4.7.5")
    event = gateway.wait_for("peer-refused", check="revocation")
    assert "has run out" in event["error"] and "RevocationLists" in event["cure"]
    tenant = next(one for one in gateway.connectors if one.kind == "outbound")
    tenant.elements["CertificateRevocationCheck"] = "SoftFail"
    assert gateway.reload().exit == 0
    assert gateway.send() == 250
    assert "has run out" in gateway.wait_for("revocation-unknown", outbound="tenant")["error"]


def test_soft_fail_refuses_what_is_revoked_and_none_does_not(line, pki, lists):
    pki.intermediate.revoke(pki.endpoint, path=lists / "ca.crl")
    gateway, far = line(outbound=SOFT, lists={"lists": lists})
    assert gateway.attempt() == (454, "4.7.5")
    tenant = next(one for one in gateway.connectors if one.kind == "outbound")
    tenant.elements["CertificateRevocationCheck"] = "None"
    assert gateway.reload().exit == 0
    assert gateway.send() == 250


def test_a_broken_list_leaves_the_former_in_force(line, pki, lists):
    gateway, far = line(outbound=HARD, lists={"lists": lists})
    assert gateway.send() == 250
    (lists / "ca.crl").write_text("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
    wait_until(
        lambda: fresh(gateway, far) == 250 and gateway.events("revocation-lists-refused"),
        "the broken list is seen",
    )
    assert str(lists / "ca.crl") in gateway.wait_for("revocation-lists-refused")["where"]
    assert fresh(gateway, far) == 250


def test_a_client_that_is_revoked_hands_in_no_more_mail(postern, cloud, pki, lists):
    far = cloud(trust=None)
    gateway = postern(
        xml.from_cloud(**HARD), xml.outbound("next", [far.host]), lists={"lists": lists}
    )

    def reply():
        with gateway.client() as client:
            client.ehlo()
            client.starttls(pki.endpoint)
            client.ehlo()
            return client.command("MAIL FROM:<bob@example.com>")

    assert reply() == 250
    pki.intermediate.revoke(pki.endpoint, path=lists / "ca.crl")
    wait_until(lambda: reply() == (550, "5.7.1"), "the client is refused")
    refused = gateway.wait_for("sender-refused", condition="certificate")
    assert refused["check"] == "revocation" and "revoked" in refused["error"]


def test_a_path_that_is_not_there_is_a_fault_of_the_configuration(postern, tmp_path):
    gateway = postern(
        xml.inbound(), xml.outbound(hosts=["127.0.0.1:1"]), start=False,
        lists={"lists": tmp_path / "nowhere"},
    )
    gateway.configure()
    told = gateway.check()
    assert told.returncode == 78 and "nowhere" in told.stdout + told.stderr
