# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A system's processes: start and stop them all, and say what they cost.

Each system runs under a keeper (keeper.py) and, where the kernel lets us make one, in a cgroup v2
of its own. Processor time is the cgroup's `usage_usec`, which knows every process that ever ran in
it; without a cgroup it is utime+stime+cutime+cstime over the keeper's tree, which is the same but
for the clock's ticks. The keeper's own time and memory are left out of both."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from .keeper import children_of
from .workplace import BenchError

KEEPER = Path(__file__).with_name("keeper.py")
TICKS = os.sysconf("SC_CLK_TCK")


def make_cgroup(name):
    """A new cgroup v2 below our own, or below the root; None where neither can be made."""
    root, own = None, ""
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            before, _, after = line.partition(" - ")
            if after.split()[0] == "cgroup2":
                root = Path(before.split()[4])
    with open("/proc/self/cgroup") as groups:
        for line in groups:
            if line.startswith("0::"):
                own = line[3:].strip().lstrip("/")
    for base in [root / own, root] if root else []:
        group = base / f"postern-bench-{os.getpid()}-{name}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / "cpu.stat").exists() and os.access(group / "cgroup.procs", os.W_OK):
            return group
        group.rmdir()
    return None


class Tree:
    """A command and all its descendants, from start() to stop()."""

    def __init__(self, name, use_cgroup=True):
        self.name = name
        self.use_cgroup = use_cgroup
        self.cgroup = None
        self.keeper = None

    def start(self, command, log, env=None):
        self.cgroup = make_cgroup(self.name) if self.use_cgroup else None
        with open(log, "ab") as output:
            self.keeper = subprocess.Popen(
                [sys.executable, str(KEEPER), str(self.cgroup or "-"), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env,
                start_new_session=True)  # Ctrl-C is the benchmark's to hear, which then stops us

    def stop(self):
        if self.keeper is not None:
            if self.keeper.poll() is None:
                self.keeper.send_signal(signal.SIGTERM)
            try:
                self.keeper.wait(30)
            except subprocess.TimeoutExpired:
                self.keeper.kill()
                self.keeper.wait()
            self.keeper = None
        self.cgroup = None  # the keeper removed it

    def lives(self):
        return self.keeper is not None and self.keeper.poll() is None

    def main_pid(self):
        """The command itself: the keeper's first child."""
        pids = self.pids()
        if not pids:
            raise BenchError(f"{self.name} is not running")
        return min(pids, key=lambda pid: (_stat(pid) or {"start": float("inf")})["start"])

    def pids(self):
        return children_of(self.keeper.pid)

    def processor_us(self):
        """Microseconds of processor time used since the start, by the living and the dead."""
        if self.cgroup is not None:
            for line in (self.cgroup / "cpu.stat").read_text().splitlines():
                if line.startswith("usage_usec "):
                    return int(line.split()[1])
        return self.processor_us_by_tree()

    def processor_us_by_tree(self):
        ticks = 0
        keeper = _stat(self.keeper.pid)
        if keeper:
            ticks += keeper["waited"]
        for pid in self.pids():
            its = _stat(pid)
            if its:
                ticks += its["own"] + its["waited"]
        return ticks * 1_000_000 // TICKS

    def memory_kb(self):
        """Proportional set size of all processes. A process that is not ours to look at is an error
        of the benchmark's, not zero; one that has just ended is zero."""
        return sum(_pss_kb(pid) for pid in self.pids())


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return {"own": own, "waited": waited, "start": int(fields[19])}


def _pss_kb(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class MemoryPeak:
    """Samples a tree's memory now and then while a block runs; `.kb` is the most that was seen."""

    def __init__(self, tree, every_seconds=1.0):
        self.tree, self.every, self.kb = tree, every_seconds, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _watch(self):
        while True:
            self.kb = max(self.kb, self.tree.memory_kb())
            if self.over.wait(self.every):
                self.kb = max(self.kb, self.tree.memory_kb())
                return
