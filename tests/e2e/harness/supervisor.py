# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What systemd does with postern-signer.socket: a postern-signer for each connection.

pids are in the order of the connections. A signer that does not end by itself fails its test in
finish().
"""

import os
import socket
import subprocess
import sys
import threading

from .gateway import ACTIVATE, SANITIZER, SIGNER
from .waiting import LIMIT


class Supervisor:
    def __init__(self, path, environment=(), program=SIGNER):
        self.path, self.program = str(path), str(program)
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "ASAN_OPTIONS": "quarantine_size_mb=4",
            "LSAN_OPTIONS": os.environ.get("LSAN_OPTIONS", ""),
            **dict(environment),
        }
        self.children, self.output = [], []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    @property
    def pids(self):
        return [child.pid for child in self.children]

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.start(connection.fileno())

    def start(self, number):
        # A run of the tests that is killed leaves nobody behind.
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", ACTIVATE, str(number)]
        self.children.append(
            subprocess.Popen(
                [*command, self.program], env=self.environment, pass_fds=[number],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        )

    def finish(self):
        """When posternd has gone: takes no connection any more, and waits for the signers."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join(LIMIT)
        self.listener.close()
        for child in self.children:
            try:
                text = child.communicate(timeout=LIMIT)[0].decode(errors="replace")
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                raise AssertionError("a signer stayed when posternd had gone") from None
            assert not SANITIZER.search(text), text
