# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "posternctl peer list, peer show, peer accept (adds the pair to the connector, after showing
it)"."""

import os
import pty
import subprocess

import pytest

from harness import xml
from harness.gateway import POSTERNCTL
from harness.pki import ENDPOINT, ISSUER
from harness.waiting import wait_until

OTHER = "CN=DigiCert Cloud Services CA-2,O=DigiCert Inc,C=US"

BY_HAND = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Asked for by Anna; </PeerCertificates> in a comment is no end -->
<OutboundConnector xmlns="urn:postern:1" Name="tenant">
\t<RecipientDomains><Domain>*</Domain></RecipientDomains>
\t<SmartHosts><Host>{host}</Host></SmartHosts>   <!-- the tenant -->
\t<TlsSettings>DomainValidation</TlsSettings>
\t<TlsDomain>mail.protection.outlook.com</TlsDomain>
\t<TlsCertificateName>hybrid</TlsCertificateName>
\t<TrustAnchors>public</TrustAnchors>
\t<PeerCertificates
\t\tMode='Enforce'>
\t\t<!-- since 2016 -->
\t\t<Peer>
\t\t\t<Subject>{subject}</Subject><Issuer>{issuer}</Issuer>
\t\t</Peer>
\t</PeerCertificates>
</OutboundConnector>
"""

ADDED = """\t\t<Peer>
\t\t  <Subject>CN=mail.protection.outlook.com, O=Microsoft Corporation, L=Redmond, ST=Washington, C=US\
</Subject>
\t\t  <Issuer>CN=DigiCert Cloud Services CA-2, O=DigiCert Inc, C=US</Issuer>
\t\t</Peer>
"""


def only_peer(gateway):
    def found():
        peers = gateway.ctl("peer", "list").json["peers"]
        return peers if len(peers) == 1 else None

    return wait_until(found, "the peer")[0]


@pytest.fixture
def refused(line, pki):
    """The cloud presents another issuer than the one written down by hand."""
    gateway, far = line(cloud_options={"credential": pki.other_issuer()}, start=False)
    text = BY_HAND.format(host=far.host, subject=ENDPOINT, issuer=ISSUER)
    gateway.files["outbound/tenant.xml"] = text
    gateway.start()
    assert gateway.attempt() == (454, "4.7.5")
    return gateway, far, gateway.directory / "outbound/tenant.xml"


def test_the_pair_is_added_where_it_was_written_by_hand_and_mail_crosses(refused):
    gateway, far, path = refused
    group = (os.getgroups() or [os.getgid()])[-1] if os.geteuid() else 4711
    os.chown(path, -1, group)
    path.chmod(0o640)
    before = path.read_text()
    done = gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"][:12], "--yes", as_json=False)
    assert done.exit == 0, done
    after = path.read_text()
    where = before.rindex("\t</PeerCertificates>")
    normal = after.replace(" ", "").replace("\t", "")
    assert ADDED.replace(" ", "").replace("\t", "") in normal
    inserted = after[where : where + len(after) - len(before)]
    assert before == after.replace(inserted, ""), "every other byte is as it was"
    assert inserted.startswith("\t\t<Peer>\n") and inserted.endswith("\t\t</Peer>\n")
    assert path.stat().st_mode & 0o777 == 0o640 and path.stat().st_gid == group
    assert sorted(one.name for one in path.parent.iterdir()) == ["tenant.xml"]
    assert gateway.send() == 250
    assert "CA-2" in done.out and "tenant.xml" in done.out and "generation 2" in done.out


def test_it_is_shown_before_and_a_dry_run_changes_nothing(refused):
    gateway, far, path = refused
    before, prefix = path.read_bytes(), only_peer(gateway)["fingerprint"][:12]
    done = gateway.ctl("peer", "accept", prefix, "--dry-run", as_json=False)
    assert done.exit == 0
    assert f"--- {path}" in done.out and f"+++ {path}" in done.out
    added = [one for one in done.out.splitlines() if one.startswith("+") and "<Issuer>" in one]
    assert len(added) == 1 and "CA-2" in added[0]
    assert "refused, by the rule subject-issuer" in done.out and prefix in done.out
    assert path.read_bytes() == before
    assert gateway.ctl("status").json["configuration"]["generation"] == 1
    told = gateway.ctl("peer", "accept", prefix, "--dry-run").json
    assert told["outcome"] == "shown" and "<Peer>" in told["difference"]


def test_without_a_terminal_and_without_yes_it_refuses(refused):
    gateway, far, path = refused
    before = path.read_bytes()
    done = gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"], as_json=False)
    assert done.exit == 64 and "--yes" in done.err
    assert path.read_bytes() == before


@pytest.mark.parametrize("answer, accepted", [("y\n", True), ("n\n", False), ("\n", False)])
def test_at_a_terminal_it_asks(refused, answer, accepted):
    gateway, far, path = refused
    before = path.read_bytes()
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    done = subprocess.run(
        [str(POSTERNCTL), "--config", str(gateway.directory), "peer", "accept",
         only_peer(gateway)["fingerprint"][:8]],
        env=gateway.environment, stdin=theirs, capture_output=True, timeout=60,
    )
    os.close(ours)
    os.close(theirs)
    assert b"[y/N]" in done.stderr
    assert (done.returncode == 0) == accepted
    assert (path.read_bytes() != before) == accepted


def test_what_is_accepted_already_is_said_and_left_alone(refused):
    gateway, far, path = refused
    prefix = only_peer(gateway)["fingerprint"][:12]
    assert gateway.ctl("peer", "accept", prefix, "--yes").json["outcome"] == "accepted"
    after = path.read_bytes()
    assert gateway.ctl("peer", "accept", prefix, "--yes").json["outcome"] == "known"
    assert path.read_bytes() == after


def test_a_connector_without_the_element_gets_it_behind_its_forerunner(line, pki):
    gateway, far = line()
    assert gateway.send() == 250
    done = gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"][:12], "--yes", as_json=False)
    assert done.exit == 0, done
    assert "and no other" in done.out, "what it means is said"
    text = (gateway.directory / "outbound/tenant.xml").read_text()
    assert "</TrustAnchors>\n  <PeerCertificates Mode=\"Enforce\">\n    <Peer>\n" in text
    assert gateway.send() == 250
    far.present(pki.other_issuer())
    far.hang_up()
    assert gateway.attempt() == (454, "4.7.5")


def test_an_inbound_connector_learns_a_client(postern, cloud, pki):
    far = cloud(trust=None)
    pairs = xml.peers((ENDPOINT, OTHER))
    gateway = postern(xml.from_cloud(PeerCertificates=pairs), xml.outbound("next", [far.host]))

    def mail():
        client = gateway.client()
        client.ehlo()
        client.starttls(certificate=pki.endpoint)
        client.ehlo()
        return client.command("MAIL FROM:<bob@example.com>")

    assert mail() == (550, "5.7.1")
    told = gateway.ctl(
        "peer", "accept", only_peer(gateway)["fingerprint"][:12], "--connector", "inbound/cloud",
        "--yes",
    )
    assert told.exit == 0 and told.json["direction"] == "inbound"
    assert mail() == 250


def test_where_several_connectors_saw_it_one_is_to_be_named(postern, cloud, pki):
    far = cloud(credential=pki.other_issuer())
    pinned = {"PeerCertificates": xml.peers((ENDPOINT, ISSUER))}
    gateway = postern(
        xml.inbound(),
        xml.tenant(far, "one", RecipientDomains=["one.example"], **pinned),
        xml.tenant(far, "two", RecipientDomains=["two.example"], **pinned),
    )
    assert gateway.attempt(recipients=["a@one.example"]) == 454
    assert gateway.attempt(recipients=["a@two.example"]) == 454
    peers = wait_until(
        lambda: len(found := gateway.ctl("peer", "list").json["peers"]) == 2 and found, "both"
    )
    prefix = peers[0]["fingerprint"][:12]
    done = gateway.ctl("peer", "accept", prefix, "--yes")
    assert done.exit == 64
    assert "outbound/one" in done.json["error"]["what"] and "outbound/two" in done.json["error"]["what"]
    assert len(gateway.ctl("peer", "show", prefix).json["peers"]) == 2
    assert len(gateway.ctl("peer", "list", "--connector", "two").json["peers"]) == 1
    assert gateway.ctl("peer", "accept", prefix, "--connector", "two", "--yes").exit == 0
    assert gateway.send(recipients=["a@two.example"]) == 250
    assert gateway.attempt(recipients=["a@one.example"]) == 454


def test_a_pair_that_would_not_help_is_not_added(line, pki):
    """The chain leads nowhere: whoever made the certificate chose the names in it."""
    gateway, far = line(
        cloud_options={"credential": pki.stranger()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))},
    )
    path = gateway.directory / "outbound/tenant.xml"
    before = path.read_bytes()
    assert gateway.attempt() == (454, "4.7.5")
    done = gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"][:12], "--yes")
    assert done.exit == 65
    assert "chain" in done.json["error"]["what"] and done.json["error"]["cure"]
    assert path.read_bytes() == before


def test_a_configuration_that_is_wrong_is_not_touched(refused):
    """Also when the fault lies in another file, which was changed since the last reload."""
    gateway, far, path = refused
    before = path.read_bytes()
    other = gateway.directory / "inbound/exchange.xml"
    other.write_text("<InboundConnector")
    done = gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"][:12], "--yes")
    assert done.exit == 78 and "exchange.xml" in done.json["error"]["where"]
    assert path.read_bytes() == before


def test_what_posternd_does_not_take_up_is_taken_back(refused, pki):
    """The files are right, and the key that one of them names is not there."""
    gateway, far, path = refused
    before, prefix = path.read_bytes(), only_peer(gateway)["fingerprint"][:12]
    other = pki.organisation.issue("CN=other", ["other.example"])
    main = gateway.directory / "postern.xml"
    main.write_text(
        main.read_text().replace(
            "</Gateway>",
            f'<Certificate Name="new"><Chain>{other.chain}</Chain><Key>{pki.gateway.key}</Key>'
            "</Certificate></Gateway>",
        )
    )
    done = gateway.ctl("peer", "accept", prefix, "--yes")
    assert done.exit != 0 and done.json["error"]["what"]
    assert path.read_bytes() == before
    assert gateway.attempt() == (454, "4.7.5")


def test_a_link_stays_one(refused, tmp_path):
    gateway, far, path = refused
    real = tmp_path / "real.xml"
    path.rename(real)
    path.symlink_to(real)
    assert gateway.ctl("peer", "accept", only_peer(gateway)["fingerprint"][:12], "--yes").exit == 0
    assert path.is_symlink() and "CA-2" in real.read_text()
    assert gateway.send() == 250


@pytest.mark.parametrize(
    "words, status",
    [
        (("show",), 64),
        (("accept",), 64),
        (("show", "xyz"), 65),
        (("show", "12"), 65),
        (("show", "00" * 32), 65),
        (("accept", "00" * 32, "--yes"), 65),
        (("list", "--yes"), 64),
        (("show", "1234", "--dry-run"), 64),
        (("list", "--count", "3"), 64),
    ],
)
def test_mistakes_have_exit_codes_and_a_next_thing_to_try(line, words, status):
    gateway, far = line()
    done = gateway.ctl("peer", *words, as_json=False)
    assert done.exit == status and "Try:" in done.err and not done.out


def test_show_says_all_and_takes_colons_and_small_letters(line):
    gateway, far = line()
    assert gateway.send() == 250
    digits = only_peer(gateway)["fingerprint"].lower()
    written = ":".join(digits[i : i + 2] for i in range(0, 64, 2))
    (one,) = gateway.ctl("peer", "show", written).json["peers"]
    assert one["names"].startswith("mail.protection.outlook.com") and "<Peer>" in one["xml"]
    shown = gateway.ctl("peer", "show", digits[:10], as_json=False)
    assert shown.exit == 0
    for word in ("outbound/tenant", one["spki"], one["serial"], "serverAuth", "<Peer>"):
        assert word in shown.out
    listed = gateway.ctl("peer", "list", as_json=False).out
    assert digits[:16].upper() in listed and "outbound/tenant" in listed and "accepted" in listed
