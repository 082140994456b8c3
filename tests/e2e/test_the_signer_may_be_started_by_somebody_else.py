# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "posternd starts the signer by exec … (or finds it by socket activation, so that it can have
a unit and a sandbox of its own)". The supervisor stands in for systemd."""

import os
import signal
import time

import pytest

from harness.pki import GATEWAY
from harness.supervisor import Supervisor
from harness.token import MODULE
from harness.waiting import wait_until


@pytest.fixture
def supervisor(tmp_path, token):
    return Supervisor(tmp_path / "signer.sock", token.environment)


@pytest.fixture
def behind(supervisor, line, pki, token):
    """A gateway whose key is in the token, and whose signers are the supervisor's."""
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)

    def make(**more):
        more.setdefault("pin", f"file:{token.pin_file}")
        attributes = {"Uri": token.uri, "PinSource": more.pop("pin"), "Module": MODULE}
        return line(
            certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
            tokens=[{**attributes, "RequestTimeOut": "00:00:02"}],
            arguments=["--signer-socket", supervisor.path],
            signer="/nonexistent/signer",
            **more,
        )

    made = []

    def remember(**more):
        made.append(make(**more))
        return made[-1]

    yield remember
    for gateway, _ in made:
        gateway.finish()
        gateway.may_fail = True  # it has been judged
    supervisor.finish()


def deliver_until_taken(gateway):
    refusals = []

    def attempt():
        reply = gateway.attempt()
        if reply.code >= 400:
            refusals.append(reply)
        return reply == 250

    wait_until(attempt, "the message to be taken")
    assert all(400 <= reply.code < 500 for reply in refusals), refusals


def test_mail_crosses_and_posternd_has_no_children(behind, supervisor):
    gateway, far = behind()
    assert gateway.send() == 250
    assert far.last.connection.certificate
    assert gateway.children() == []
    assert gateway.ctl("hsm", "status").json["signer"]["pid"] in supervisor.pids


def test_one_that_is_killed_is_replaced(behind, supervisor):
    gateway, far = behind()
    assert gateway.send() == 250
    far.forget_sessions()
    first = gateway.ctl("hsm", "status").json["signer"]["pid"]
    os.kill(first, signal.SIGKILL)
    lost = gateway.wait_for("signer-lost")
    assert lost["pid"] == str(first) and "postern-signer@" in lost["cure"]
    deliver_until_taken(gateway)
    assert len(far.messages) == 2
    assert far.last.connection.certificate
    assert gateway.ctl("hsm", "status").json["signer"]["pid"] in supervisor.pids[1:]


def test_one_that_hangs_is_left_and_replaced(behind, supervisor):
    gateway, far = behind()
    first = gateway.ctl("hsm", "status").json["signer"]["pid"]
    os.kill(first, signal.SIGSTOP)
    deliver_until_taken(gateway)
    assert gateway.wait_for("signer-lost")
    assert gateway.ctl("hsm", "status").json["signer"]["pid"] != first
    # It was not killed: woken, it sees that its connection has closed, and ends.
    hung = next(child for child in supervisor.children if child.pid == first)
    assert hung.poll() is None
    os.kill(first, signal.SIGCONT)
    assert hung.wait(30) == 0
    assert far.last.connection.certificate


def test_a_socket_that_goes_away_is_told_once_and_found_again(behind, supervisor):
    gateway, far = behind()
    away = supervisor.path + ".away"
    os.rename(supervisor.path, away)
    os.kill(supervisor.pids[0], signal.SIGKILL)
    gateway.wait_for("signer-lost", where=supervisor.path)
    assert 400 <= gateway.attempt().code < 500
    # Long enough for several attempts: they come after 0.1, 0.2, 0.4 seconds and so on.
    time.sleep(2)
    assert len(gateway.events("signer-lost", where=supervisor.path)) == 1
    os.rename(away, supervisor.path)
    deliver_until_taken(gateway)
    assert far.last.connection.certificate


def test_each_token_has_a_process_of_its_own(behind, supervisor, pki):
    gateway, _ = behind()
    gateway.certificates["file"] = (pki.gateway.chain, pki.gateway.key)
    assert gateway.reload().exit == 0
    processes = gateway.ctl("hsm", "status").json["signer"]["processes"]
    assert len(processes) == 2
    assert {process["pid"] for process in processes} <= set(supervisor.pids)


def test_the_pin_may_be_the_signers_credential(behind, supervisor, token, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "hsm-pin").write_text(token.pin)
    supervisor.environment["CREDENTIALS_DIRECTORY"] = str(folder)
    gateway, _ = behind(pin="credential:hsm-pin")
    assert gateway.send() == 250


def test_a_path_of_posternds_credential_means_the_signers(behind, supervisor, token, tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "hsm-pin").write_text(token.pin)
    supervisor.environment["CREDENTIALS_DIRECTORY"] = str(folder)
    gateway, _ = behind(pin="file:/run/credentials/posternd.service/hsm-pin")
    assert gateway.send() == 250


def test_without_a_socket_posternd_says_so_and_ends(postern, tmp_path):
    gateway = postern(
        start=False, arguments=["--signer-socket", str(tmp_path / "nothing.sock")]
    ).launch()
    assert gateway.wait_exit() == 69
    (event,) = gateway.events("config-error")
    assert "nothing.sock" in event["where"] and "postern-signer.socket" in event["cure"]
