# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "The last validation and its outcome are remembered and shown by `outbound list`": over
reloads, and over restarts where there is a state directory."""

import json
import os
import signal
from pathlib import Path

import pytest

from harness.waiting import wait_until


def last(gateway):
    (tenant,) = gateway.ctl("outbound", "list").json["connectors"]
    shown = gateway.ctl("outbound", "show", "tenant").json
    assert shown["validated"] == tenant["validated"]
    return tenant["validated"]


def fail_at_rcpt(gateway, far):
    far.on("RCPT", "550 5.7.64 TenantAttribution")
    return gateway.ctl("outbound", "validate", "tenant", "--recipient", "a@contoso.com")


def restart(gateway):
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    gateway.may_fail = False
    gateway.lines.clear()
    gateway.start()


def test_never_then_passed_then_failed(line):
    gateway, far = line()
    assert last(gateway) is None
    assert "never" in gateway.ctl("outbound", "list", as_json=False).out
    gateway.ctl("outbound", "validate", "tenant")
    found = last(gateway)
    assert found["outcome"] == "passed" and found["failed_step"] is None
    assert found["address"] == far.host and found["time"].endswith("Z")
    fail_at_rcpt(gateway, far)
    found = last(gateway)
    assert (found["outcome"], found["failed_step"]) == ("failed", "rcpt")
    assert found["failure"] == "our-identity" and "5.7.64" in found["detail"]
    words = gateway.ctl("outbound", "list", as_json=False).out
    assert f"failed at rcpt, {found['time']}" in words
    assert "5.7.64" in gateway.ctl("outbound", "show", "tenant", as_json=False).err


def test_a_reload_forgets_nothing(line):
    gateway, far = line()
    fail_at_rcpt(gateway, far)
    before = last(gateway)
    assert gateway.reload().exit == 0
    assert last(gateway) == before


def test_a_restart_keeps_it_where_there_is_a_state_directory(line):
    gateway, far = line(start=False)
    gateway.state.mkdir()
    gateway.start()
    fail_at_rcpt(gateway, far)
    before = last(gateway)
    restart(gateway)
    assert last(gateway) == before
    assert gateway.state.joinpath("validations.json").stat().st_mode & 0o7 == 0


def test_it_is_written_at_once_and_not_only_at_the_end(line):
    gateway, far = line(start=False)
    gateway.state.mkdir()
    gateway.start()
    fail_at_rcpt(gateway, far)
    before, file = last(gateway), gateway.state / "validations.json"
    wait_until(file.exists, "the file")
    assert json.loads(file.read_text())["tenant"] == before
    gateway.signal(signal.SIGKILL)
    gateway.wait_exit()
    gateway.may_fail = False
    gateway.lines.clear()
    gateway.start()
    assert last(gateway) == before


def test_without_the_directory_it_is_kept_in_memory_alone(line):
    gateway, far = line(start=False)
    gateway.state = Path("/proc/none/state")
    gateway.configure()
    gateway.start()
    fail_at_rcpt(gateway, far)
    assert last(gateway)["outcome"] == "failed"
    restart(gateway)
    assert last(gateway) is None and not gateway.state.exists()
    assert not gateway.events("resources")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"tenant":5}', b'{"tenant":{"outcome":"passed"}}', b"\xff" * 100,
                b'{"gone":{"time":"2026-01-01T00:00:00Z","outcome":"passed"}}'])
def test_a_file_that_is_unfit_is_passed_over(line, content):
    gateway, far = line(start=False)
    gateway.state.mkdir()
    gateway.state.joinpath("validations.json").write_bytes(content)
    gateway.start()
    assert last(gateway) is None
    fail_at_rcpt(gateway, far)
    wait_until(
        lambda: gateway.state.joinpath("validations.json").read_bytes() != content, "a new file")
    assert list(json.loads(gateway.state.joinpath("validations.json").read_text())) == ["tenant"]


def test_a_file_that_cannot_be_written_is_told_with_a_cure(line):
    gateway, far = line(start=False)
    gateway.state.mkdir()
    gateway.state.joinpath("validations.json").mkdir()
    gateway.state.joinpath("validations.json", "in the way").touch()
    gateway.start()
    fail_at_rcpt(gateway, far)
    event = gateway.wait_for("resources")
    assert str(gateway.state) in event.line and event["cure"]
    assert last(gateway)["outcome"] == "failed"
    assert os.listdir(gateway.state) == ["validations.json"]
