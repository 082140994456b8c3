# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Postern as it is installed, under the systemd of this machine.

These tests change the machine: /etc/postern, units' drop-ins, tokens, the journal. They are for a
throw-away one, which packaging/check-systemd makes; nothing else runs them.

    service  an installed Postern whose key is on a SoftHSM token, and a cloud behind it; not started
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from harness import xml  # noqa: E402
from harness.client import Client  # noqa: E402
from harness.cloud import FakeCloud  # noqa: E402
from harness.pki import GATEWAY, Pki  # noqa: E402
from harness.token import Token  # noqa: E402
from harness.waiting import wait_until  # noqa: E402

CONFIGURATION = pathlib.Path("/etc/postern")
CREDENTIALS = pathlib.Path("/etc/credstore.encrypted")
DROP_INS = pathlib.Path("/etc/systemd/system")
EXAMPLES = pathlib.Path("/usr/share/doc/postern/systemd")
STATE = pathlib.Path("/var/lib/postern-signer")
PORT = 25


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


class Machine(Token):
    """A token where the signer's unit may write, belonging to the signer's user."""

    def __init__(self, directory):
        super().__init__(directory)
        self.public = self.generate("hybrid", "RSA:2048")
        run("chown", "-R", "postern-signer:postern-signer", str(self.directory))


class Service:
    def __init__(self, far, pki, token):
        self.far, self.pki, self.token = far, pki, token
        self.ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=token.public)
        # Not a cursor: journalctl loses the first entry behind one that does not match itself.
        self.since = f"@{time.time():.6f}"

    # The configuration.

    def configure(self, pin="credential:hsm-pin", listener=True, module=None, more=""):
        shutil.rmtree(CONFIGURATION, ignore_errors=True)
        inbound = xml.inbound(SenderIPAddresses=["127.0.0.1"])
        for connector in (inbound, xml.tenant(self.far)):
            path = CONFIGURATION / connector.kind / f"{connector.name}.xml"
            path.parent.mkdir(parents=True)
            path.write_text(str(connector))
        for name, source in (("hybrid", self.ours.chain), ("root", self.pki.root.anchors)):
            shutil.copy(source, CONFIGURATION / f"{name}.pem")
        (CONFIGURATION / "postern.xml").write_text(
            f'<Gateway {xml.NAMESPACE} HostName="gw.contoso.com"{more}>\n'
            + (f'  <Listener Address="127.0.0.1:{PORT}"/>\n' if listener else "")
            + f'  <Token Uri="{self.token.uri}" PinSource="{pin}" RequestTimeOut="00:00:02"'
            + (f' Module="{module}"' if module else "")
            + "/>\n"
            f'  <Certificate Name="hybrid"><Chain>hybrid.pem</Chain>'
            f"<Key>{self.token.key_uri('hybrid')}</Key></Certificate>\n"
            f'  <TrustAnchors Name="public">root.pem</TrustAnchors>\n</Gateway>\n'
        )

    def give_pin(self, pin):
        CREDENTIALS.mkdir(mode=0o700, exist_ok=True)
        subprocess.run(
            ["systemd-creds", "encrypt", "--name=hsm-pin", "-", str(CREDENTIALS / "hsm-pin")],
            input=f"{pin}\n".encode(), check=True, capture_output=True, timeout=60,
        )

    def drop_in(self, unit, text, name="test"):
        path = DROP_INS / f"{unit}.d" / f"{name}.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        run("systemctl", "daemon-reload")

    def unit(self, name, text):
        """A unit beside Postern's, until the machine is switched off."""
        (pathlib.Path("/run/systemd/system") / name).write_text(text)
        run("systemctl", "daemon-reload")

    def with_its_own_port(self):
        text = (EXAMPLES / "posternd-own-ports.conf").read_text()
        self.drop_in("posternd.service", text, "own-ports")

    def without_capabilities(self):
        """As it is installed: with posternd.socket."""
        (DROP_INS / "posternd.service.d" / "own-ports.conf").unlink()
        run("systemctl", "daemon-reload")
        self.configure(listener=False)

    # The service.

    def ctl(self, *arguments, check=True):
        return run("systemctl", *arguments, check=check)

    def show(self, name, unit="posternd.service"):
        return self.ctl("show", "-P", name, unit).stdout.strip()

    @property
    def main_pid(self):
        return int(self.show("MainPID"))

    def signer_pids(self):
        units = self.ctl("list-units", "--plain", "--no-legend", "postern-signer@*").stdout
        return [int(self.show("MainPID", row.split()[0])) for row in units.splitlines()]

    def hsm(self):
        return json.loads(run("posternctl", "hsm", "status", "--json").stdout)

    def events(self, unit="posternd.service", **fields):
        """The journal's entries of one unit since the test began, as the fields say."""
        matches = [f"{name}={value}" for name, value in fields.items()]
        run("journalctl", "--sync")
        done = run(
            "journalctl", "-o", "json", "-u", unit, f"--since={self.since}", *matches,
            check=False,
        )
        return [json.loads(row) for row in done.stdout.splitlines()]

    # Mail.

    def client(self):
        return Client(("127.0.0.1", PORT))

    def send(self):
        with self.client() as client:
            client.ehlo()
            return client.attempt(b"Subject: test\r\n\r\nhello\r\n")

    def deliver(self):
        """As a sender does that comes back after a 4xx."""
        wait_until(lambda: self.send() == 250, "the message to be taken")


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def token():
    """In the state folder of the signer's unit, which finds it by its environment."""
    run("systemd-sysusers")
    run("install", "-d", "-o", "postern-signer", "-g", "postern-signer", "-m", "700", str(STATE))
    shutil.rmtree(STATE / "softhsm", ignore_errors=True)
    return Machine(STATE / "softhsm")


@pytest.fixture
def service(pki, token):
    far = FakeCloud(pki.endpoint, pki.organisation.anchors)
    made = Service(far, pki, token)
    made.drop_in(
        "postern-signer@.service",
        f"[Service]\nEnvironment=SOFTHSM2_CONF={token.configuration}\n",
        "token",
    )
    made.with_its_own_port()
    made.give_pin(token.pin)
    made.configure()
    yield made
    made.ctl("stop", "posternd.socket", "posternd.service", "postern-signer.socket", check=False)
    run("systemctl", "reset-failed")
    for unit in ("posternd.service", "postern-signer@.service"):
        shutil.rmtree(DROP_INS / f"{unit}.d", ignore_errors=True)
    for store in ("/etc/credstore", "/etc/credstore.encrypted", str(STATE / "refused-pins")):
        shutil.rmtree(store, ignore_errors=True)
    run("systemctl", "daemon-reload")
    far.stop()
    # A signer that stays would be one too many for the next test.
    wait_until(lambda: not made.signer_pids(), "the signers to end")


def effective_capabilities(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"CapEff:\s+([0-9a-f]+)", status).group(1), 16)
