# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Installed with apt, configured, run, upgraded, downgraded, removed and purged: README.md's section
on installing, step after step. Each test goes on where the one before it stopped (pytest -x)."""

import grp
import os
import pathlib
import pwd
import stat
import subprocess

import pytest
from conftest import CONFIGURATION, Load, apt, run, systemd_tests

UNITS = ("posternd.socket", "postern-signer.socket", "posternd.service")
STATE, SPOOL = pathlib.Path("/var/lib/postern"), pathlib.Path("/var/spool/postern")
PROFILE = pathlib.Path("/etc/apparmor.d/posternd")
APPARMOR = pathlib.Path("/sys/kernel/security/apparmor/profiles")


def access(path):
    status = os.stat(path)
    owner = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name
    return f"{stat.S_IMODE(status.st_mode):04o} {':'.join(owner)}"


def version():
    return run("dpkg-query", "-W", "-f=${Version}", "postern").stdout


def is_active(machine):
    return {unit: machine.show("ActiveState", unit) for unit in UNITS}


def test_a_fresh_installation_starts_nothing_and_says_what_to_do(machine, packages):
    said = apt("install", packages[0])
    assert "README.Debian" in said and "posternd.socket" in said
    assert set(is_active(machine).values()) == {"inactive"}
    for unit in UNITS:
        assert machine.ctl("is-enabled", unit).stdout.strip() == "enabled"
    with pytest.raises(ConnectionRefusedError):
        machine.send()
    assert not machine.ctl("list-units", "--failed", "--plain", "--no-legend").stdout
    # Asked to start without a configuration, it does not, and says why.
    machine.ctl("start", "posternd")
    assert machine.show("ConditionResult") == "no"
    assert "postern.xml" in machine.ctl("status", "posternd", check=False).stdout


def test_folders_belong_to_whom_they_should(machine):
    for folder in ("", "inbound", "outbound", "certificates"):
        assert access(CONFIGURATION / folder) == "0750 root:postern"
    assert access(SPOOL) == "0700 postern:postern"


def test_with_token_pin_and_configuration_it_starts(machine):
    state = systemd_tests.STATE
    run("install", "-d", "-o", "postern-signer", "-g", "postern-signer", "-m", "700", str(state))
    token = systemd_tests.Machine(state / "softhsm")
    machine.ours_from(token)
    machine.drop_in(
        "postern-signer@.service",
        f"[Service]\nEnvironment=SOFTHSM2_CONF={token.configuration}\n", "token",
    )
    machine.configure()
    store = "/etc/credstore.encrypted"
    run("install", "-d", "-m", "700", store)
    subprocess.run(
        ["systemd-creds", "encrypt", "--name=hsm-pin", "-", f"{store}/hsm-pin"],
        input=token.pin.encode(), check=True, capture_output=True,
    )
    run("systemd-tmpfiles", "--create", "postern.conf")
    assert access(CONFIGURATION / "postern.xml") == "0640 root:postern"
    assert access(CONFIGURATION / "outbound" / "tenant.xml") == "0640 root:postern"
    run("posternctl", "config", "check")
    machine.ctl("start", "posternd.socket", "posternd.service")
    assert set(is_active(machine).values()) == {"active"}
    assert "Mail flows" in machine.show("StatusText")
    assert access(STATE) == "0750 postern:postern"
    assert access("/run/postern/control.sock") == "0660 postern:postern"
    assert access("/run/postern") == "0750 postern:postern"


def test_mail_crosses_both_ways(machine):
    assert machine.send() == 250
    assert machine.far.last.connection.certificate == machine.ours.der
    assert machine.send_in() == 250
    assert machine.premises.last.recipients == ["RCPT TO:<alice@contoso.com>"]


def test_posternd_has_no_capability(machine):
    assert systemd_tests.effective_capabilities(machine.main_pid) == 0


def confinement(pid):
    return pathlib.Path(f"/proc/{pid}/attr/current").read_text(encoding="ascii").strip("\0\n")


def test_apparmor_confines_both_where_the_kernel_has_it(machine):
    run("apparmor_parser", "-Q", "-K", str(PROFILE))
    run("apparmor_parser", "-Q", "-K", str(PROFILE.with_name("postern-signer")))
    if APPARMOR.exists():
        assert confinement(machine.main_pid) == "posternd (enforce)"
        assert confinement(machine.signer_pids()[0]) == "postern-signer (enforce)"


def test_a_reload_is_taken_up(machine):
    path = CONFIGURATION / "postern.xml"
    path.write_text(path.read_text().replace("gw.contoso.com", "gw2.contoso.com"))
    machine.ctl("reload", "posternd")
    with machine.client() as client:
        assert "gw2.contoso.com" in client.greeting.text
    path.write_text(path.read_text().replace("gw2.contoso.com", "gw.contoso.com"))
    machine.ctl("reload", "posternd")


def test_a_certificate_is_rotated(machine, tmp_path):
    renewed = machine.renewed()
    run("posternctl", "cert", "rotate", "hybrid", str(renewed.chain), "--recipient", "bob@example.com")
    machine.far.forget_sessions()
    machine.deliver()
    assert machine.far.last.connection.certificate == renewed.der != machine.ours.der
    machine.ours = renewed


def test_a_restart_under_load_loses_nothing_and_refuses_nobody(machine):
    with Load(machine) as load:
        for _ in range(2):
            load.more()
            machine.ctl("restart", "posternd")
        load.more()
    load.check()


def change(machine, *arguments):
    """apt under load; returns the process before and after."""
    before = machine.main_pid
    with Load(machine) as load:
        load.more()
        apt(*arguments)
        load.more()
    load.check()
    assert set(is_active(machine).values()) == {"active"}
    assert machine.main_pid != before


def test_an_upgrade_under_load_loses_nothing_and_keeps_what_was_edited(machine, packages):
    edited = CONFIGURATION / "postern.xml", PROFILE
    for path, comment in zip(edited, ("<!-- by hand -->\n", "# by hand\n")):
        with open(path, "a", encoding="ascii") as file:
            file.write(comment)
    waits = SPOOL / "a-message"
    waits.write_text("kept")
    kept = [path.read_text() for path in edited]
    lower = version()
    socket_since = machine.show("ActiveEnterTimestampMonotonic", "posternd.socket")
    change(machine, "install", packages[1])
    run("dpkg", "--compare-versions", version(), "gt", lower)
    assert [path.read_text() for path in edited] == kept
    assert access(edited[0]) == "0640 root:postern"
    assert waits.read_text() == "kept"
    assert machine.show("ActiveEnterTimestampMonotonic", "posternd.socket") == socket_since
    # What was rotated to is state, and is presented by the new version too.
    assert machine.far.last.connection.certificate == machine.ours.der


def test_one_version_back_works(machine, packages):
    change(machine, "install", "--allow-downgrades", packages[0])
    assert version() in packages[0].name
    assert machine.send() == 250 and machine.send_in() == 250


def test_the_journal_tells_it(machine):
    messages = machine.events(POSTERN_EVENT="message", POSTERN_OUTCOME="accepted")
    assert {event["POSTERN_OUTBOUND"] for event in messages} == {"tenant", "premises"}
    assert machine.events(POSTERN_EVENT="certificate-activated")
    assert len(machine.events(POSTERN_EVENT="started")) >= 5
    assert not machine.events(POSTERN_EVENT="internal-error")
    explained = run("journalctl", "-x", "-u", "posternd", "--no-pager").stdout
    assert "Subject: Postern serves mail" in explained


def test_a_removal_keeps_configuration_state_and_queue(machine, packages):
    apt("remove", "postern")
    assert not pathlib.Path("/usr/sbin/posternd").exists()
    assert not machine.signer_pids()
    with pytest.raises(ConnectionRefusedError):
        machine.send()
    assert (CONFIGURATION / "postern.xml").exists() and (CONFIGURATION / "outbound").exists()
    assert any(STATE.iterdir()) and (SPOOL / "a-message").exists()
    # And coming back it runs at once as before.
    apt("install", packages[0])
    machine.deliver()
    assert machine.send_in() == 250


def test_a_purge_leaves_nothing(machine):
    apt("purge", "postern")
    for path in (CONFIGURATION, STATE, SPOOL, systemd_tests.STATE, PROFILE):
        assert not path.exists(), path
    assert not pathlib.Path("/run/postern/control.sock").exists()
    for unit in UNITS:
        assert not list(pathlib.Path("/etc/systemd/system").glob(f"*.wants/{unit}"))
