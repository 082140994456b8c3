# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The packages that packaging/check-packages has built, below the folder that POSTERN_PACKAGES names.

    first/ the DEB with its source and the RPM; elsewhere/ the same DEB built again in another place;
    higher/ the same with a higher version; debian-12/ and debian-13/ whole Debians
"""

import os
import pathlib
import subprocess

import pytest

OUTPUT = pathlib.Path(os.environ.get("POSTERN_PACKAGES", "build-packages")).resolve()
SOURCE = pathlib.Path(__file__).parents[2]


def run(*command, check=True, limit=600, **more):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=limit, check=False, **more
    )
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def only(pattern):
    (found,) = OUTPUT.glob(pattern)
    return found


@pytest.fixture(scope="session")
def deb():
    return only("first/postern_*.deb")


@pytest.fixture(scope="session")
def rpm():
    return only("first/postern-[0-9]*.x86_64.rpm")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """What `make install` installs, as paths."""
    folder = tmp_path_factory.mktemp("made")
    run("make", "-s", "-C", OUTPUT / "first" / "dist", "install", f"DESTDIR={folder}")
    return {f"/{path.relative_to(folder)}" for path in folder.rglob("*") if not path.is_dir()}
