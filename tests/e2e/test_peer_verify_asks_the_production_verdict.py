# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "posternctl peer verify asks the production verdict about any chain, offline: … exit 0 or 1,
and one line per check with its outcome"."""

import json
import subprocess

import pytest

from harness import xml
from harness.gateway import POSTERNCTL, Ctl
from harness.pki import CLIENT, ENDPOINT, ENDPOINT_NAMES, SERVER, Authority

NAME = "mail.protection.outlook.com"
CHECKS = [
    "presented", "chain", "dates", "constraints", "usage", "strength", "revocation", "name",
    "subject-issuer",
]


def verify(*arguments):
    done = subprocess.run([POSTERNCTL, "peer", "verify", *arguments], capture_output=True, timeout=60)
    return Ctl(done)


def outcomes(told):
    return {one["check"]: one["outcome"] for one in told.json["checks"]}


@pytest.fixture
def anchored(pki):
    def ask(credential, *more, anchors=None):
        return verify("--chain", credential.chain, "--anchors", anchors or pki.root.anchors, *more)

    return ask


def test_a_good_chain_is_accepted_and_each_check_has_a_line(anchored, pki):
    told = anchored(pki.endpoint, "--name", NAME)
    assert told.exit == 0 and not told.err
    lines = [line.split() for line in told.out.splitlines()]
    assert [line[0] for line in lines] == [*CHECKS, "accepted"]
    assert all(line[1].startswith(("passed", "not-asked")) for line in lines[:-1])


def test_a_failed_check_is_named_and_the_rest_not_reached(anchored, pki):
    told = anchored(pki.endpoint, "--name", "mail.example.com")
    assert told.exit == 1
    words = dict(line.split(None, 1) for line in told.out.splitlines() if " " in line)
    assert words["usage"] == "passed" and words["name"] == "failed"
    assert "refused" in told.out and "mail.example.com" in told.out and "Try: " in told.out


def test_json_says_the_same(anchored, pki):
    told = anchored(pki.endpoint, "--name", NAME, "--json")
    assert told.exit == 0 and told.json["outcome"] == "accepted" and told.json["accepted"] is True
    assert list(outcomes(told)) == CHECKS and outcomes(told)["name"] == "passed"
    assert told.json["subject"].startswith("CN=mail.protection.outlook.com")
    told = anchored(pki.stranger(), "--json")
    assert told.exit == 1 and told.json["failed"] == "chain"
    assert outcomes(told)["chain"] == "failed" and outcomes(told)["dates"] == "not-reached"


@pytest.mark.parametrize(
    "usages, purpose, exit",
    [
        ((SERVER,), "server", 0),
        ((SERVER,), "client", 1),
        ((CLIENT,), "client", 0),
        ((CLIENT,), "server", 1),
    ],
)
def test_the_purpose_counts(anchored, pki, usages, purpose, exit):
    credential = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, usages=usages)
    assert anchored(credential, "--purpose", purpose).exit == exit


@pytest.mark.parametrize(
    "time, exit",
    [
        ("2021-01-01T00:00:00Z", 1),
        ("2199-01-01T00:00:00+02:00", 1),
        (None, 0),
    ],
)
def test_the_time_counts(anchored, pki, time, exit):
    told = anchored(pki.endpoint, *(["--time", time] if time else []), "--json")
    assert told.exit == exit and (exit == 0 or told.json["failed"] == "dates")


def test_the_last_second_belongs_to_the_period(anchored, pki):
    end = pki.endpoint.certificate.not_valid_after
    assert anchored(pki.endpoint, "--time", end.strftime("%Y-%m-%dT%H:%M:%SZ")).exit == 0
    assert anchored(pki.endpoint, "--time", end.strftime("%Y-%m-%dT%H:%M:%S.9Z")).exit == 0


def test_an_address_is_looked_for_among_addresses(anchored, pki):
    credential = pki.intermediate.issue("O=Contoso", ["192.0.2.1", "2001:db8::1", "a.example.com"])
    assert anchored(credential, "--name", "192.0.2.1").exit == 0
    assert anchored(credential, "--name", "2001:DB8:0::1").exit == 0
    assert anchored(credential, "--name", "192.0.2.2").exit == 1


def test_lists_are_asked_and_unknown_is_refused(anchored, pki, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    pki.root.revoke(path=lists / "root.crl")
    told = anchored(pki.endpoint, "--crl", lists, "--json")
    assert told.exit == 1 and told.json["failed"] == "revocation"
    pki.intermediate.revoke(path=lists / "ca.crl")
    assert anchored(pki.endpoint, "--crl", lists).exit == 0
    pki.intermediate.revoke(pki.endpoint, path=lists / "ca.crl")
    told = anchored(pki.endpoint, "--crl", lists, "--json")
    assert told.exit == 1 and "revoked" in told.json["reason"]


@pytest.fixture
def folder(pki, postern, tmp_path):
    """A configuration with connectors of both directions, and no posternd."""
    hop = type("Hop", (), {"host": "127.0.0.1:2525"})
    pinned = xml.peers((ENDPOINT, None))
    gateway = postern(
        xml.inbound(),
        xml.from_cloud(PeerCertificates=pinned, ClientEku="ClientOrServerAuth"),
        xml.tenant(hop, PeerCertificates=pinned),
        xml.tenant(hop, "cloud", TlsSettings="CertificateValidation", TlsDomain=None),
        xml.outbound("open", ["127.0.0.1:2525"], TlsSettings="Opportunistic"),
        start=False,
    )
    gateway.configure()
    return gateway.directory


def test_a_connectors_own_policy_is_asked(folder, pki):
    def ask(connector, credential, *more):
        return verify("--config", folder, "--connector", connector, "--chain", credential.chain, *more)

    other = pki.intermediate.issue("CN=mail.protection.outlook.com,O=Fabrikam", ENDPOINT_NAMES)
    server = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, usages=(SERVER,))
    nameless = pki.intermediate.issue(ENDPOINT, ["mail.example.com"])
    assert ask("tenant", pki.endpoint).exit == 0
    assert ask("tenant", other, "--json").json["failed"] == "subject-issuer"
    assert ask("inbound/cloud", server).exit == 0
    assert ask("outbound/cloud", nameless).exit == 0
    assert ask("inbound/cloud", nameless, "--json").json["failed"] == "name"
    assert ask("outbound/cloud", pki.stranger()).exit == 1
    assert ask("open", pki.stranger()).exit == 0, "Opportunistic takes any certificate"
    assert ask("outbound/cloud", pki.endpoint, "--name", "a.example.com").exit == 1


@pytest.mark.parametrize(
    "connector, word", [("cloud", "outbound/cloud"), ("exchange", "no certificate"), ("x", "x")]
)
def test_a_connector_that_cannot_be_asked_is_told(folder, pki, connector, word):
    told = verify("--config", folder, "--connector", connector, "--chain", pki.endpoint.chain)
    assert told.exit in (64, 65, 78) and word in told.err and "Try" in told.err


@pytest.mark.parametrize(
    "arguments, exit, word",
    [
        ([], 64, "--anchors"),
        (["--anchors", "{anchors}"], 64, "--chain"),
        (["--anchors", "{anchors}", "--chain", "/nowhere"], 66, "/nowhere"),
        (["--anchors", "/dev/null", "--chain", "{chain}"], 65, "/dev/null"),
        (["--anchors", "{key}", "--chain", "{chain}"], 78, "certificate"),
        (["--anchors", "{anchors}", "--chain", "{key}"], 65, "certificate"),
        (["--anchors", "{anchors}", "--chain", "{chain}", "--purpose", "mail"], 64, "purpose"),
        (["--anchors", "{anchors}", "--chain", "{chain}", "--time", "now"], 64, "RFC 3339"),
        (["--anchors", "{anchors}", "--chain", "{chain}", "--time", "2026-02-30T00:00:00Z"], 64,
         "RFC 3339"),
        (["--anchors", "{anchors}", "--chain", "{chain}", "--crl", "/nowhere"], 78, "/nowhere"),
        (["--anchors", "{anchors}", "--connector", "x", "--chain", "{chain}"], 64, "connector"),
    ],
)
def test_what_makes_no_sense_is_told(pki, arguments, exit, word):
    places = {
        "anchors": pki.root.anchors, "chain": pki.endpoint.chain, "key": pki.endpoint.key,
    }
    told = verify(*[one.format(**places) for one in arguments])
    assert told.exit == exit and word in told.err, told
    told = verify(*[one.format(**places) for one in arguments], "--json")
    assert told.exit == exit and json.loads(told.out)["error"]["what"]


def test_a_chain_that_cannot_be_read_is_refused(anchored, pki, tmp_path):
    broken = Authority(tmp_path, "CN=x").issue("CN=y")
    broken.chain.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    told = anchored(broken, "--json")
    assert told.exit == 1 and told.json["failed"] == "presented"


def test_other_commands_take_none_of_its_options():
    done = subprocess.run(
        [POSTERNCTL, "status", "--chain", "x"], capture_output=True, timeout=60
    )
    assert done.returncode == 64 and b"--chain" in done.stderr
