# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "boots Debian 12 in systemd-nspawn, installs it with apt, [...] upgrades to a build with a
higher version, removes and purges". The steps themselves are in inside/."""

import shutil

from conftest import OUTPUT, SOURCE, only, run

BOOT = """
set -euo pipefail
source_directory=$1 tree=$2 results=$3
say() { :; }
. "$source_directory/packaging/machine.sh"
copy_tests "$tree" systemd packages/inside
mkdir -p "$tree/opt/postern-tests/packages/built"
cp "$4" "$5" "$tree/opt/postern-tests/packages/built"
boot_tests "$tree" "$results" -x packages/inside
"""


def test_from_its_installation_to_its_purge(deb):
    assert shutil.which("systemd-nspawn")
    done = run(
        "bash", "-c", BOOT, "bash", SOURCE, OUTPUT / "debian-12", OUTPUT / "machine",
        deb, only("higher/postern_*.deb"), check=False, limit=1500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout and "skipped" not in done.stdout
