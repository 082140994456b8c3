#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Stands between posternd and postern-signer and holds every answer back for a while.

POSTERN_TEST_SIGNER names the real one, POSTERN_TEST_DELAY the seconds. posternd starts this in its
place with the socket as descriptor 3, and so do we. Answers overtake nobody and do not add up.
"""

import os
import queue
import socket
import subprocess
import sys
import threading
import time

PACKET = 1 << 20


def start():
    outer = socket.socket(fileno=3)
    inner, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    spare = os.dup(theirs.fileno())
    theirs.close()

    def give():
        os.dup2(spare, 3, inheritable=True)

    arguments = [os.environ["POSTERN_TEST_SIGNER"], *sys.argv[1:]]
    child = subprocess.Popen(arguments, preexec_fn=give, pass_fds=[3])
    os.close(spare)
    return outer, inner, child


def carry_requests(outer, inner):
    while packet := outer.recv(PACKET):
        inner.send(packet)
    inner.shutdown(socket.SHUT_WR)


def send_when_due(outer, due):
    """One thread, so that what the signer said first comes first."""
    while True:
        when, packet = due.get()
        time.sleep(max(0, when - time.monotonic()))
        outer.send(packet)


def carry_answers(outer, inner, delay):
    due = queue.SimpleQueue()
    threading.Thread(target=send_when_due, args=(outer, due), daemon=True).start()
    while packet := inner.recv(PACKET):
        due.put((time.monotonic() + delay, packet))


def main():
    outer, inner, child = start()
    threading.Thread(target=carry_requests, args=(outer, inner), daemon=True).start()
    carry_answers(outer, inner, float(os.environ["POSTERN_TEST_DELAY"]))
    time.sleep(0.1)
    sys.exit(child.wait())


main()
