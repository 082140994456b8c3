# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "socket activation (sd_listen_fds) beside its own listeners"."""

import os
import socket

from harness import xml


def test_beside_its_own_listener(postern, cloud):
    far = cloud(trust=None)
    here = ("127.0.0.1", 0)
    with socket.create_server(here) as one, socket.create_server(here) as two:
        gateway = postern(
            xml.inbound(), xml.outbound(hosts=[far.host]), sockets=[one, two]
        )
        for port in (gateway.port, one.getsockname()[1], two.getsockname()[1]):
            client = gateway.client(port)
            client.ehlo()
            assert client.message() == 250
    assert len(far.messages) == 3


def test_a_connection_made_before_the_start_is_answered(postern, cloud):
    far = cloud(trust=None)
    with socket.create_server(("127.0.0.1", 0)) as early:
        gateway = postern(
            xml.inbound(), xml.outbound(hosts=[far.host]), sockets=[early], start=False
        )
        client = gateway.client(early.getsockname()[1], greet=False)
        gateway.start()
        assert client.reply() == 220


def test_the_signer_does_not_inherit_the_sockets(line):
    with socket.create_server(("127.0.0.1", 0)) as given:
        gateway, far = line(sockets=[given])
        assert gateway.send() == 250
        inode = os.readlink(f"/proc/self/fd/{given.fileno()}")
        for pid in gateway.children():
            assert inode not in inodes(pid)


def inodes(pid):
    folder = f"/proc/{pid}/fd"
    return {os.readlink(f"{folder}/{name}") for name in os.listdir(folder)}
