# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What the interoperation tests send, how they judge what came, and where they write down what they
saw: a file a peer and column in `interop` of the build tree, of which tests/interop/table makes the
table of the README."""

import json
import os
import re

from .gateway import BUILD
from .waiting import wait_until

HEADER = (
    "From: Alice <alice@contoso.com>\r\nTo: Bob <bob@example.com>\r\nSubject: {name}\r\n"
    "Date: Wed, 01 Jul 2026 08:00:00 +0000\r\nMessage-ID: <{name}@contoso.com>\r\n"
    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: {encoding}\r\n\r\n"
)
BODIES = {
    "plain": b"hello\r\n",
    "eight-bit": "Gr\u00fc\u00dfe, \u65e5\u672c\r\n".encode(),
    "long-lines": (b"x" * 990 + b"\r\n") * 40,
    "dots": b".\r\n..\r\n...\r\n.a\r\na.\r\n\r\n.\r\nend\r\n",
    "many-lines": b"\r\n".join(b"line %d" % number for number in range(5000)) + b"\r\n",
    "megabyte": (b"0123456789abcdef" * 4 + b"\r\n") * (1024 * 1024 // 66),
    "folded": b" begins with a space\r\n\tand a tab \r\n \r\n",
}


def whole(name):
    encoding = "8bit" if name == "eight-bit" else "7bit"
    return HEADER.format(name=name, encoding=encoding).encode() + BODIES[name]


def name_of(content):
    found = re.search(rb"^Message-ID: <([a-z-]+)@contoso\.com>", content, re.M | re.I)
    return found.group(1).decode() if found else None


def came_whole(contents, names=BODIES, exact=True):
    """Waits until each of those messages came once, as it was sent: to the byte from the first field
    on (exact), or in its body. contents: called for what came so far."""
    wait_until(lambda: len(contents()) >= len(names), f"{len(names)} messages")
    came = {name_of(content): content for content in contents()}
    assert sorted(came) == sorted(names) and len(contents()) == len(names), sorted(map(str, came))
    for name, content in came.items():
        wanted = whole(name) if exact else b"\r\n\r\n" + BODIES[name]
        assert content.endswith(wanted), (name, content[:2000], content[-200:])


def record(peer, version, column, outcome, note=None):
    """column: "client plain", "client TLS", "next hop plain", "next hop TLS"."""
    folder = BUILD / "interop"
    folder.mkdir(exist_ok=True)
    path = folder / f"{peer}-{column}.json".replace(" ", "-")
    row = {"peer": peer, "version": version, "column": column, "outcome": outcome, "note": note}
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(row) + "\n")
    part.rename(path)


def spoken(versions):
    """The one version that all of it was spoken in, as the table has it."""
    (version,) = set(versions)
    return version.replace("TLSv", "TLS ")
