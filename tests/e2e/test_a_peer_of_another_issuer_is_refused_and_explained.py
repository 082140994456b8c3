# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "the cloud's certificate has another issuer, and the message is deferred with 454 4.7.5
and a log line that says which certificate came, which was expected, and what to do"."""

from harness import xml
from harness.pki import ENDPOINT, ISSUER

PINNED = xml.peers((ENDPOINT, ISSUER))


def test_enforce_refuses_it(line, pki):
    other = pki.other_issuer()
    gateway, far = line(
        cloud_options={"credential": other}, outbound={"PeerCertificates": PINNED}
    )
    assert gateway.attempt() == (454, "4.7.5")
    assert not any(one.startswith("MAIL") for one in far.commands)
    event = gateway.wait_for("peer-refused")
    assert event["outbound"] == "tenant" and event["level"] == "error"
    assert "mail.protection.outlook.com" in event.line
    assert "Cloud Services CA-2" in event.line, "what came"
    assert "Cloud Services CA-1" in event.line, "what was expected"
    assert "<Issuer>" in event["cure"] and "CA-2" in event["cure"], "the XML that would accept it"


def test_the_cure_in_the_log_is_one(line, pki):
    """Taking over the XML that the log offers lets mail cross again."""
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()}, outbound={"PeerCertificates": PINNED}
    )
    assert gateway.attempt() == 454
    cure = gateway.wait_for("peer-refused")["cure"]
    offered = cure[cure.index("<Peer>") : cure.index("</Peer>") + len("</Peer>")]
    tenant = next(one for one in gateway.connectors if one.kind == "outbound")
    both = PINNED.replace("</PeerCertificates>", offered + "</PeerCertificates>")
    tenant.elements["PeerCertificates"] = xml.Raw(both)
    assert gateway.reload().exit == 0
    assert gateway.send() == 250


def test_report_only_lets_it_pass_and_says_so(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER), mode="ReportOnly")},
    )
    assert gateway.send() == 250
    event = gateway.wait_for("peer-reported")
    assert event["outbound"] == "tenant"
    assert "Cloud Services CA-2" in event.line and "Cloud Services CA-1" in event.line


def test_report_only_does_not_soften_chain_and_name(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.stranger()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER), mode="ReportOnly")},
    )
    assert gateway.attempt() == (454, "4.7.5")
    assert not far.seen


def test_the_right_peer_is_reported_nowhere(line):
    gateway, far = line(outbound={"PeerCertificates": PINNED})
    assert gateway.send() == 250
    gateway.wait_for("message")
    assert not gateway.events("peer-refused") and not gateway.events("peer-reported")


def test_todays_and_tomorrows_stand_side_by_side(line, pki):
    """Design: "a list, so that today's and tomorrow's stand side by side"."""
    tomorrow = "CN=DigiCert Cloud Services CA-2,O=DigiCert Inc,C=US"
    gateway, far = line(
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER), (ENDPOINT, tomorrow))}
    )
    assert gateway.send() == 250
    far.present(pki.other_issuer())
    far.hang_up()
    assert gateway.send() == 250
    assert len(far.messages) == 2


def test_subject_or_issuer_may_be_left_out(line, pki):
    gateway, far = line(outbound={"PeerCertificates": xml.peers((None, ISSUER))})
    assert gateway.send() == 250
    far.present(pki.intermediate.issue("CN=other", ["mail.protection.outlook.com"]))
    far.hang_up()
    assert gateway.send() == 250


def test_the_issuer_may_name_any_ca_of_the_chain(line, pki):
    pairs = xml.peers((ENDPOINT, "CN=DigiCert Global Root G2, O=DigiCert Inc, C=US"))
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()}, outbound={"PeerCertificates": pairs}
    )
    assert gateway.send() == 250


def test_another_subject_is_refused(line, pki):
    gateway, far = line(
        cloud_options={
            "credential": pki.intermediate.issue(
                "CN=mail.protection.outlook.com,O=Microsoft Corp,C=US",
                ["mail.protection.outlook.com"],
            )
        },
        outbound={"PeerCertificates": PINNED},
    )
    assert gateway.attempt() == (454, "4.7.5")


def test_exchanges_own_form_is_read(line):
    """Design: "Exchange's <I>…<S>… form is read too"."""
    text = f"&lt;I&gt;{ISSUER}&lt;S&gt;{ENDPOINT}"
    pairs = xml.Raw(f"  <PeerCertificates><Peer>{text}</Peer></PeerCertificates>\n")
    gateway, far = line(outbound={"PeerCertificates": pairs})
    assert gateway.send() == 250
