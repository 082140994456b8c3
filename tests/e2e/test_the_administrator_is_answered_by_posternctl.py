# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "posternctl: status, reload, config check, inbound|outbound list|show, hsm status,
outbound validate NAME as far as the handshake and the verdict; --json on each". Design: "exit
codes from sysexits"."""

import signal
import socket
import stat

import pytest

from harness import xml
from harness.pki import ENDPOINT, GATEWAY, ISSUER
from harness.token import MODULE


def test_status(line):
    gateway, far = line()
    assert gateway.send() == 250
    told = gateway.ctl("status")
    assert told.exit == 0
    assert told.json["pid"] == gateway.process.pid
    assert told.json["state"] == "running" and told.json["host"] == "gw.contoso.com"
    assert told.json["messages"]["accepted"] == 1
    assert told.json["next_hop_connections"]["new"] == 1
    assert told.json["sessions"]["total"] >= 1
    assert told.json["signatures"] >= 1
    assert told.json["listeners"] == [f"127.0.0.1:{gateway.port}"]


def test_refused_and_deferred_messages_are_counted_apart(plain):
    gateway, far = plain()
    far.once(".", "554 5.0.0 No", "451 4.0.0 Later")
    gateway.send()
    gateway.send()
    told = gateway.ctl("status").json["messages"]
    assert (told["accepted"], told["deferred"], told["rejected"]) == (0, 1, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("reload",),
        ("inbound", "list"),
        ("inbound", "show", "exchange"),
        ("outbound", "list"),
        ("outbound", "show", "tenant"),
        ("hsm", "status"),
        ("hsm", "list"),
        ("hsm", "test", "--count", "5"),
        ("outbound", "validate", "tenant"),
        ("config", "check"),
    ],
)
def test_each_has_words_and_json(line, words):
    gateway, far = line()
    plain = gateway.ctl(*words, as_json=False)
    assert plain.exit == 0, plain
    assert plain.out + plain.err
    told = gateway.ctl(*words)
    assert told.exit == 0 and told.json is not None


def test_connectors_are_listed_and_shown(line):
    gateway, far = line(outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))})
    (exchange,) = gateway.ctl("inbound", "list").json["connectors"]
    assert exchange["name"] == "exchange" and exchange["addresses"] == []
    (tenant,) = gateway.ctl("outbound", "list").json["connectors"]
    assert tenant["smart_hosts"] == [far.host] and tenant["tls_settings"] == "DomainValidation"
    shown = gateway.ctl("outbound", "show", "tenant").json
    assert "<OutboundConnector" in shown["xml"] and "Cloud Services CA-1" in shown["xml"]
    assert shown["file"].endswith("outbound/tenant.xml")


def test_what_is_shown_can_be_loaded_again(line):
    gateway, far = line(outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))})
    for kind, name in (("inbound", "exchange"), ("outbound", "tenant")):
        shown = gateway.ctl(kind, "show", name).json["xml"]
        gateway.files[f"{kind}/{name}.xml"] = shown
    assert gateway.reload().exit == 0
    assert gateway.send() == 250


def test_hsm_status_shows_the_key_and_never_a_secret(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    assert gateway.send() == 250
    told = gateway.ctl("hsm", "status")
    (key,) = told.json["keys"]
    assert key["ready"] and key["identities"] == ["hybrid"] and key["token"] == "postern"
    assert key["type"] == "EC P-256" and "ecdsa_sha256" in key["algorithms"]
    assert key["signatures"] >= 1 and key["errors"] == 0
    assert told.json["signer"]["pid"] in gateway.children()
    assert token.pin not in told.out
    listed = gateway.ctl("hsm", "list")
    (found,) = listed.json["tokens"]
    assert found["logged_in"] and found["error"] is None and "softhsm" in found["module"]
    (private,) = found["keys"]
    assert private["identities"] == ["hybrid"] and private["type"] == "EC"
    assert "object=hybrid" in private["uri"] and "type=private" in private["uri"]
    assert token.pin not in listed.out


def test_hsm_test_makes_signatures_and_shows_the_rate(line):
    gateway, far = line()
    told = gateway.ctl("hsm", "test", "hybrid", "--count", "20")
    assert told.exit == 0 and told.json["outcome"] == "passed"
    (one,) = told.json["steps"]
    assert (one["certificate"], one["signatures"], one["failures"]) == ("hybrid", 20, 0)
    assert one["per_second"] > 0 and 0 < one["median_microseconds"] <= one["p99_microseconds"]
    assert gateway.ctl("hsm", "status").json["keys"][0]["signatures"] >= 20
    assert gateway.ctl("hsm", "test", "nobody").exit == 65


def test_hsm_test_fails_where_the_key_cannot_sign(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("gone"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    told = gateway.ctl("hsm", "test", "--count", "3")
    assert told.exit == 75 and told.json["outcome"] == "failed"
    (one,) = told.json["steps"]
    assert one["failures"] == 3 and "no such private key" in one["error"] and one["cure"]


def test_validate_walks_to_the_verdict_and_sends_no_mail(line, pki):
    gateway, far = line(outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))})
    told = gateway.ctl("outbound", "validate", "tenant")
    assert told.exit == 0 and told.json["outcome"] == "passed"
    steps = {step["step"]: step["outcome"] for step in told.json["steps"]}
    for step in ("connect", "ehlo", "starttls", "handshake", "verdict"):
        assert steps[step] == "passed", steps
    assert "mail.protection.outlook.com" in told.json["peer"]["subject"]
    assert "gw.contoso.com" in told.json["certificate_sent"]
    assert not any(one.startswith("MAIL") for one in far.commands)
    assert far.connections[0].certificate == pki.gateway.der


def test_validate_names_the_step_that_failed_and_a_cure(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))},
    )
    told = gateway.ctl("outbound", "validate", "tenant")
    assert told.exit != 0
    assert told.json["outcome"] == "failed" and told.json["failed_step"] == "verdict"
    (failed,) = [step for step in told.json["steps"] if step["outcome"] == "failed"]
    assert "Cloud Services CA-2" in failed["detail"] + failed["cure"]
    assert failed["cure"]


def test_validate_of_a_host_that_is_down(line):
    gateway, far = line()
    far.go_down()
    told = gateway.ctl("outbound", "validate", "tenant")
    assert told.exit == 69 or told.exit == 75
    assert told.json["failed_step"] == "connect"


@pytest.mark.parametrize(
    "words, status",
    [
        (("nonsense",), 64),
        ((), 64),
        (("outbound", "show"), 64),
        (("outbound", "show", "nobody"), 65),
        (("outbound", "validate", "nobody"), 65),
        (("inbound", "show", "nobody"), 65),
    ],
)
def test_mistakes_have_exit_codes_from_sysexits_and_a_next_thing_to_try(line, words, status):
    gateway, far = line()
    done = gateway.ctl(*words, as_json=False)
    assert done.exit == status
    assert done.err and not done.out


def test_without_a_gateway_it_says_so_with_69(postern):
    gateway = postern(xml.inbound(), start=False)
    gateway.configure()
    done = gateway.ctl("status", as_json=False)
    assert done.exit == 69
    assert str(gateway.control) in done.err


def test_the_control_socket_is_for_owner_and_group(plain):
    """Issue: "The control socket is guarded by its file mode and the peer's credentials"."""
    gateway, far = plain()
    mode = gateway.control.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


def test_socket_may_be_named(plain):
    gateway, far = plain()
    done = gateway.ctl("--socket", str(gateway.control), "status")
    assert done.exit == 0


def test_a_second_posternd_on_the_same_socket_does_not_start(plain, postern, cloud):
    first, far = plain()
    second = postern(xml.inbound(), xml.outbound(hosts=[far.host]), start=False)
    second.control = first.control
    second.launch()
    assert second.wait_exit() == 78
    assert str(first.control) in second.log_text()
    assert first.ctl("status").exit == 0 and first.send() == 250


def test_a_socket_left_behind_by_a_crash_is_replaced(postern, cloud):
    far = cloud(trust=None)
    gateway = postern(xml.inbound(), xml.outbound(hosts=[far.host]))
    gateway.signal(signal.SIGKILL)
    gateway.wait_exit()
    assert gateway.control.exists()
    gateway.lines.clear()
    gateway.start()
    assert gateway.ctl("status").exit == 0


@pytest.mark.parametrize(
    "bytes_",
    [b"\n", b"{}\n", b"[1]\n", b"nonsense\n", b"\xff\x00\n", b'{"command":5}\n',
     b'{"command":"status","arguments":[]}\n', b"x" * 70000, b'{"command":"no-such"}\n'],
)
def test_rubbish_on_the_control_socket_is_survived(plain, bytes_):
    gateway, far = plain()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(20)
        raw.connect(str(gateway.control))
        raw.sendall(bytes_)
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := raw.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    assert b'"result"' not in answer or bytes_.startswith(b'{"command":"status"')
    assert gateway.ctl("status").exit == 0
