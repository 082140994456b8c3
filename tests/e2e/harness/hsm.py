# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""HSMs that fail: a token behind a server that can be killed, and a module that does as it is told.

A RemoteToken is a Token behind `p11-kit server`, as a network HSM stands. A FaultyToken is one behind
tests/pki/test-token-module.c, whose first lines say what can be ordered; orders are files, looked for
at each call, so that a fault begins and ends while the signer runs.
"""

import fcntl
import glob
import os
import signal
import socket
import subprocess

from .gateway import BUILD, SOURCE
from .token import MODULE as SOFTHSM
from .waiting import wait_until

TEST_MODULE = BUILD / "tests" / "test-token-module.so"
TEST_MODULE_SOURCE = SOURCE / "tests" / "pki" / "test-token-module.c"
REMOTE_MODULE = next(
    iter(glob.glob("/usr/lib*/*/pkcs11/p11-kit-client.so") + glob.glob("/usr/lib*/pkcs11/p11-kit-client.so")),
    "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so",
)


class RemoteToken:
    """token: the Token that the server gives access to."""

    module = REMOTE_MODULE

    def __init__(self, token):
        self.token = token
        self.socket = token.directory / "remote"
        self.environment = {"P11_KIT_SERVER_ADDRESS": f"unix:path={self.socket}"}
        self.process = None

    def start(self):
        """Returns when clients may connect."""
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ["p11-kit", "server", "--foreground", "--name", str(self.socket),
             "--provider", SOFTHSM, "pkcs11:"],
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), **self.token.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self.answers, "the token's server")
        return self

    def answers(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return self.socket.exists() and probe.connect_ex(str(self.socket)) == 0

    def freeze(self):
        """It answers nothing any more, and closes nothing: a network that swallows everything."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.process.pid, signal.SIGCONT)

    def kill(self):
        """At once, with the process that it has for each of its clients."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def build_module():
    """`make check` builds it; without that it is made here, by one at a time."""
    with open(BUILD / ".test-token-module.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = TEST_MODULE.exists() and TEST_MODULE.stat().st_mtime
        if not done or done < TEST_MODULE_SOURCE.stat().st_mtime:
            subprocess.run(
                ["make", "-s", "-C", str(BUILD), "tests/test-token-module.so"], check=True
            )


class FaultyToken:
    """The token as it is until something is ordered."""

    module = str(TEST_MODULE)

    def __init__(self, token, directory):
        build_module()
        self.token = token
        self.orders = directory / "orders"
        self.orders.mkdir()
        self.environment = {
            **token.environment,
            "POSTERN_TEST_TOKEN": str(self.orders),
            "POSTERN_TEST_SOFTHSM": SOFTHSM,
        }

    def order(self, name, text=""):
        """Appears whole: the module may look at any moment."""
        new = self.orders / ".new"
        new.write_text(text)
        new.rename(self.orders / name)

    def withdraw(self, name):
        (self.orders / name).unlink(missing_ok=True)

    def stands(self, name):
        """Was the order not taken yet?"""
        return (self.orders / name).exists()

    def count(self, name):
        """How often something was done: "logins", "starts"."""
        path = self.orders / name
        return path.stat().st_size if path.exists() else 0
