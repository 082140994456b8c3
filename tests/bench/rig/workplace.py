# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What every part needs: errors for people, waits with an end, commands with an end, free ports.

Nothing here keeps state; temporary directories belong to the caller."""

import shutil
import socket
import subprocess
import time
from glob import glob


class BenchError(Exception):
    """Something could not be measured; the text says what and what to do."""


# Where each program comes from on Debian 12, for the message when it is missing.
PACKAGE_OF = {
    "openssl": "openssl",
    "softhsm2-util": "softhsm2",
    "pkcs11-tool": "opensc",
    "smtp-source": "postfix",
    "postfix": "postfix",
    "stunnel": "stunnel4",
    "/usr/lib/softhsm/libsofthsm2.so": "libsofthsm2",
    "/usr/lib/*/engines-3/pkcs11.so": "libengine-pkcs11-openssl",
}


def missing_packages(needs):
    """The Debian packages that would bring those of `needs` (keys of PACKAGE_OF) not found here."""
    return sorted({PACKAGE_OF[need] for need in needs if find_program(need) is None})


def find_program(name):
    """Absolute path of a program, or of the first file a pattern, or None. Administrators' directories count too."""
    if name.startswith("/"):
        return next(iter(glob(name)), None)
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def run(*command, seconds=60, env=None):
    """Runs a command to its end and returns its output; its failure is a BenchError."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=seconds, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise BenchError(f"{command[0]} did not finish within {seconds} s")
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout.strip()}")
    return done.stdout


def wait_until(what, is_so, seconds, pause=0.02):
    """Waits until is_so() answers something true and returns that; BenchError after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        answer = is_so()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise BenchError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


def free_port():
    """A loopback port nobody holds now. Between this and its use another could take it; then the
    system under test says so and does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def smtp_answers(port):
    """Whether a server on that port greets with 220."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
            greeting = probe.recv(512)
            if greeting.startswith(b"220"):
                probe.sendall(b"QUIT\r\n")
                probe.recv(512)
                return True
    except OSError:
        pass
    return False


def tail(path, lines=12):
    """The end of a log, indented, for an error message."""
    try:
        with open(path, errors="replace") as log:
            return "\n".join("    " + line.rstrip() for line in log.readlines()[-lines:])
    except OSError as error:
        return f"    ({path}: {error.strerror})"
