# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The journal catalog has an entry for every event in the log and for no other, systemd can compile it,
and a field that an entry speaks of is one that the log knows."""

import pathlib
import re
import subprocess

SOURCE = pathlib.Path(__file__).parents[2]
CATALOG = SOURCE / "packaging" / "systemd" / "postern.catalog"
EVENT = re.compile(r'X\([A-Z_]+,\s*"([^"]+)",\s*LOG_\w+,[\s\\]*"([0-9a-f]{32})"\)')


def events():
    found = EVENT.findall((SOURCE / "pki" / "base" / "log.h").read_text())
    assert len(found) > 40
    return {number: name for name, number in found}


def entries():
    parts = re.split(r"^-- ", CATALOG.read_text(), flags=re.M)[1:]
    return [(part[:32], part[33:]) for part in parts]


def test_each_event_has_one_entry_and_each_entry_an_event():
    numbers = [number for number, _ in entries()]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == set(events())


def test_each_entry_has_a_subject_and_an_explanation():
    for number, text in entries():
        head, _, body = text.partition("\n\n")
        assert re.search(r"^Subject: \S", head, re.M), number
        assert "Documentation: man:posternd(8)" in head, number
        assert len(body.strip()) > 20, number


def test_the_fields_that_it_speaks_of_are_the_logs():
    code = "".join(path.read_text() for room in ("gateway", "pki", "connectors")
                   for path in (SOURCE / room).rglob("*.[ch]"))
    for field in set(re.findall(r"@POSTERN_([A-Z_]+)@", CATALOG.read_text())):
        assert f'"{field.lower().replace("_", "-")}"' in code, field


def test_systemd_takes_it(tmp_path):
    folder = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    folder.mkdir(parents=True)
    (folder / "postern.catalog").write_bytes(CATALOG.read_bytes())
    told = subprocess.run(
        ["journalctl", f"--root={tmp_path}", "--update-catalog"],
        capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0 and not told.stderr, told
    assert (tmp_path / "var" / "lib" / "systemd" / "catalog" / "database").stat().st_size > 5000
