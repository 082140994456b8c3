# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""systemd-analyze's figure for the exposure of each unit, 0 to 10, has a ceiling; it is measured on the
files alone, so that no systemd need run. Facts: "with socket activation the daemon needs no
capability at all: exposure 0.9 was reached in a draft"."""

import shutil
import subprocess

import pytest

from harness.gateway import BUILD, SOURCE

MADE = BUILD / "packaging" / "systemd"
GIVEN = SOURCE / "packaging" / "systemd"


def exposure(tmp_path, unit, ceiling, *examples):
    """systemd-analyze over a unit with drop-ins; raises with its table when the ceiling is passed."""
    shutil.copy(MADE / unit, tmp_path)
    folder = tmp_path / f"{unit}.d"
    folder.mkdir()
    for example in examples:
        shutil.copy(GIVEN / "examples" / example, folder)
    command = [
        "systemd-analyze", "security", "--offline=true", "--no-pager",
        f"--threshold={round(ceiling * 10)}", f"./{unit}",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("unit", "ceiling", "examples"),
    [
        ("postern-signer@.service", 0.5, []),
        ("postern-signer@.service", 0.5, ["postern-signer-softhsm.conf"]),
        ("postern-signer@.service", 1.5, ["postern-signer-network.conf"]),
        ("postern-signer@.service", 1.5, ["postern-signer-device.conf"]),
        ("postern-signer@.service", 0.5, ["postern-signer-plain-pin.conf"]),
        ("posternd.service", 1.0, []),
        ("posternd.service", 1.5, ["posternd-own-ports.conf"]),
    ],
)
def test_it_is_below(tmp_path, unit, ceiling, examples):
    exposure(tmp_path, unit, ceiling, *examples)


def test_a_unit_with_nothing_closed_would_fail(tmp_path):
    (tmp_path / "open.service").write_text("[Service]\nExecStart=/bin/true\n")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=13", "./open.service"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode != 0


def lines(path):
    return path.read_text().splitlines()


def test_posternd_finds_its_signers_where_the_socket_is():
    (where,) = [
        line.partition("=")[2]
        for line in lines(MADE / "postern-signer.socket")
        if line.startswith("ListenSequentialPacket=")
    ]
    (start,) = [line for line in lines(MADE / "posternd.service") if line.startswith("ExecStart=")]
    assert start.endswith(f"--signer-socket {where}")


def test_the_two_have_users_of_their_own():
    users = {
        next(line for line in lines(MADE / unit) if line.startswith("User="))
        for unit in ("posternd.service", "postern-signer@.service")
    }
    assert len(users) == 2
    made = (GIVEN / "postern.sysusers").read_text()
    assert all(f"u {user.partition('=')[2]} " in made for user in users)
