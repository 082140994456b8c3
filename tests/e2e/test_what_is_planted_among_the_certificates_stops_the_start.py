# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""State Directory is ours alone: links, foreign owners and files that others may write are refused with
a word that says which and what to do, at the start and at a reload, and never followed."""

import os
import shutil

import pytest


def plant_link(store, elsewhere):
    shutil.move(store, elsewhere)
    os.symlink(elsewhere, store)


def plant_roles(store, elsewhere):
    shutil.move(store / "roles", elsewhere)
    os.symlink(elsewhere, store / "roles")


def open_to_all(store, _):
    store.chmod(0o777)


def garble(store, _):
    (store / "roles").write_text("active everything\n")


def lose(store, _):
    for one in store.glob("g-*"):
        shutil.rmtree(one)


CASES = {
    "a link": (plant_link, "is a symbolic link"),
    "a link to the roles": (plant_roles, "is a symbolic link"),
    "rights for all": (open_to_all, "can be written to by others"),
    "garbled roles": (garble, "does not say what it should"),
    "lost files": (lose, "is missing"),
}


@pytest.fixture
def gateway(pki, line):
    gateway, _ = line()
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    done = gateway.ctl("cert", "rotate", "hybrid", str(renewed.chain), "--key", str(renewed.key))
    assert done.exit == 0, done
    return gateway


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_at_the_start(gateway, tmp_path, case):
    plant, words = CASES[case]
    gateway.finish()
    gateway.lines.clear()
    plant(gateway.state / "certificates" / "hybrid", tmp_path / "elsewhere")
    gateway.launch()
    assert gateway.wait_exit() == 78
    (event,) = gateway.events("config-error")
    assert words in event["msg"] + event["error"], event
    assert event["cure"]


def test_moved_away_the_chain_file_is_used(gateway, tmp_path, pki):
    gateway.finish()
    gateway.lines.clear()
    shutil.move(gateway.state / "certificates" / "hybrid", tmp_path / "elsewhere")
    gateway.start()
    shown = gateway.ctl("cert", "show", "hybrid").json
    assert int(shown["active"]["serial"], 16) == pki.gateway.certificate.serial_number
