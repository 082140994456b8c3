# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Programs that hand mail in, each as its users run it, and npm's smtp-server, which takes it. A
program is a function of the port, whether to use TLS, and the messages; it fails when one of them is
not taken. version() is what the table calls them."""

import base64
import json
import os
import re
import subprocess
import threading

from .gateway import SOURCE
from .relays import PEERS
from .waiting import LIMIT, wait_until

SCRIPTS = SOURCE / "tests" / "interop"
NODE_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "NODE_PATH": str(PEERS / "npm" / "node_modules")
}


def run(command, given, **more):
    done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT * 3, **more)
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}: {said[-3000:]}"
    return said


def swaks(port, secure, messages):
    """It ends a message with a line end of its own, whether there is one or not."""
    for message in messages:
        run(
            ["swaks", "--server", f"127.0.0.1:{port}", "--from", "alice@contoso.com",
             "--to", "bob@example.com", "--suppress-data", "--data", "-",
             *(["--tls"] if secure else [])],
            message.removesuffix(b"\r\n").replace(b"\r\n", b"\n"),
        )


def msmtp(port, secure, messages):
    for message in messages:
        run(
            ["msmtp", "--host=127.0.0.1", f"--port={port}", "--from=alice@contoso.com",
             "--auth=off", f"--tls={'on' if secure else 'off'}", "--tls-starttls=on",
             "--tls-certcheck=off", "bob@example.com"],
            message.replace(b"\r\n", b"\n"),
        )


def nodemailer(port, secure, messages):
    order = {
        "port": port, "secure": secure,
        "messages": [base64.b64encode(message).decode() for message in messages],
    }
    run(["node", SCRIPTS / "client.js"], json.dumps(order).encode(), env=NODE_ENVIRONMENT)


PROGRAMS = {one.__name__: one for one in (swaks, msmtp, nodemailer)}


def npm_version(package):
    lock = json.loads((SCRIPTS / "package-lock.json").read_text())
    return lock["packages"][f"node_modules/{package}"]["version"]


def version(name):
    if name == "nodemailer":
        return npm_version(name)
    return re.search(rf"{name} version (\S+)", run([name, "--version"], b"")).group(1)


class SmtpServer:
    """npm's smtp-server; credential None: it does not offer STARTTLS."""

    name = "smtp-server"

    def __init__(self, credential=None):
        files = [credential.chain, credential.key] if credential else []
        self.rows, self.port = [], None
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "node", SCRIPTS / "server.js", *files],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=NODE_ENVIRONMENT,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        wait_until(lambda: self.port or self.process.poll() is not None, "smtp-server to listen")
        assert self.port, f"smtp-server ended with {self.process.poll()}"

    def read(self):
        for line in self.process.stdout:
            if self.port is None:
                self.port = int(line)
            else:
                self.rows.append(json.loads(line))

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def version(self):
        return npm_version(self.name)

    def contents(self):
        return [base64.b64decode(row["content"]) for row in self.rows]

    def stop(self):
        self.process.kill()
        self.process.wait(LIMIT)
        self.reader.join(LIMIT)
        self.process.stdout.close()
