# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl against a posternd that only answers: what it prints, and its exit status.

The other end is a thread of the test with a UNIX socket of its own, so that every answer can be had,
also those a real posternd would never give. POSTERN_BUILDDIR says where the programs are."""

import json
import os
import pathlib
import socket
import subprocess
import threading

import pytest

BUILD = pathlib.Path(os.environ.get("POSTERN_BUILDDIR", pathlib.Path(__file__).parents[2]))
PROGRAM = BUILD / "gateway" / "posternctl"

STATUS = {
    "version": "0.1.0", "pid": 4711, "host": "gw.contoso.com", "state": "running", "reason": None,
    "started": "2026-01-31T08:00:00Z", "uptime": 93784, "workers": 2,
    "configuration": {"directory": "/etc/postern", "loaded": "2026-01-31T08:00:01Z",
                      "generation": 3, "warnings": 1},
    "listeners": ["0.0.0.0:25", "[::1]:2525"], "bytes": 123456,
    "sessions": {"open": 3, "total": 120},
    "messages": {"accepted": 100, "deferred": 4, "rejected": 1},
    "next_hop_connections": {"new": 5, "resumed": 6, "reused": 90},
    "pool": {"idle": 2, "in_use": 1}, "signatures": 7,
}
INBOUND = {
    "connectors": [
        {"name": "cloud", "enabled": True, "addresses": [], "require_tls": True,
         "tls_minimum": "1.2", "certificate": "hybrid",
         "sender_certificate_names": ["mail.protection.outlook.com"], "sender_domains": []},
        {"name": "devices", "enabled": False,
         "addresses": ["10.20.0.0/16", "10.21.0.0/16", "10.22.0.0/16", "10.23.0.0/16", "10.24.0.1"],
         "require_tls": False, "tls_minimum": "1.0", "certificate": None,
         "sender_certificate_names": [], "sender_domains": ["contoso.com"]},
    ]
}
OUTBOUND = {
    "connectors": [
        {"name": "tenant", "enabled": True, "recipient_domains": ["*"],
         "smart_hosts": ["contoso-com.mail.protection.outlook.com:25"],
         "tls_settings": "DomainValidation", "tls_domains": ["mail.protection.outlook.com"],
         "certificate": "hybrid", "scope": ["exchange", "devices"],
         "validated": {"time": "2026-01-31T08:00:00Z", "outcome": "failed", "failed_step": "rcpt",
                       "failure": "refused", "detail": "550 5.7.64 TenantAttribution",
                       "host": "mx.example", "address": "192.0.2.1:25"}},
    ]
}
XML = '<OutboundConnector xmlns="urn:postern:1" Name="tenant">\n</OutboundConnector>\n'
SHOWN = {**OUTBOUND["connectors"][0], "xml": XML, "file": "/etc/postern/outbound/tenant.xml",
         "line": 2}
HSM = {
    "signer": {"pid": 4712, "starts": 1, "waiting": 0},
    "keys": [
        {"key": "pkcs11:token=postern;object=hybrid;type=private", "identities": ["hybrid"],
         "token": "postern", "module": "/usr/lib/softhsm/libsofthsm2.so", "manufacturer": "SoftHSM",
         "model": "SoftHSM v2", "serial": "abc", "type": "RSA 2048",
         "algorithms": ["rsa_pss_rsae_sha256", "rsa_pkcs1_sha256"], "ready": True,
         "logged_in": True, "signatures": 7, "errors": 1, "recoveries": 2,
         "median_microseconds": 900, "p99_microseconds": 1500, "last_error": None, "cure": None},
        {"key": "pkcs11:token=gone;object=old;type=private", "identities": [], "token": "gone",
         "module": "", "manufacturer": "", "model": "", "serial": "", "type": "", "algorithms": [],
         "ready": False, "logged_in": False, "signatures": 0, "errors": 0, "recoveries": 0,
         "median_microseconds": 0, "p99_microseconds": 0, "last_error": "No token fits token=gone",
         "cure": "see whether the HSM is reachable"},
    ],
}
PROBLEM = {"file": "/etc/postern/postern.xml", "line": 9, "severity": "warning",
           "what": "Metrics are not served yet", "cure": "take the element out"}
RELOADED = {"generation": 4, "warnings": [PROBLEM]}
STEPS = [
    {"step": "resolve", "outcome": "passed", "milliseconds": 12, "detail": "2 addresses",
     "cure": None},
    {"step": "verdict", "outcome": "failed", "milliseconds": 1,
     "detail": "The issuer is CN=Other", "cause": None, "cure": "add a Peer",
     "checks": [{"check": "chain", "outcome": "passed"}, {"check": "subject-issuer", "outcome": "failed"},
                {"check": "name", "outcome": "not-asked"}]},
    {"step": "rcpt", "outcome": "failed", "milliseconds": 3, "detail": "550 5.7.64 No",
     "cause": "nobody knows us", "cure": "set it"},
]
PEER = {"subject": "CN=mail.protection.outlook.com", "issuer": "CN=Other", "names": "a.example",
        "serial": "01", "fingerprint": "ab", "expires": "2027-01-01T00:00:00Z"}
VALIDATION = {"outcome": "failed", "failed_step": "verdict", "host": "mx.example",
              "address": "192.0.2.1:25", "tls_version": "TLSv1.3",
              "cipher": "TLS_AES_256_GCM_SHA384", "group": "x25519", "resumed": False,
              "failure": "their-identity", "offers": ["SIZE 1000", "PIPELINING"], "peer": PEER,
              "certificate_sent": "CN=gw.contoso.com"}

# command line, request, result, what the people's output holds
COMMANDS = [
    (["status"], "status", STATUS,
     ["running", "gw.contoso.com, posternd 0.1.0, process 4711", "1 d 2 h 3 min ago",
      "/etc/postern, generation 3 of 2026-01-31T08:00:01Z, 1 warning\n", "0.0.0.0:25, [::1]:2525",
      "3 open, 120 since", "100 accepted (123456 bytes), 4 deferred, 1 rejected",
      "5 connections new, 6 resumed; 90 times", "2 idle, 1 in use"]),
    (["reload"], "reload", RELOADED,
     ["/etc/postern/postern.xml:9: warning: Metrics are not served yet. Try: take the element out.",
      "in force as generation 4, with 1 warning."]),
    (["inbound", "list"], "inbound-list", INBOUND,
     ["NAME     ENABLED  ADDRESSES", "cloud    yes      any ", "mail.protection.outlook.com",
      "devices  no       10.20.0.0/16, 10.21.0.0/16, 10.22.0.0/16 +2 "]),
    (["inbound", "show", "cloud"], "inbound-show", SHOWN, [XML]),
    (["outbound", "list"], "outbound-list", OUTBOUND,
     ["NAME    ENABLED", "tenant  yes      *  ", "contoso-com.mail.protection.outlook.com:25",
      "DomainValidation", "exchange, devices  failed at rcpt, 2026-01-31T08:00:00Z\n"]),
    (["outbound", "show", "tenant"], "outbound-show", SHOWN, [XML]),
    (["hsm", "status"], "hsm-status", HSM,
     ["The signer runs as process 4712; started 1 time, 0 requests waiting.",
      "ready, logged in", "RSA 2048", "rsa_pss_rsae_sha256, rsa_pkcs1_sha256",
      "7, 1 errors\n", "2: 0 by a new session", "median 0.9 ms, 99th percentile 1.5 ms",
      "NOT READY, not logged in", "No token fits token=gone", "see whether the HSM is reachable"]),
]
IDS = [" ".join(row[0]) for row in COMMANDS]


class Posternd(threading.Thread):
    """Takes one connection, reads one line, and sends what it was given, then closes."""

    def __init__(self, path, lines):
        super().__init__(daemon=True)
        self.request = None
        self.bytes = b"".join(
            line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            for line in lines)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.bind(str(path))
        self.socket.listen(1)
        self.start()

    def run(self):
        with self.socket, self.socket.accept()[0] as connection, connection.makefile("rb") as file:
            self.request = json.loads(file.readline())
            connection.sendall(self.bytes)


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, **options)


@pytest.fixture
def ask(tmp_path):
    """Runs posternctl against a posternd that answers with these lines."""
    def ask_with(arguments, *lines):
        path = tmp_path / "control.sock"
        posternd = Posternd(path, lines)
        done = run(*arguments, "--socket", path)
        posternd.join(20)
        done.request = posternd.request
        return done
    return ask_with


@pytest.mark.parametrize("arguments, request_name, result, texts", COMMANDS, ids=IDS)
def test_people_get_sentences_and_columns(ask, arguments, request_name, result, texts):
    done = ask(arguments, {"result": result})
    assert done.returncode == 0, done.stderr
    assert done.request["command"] == request_name
    for text in texts:
        assert text in done.stdout
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


@pytest.mark.parametrize("arguments, request_name, result, texts", COMMANDS, ids=IDS)
def test_json_is_the_result_as_it_came(ask, arguments, request_name, result, texts):
    done = ask([*arguments, "--json"], {"result": result})
    assert done.returncode == 0
    assert json.loads(done.stdout) == result
    assert done.stderr == ""


def test_the_name_goes_with_the_request(ask):
    done = ask(["outbound", "show", "Über uns"], {"result": SHOWN})
    assert done.request == {"command": "outbound-show", "arguments": {"name": "Über uns"}}


def test_show_keeps_stdout_to_the_xml(ask):
    done = ask(["outbound", "show", "tenant"], {"result": SHOWN})
    assert done.stdout == XML
    assert done.stderr == (
        "Declared at /etc/postern/outbound/tenant.xml:2; enabled.\n"
        "Last validation: failed, 2026-01-31T08:00:00Z, at the step rcpt: "
        "550 5.7.64 TenantAttribution.\n")


def test_show_says_when_a_connector_was_never_validated(ask):
    never = ask(["outbound", "show", "tenant"], {"result": {**SHOWN, "validated": None}})
    assert "Never validated" in never.stderr and never.stdout == XML


def test_a_validation_shows_its_steps_and_what_it_met(ask):
    done = ask(["outbound", "validate", "tenant"], *({"progress": step} for step in STEPS),
               {"result": VALIDATION})
    assert done.returncode == 78
    lines = done.stdout.splitlines()
    assert lines[0] == "resolve    passed       12 ms  2 addresses"
    assert lines[1] == "verdict    failed        1 ms  The issuer is CN=Other"
    assert [line.strip() for line in lines[2:5]] == [
        "chain: passed", "subject-issuer: failed", "Try: add a Peer"]
    assert [line.strip() for line in lines[6:8]] == ["Likely: nobody knows us", "Try: set it"]
    for text in ["mx.example (192.0.2.1:25)", "SIZE 1000, PIPELINING",
                 "TLSv1.3, TLS_AES_256_GCM_SHA384, group x25519, new session",
                 "CN=mail.protection.outlook.com", "CN=gw.contoso.com",
                 "Failed at the step verdict."]:
        assert text in done.stdout


@pytest.mark.parametrize(
    "failure, status",
    [("unreachable", 69), ("refused", 69), ("temporary", 75), ("protocol", 76),
     ("our-identity", 77), ("their-identity", 78), ("of another age", 78), (None, 78)],
)
def test_the_exit_status_tells_why_a_validation_failed(ask, failure, status):
    done = ask(["outbound", "validate", "tenant"],
               {"result": {**VALIDATION, "failure": failure}})
    assert done.returncode == status


def test_a_validation_shows_the_envelope_and_the_last_reply(ask):
    result = {**VALIDATION, "outcome": "passed", "failed_step": None, "failure": None,
              "sender": "", "recipient": "a@example.com", "sent": True,
              "reply": {"code": 250, "status": "2.0.0", "text": "2.0.0 Taken"}}
    done = ask(["outbound", "validate", "tenant", "--recipient", "a@example.com", "--send",
                "--sender", "<>"], {"result": result})
    assert done.returncode == 0
    assert done.request["arguments"] == {
        "name": "tenant", "recipient": "a@example.com", "sender": "", "send": True}
    assert "from <> to <a@example.com>, a test message was delivered" in done.stdout
    assert "250 2.0.0 Taken" in done.stdout


def test_a_validation_in_json_has_its_steps_in_it(ask):
    done = ask(["--json", "outbound", "validate", "tenant"],
               *({"progress": step} for step in STEPS), {"result": VALIDATION})
    assert done.returncode == 78
    assert json.loads(done.stdout) == {**VALIDATION, "steps": STEPS}


def test_a_validation_that_passed_is_success(ask):
    passed = {**VALIDATION, "outcome": "passed", "failed_step": None, "certificate_sent": None}
    done = ask(["outbound", "validate", "tenant"], {"progress": STEPS[0]}, {"result": passed})
    assert done.returncode == 0
    assert "Passed: the next hop is what the connector asks for." in done.stdout
    assert "no certificate" in done.stdout


def test_steps_are_shown_as_they_come(tmp_path):
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(20)
        listener.bind(str(path))
        listener.listen(1)
        program = subprocess.Popen([PROGRAM, "outbound", "validate", "x", "--socket", path],
                                   stdout=subprocess.PIPE, text=True)
        with listener.accept()[0] as connection:
            connection.sendall(json.dumps({"progress": STEPS[0]}).encode() + b"\n")
            assert program.stdout.readline().startswith("resolve")  # and the answer is still to come
            connection.sendall(json.dumps({"result": VALIDATION}).encode() + b"\n")
            program.communicate(timeout=60)
    assert program.returncode == 78


REFUSED = {"error": {"code": 78, "what": "The configuration was refused", "where": "/etc/postern",
                     "cure": "mend what is listed", "problems": [{**PROBLEM, "severity": "error"}]}}


def test_a_refused_reload_lists_the_problems_and_fails(ask):
    done = ask(["reload"], REFUSED)
    assert done.returncode == 78
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "/etc/postern/postern.xml:9: error: Metrics are not served yet. Try: take the element out.",
        "posternctl: The configuration was refused (/etc/postern). Try: mend what is listed."]


def test_a_refused_reload_in_json_is_one_document(ask):
    done = ask(["reload", "--json"], REFUSED)
    assert done.returncode == 78
    assert json.loads(done.stdout) == REFUSED
    assert done.stderr == ""


@pytest.mark.parametrize("code, status", [(64, 64), (65, 65), (69, 69), (75, 75), (77, 77),
                                          (0, 70), (1, 70), (300, 70)])
def test_the_code_of_an_error_is_the_exit_status(ask, code, status):
    done = ask(["status"], {"error": {"code": code, "what": "No", "where": "", "cure": ""}})
    assert done.returncode == status
    assert done.stderr == "posternctl: No.\n"


@pytest.mark.parametrize("lines, status, text", [
    ([], 69, "before it had answered"),
    ([{"progress": {}}], 69, "before it had answered"),
    ([b"{\"result\":"], 69, "before it had answered"),
    ([b"hello\n"], 76, "not JSON"),
    ([b"[]\n"], 76, "neither a result nor an error"),
    ([{"other": 1}], 76, "neither a result nor an error"),
    ([b"x" * (4 * 1024 * 1024)], 76, "too long"),
], ids=["nothing", "progress only", "half a line", "no JSON", "a list", "neither", "too long"])
def test_what_is_no_answer_is_told_so(ask, lines, status, text):
    done = ask(["status"], *lines)
    assert done.returncode == status
    assert text in done.stderr


def test_an_answer_that_lacks_everything_is_borne(ask, tmp_path):
    for arguments, *_ in COMMANDS:
        done = ask(arguments, {"result": {}})
        assert done.returncode == 0
        (tmp_path / "control.sock").unlink()


def test_control_characters_never_reach_the_terminal(ask):
    rude = {**STATUS, "host": "\x1b[2Jgw\x9b31m"}
    assert "\\x1b[2Jgw\\x9b31m" in ask(["status"], {"result": rude}).stdout


def test_control_characters_never_reach_the_terminal_in_json(ask):
    rude = {**STATUS, "host": "\x1b[2Jgw\x9b31m"}
    done = ask(["status", "--json"], {"result": rude})
    assert done.stdout.replace("\n", " ").isprintable()
    assert json.loads(done.stdout) == rude


def test_nobody_there_is_69_and_says_what_to_do(tmp_path):
    done = run("status", "--socket", tmp_path / "none.sock")
    assert done.returncode == 69
    assert "posternd does not seem to run" in done.stderr
    assert "systemctl status posternd" in done.stderr


def test_nobody_there_in_json_is_an_error_object(tmp_path):
    done = run("status", "--json", "--socket", tmp_path / "none.sock")
    assert done.returncode == 69
    error = json.loads(done.stdout)["error"]
    assert error["code"] == 69
    assert sorted(error) == ["code", "cure", "what", "where"]


def test_a_wrong_command_line_is_64_also_in_json():
    done = run("inbound", "validate", "x", "--json")
    assert done.returncode == 64
    assert json.loads(done.stdout)["error"]["code"] == 64


def test_the_socket_is_found_through_a_broken_configuration(tmp_path):
    path = tmp_path / "control.sock"
    (tmp_path / "postern.xml").write_text(
        f'<Gateway xmlns="urn:postern:1"><Control Socket="{path}"/><Listener</Gateway>')
    posternd = Posternd(path, [REFUSED])
    done = run("reload", "--config", tmp_path)
    posternd.join(20)
    assert done.returncode == 78
    assert posternd.request["command"] == "reload"


def test_a_check_of_a_folder_without_a_configuration_is_78(tmp_path):
    done = run("config", "check", tmp_path)
    assert done.returncode == 78
    *problems, last = done.stdout.splitlines()
    assert any(": error: " in line for line in problems)
    assert last.endswith("posternd would refuse this configuration.")


def test_a_check_in_json_is_one_document(tmp_path):
    done = run("--json", "config", "check", tmp_path)
    assert done.returncode == 78
    document = json.loads(done.stdout)
    assert document["outcome"] == "failed"
    severities = [problem["severity"] for problem in document["problems"]]
    assert document["errors"] == severities.count("error") >= 1
    assert document["warnings"] == severities.count("warning")
    for problem in document["problems"]:
        assert sorted(problem) == ["cure", "file", "line", "severity", "what"]


def test_output_that_cannot_be_written_is_no_success():
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=60, check=False)
    assert done.returncode == 74
    assert "Cannot write" in done.stderr


def test_version_and_help_go_to_stdout():
    assert run("--version").stdout.startswith("posternctl ")
    assert "outbound validate NAME" in run("outbound", "--help").stdout
    assert "inbound list" not in run("outbound", "--help").stdout
