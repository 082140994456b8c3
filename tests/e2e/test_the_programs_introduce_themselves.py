# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "--check-config, --version, --help"."""

import re
import subprocess

import pytest

from harness.gateway import POSTERNCTL, POSTERND, SIGNER

PROGRAMS = {"posternd": POSTERND, "posternctl": POSTERNCTL, "postern-signer": SIGNER}


def run(name, *arguments):
    return subprocess.run(
        [str(PROGRAMS[name]), *arguments], capture_output=True, text=True, timeout=20
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_version(name):
    done = run(name, "--version")
    assert done.returncode == 0
    assert re.search(r"\b\d+\.\d+\.\d+\b", done.stdout) and not done.stderr


@pytest.mark.parametrize("name", ["posternd", "posternctl"])
def test_help_names_every_option_that_works(name):
    done = run(name, "--help")
    assert done.returncode == 0 and not done.stderr
    wanted = {
        "posternd": ["--config", "--signer", "--signer-socket", "--log-level", "--check-config"],
        "posternctl": ["--config", "--socket", "--json", "status", "reload", "validate"],
    }[name]
    assert all(word in done.stdout for word in wanted)
    assert all(len(row) <= 110 for row in done.stdout.splitlines())


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_unknown_option_is_a_mistake_of_usage(name):
    done = run(name, "--no-such-option")
    assert done.returncode == 64
    assert "no-such-option" in done.stderr and not done.stdout


def test_the_signer_alone_on_a_terminal_explains_itself():
    done = run("postern-signer")
    assert done.returncode not in (0, None) and done.returncode > 0
    assert done.stderr
