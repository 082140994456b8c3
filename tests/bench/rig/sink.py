# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The next hop of every system: bench-sink, its counters, and what it cost itself."""

import json
import os
import signal

from .processes import Tree
from .workplace import BenchError, tail, wait_until


class Sink:
    """Use as a context. `port` is known inside it."""

    def __init__(self, program, material, directory, plain_too=False, threads=2,
                 resumption=True, name="sink"):
        self.tree = Tree(name)
        self.directory = directory
        self.file = directory / f"{name}.json"
        self.log = directory / f"{name}.log"
        self.command = [
            program, "--certificate", material.sink_chain, "--key", material.sink_key,
            "--client-ca", material.ca, "--counters", self.file, "--threads", str(threads),
        ] + (["--plain-too"] if plain_too else []) + ([] if resumption else ["--no-resumption"])

    def __enter__(self):
        self.file.unlink(missing_ok=True)
        try:
            self.tree.start(self.command, self.log)
            wait_until("the sink listens", lambda: self.file.exists() or not self.tree.lives(), 10)
            if not self.file.exists():
                raise BenchError(f"the sink did not start:\n{tail(self.log)}")
            self.pid = self.tree.main_pid()
            self.port = self._read()["port"]
        except BaseException:
            self.tree.stop()
            raise
        return self

    def __exit__(self, *_):
        self.tree.stop()

    def _read(self):
        return json.loads(self.file.read_text())

    def counters(self):
        """The counters as they stand now."""
        serial = self._read()["serial"]
        os.kill(self.pid, signal.SIGUSR1)
        return wait_until("the sink writes its counters",
                          lambda: (now := self._read())["serial"] > serial and now, 10, pause=0.002)

    def wait_for_messages(self, count, seconds):
        """Waits until so many messages have come in all; returns the counters."""
        def all_there():
            counters = self.counters()
            return counters["messages"] >= count and counters

        return wait_until(f"{count} messages reach the sink", all_there, seconds, pause=0.1)
