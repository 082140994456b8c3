# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""design.md: "gateway → connectors → pki … An include never points the other way, and a test says
so."
"""

import re

from harness.gateway import SOURCE

LAYERS = ["pki", "connectors", "gateway"]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
INNER = re.compile(r"^(pki|connectors|gateway)/")


def test_no_room_includes_one_above_it():
    wrong, seen = [], 0
    for level, room in enumerate(LAYERS):
        for file in sorted((SOURCE / room).rglob("*.[ch]")):
            for name in INCLUDE.findall(file.read_text()):
                seen += 1
                target = INNER.match(name)
                if target and LAYERS.index(target.group(1)) > level:
                    wrong.append(f"{file.relative_to(SOURCE)} includes {name}")
    assert seen > 10
    assert not wrong


def test_an_include_names_its_room_so_that_the_arrow_can_be_seen():
    wrong = [
        f"{file.relative_to(SOURCE)} includes {name}"
        for room in LAYERS
        for file in (SOURCE / room).rglob("*.[ch]")
        for name in INCLUDE.findall(file.read_text())
        if ".." in name.split("/")
    ]
    assert not wrong


def test_the_grammar_does_no_input_or_output():
    """design.md: "smtp/ does no I/O, so it can be fed a byte at a time." """
    system = re.compile(r"#\s*include\s*<(sys/socket|sys/epoll|poll|openssl/ssl|netdb|unistd)\.h>")
    wrong = [
        str(file.relative_to(SOURCE))
        for file in (SOURCE / "gateway" / "smtp").rglob("*.[ch]")
        if system.search(file.read_text())
    ]
    assert not wrong
