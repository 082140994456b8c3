# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl doctor: what others could change, read or connect to, with the command that mends it."""

import pytest

from harness.pki import GATEWAY
from harness.token import MODULE


def findings(told, check):
    return [one for one in told.json["checks"] if one["check"] == check]


def test_nothing_is_open(line):
    gateway, far = line()
    (found,) = findings(gateway.ctl("doctor"), "permissions")
    assert found["outcome"] == "ok"


def what(gateway, pki, name):
    return {
        "folder": gateway.directory,
        "chain": pki.gateway.chain,
        "anchors": pki.root.anchors,
        "key": pki.gateway.key,
        "state": gateway.state,
        "socket": gateway.control,
    }[name]


@pytest.mark.parametrize("name, mode, cure", [
    ("folder", 0o777, "chmod o-w"),
    ("chain", 0o646, "chmod o-w"),
    ("anchors", 0o646, "chmod o-w"),
    ("key", 0o644, "chmod g-w,o="),
    ("key", 0o620, "chmod g-w,o="),
    ("state", 0o757, "chmod o-w"),
    ("socket", 0o666, "chmod 0660"),
])
def test_what_is_open_is_told(line, pki, name, mode, cure):
    gateway, far = line()
    gateway.state.mkdir(exist_ok=True)
    path = what(gateway, pki, name)
    before = path.stat().st_mode & 0o7777
    path.chmod(mode)
    try:
        told = gateway.ctl("doctor")
    finally:
        path.chmod(before)
    (found,) = findings(told, "permissions")
    assert found["outcome"] == "error" and found["subject"] == str(path)
    assert f"{mode:04o}" in found["what"] and found["cure"] == f"{cure} {path}"
    assert told.exit == 78


@pytest.mark.parametrize("name", ["postern.xml", "inbound/exchange.xml"])
def test_configuration_that_anyone_may_change_is_not_even_read(line, name):
    gateway, far = line()
    (gateway.directory / name).chmod(0o646)
    told = gateway.ctl("doctor")
    (found,) = findings(told, "configuration")
    assert found["outcome"] == "error" and told.exit == 78


@pytest.fixture
def on_token(line, pki, token):
    public = token.generate("hybrid", "EC:P-256")
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
    gateway, far = line(
        certificates={"hybrid": (ours.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": MODULE}],
        environment=token.environment,
    )
    return gateway


def test_a_pin_file_that_others_can_read(on_token, token):
    token.pin_file.chmod(0o604)
    told = on_token.ctl("doctor")
    (found,) = findings(told, "permissions")
    assert found["outcome"] == "error" and found["subject"] == str(token.pin_file)
    assert token.pin not in told.out


def test_a_token_is_told_of(on_token, token):
    (found,) = findings(on_token.ctl("doctor"), "token")
    assert found["outcome"] == "ok" and "logged in" in found["what"]
    assert found["subject"] == token.uri
