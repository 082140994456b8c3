# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A whole Debian of our own, into which the package is installed; see ../conftest.py.

    machine  what tests/systemd calls a service: configuration, units, mail; here with a connector
             each way. One for all tests, which come in order and leave it to the next as it is.
"""

import importlib.util
import pathlib
import shutil
import subprocess
import threading
import time

import pytest

TESTS = pathlib.Path(__file__).parents[2]
specification = importlib.util.spec_from_file_location(
    "systemd_tests", TESTS / "systemd" / "conftest.py"
)
systemd_tests = importlib.util.module_from_spec(specification)
specification.loader.exec_module(systemd_tests)

from harness import xml  # noqa: E402
from harness.cloud import FakeCloud  # noqa: E402
from harness.pki import GATEWAY, Pki  # noqa: E402

run = systemd_tests.run
CONFIGURATION = systemd_tests.CONFIGURATION
TO_US = {"sender": "bob@example.com", "recipients": ("alice@contoso.com",)}


class Machine(systemd_tests.Service):
    """far is the cloud, premises the mail server on our side."""

    def __init__(self, far, premises, pki):
        # Without a token there is nothing to be certified yet: not as a Service begins.
        self.far, self.premises, self.pki = far, premises, pki
        self.token = self.ours = None
        self.since = f"@{time.time():.6f}"

    def ours_from(self, token):
        self.token = token
        self.ours = self.renewed()

    def renewed(self):
        return self.pki.organisation.issue(
            GATEWAY, ["gw.contoso.com"], public_key=self.token.public
        )

    def configure(self):
        """As README.md has it, with next hops on this machine."""
        connectors = (
            xml.inbound(SenderIPAddresses=["127.0.0.1"], file="z-exchange"),
            xml.from_cloud(file="a-cloud"),
            xml.tenant(self.far, InboundConnectors=["exchange"]),
            xml.outbound(
                "premises", [self.premises.host], InboundConnectors=["cloud"],
                RecipientDomains=["contoso.com"],
            ),
        )
        for connector in connectors:
            path = CONFIGURATION / connector.kind / f"{connector.file}.xml"
            path.write_text(str(connector))
        for name, source in (("hybrid", self.ours.chain), ("root", self.pki.root.anchors)):
            shutil.copy(source, CONFIGURATION / "certificates" / f"{name}.pem")
        (CONFIGURATION / "postern.xml").write_text(
            f'<Gateway {xml.NAMESPACE} HostName="gw.contoso.com">\n'
            f'  <Listener Address="0.0.0.0:25"/>\n'
            f'  <Token Uri="{self.token.uri}" PinSource="credential:hsm-pin"/>\n'
            f'  <Certificate Name="hybrid"><Chain>certificates/hybrid.pem</Chain>'
            f"<Key>{self.token.key_uri('hybrid')}</Key></Certificate>\n"
            f'  <TrustAnchors Name="public">certificates/root.pem</TrustAnchors>\n</Gateway>\n'
        )

    def send_in(self):
        """From the cloud, with its certificate."""
        with self.client() as client:
            client.ehlo()
            client.starttls(self.pki.endpoint, trust=self.pki.organisation.anchors)
            client.ehlo()
            return client.attempt(b"Subject: in\r\n\r\nhello\r\n", **TO_US)


class Load:
    """Four senders, each message on a connection of its own and with a number of its own. What
    was answered 250 is in taken; a refused or reset connection is in errors."""

    def __init__(self, machine):
        self.machine, self.done = machine, threading.Event()
        self.taken, self.others, self.errors = [], [], []
        self.threads = [threading.Thread(target=self.send, args=(i,)) for i in range(4)]
        for thread in self.threads:
            thread.start()

    def send(self, sender):
        number = 0
        while not self.done.is_set():
            number += 1
            name = f"load-{sender}-{number}"
            try:
                self.send_one(name)
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(f"{name}: {error!r}")

    def send_one(self, name):
        with self.machine.client() as client:
            reply = client.greeting
            if reply == 220:
                reply = client.command("EHLO client.example")
            if reply == 250:
                reply = client.attempt(f"Subject: {name}\r\n\r\nhello\r\n".encode())
            (self.taken if reply == 250 else self.others).append(
                name if reply == 250 else reply.code
            )

    def more(self, count=20):
        wanted = len(self.taken) + count
        systemd_tests.wait_until(lambda: len(self.taken) > wanted, "more mail to cross", 60)

    def finish(self):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()

    def check(self):
        """Nothing was refused, and nothing that was taken is missing behind us."""
        assert not self.errors
        # A session that was greeted when the stop came is told to come back.
        assert set(self.others) <= {421}
        arrived = b"".join(message.content for message in self.machine.far.messages)
        missing = [n for n in self.taken if f"Subject: {n}\r\n".encode() not in arrived]
        assert self.taken and not missing


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    made = Machine(FakeCloud(pki.endpoint, pki.organisation.anchors), FakeCloud(pki.endpoint), pki)
    yield made
    made.far.stop()
    made.premises.stop()


@pytest.fixture(scope="session")
def packages():
    """The versions that were built, the lower first."""
    found = sorted((TESTS / "packages" / "built").glob("postern_*.deb"))
    assert len(found) == 2, found
    return found


def apt(*arguments):
    """Everything that is needed is there: there is no network."""
    done = subprocess.run(
        ["apt-get", "-q", "-y", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
        env={"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
