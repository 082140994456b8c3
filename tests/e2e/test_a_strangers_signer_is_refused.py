# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Who listens at --signer-socket could keep mail waiting: root and our own user are believed, nobody
else. The stranger is another user of this machine, which only root can become."""

import os
import socket

import pytest

NOBODY = 65534


@pytest.fixture
def stranger(tmp_path):
    """A socket at which somebody else called listen()."""
    path = tmp_path / "signer.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            listener.listen()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        yield path


def test_at_the_start(postern, stranger):
    gateway = postern(start=False, arguments=["--signer-socket", str(stranger)]).launch()
    assert gateway.wait_exit() == 77
    (event,) = gateway.events("config-error")
    assert f"user {NOBODY}" in event["error"]
    assert event["where"] == str(stranger)
