# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""cert activate --at: the time is shown, survives a restart, is taken back by rollback and by another
stage, and when it has come the certificate is active, also when posternd did not run just then."""

import datetime
import time

import pytest


@pytest.fixture
def setting(pki, line):
    gateway, cloud = line()
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    stage(gateway, renewed)
    return gateway, cloud, renewed


def stage(gateway, credential):
    done = gateway.ctl(
        "cert", "import", "hybrid", "--chain", str(credential.chain), "--key", str(credential.key)
    )
    assert done.exit == 0, done


def at(seconds, zone=0):
    when = datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds, hours=zone)
    return when.strftime("%Y-%m-%dT%H:%M:%S") + (f"{zone:+03d}:00" if zone else "Z")


def set_for(gateway, when):
    done = gateway.ctl("cert", "activate", "hybrid", "--at", when)
    assert done.exit == 0, done


def pending(gateway):
    return gateway.ctl("cert", "show", "hybrid").json["activate_at"]


def shown(gateway, cloud):
    assert gateway.send().code == 250
    return cloud.last.connection.certificate


def restart(gateway):
    gateway.finish()
    gateway.lines.clear()
    gateway.start()


def test_it_happens_at_its_time(setting):
    gateway, cloud, renewed = setting
    set_for(gateway, at(3, zone=2))
    gateway.wait_for("certificate-scheduled")
    assert pending(gateway)
    gateway.wait_for("certificate-activated")
    assert shown(gateway, cloud) == renewed.der
    assert pending(gateway) is None


def test_it_is_kept_shown_and_taken_back(setting, pki):
    gateway, cloud, _ = setting
    when = at(3600)
    set_for(gateway, when)
    assert pending(gateway) == when
    listed = gateway.ctl("cert", "list", as_json=False)
    assert f"to be activated at {when}" in listed.out, listed
    restart(gateway)
    assert pending(gateway) == when
    assert gateway.reload().exit == 0
    assert pending(gateway) == when
    # One word takes it back, and nothing else is changed by it.
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    gateway.wait_for("certificate-unscheduled")
    assert pending(gateway) is None
    assert gateway.ctl("cert", "show", "hybrid").json["next"]
    assert shown(gateway, cloud) == pki.gateway.der
    # And so does another stage.
    set_for(gateway, at(3600))
    stage(gateway, pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"]))
    assert pending(gateway) is None


def test_a_time_that_passed_while_posternd_was_down_is_caught_up_with(setting):
    gateway, cloud, renewed = setting
    when = time.time() + 2
    set_for(gateway, at(2))
    gateway.finish()
    while time.time() < when:
        time.sleep(0.1)
    gateway.lines.clear()
    gateway.start()
    gateway.wait_for("certificate-activated")
    assert shown(gateway, cloud) == renewed.der


def test_what_can_not_work_any_more_is_given_up(setting, pki):
    gateway, cloud, renewed = setting
    renewed.key.unlink()
    set_for_error = gateway.ctl("cert", "activate", "hybrid", "--at", at(3600))
    assert set_for_error.exit != 0 and pending(gateway) is None, set_for_error
    assert shown(gateway, cloud) == pki.gateway.der
