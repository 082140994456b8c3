# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "lintian clean with --pedantic, hardening all, reproducible: built twice, the same bytes"."""

import re

from conftest import OUTPUT, only, run


def test_lintian_is_silent():
    done = run(
        "lintian", "--pedantic", "--allow-root", "--fail-on=error,warning,info,pedantic",
        only("first/*.changes"), check=False,
    )
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_built_twice_it_is_the_same_bytes(deb):
    again = list(OUTPUT.glob("elsewhere/and/deeper/*.deb"))
    assert len(again) == 2  # with the one of debugging symbols
    for other in again:
        assert other.read_bytes() == (deb.parent / other.name).read_bytes()


def test_its_programs_are_hardened(deb, tmp_path):
    run("dpkg-deb", "-x", deb, tmp_path)
    for program in ("usr/sbin/posternd", "usr/bin/posternctl", "usr/libexec/postern/postern-signer"):
        headers = run("readelf", "-hldW", tmp_path / program).stdout
        assert re.search(r"Type:\s+DYN", headers) and "GNU_RELRO" in headers
        assert "BIND_NOW" in headers or "NOW" in re.search(r"FLAGS.*", headers).group(0)
        assert "__stack_chk_fail" in run("readelf", "-sW", "--dyn-syms", tmp_path / program).stdout


def test_it_has_what_make_install_installs(deb, made):
    listing = run("dpkg-deb", "--fsys-tarfile", deb, encoding="latin-1").stdout
    rows = run("dpkg-deb", "-c", deb).stdout.splitlines()
    files = {row.split()[5][1:] for row in rows if not row.startswith("d")}
    # Debian 12 has units in /lib, compresses pages, and adds what its policy asks for.
    usual = {re.sub(r"\.gz$", "", path).replace("/lib/systemd", "/usr/lib/systemd", 1)
             if path.startswith("/lib/") or "/man/" in path else path for path in files}
    added = {path for path in usual - made}
    assert made <= usual and listing
    assert added == {
        "/etc/apparmor.d/postern-signer", "/etc/apparmor.d/posternd",
        *(f"/usr/share/doc/postern/{name}" for name in
          ("README.Debian", "changelog.Debian.gz", "changelog.gz", "copyright")),
    }


def test_what_an_administrator_may_edit_is_a_conffile(deb):
    conffiles = run("dpkg-deb", "-I", deb, "conffiles").stdout.split()
    assert sorted(conffiles) == ["/etc/apparmor.d/postern-signer", "/etc/apparmor.d/posternd"]


def test_its_unit_tests_were_run():
    log = (OUTPUT / "first" / "dpkg-buildpackage.log").read_text()
    assert re.search(r"# PASS: +[1-9]\d*", log) and re.search(r"# FAIL: +0", log)
    assert re.search(r"# SKIP: +0", log)
