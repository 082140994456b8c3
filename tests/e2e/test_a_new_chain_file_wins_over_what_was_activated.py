# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What was activated stays through restarts and reloads, as long as the Chain file is the one of before;
another one there wins, by a reload or a restart, and what was active is the previous one then."""

import shutil

import pytest

NAMES = ["gw.contoso.com"]


@pytest.fixture
def setting(pki, line, tmp_path):
    """(gateway, cloud, the three certificates, of which the first is in the Chain file)."""
    one, two, three = (pki.organisation.issue("CN=gw.contoso.com", NAMES) for _ in range(3))
    chain, key = tmp_path / "chain.pem", tmp_path / "chain.key"
    shutil.copy(one.chain, chain)
    shutil.copy(one.key, key)
    gateway, cloud = line(certificates={"hybrid": (chain, key)})
    return gateway, cloud, (one, two, three)


def shown(gateway, cloud):
    assert gateway.send().code == 250
    return cloud.last.connection.certificate


def restart(gateway):
    gateway.finish()
    gateway.lines.clear()
    gateway.start()


def serial(gateway, role):
    found = gateway.ctl("cert", "show", "hybrid").json[role]
    return found and int(found["serial"], 16)


def take(gateway, credential):
    done = gateway.ctl(
        "cert", "rotate", "hybrid", str(credential.chain), "--key", str(credential.key)
    )
    assert done.exit == 0, done


def test_what_was_activated_survives_reload_and_restart(setting):
    gateway, cloud, (one, two, _) = setting
    take(gateway, two)
    assert gateway.reload().exit == 0
    assert shown(gateway, cloud) == two.der
    restart(gateway)
    assert shown(gateway, cloud) == two.der
    assert serial(gateway, "previous") == one.certificate.serial_number
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    restart(gateway)
    assert shown(gateway, cloud) == one.der
    assert not gateway.events("certificate-file-wins")


@pytest.mark.parametrize("again", ["reload", "restart"])
def test_another_chain_file_wins(setting, again):
    gateway, cloud, (_, two, three) = setting
    take(gateway, two)
    chain, key = gateway.certificates["hybrid"]
    shutil.copy(three.chain, chain)
    shutil.copy(three.key, key)
    if again == "reload":
        assert gateway.reload().exit == 0
    else:
        restart(gateway)
    assert shown(gateway, cloud) == three.der
    gateway.wait_for("certificate-file-wins", certificate="hybrid")
    assert serial(gateway, "active") == three.certificate.serial_number
    assert serial(gateway, "previous") == two.certificate.serial_number
    # It is settled: once, and the way back is open.
    restart(gateway)
    assert not gateway.events("certificate-file-wins")
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    assert shown(gateway, cloud) == two.der
    restart(gateway)
    assert shown(gateway, cloud) == two.der


def test_a_chain_file_that_follows_changes_nothing(setting):
    gateway, cloud, (one, two, _) = setting
    take(gateway, two)
    chain, key = gateway.certificates["hybrid"]
    shutil.copy(two.chain, chain)
    shutil.copy(two.key, key)
    assert gateway.reload().exit == 0
    assert shown(gateway, cloud) == two.der
    assert serial(gateway, "previous") == one.certificate.serial_number
    restart(gateway)
    assert not gateway.events("certificate-file-wins")
    assert shown(gateway, cloud) == two.der


def test_a_chain_file_that_cannot_be_taken_changes_nothing(setting, pki):
    gateway, cloud, (_, two, three) = setting
    take(gateway, two)
    chain, _ = gateway.certificates["hybrid"]
    shutil.copy(three.chain, chain)  # and not its key
    assert gateway.reload().exit != 0
    assert shown(gateway, cloud) == two.der
    assert serial(gateway, "active") == two.certificate.serial_number
