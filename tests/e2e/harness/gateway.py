# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternd under test: its configuration, its process, its log, and posternctl beside it.

POSTERN_BUILDDIR names the build tree (default: the source tree). A Gateway that died by itself,
that a sanitizer complained about, or that does not stop when asked fails its test in finish().
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

from . import xml
from .client import Client
from .logfmt import Event
from .waiting import LIMIT, wait_until

SOURCE = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILDDIR", SOURCE)).resolve()
POSTERND = BUILD / "gateway" / "posternd"
POSTERNCTL = BUILD / "gateway" / "posternctl"
SIGNER = BUILD / "pki" / "postern-signer"

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")

# Started before posternd when it shall find sockets at 3, 4, … as systemd would leave them.
ACTIVATE = """
import os, sys
sockets = [int(number) for number in sys.argv[1].split(",")]
spare = [os.dup(number) for number in sockets]
while min(spare) < 3 + len(sockets):
    spare = [os.dup(number) for number in spare]
for index, number in enumerate(spare):
    os.dup2(number, 3 + index, inheritable=True)
os.environ.update(LISTEN_FDS=str(len(sockets)), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Ctl:
    """What posternctl did: exit, out, err, and json when out is that."""

    def __init__(self, done):
        self.exit = done.returncode
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        try:
            self.json = json.loads(self.out)
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"exit {self.exit}\n{self.out}\n{self.err}"


class Gateway:
    """connectors: from xml.inbound() and xml.outbound(). certificates: name → (chain, key) where
    key is a path or a pkcs11: URI. tokens: attributes of Token elements. anchors: name → path.
    gateway: further attributes of Gateway. files: path in the folder → text, over what is made
    otherwise. watches: name of a certificate → directory. lists: of revocation, name → path. sockets:
    handed over as systemd does. dns: ExternalDNSServers. descriptors: how many it may have open. state: its state directory;
    posternd makes one when it needs it."""

    def __init__(
        self, directory, connectors, certificates=(), tokens=(), anchors=(), listeners=1,
        gateway=(), files=(), environment=(), signer=None, level=6, arguments=(), sockets=(),
        descriptors=None, watches=(), state=None, lists=(), dns=(),
    ):
        self.directory = pathlib.Path(directory)
        self.connectors = list(connectors)
        self.certificates, self.anchors = dict(certificates), dict(anchors)
        self.watches = dict(watches)
        self.lists = dict(lists)
        self.dns = list(dns)
        self.tokens, self.settings = list(tokens), {"DrainTimeOut": "00:00:05", **dict(gateway)}
        self.files = dict(files)
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            # A small quarantine, so that growth is ours and not the sanitizer's.
            "ASAN_OPTIONS": "quarantine_size_mb=4:detect_stack_use_after_return=0",
            "LSAN_OPTIONS": os.environ.get("LSAN_OPTIONS", ""),
            "UBSAN_OPTIONS": "print_stacktrace=1",
            **dict(environment),
        }
        self.signer, self.level, self.arguments = signer or SIGNER, level, list(arguments)
        self.sockets, self.descriptor_limit = list(sockets), descriptors
        # Never the machine's own; it must be there to be used.
        self.state = pathlib.Path(state or self.directory / "state")
        self.ports = [free_port() for _ in range(listeners)]
        self.control = self.directory / "control.sock"
        self.state = self.directory / "state"
        self.process, self.clients = None, []
        self.lines, self.changed = [], threading.Condition()
        self.may_fail = False

    @property
    def port(self):
        return self.ports[0]

    # Configuration.

    def main_file(self):
        attributes = xml.attributes(**{"HostName": "gw.contoso.com", **self.settings})
        parts = [f"<Gateway {xml.NAMESPACE}{attributes}>\n"]
        for port in self.ports:
            parts.append(f'  <Listener Address="127.0.0.1:{port}"/>\n')
        for token in self.tokens:
            parts.append(f"  <Token{xml.attributes(**token)}/>\n")
        for name, (chain, key) in self.certificates.items():
            inner = xml.element("Chain", chain) + xml.element("Key", key)
            if name in self.watches:
                inner += xml.element("Watch", self.watches[name])
            parts.append(f'  <Certificate Name="{name}">\n{inner}  </Certificate>\n')
        for name, path in self.anchors.items():
            parts.append(f'  <TrustAnchors Name="{name}">{path}</TrustAnchors>\n')
        for name, path in self.lists.items():
            parts.append(f'  <RevocationLists Name="{name}">{path}</RevocationLists>\n')
        if self.dns:
            servers = "".join(f"<Server>{one}</Server>" for one in self.dns)
            parts.append(f"  <ExternalDNSServers>{servers}</ExternalDNSServers>\n")
        parts.append(f'  <Control Socket="{self.control}"/>\n')
        parts.append(f'  <State Directory="{self.state}"/>\n')
        return "".join(parts) + "</Gateway>\n"

    def configure(self):
        """Writes the folder anew; for a running gateway, reload() takes it up."""
        for folder in ("inbound", "outbound"):
            shutil.rmtree(self.directory / folder, ignore_errors=True)
            (self.directory / folder).mkdir(parents=True)
        (self.directory / "postern.xml").write_text(self.main_file())
        for connector in self.connectors:
            path = self.directory / connector.kind / f"{connector.file}.xml"
            path.write_text(str(connector))
        for name, text in self.files.items():
            path = self.directory / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text if isinstance(text, bytes) else text.encode())

    # The process.

    def command(self):
        return [
            str(POSTERND), "--config", str(self.directory), "--signer", str(self.signer),
            "--log-level", str(self.level), *self.arguments,
        ]

    def check(self):
        """posternd --check-config on what is configured: the finished process."""
        self.configure()
        return subprocess.run(
            [*self.command(), "--check-config"], env=self.environment, capture_output=True,
            text=True, timeout=LIMIT,
        )

    def launch(self):
        """Starts the program and does not wait."""
        self.configure()
        command, numbers = self.command(), [one.fileno() for one in self.sockets]
        if numbers:
            command = [sys.executable, "-c", ACTIVATE, ",".join(map(str, numbers)), *command]
        if self.descriptor_limit:
            command = ["/bin/sh", "-c", f'ulimit -n {self.descriptor_limit}; exec "$@"', "sh", *command]
        # A run of the tests that is killed leaves no gateway behind.
        command = ["setpriv", "--pdeathsig", "KILL", *command]
        self.process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=numbers,
        )
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()
        return self

    def start(self):
        for _ in range(3):
            self.launch()
            self.wait_for("started", or_exit=True)
            if self.process.poll() is None:
                return self
            self.reader.join(LIMIT)
            # Another process took a port between our look and posternd's bind.
            if "in use" not in self.log_text():
                break
            self.ports = [free_port() for _ in self.ports]
            self.lines.clear()
        raise AssertionError(f"posternd ended with {self.process.returncode}:\n{self.log_text()}")

    def read_log(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.decode("utf-8", "backslashreplace").rstrip("\n"))
                self.changed.notify_all()

    def log_text(self):
        return "\n".join(self.lines)

    def events(self, name=None, **fields):
        """Every log line so far with that event name (or one of several) and those fields (a callable
        judges one)."""
        names = (name,) if isinstance(name, str) else name

        def fits(event):
            return (not names or event.get("event") in names) and all(
                wanted(event.get(field.replace("_", "-"), ""))
                if callable(wanted)
                else event.get(field.replace("_", "-")) == str(wanted)
                for field, wanted in fields.items()
            )

        return [event for event in map(Event, list(self.lines)) if fits(event)]

    def wait_for(self, name, count=1, limit=LIMIT, or_exit=False, **fields):
        """The count-th such log line, waited for."""

        def found():
            events = self.events(name, **fields)
            if len(events) >= count:
                return events[count - 1]
            if self.process.poll() is not None:
                self.reader.join(LIMIT)
                return or_exit
            return None

        try:
            return wait_until(found, f"event {name} {fields}", limit)
        except AssertionError as error:
            raise AssertionError(f"{error}; the log:\n{self.log_text()}") from None

    def wait_exit(self, limit=LIMIT):
        """The exit status of a gateway that ends, with its log complete."""
        status = self.process.wait(limit)
        self.reader.join(LIMIT)
        self.may_fail = True
        return status

    def reload(self):
        """Configures anew and asks for a reload; what posternctl did."""
        self.configure()
        return self.ctl("reload", as_json=False)

    def ctl(self, *arguments, as_json=True):
        done = subprocess.run(
            [str(POSTERNCTL), "--config", str(self.directory), *arguments]
            + (["--json"] if as_json else []),
            env=self.environment, capture_output=True, timeout=60,
        )
        assert not SANITIZER.search(done.stderr.decode()), done.stderr.decode()
        return Ctl(done)

    def client(self, port=None, **options):
        client = Client(("127.0.0.1", port or self.port), **options)
        self.clients.append(client)
        return client

    def send(self, content=b"Subject: test\r\n\r\nhello\r\n", **envelope):
        """One message over a connection of its own; the reply to the data."""
        with self.client() as client:
            client.ehlo()
            return client.message(content, **envelope)

    def attempt(self, content=b"x\r\n", **envelope):
        """The same for a message that may be refused: the first reply that is not the good one."""
        with self.client() as client:
            client.ehlo()
            return client.attempt(content, **envelope)

    def signal(self, number):
        self.process.send_signal(number)

    # What the kernel knows of it.

    def memory(self, field="VmRSS"):
        """Kilobytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+) kB", status).group(1))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def children(self):
        """Process ids of what posternd started."""
        found = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            found += (task / "children").read_text().split()
        return [int(pid) for pid in found]

    def finish(self):
        """Stops it; raises when it had died, complained or does not stop."""
        for client in self.clients:
            client.close()
        if not self.process:
            return
        died = self.process.poll()
        try:
            if died is None:
                self.process.send_signal(signal.SIGTERM)
                status = self.process.wait(LIMIT)
            else:
                status = died
        except subprocess.TimeoutExpired:
            status = "no stop after SIGTERM"
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(LIMIT)
            self.reader.join(LIMIT)
            self.process.stdout.close()
        text = self.log_text()
        assert not SANITIZER.search(text), text
        assert self.may_fail or (died is None and status == 0), f"posternd: {status}\n{text}"
