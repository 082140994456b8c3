# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Runs one command and answers for every process that comes of it.

usage: keeper.py CGROUP_OR_DASH COMMAND [ARGUMENT...]

The keeper is the command's subreaper: whatever daemonises or loses its parent becomes the keeper's
child, so its processor time is found in the keeper's own `cutime` and nothing outlives the keeper.
It ends when the command ends, when it gets SIGTERM (passed on to the command first, then SIGKILL to
all that is left), or when the benchmark itself dies. It removes the cgroup last, so that nothing is
left even when the benchmark was killed."""

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_SECONDS = 10.0
CLEAN_UP_SECONDS = 10.0


def prctl(option, value):
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def children_of(parent):
    """All descendants of a process, by /proc."""
    parents = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as stat:
                parents[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
        except OSError:
            continue  # gone meanwhile
    found, edge = [], [parent]
    while edge:
        edge = [pid for pid, its_parent in parents.items() if its_parent in edge]
        found += edge
    return found


def start(cgroup, command):
    pid = os.fork()
    if pid != 0:
        return pid
    try:
        if cgroup != "-":
            with open(os.path.join(cgroup, "cgroup.procs"), "w") as procs:
                procs.write("0")
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        os._exit(127)


def reap(wanted, status):
    """Takes every child that has ended; returns the wanted one's status once it is known."""
    while True:
        try:
            pid, its_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == wanted:
            status = its_status


def kill_the_rest():
    end = time.monotonic() + CLEAN_UP_SECONDS
    while time.monotonic() < end:
        reap(0, None)
        left = children_of(os.getpid())
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def remove_cgroup(group):
    """The kernel may need a moment to let go of processes that have just been reaped."""
    for _ in range(100):
        try:
            os.rmdir(group)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)
    print(f"bench: {group} could not be removed", file=sys.stderr)


def main():
    parent = os.getppid()
    signals = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD]
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the benchmark died before the line above
        os.kill(os.getpid(), signal.SIGTERM)
    pid = start(sys.argv[1], sys.argv[2:])
    status, give_up_at = None, None
    while status is None:
        left = 3600.0 if give_up_at is None else give_up_at - time.monotonic()
        if left <= 0:
            break
        caught = signal.sigtimedwait(signals, left)
        if caught and caught.si_signo != signal.SIGCHLD and give_up_at is None:
            os.kill(pid, signal.SIGTERM)  # not reaped yet, so the number is still its own
            give_up_at = time.monotonic() + GRACE_SECONDS
        status = reap(pid, status)
    kill_the_rest()
    if sys.argv[1] != "-":
        remove_cgroup(sys.argv[1])
    return os.waitstatus_to_exitcode(status) & 0xFF if status is not None else 124


if __name__ == "__main__":
    sys.exit(main())
