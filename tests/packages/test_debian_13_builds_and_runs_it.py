# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "the same on Debian 13 in a chroot (OpenSSL 3.5) at least for build, unit tests and a run in the
foreground"."""

import re
import shutil
import subprocess

from conftest import OUTPUT, only, run

TREE = OUTPUT / "debian-13"
WORK = "/opt/postern-build"
TESTS = [
    "test_a_message_crosses_inward_from_the_cloud.py",
    "test_a_message_crosses_outward_with_the_certificate_from_the_token.py",
    "test_a_stop_lets_sessions_in_flight_finish.py",
]
BUILD = f"""
set -eu
cd {WORK}
tar -xf postern-*.tar.xz
cd postern-*/
packaging/build-packages deb {WORK}/out {WORK}/postern-*.tar.xz
apt-get -q -y install {WORK}/out/postern_*.deb
"""
# The programs are the package's, in the places where the tests look for a build's.
RUN = f"""
set -eu
cd {WORK}/postern-*/
build={WORK}/run
mkdir -p "$build/gateway" "$build/pki"
ln -sf /usr/sbin/posternd /usr/bin/posternctl "$build/gateway"
ln -sf /usr/libexec/postern/postern-signer "$build/pki"
cd tests/e2e
POSTERN_BUILDDIR=$build python3 -m pytest -p no:cacheprovider -q -rfEs {" ".join(TESTS)}
"""


ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "DEBIAN_FRONTEND": "noninteractive",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}


def chroot(script):
    """Nothing is booted there, and there is no network."""
    return run(
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe",
        "--private-network", f"--directory={TREE}",
        *(f"--setenv={name}={value}" for name, value in ENVIRONMENT.items()),
        "/bin/sh", "-c", script, limit=1500, stdin=subprocess.DEVNULL,
    )


def test_it_builds_with_its_unit_tests_and_mail_crosses_in_the_foreground():
    work = TREE / WORK[1:]
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    shutil.copy(only("first/dist/postern-*.tar.xz"), work)
    try:
        chroot(BUILD)
        log = (work / "out" / "dpkg-buildpackage.log").read_text()
        assert re.search(r"# PASS: +[1-9]\d*", log) and re.search(r"# FAIL: +0", log)
        assert re.search(r"# SKIP: +0", log)
        said = chroot("openssl version && " + RUN).stdout
        assert said.startswith("OpenSSL 3.5") and " passed" in said and "skipped" not in said
    finally:
        chroot("apt-get -q -y purge postern || true")
        shutil.rmtree(work, ignore_errors=True)

