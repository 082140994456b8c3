# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "a ledger of what peers presented: first and last seen, subject, issuer, serial, fingerprint,
SPKI, EKU, dates, verdict, rule; kept across restarts, bounded"; "A new pair is an event of its own with
the XML that would accept it. A peer that is about to expire is named"."""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from harness import xml
from harness.pki import ENDPOINT, ISSUER, Authority
from harness.waiting import wait_until

PINNED = xml.peers((ENDPOINT, ISSUER))


def peers(gateway, *more):
    return gateway.ctl("peer", "list", *more).json["peers"]


def peer(gateway, count=1):
    """The only one, once it was seen so often."""

    def seen():
        found = peers(gateway)
        return found if found and found[0]["count"] >= count else None

    (one,) = wait_until(seen, f"a peer in the ledger, seen {count} times")
    return one


def fingerprint(credential):
    return hashlib.sha256(credential.der).hexdigest().upper()


def again(gateway):
    """Ends it and starts it with the same folder."""
    gateway.process.terminate()
    assert gateway.wait_exit() == 0
    gateway.lines.clear()
    gateway.start()


def test_everything_about_a_next_hop(line, pki):
    gateway, far = line(outbound={"PeerCertificates": PINNED})
    assert gateway.send() == 250
    one = peer(gateway)
    certificate = pki.endpoint.certificate
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert (one["direction"], one["connector"]) == ("outbound", "tenant")
    assert one["fingerprint"] == fingerprint(pki.endpoint)
    assert one["spki"] == hashlib.sha256(key).hexdigest().upper()
    assert one["serial"] == f"{certificate.serial_number:X}".rjust(len(one["serial"]), "0")
    assert "mail.protection.outlook.com" in one["subject"]
    assert "DigiCert Cloud Services CA-1" in one["issuer"]
    assert one["eku"] == "serverAuth clientAuth"
    assert one["not_after"] == f"{certificate.not_valid_after:%Y-%m-%dT%H:%M:%SZ}"
    assert one["not_before"] == f"{certificate.not_valid_before:%Y-%m-%dT%H:%M:%SZ}"
    assert (one["verdict"], one["rule"]) == ("accepted", "subject-issuer")
    assert one["first_seen"] and one["last_seen"] >= one["first_seen"]
    assert far.host.split(":")[0] in one["place"]
    assert not one["expiring"] and one["expires_in_days"] in (29, 30)


def test_a_client_is_remembered_with_the_connector_that_takes_it(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(
        xml.from_cloud("a-cloud", TlsSenderCertificateName="other.example"),
        xml.from_cloud("b-cloud"),
        xml.outbound("next", [far.host]),
    )
    client = gateway.client()
    client.ehlo()
    client.starttls(certificate=pki.endpoint)
    one = peer(gateway)
    assert (one["direction"], one["connector"], one["rule"]) == ("inbound", "b-cloud", "name")
    assert one["place"] == "127.0.0.1"


def test_a_client_that_no_connector_takes_is_remembered_with_its_reason(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    client = gateway.client()
    client.ehlo()
    client.starttls(certificate=pki.gateway)
    one = peer(gateway)
    assert (one["verdict"], one["rule"], one["pair_decides"]) == ("refused", "chain", False)
    (shown,) = gateway.ctl("peer", "show", one["fingerprint"][:12]).json["peers"]
    assert "trust anchor" in shown["reason"] and shown["cure"] and shown["xml"] is None
    event = gateway.wait_for("peer-new")
    assert event["verdict"] == "refused" and "xml" not in event


def test_handshakes_are_counted_also_resumed_ones(line):
    gateway, far = line(gateway={"Workers": 1})
    for number in range(1, 4):
        assert gateway.send() == 250
        far.hang_up()
    one = peer(gateway, count=3)
    assert one["count"] == 3
    gateway.wait_for("peer-new")
    assert len(gateway.events("peer-new")) == 1


def test_a_new_pair_is_an_event_with_the_xml_that_accepts_it(line, pki):
    gateway, far = line(outbound={"PeerCertificates": PINNED})
    assert gateway.send() == 250
    first = gateway.wait_for("peer-new")
    assert first["outbound"] == "tenant" and first["verdict"] == "accepted"
    far.present(pki.other_issuer())
    far.hang_up()
    assert gateway.attempt() == (454, "4.7.5")
    event = gateway.wait_for("peer-new", count=2)
    assert event["verdict"] == "refused" and event["check"] == "subject-issuer"
    assert "Cloud Services CA-2" in event["peer-issuer"]
    assert event["xml"].startswith("<Peer><Subject>") and "CA-2" in event["xml"]
    assert f"peer accept {event['peer-fingerprint'][:16]}" in event["cure"]
    # Taking it over as it stands lets mail cross.
    tenant = next(one for one in gateway.connectors if one.kind == "outbound")
    both = PINNED.replace("</PeerCertificates>", event["xml"] + "</PeerCertificates>")
    tenant.elements["PeerCertificates"] = xml.Raw(both)
    assert gateway.reload().exit == 0
    assert gateway.send() == 250


def test_a_new_certificate_of_a_known_pair_is_no_event(line, pki):
    gateway, far = line()
    assert gateway.send() == 250
    gateway.wait_for("peer-new")
    far.present(pki.intermediate.issue(ENDPOINT, ["mail.protection.outlook.com"]))
    far.hang_up()
    assert gateway.send() == 250
    wait_until(lambda: len(peers(gateway)) == 2, "the second certificate")
    assert len(gateway.events("peer-new")) == 1


def test_report_only_is_remembered_as_such(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER), mode="ReportOnly")},
    )
    assert gateway.send() == 250
    one = peer(gateway)
    assert (one["verdict"], one["rule"]) == ("reported", "subject-issuer")
    assert gateway.wait_for("peer-new")["verdict"] == "reported"


def test_it_is_kept_across_a_restart(line, pki):
    gateway, far = line()
    assert gateway.send() == 250
    before = peer(gateway)
    again(gateway)
    after = peer(gateway)
    assert after == before
    assert gateway.send() == 250
    assert peer(gateway, count=2)["first_seen"] == before["first_seen"]
    assert not gateway.events("peer-new"), "the pair is known"


def test_it_is_written_down_while_the_gateway_runs_and_survives_a_crash(line):
    gateway, far = line()
    assert gateway.send() == 250
    kept = gateway.state / "peers.json"
    wait_until(kept.exists, "the file")
    before = peer(gateway)
    gateway.process.kill()
    gateway.wait_exit()
    gateway.lines.clear()
    gateway.start()
    assert peer(gateway) == before


def test_a_damaged_or_changed_file_is_set_aside_and_told(line):
    gateway, far = line()
    assert gateway.send() == 250
    peer(gateway)
    kept = gateway.state / "peers.json"
    whole = None
    for spoil in (
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"count": 1,', '"count": 7,'),
        lambda text: json.dumps([1]),
    ):
        gateway.process.terminate()
        assert gateway.wait_exit() == 0
        whole = whole or kept.read_text()
        spoilt = spoil(whole)
        assert spoilt != whole
        kept.write_text(spoilt)
        gateway.lines.clear()
        gateway.start()
        event = gateway.wait_for("peers-set-aside")
        assert str(kept) in event["error"] and event["cure"]
        assert peers(gateway) == []
        assert kept.with_name("peers.json.set-aside").read_text() == spoilt
        assert not kept.exists()
    assert gateway.send() == 250


def test_a_folder_that_cannot_be_written_costs_no_mail(line):
    gateway, far = line(start=False)
    gateway.state = Path("/proc/none/state")
    gateway.start()
    assert gateway.send() == 250
    event = gateway.wait_for("peers-not-kept")
    assert str(gateway.state) in event["error"] and event["cure"]
    assert gateway.send() == 250
    assert peer(gateway)


def test_a_peer_that_is_about_to_expire_is_named_once_a_day(line, pki):
    soon = pki.intermediate.issue(ENDPOINT, ["mail.protection.outlook.com"], days=(-2, 9.5))
    gateway, far = line(cloud_options={"credential": soon}, gateway={"Workers": 1})
    assert gateway.send() == 250
    event = gateway.wait_for("peer-expires")
    assert event["outbound"] == "tenant" and event["days"] == "9"
    assert event["peer-fingerprint"] == fingerprint(soon) and event["level"] == "warning"
    one = peer(gateway)
    assert one["expiring"] and one["expires_in_days"] == 9
    assert "9 days" in gateway.ctl("peer", "list", as_json=False).out
    far.hang_up()
    assert gateway.send() == 250
    peer(gateway, count=2)
    again(gateway)
    assert gateway.send() == 250
    peer(gateway, count=3)
    assert not gateway.events("peer-expires"), "it was said today"


def test_who_has_presented_a_successor_is_not_named(line, pki):
    soon = pki.intermediate.issue(ENDPOINT, ["mail.protection.outlook.com"], days=(-2, 9.5))
    gateway, far = line(cloud_options={"credential": soon}, gateway={"Workers": 1})
    assert gateway.send() == 250
    gateway.wait_for("peer-expires")
    far.present(pki.endpoint)
    far.hang_up()
    assert gateway.send() == 250
    wait_until(lambda: len(peers(gateway)) == 2, "the successor")
    assert [one["expiring"] for one in peers(gateway)] == [False, False]


def test_a_refused_peer_is_not_named_for_its_dates(line, pki):
    soon = pki.stranger(days=(-2, 9.5))
    gateway, far = line(cloud_options={"credential": soon})
    assert gateway.attempt() == (454, "4.7.5")
    assert not peer(gateway)["expiring"]
    assert not gateway.events("peer-expires")


def test_strangers_are_remembered_and_do_not_flood_the_log(postern, cloud, pki):
    far = cloud(trust=None)
    gateway = postern(xml.from_cloud(), xml.outbound("next", [far.host]))
    unknown = Authority(pki.directory, "CN=Nobody's Root")
    for number in range(60):
        client = gateway.client()
        client.ehlo()
        client.starttls(certificate=unknown.issue(f"CN=stranger {number}"))
        client.ehlo()
        client.close()
    wait_until(lambda: len(peers(gateway)) == 60, "sixty strangers")
    gateway.wait_for("peer-new", count=30)
    assert len(gateway.events("peer-new")) < 60
