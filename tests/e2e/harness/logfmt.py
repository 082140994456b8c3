# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Reads posternd's log lines: name=value, values with spaces in quotes, bytes escaped as \\xNN."""

import re

FIELD = re.compile(r'([a-z0-9-]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)')
ESCAPE = re.compile(r'\\(x[0-9a-f]{2}|.)')


def unescape(match):
    text = match.group(1)
    return chr(int(text[1:], 16)) if len(text) == 3 else text


class Event(dict):
    """One line: its fields by name (decoded, bytes beyond ASCII as Latin-1), and the line itself.
    """

    def __init__(self, line):
        super().__init__()
        self.line = line
        for name, value in FIELD.findall(line):
            if value.startswith('"'):
                value = value[1:-1]
            self[name] = ESCAPE.sub(unescape, value)

    def __repr__(self):
        return self.line
