# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "rpmlint clean"; "the RPM is unpacked and its scripts, paths, modes and dependencies checked;
`rpm --root` installs it"."""

import re
import subprocess

import pytest
from conftest import OUTPUT, SOURCE, only, run

SPEC = SOURCE / "packaging" / "rpm"
MODES = {
    "/etc/postern": "drwxr-x--- root postern",
    "/etc/postern/inbound": "drwxr-x--- root postern",
    "/etc/postern/outbound": "drwxr-x--- root postern",
    "/etc/postern/certificates": "drwxr-x--- root postern",
    "/var/lib/postern": "drwxr-x--- postern postern",
    "/var/lib/postern-signer": "drwx------ postern-signer postern-signer",
    "/var/spool/postern": "drwx------ postern postern",
    "/usr/sbin/posternd": "-rwxr-xr-x root root",
    "/usr/bin/posternctl": "-rwxr-xr-x root root",
    "/usr/libexec/postern/postern-signer": "-rwxr-xr-x root root",
    "/usr/lib/systemd/system/posternd.socket": "-rw-r--r-- root root",
}


def query(rpm, *options):
    return run("rpm", "-qp", *options, rpm).stdout


def test_rpmlint_is_silent(rpm):
    done = run(
        "rpmlint", "-c", SPEC / "rpmlint.toml", "-r", SPEC / "postern.rpmlintrc",
        rpm, only("first/postern-*.src.rpm"), SPEC / "postern.spec", check=False,
    )
    assert done.returncode == 0 and " 0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr


def test_owners_and_modes(rpm):
    rows = query(
        rpm, "--queryformat",
        r"[%{FILENAMES} %{FILEMODES:perms} %{FILEUSERNAME} %{FILEGROUPNAME}\n]",
    ).splitlines()
    found = dict(row.split(" ", 1) for row in rows)
    assert {path: found.get(path) for path in MODES} == MODES
    strangers = {path: row for path, row in found.items()
                 if path not in MODES and not row.endswith(" root root")}
    assert not strangers


def test_it_has_what_make_install_installs(rpm, made):
    paths = {re.sub(r"\.gz$", "", path) for path in query(rpm, "-l").split()}
    assert made <= paths


def test_its_scripts_are_scripts(rpm):
    text = query(rpm, "--scripts")
    assert "%" not in text  # no macro was left as it stood
    for part in re.split(r"^\w+ scriptlet \(using /bin/sh\):$", text, flags=re.M)[1:]:
        subprocess.run(["sh", "-n"], input=part, text=True, check=True, timeout=60)
    post_un = text.split("postuninstall")[1]
    assert "posternd.service" in post_un and "posternd.socket" not in post_un.split("restart")[1]


def test_it_needs_what_it_links(rpm):
    needs = query(rpm, "--requires")
    for library in ("libssl.so.3", "libxml2.so.2", "libp11-kit.so.0", "libjansson.so.4", "libsystemd.so.0"):
        assert f"{library}()(64bit)" in needs
    assert "shadow-utils" in needs


def test_its_unit_tests_were_run():
    log = (OUTPUT / "first" / "rpmbuild.log").read_text()
    assert re.search(r"# PASS: +[1-9]\d*", log) and re.search(r"# FAIL: +0", log)


@pytest.fixture
def root(tmp_path):
    """A Debian to install into; apart, because rpm writes there."""
    folder = tmp_path / "root"
    run("cp", "-a", "--reflink=auto", OUTPUT / "debian-12", folder)
    yield folder
    run("rm", "-rf", "--one-file-system", folder)


def test_rpm_installs_and_erases_it(rpm, root):
    options = ("--root", root, "--nodeps")
    said = run("rpm", *options, "-i", rpm)
    assert "does not exist" not in said.stderr
    assert "postern.xml" in said.stdout and "posternd.socket" in said.stdout
    passwd = (root / "etc/passwd").read_text()
    assert re.search(r"^postern:", passwd, re.M) and re.search(r"^postern-signer:", passwd, re.M)
    assert "posternd" in run("chroot", root, "posternd", "--version").stdout
    assert run("chroot", root, "stat", "-c", "%a %U:%G", "/etc/postern").stdout == "750 root:postern\n"
    configuration = root / "etc/postern/postern.xml"
    configuration.write_text("<!-- by hand -->")
    state = root / "var/lib/postern/state"
    state.write_text("kept")
    run("rpm", *options, "-e", "postern")
    assert not (root / "usr/sbin/posternd").exists()
    assert configuration.read_text() == "<!-- by hand -->" and state.read_text() == "kept"
