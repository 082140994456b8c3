# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "outbound validate: resolve; connect; greeting and EHLO; STARTTLS offered; handshake
(version, cipher, group, our certificate asked for and sent); verdict (each check named, passed or
not); EHLO after TLS and what it offers; MAIL and RCPT; time of each step. Each failure with its
likely causes and cures. Exit code tells." A cloud misbehaves at each step in turn."""

import pytest

from harness import xml
from harness.cloud import drop, silence
from harness.pki import ENDPOINT, GATEWAY, ISSUER
from harness.token import MODULE

MAIL = ("--recipient", "someone@contoso.com")


def validate(gateway, *arguments):
    told = gateway.ctl("outbound", "validate", "tenant", *arguments)
    assert told.json, told
    return told


def steps(told):
    return [step["step"] for step in told.json["steps"]]


def failed(told):
    (step,) = [step for step in told.json["steps"] if step["outcome"] == "failed"]
    assert step["step"] == told.json["failed_step"]
    return step


def test_all_steps_pass_in_order_and_each_has_its_time(line):
    gateway, far = line(outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER))})
    told = validate(gateway, *MAIL)
    assert told.exit == 0 and told.json["outcome"] == "passed"
    assert steps(told) == [
        "resolve", "connect", "greeting", "ehlo", "starttls", "handshake", "verdict", "ehlo-tls",
        "mail", "rcpt", "rset",
    ]
    assert all(step["outcome"] == "passed" for step in told.json["steps"])
    assert all(step["milliseconds"] >= 0 for step in told.json["steps"])
    assert all(step["host"] == "127.0.0.1" for step in told.json["steps"])
    far.rest()
    assert far.commands[-4:] == [
        "MAIL FROM:<>", "RCPT TO:<someone@contoso.com>", "RSET", "QUIT"
    ]
    assert not far.seen and not told.json["sent"]


def test_without_a_recipient_it_ends_with_what_ehlo_offers(line):
    gateway, far = line()
    told = validate(gateway)
    assert told.exit == 0 and steps(told)[-1] == "ehlo-tls"
    assert told.json["offers"] == [one for one in far.offers if one != "STARTTLS"]
    assert told.json["steps"][-1]["offers"] == told.json["offers"]
    far.rest()
    assert far.commands[-1] == "QUIT"
    assert not any(one.startswith("MAIL") for one in far.commands)


@pytest.mark.parametrize("maximum, version", [(None, "TLSv1.3"), ("1.2", "TLSv1.2")])
def test_the_handshake_is_shown_with_group_and_our_certificate(line, maximum, version):
    gateway, far = line(cloud_options={"maximum": maximum})
    told = validate(gateway)
    (step,) = [one for one in told.json["steps"] if one["step"] == "handshake"]
    assert step["tls_version"] == told.json["tls_version"] == version
    assert step["cipher"] == told.json["cipher"] and "AES" in step["cipher"].upper()
    assert step["group"] == told.json["group"] and step["group"].lower() in (
        "x25519", "secp256r1", "prime256v1")
    assert step["certificate_asked"] and told.json["certificate_asked"]
    assert "asked for and sent" in step["detail"] and step["group"] in step["detail"]


def test_a_cloud_that_asks_for_no_certificate_is_told_so(line):
    gateway, far = line(cloud_options={"trust": None})
    told = validate(gateway)
    (step,) = [one for one in told.json["steps"] if one["step"] == "handshake"]
    assert "not asked for" in step["detail"] and not step["certificate_asked"]
    assert told.json["certificate_sent"] is None


def test_each_check_of_the_verdict_is_named(line):
    gateway, far = line()
    (verdict,) = [one for one in validate(gateway).json["steps"] if one["step"] == "verdict"]
    checks = {one["check"]: one["outcome"] for one in verdict["checks"]}
    for check in ("presented", "chain", "dates", "usage", "name"):
        assert checks[check] == "passed", checks
    assert checks["subject-issuer"] == "not-asked"


def test_checks_behind_the_one_that_failed_are_not_reached(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.intermediate.issue(ENDPOINT, ["other.example"])},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, "CN=nobody"))},
    )
    told = validate(gateway)
    assert told.exit == 78 and told.json["failure"] == "their-identity"
    checks = {one["check"]: one["outcome"] for one in failed(told)["checks"]}
    assert (checks["chain"], checks["name"], checks["subject-issuer"]) == ("passed", "failed", "not-reached")
    assert told.json["checks"] == failed(told)["checks"] and failed(told)["cure"]
    (handshake,) = [one for one in told.json["steps"] if one["step"] == "handshake"]
    assert "not sent, for theirs was refused" in handshake["detail"]
    assert handshake["certificate_asked"] is None


def test_what_is_only_reported_is_a_warning(line, pki):
    gateway, far = line(
        cloud_options={"credential": pki.other_issuer()},
        outbound={"PeerCertificates": xml.peers((ENDPOINT, ISSUER), mode="ReportOnly")},
    )
    told = validate(gateway)
    assert told.exit == 0
    (verdict,) = [one for one in told.json["steps"] if one["step"] == "verdict"]
    assert verdict["outcome"] == "warning" and "CA-2" in verdict["detail"]
    assert {"check": "subject-issuer", "outcome": "warning"} in verdict["checks"]


# step of the cloud, what it does, the step that fails, exit status, failure, words of cause and cure
MISBEHAVIOUR = [
    ("CONNECT", "554 5.7.1 No mail from you", "greeting", 69, "refused", "policy", "administrator"),
    ("CONNECT", "421 4.3.2 Busy", "greeting", 75, "temporary", "busy", "wait"),
    ("CONNECT", drop, "greeting", 69, "unreachable", "does not want this address", "block list"),
    ("EHLO", "421 4.7.66 TLS 1.0 and 1.1 are not supported", "ehlo", 75, "temporary",
     "takes 1.2", "TlsMinimumVersion"),
    ("STARTTLS", "454 4.7.0 Not now", "starttls", 75, "temporary", "strips", "inspection"),
    ("HANDSHAKE", drop, "handshake", 76, "protocol", "in common", "s_client"),
    ("TLS EHLO", drop, "ehlo-tls", 77, "our-identity", "does not take our certificate",
     "intermediate"),
    ("TLS EHLO", b"nonsense\r\n", "ehlo-tls", 76, "protocol", "nonsense", "log of the next hop"),
    ("TLS EHLO", "454 4.7.5 Certificate validation failure, Reason:UntrustedRoot", "ehlo-tls", 77,
     "our-identity", "not trusted there", "TlsSenderCertificateName"),
    ("MAIL", "451 5.7.3 STARTTLS is required to send mail", "mail", 75, "temporary", "only inside",
     "EncryptionOnly"),
    ("MAIL", "530 5.7.57 Client not authenticated to send mail.", "mail", 77, "our-identity",
     "log in", "mail.protection.outlook.com"),
    ("MAIL", "550 5.7.230 Connecting Exchange server version is out-of-date", "mail", 69, "refused",
     "out of date", "update the Exchange server"),
    ("MAIL", drop, "mail", 75, "temporary", "broke", "again"),
    ("RCPT", "550 5.7.64 TenantAttribution; Relay Access Denied ATTR36", "rcpt", 77, "our-identity",
     "TenantAttribution", "intermediate"),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied.", "rcpt", 69, "refused",
     "Edge Blocking", "exists"),
    ("RCPT", "450 4.7.1 Greylisted", "rcpt", 75, "temporary", "greylists", "wait"),
    ("RCPT", "550 5.0.0 No", "rcpt", 69, "refused", "in its reply", "administrator"),
    ("RCPT", "354 Go on", "rcpt", 76, "protocol", "reply", "log"),
]


@pytest.mark.parametrize(
    "at, action, step, status, failure, cause, cure", MISBEHAVIOUR,
    ids=[f"{row[0]}-{row[2]}-{row[3]}-{number}" for number, row in enumerate(MISBEHAVIOUR)],
)
def test_a_failure_is_named_with_its_cause_and_cure(
    line, at, action, step, status, failure, cause, cure
):
    gateway, far = line()
    far.on(at, action)
    told = validate(gateway, *MAIL)
    assert told.exit == status, told
    assert (told.json["failed_step"], told.json["failure"]) == (step, failure)
    found = failed(told)
    assert cause in found["cause"] and cure in found["cure"], found
    assert told.json["cause"] == found["cause"] and told.json["cure"] == found["cure"]
    if isinstance(action, str):
        text = action.split(" ", 1)[1]
        assert text.split(" ", 1)[1] in found["detail"]
        assert told.json["reply"]["code"] == int(action[:3])


@pytest.mark.parametrize("at, step", [("CONNECT", "greeting"), ("TLS EHLO", "ehlo-tls"),
                                      ("RCPT", "rcpt")])
def test_silence_is_temporary(line, at, step):
    gateway, far = line(outbound={"ConnectionInactivityTimeOut": "00:00:01"})
    far.on(at, silence)
    told = validate(gateway, *MAIL)
    assert told.exit == 75 and told.json["failed_step"] == step
    assert "silent" in failed(told)["cause"]


def test_nonsense_is_a_matter_of_protocol(line):
    gateway, far = line()
    far.on("RCPT", b"this is no reply\r\n")
    told = validate(gateway, *MAIL)
    assert told.exit == 76 and told.json["failed_step"] == "rcpt"


def test_starttls_that_is_not_offered(line):
    gateway, far = line(cloud_options={"offers": ["PIPELINING"]})
    told = validate(gateway)
    assert told.exit == 76 and told.json["failed_step"] == "starttls"
    assert "strips STARTTLS" in failed(told)["cause"] and failed(told)["cure"]


def test_our_certificate_refused_in_the_handshake(line, pki):
    """In TLS 1.3 it shows only behind the handshake."""
    gateway, far = line(cloud_options={"trust": pki.root.anchors})
    told = validate(gateway)
    assert told.exit == 77 and told.json["failure"] == "our-identity"
    assert told.json["failed_step"] in ("handshake", "ehlo-tls")
    assert "does not take our certificate" in failed(told)["cause"]
    assert "intermediate" in failed(told)["cure"]


def test_who_asked_for_no_certificate_did_not_refuse_it(line):
    gateway, far = line(cloud_options={"trust": None})
    far.on("TLS EHLO", drop)
    told = validate(gateway)
    assert told.exit == 76 and told.json["failed_step"] == "ehlo-tls"
    assert "does not want us" in failed(told)["cause"]


def test_a_name_that_does_not_resolve(postern, cloud):
    gateway = postern(xml.inbound(), xml.outbound(hosts=["nowhere.invalid:25"]))
    told = validate(gateway)
    assert told.exit == 69 and told.json["failed_step"] == "resolve"
    assert "misspelled" in failed(told)["cause"] and "SmartHosts" in failed(told)["cure"]


def test_a_host_that_is_down_and_the_next_one_tried_as_mail_would(line, cloud):
    gateway, far = line()
    spare = cloud()
    tenant = next(one for one in gateway.connectors if one.kind == "outbound")
    tenant.elements["SmartHosts"] = [far.host, spare.host]
    assert gateway.reload().exit == 0
    far.go_down()
    told = validate(gateway)
    assert told.exit == 0 and told.json["failed_step"] is None
    first, *others = [step for step in told.json["steps"] if step["step"] == "connect"]
    assert first["outcome"] == "failed" and first["address"] == far.host
    assert "firewall" in first["cause"] and first["cure"]
    assert [step["outcome"] for step in others] == ["passed"]
    assert told.json["address"] == spare.host


def test_opportunistic_goes_on_in_the_clear_with_a_warning(line):
    gateway, far = line(
        outbound={"TlsSettings": "Opportunistic", "TlsDomain": None, "TlsCertificateName": None,
                  "TrustAnchors": None},
        cloud_options={"offers": ["PIPELINING"]},
    )
    told = validate(gateway, *MAIL)
    assert told.exit == 0 and told.json["tls_version"] is None
    (step,) = [one for one in told.json["steps"] if one["step"] == "starttls"]
    assert step["outcome"] == "warning" and "in the clear" in step["detail"]


@pytest.mark.parametrize("at, action, step", [("STARTTLS", "454 4.7.0 Not now", "starttls"),
                                              ("HANDSHAKE", drop, "handshake")])
def test_opportunistic_bears_what_others_would_not(line, at, action, step):
    gateway, far = line(
        outbound={"TlsSettings": "Opportunistic", "TlsDomain": None, "TlsCertificateName": None,
                  "TrustAnchors": None},
        cloud_options={"trust": None},
    )
    far.once(at, action)
    told = validate(gateway, *MAIL)
    assert told.exit == 0 and told.json["tls_version"] is None, told
    (found,) = [one for one in told.json["steps"] if one["outcome"] == "warning"]
    assert found["step"] == step and found["cause"] and found["cure"]
    assert not any(one["outcome"] == "failed" for one in told.json["steps"])


def test_none_skips_tls(plain):
    gateway, far = plain()
    told = validate(gateway, *MAIL)
    assert told.exit == 0
    (step,) = [one for one in told.json["steps"] if one["step"] == "starttls"]
    assert step["outcome"] == "skipped"


def test_a_key_that_cannot_sign_is_ours_and_temporary(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("gone"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    told = validate(gateway)
    assert told.exit == 75 and told.json["failure"] == "temporary"
    assert told.json["failed_step"] == "handshake"
    assert "Our own key" in failed(told)["cause"] and failed(told)["cure"]


@pytest.mark.parametrize(
    "words, status",
    [
        (("--sender", "a@contoso.com"), 64),
        (("--send",), 64),
        (("--recipient", "nobody"), 64),
        (("--recipient", "a@b.example> SIZE=1"), 64),
        (("--recipient", "a@b.example\r\nDATA"), 64),
        (("--recipient", "a@b.example", "--sender", "<x@y.example>"), 64),
        (("--recipient", "a@b.example", "--sender", "two words@y.example"), 64),
    ],
)
def test_an_address_that_is_none_never_reaches_the_next_hop(line, words, status):
    gateway, far = line()
    done = gateway.ctl("outbound", "validate", "tenant", *words, as_json=False)
    assert done.exit == status and done.err, done
    assert not far.connections


def test_people_see_steps_with_cause_and_cure(line):
    gateway, far = line()
    far.on("RCPT", "550 5.7.64 TenantAttribution; Relay Access Denied ATTR36")
    done = gateway.ctl("outbound", "validate", "tenant", *MAIL, as_json=False)
    assert done.exit == 77
    for text in ("chain: passed", "Likely: Exchange Online cannot attribute", "Try: see that our",
                 "Failed at the step rcpt.", "550 5.7.64 TenantAttribution"):
        assert text in done.out, done.out
