# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "The control socket is guarded by its file mode and the peer's credentials". control.h:
"root, our own user, or of our own group …; anyone else is told so and closed"."""

import os
import pathlib
import subprocess
import tempfile

import pytest

NOBODY = 65534
ASK = """
import socket, sys
raw = socket.socket(socket.AF_UNIX)
raw.settimeout(20)
raw.connect(sys.argv[1])
try:
    raw.sendall(b'{"command":"status"}\\n')
except BrokenPipeError:
    pass  # closed already, and why is still to be read
while piece := raw.recv(65536):
    sys.stdout.buffer.write(piece)
"""


@pytest.fixture
def public(plain):
    """A gateway whose socket lies where everybody may walk; yields what nobody gets out of it."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        gateway, _ = plain(start=False)
        gateway.control = pathlib.Path(folder) / "control.sock"
        gateway.start()

        def ask():
            return subprocess.run(
                ["/usr/bin/python3", "-c", ASK, str(gateway.control)],
                user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True,
                text=True, timeout=30,
            )  # fmt: skip

        yield gateway, ask


def test_the_file_mode_keeps_them_out(public):
    gateway, ask = public
    assert "PermissionError" in ask().stderr


def test_and_where_the_mode_was_softened_their_credentials_do(public):
    gateway, ask = public
    gateway.control.chmod(0o666)
    done = ask()
    assert '"result"' not in done.stdout
    assert '"error"' in done.stdout and "77" in done.stdout
    assert gateway.wait_for("control-refused")
    assert gateway.ctl("status").exit == 0
