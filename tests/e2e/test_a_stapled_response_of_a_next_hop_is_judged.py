# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "OCSP stapling asked for and checked when it comes".

Python's ssl staples nothing: TLS is spoken by openssl s_server, to which this test's next hop hands the
connection on after STARTTLS, and which hands back what is inside."""

import socket
import subprocess
import threading

import pytest

from harness import xml
from harness.gateway import free_port
from harness.waiting import LIMIT, wait_until


class Hop:
    """Serves one connection after the other, each with an s_server of its own."""

    def __init__(self, credential, version, staple, directory):
        self.credential, self.version, self.staple = credential, version, None
        if staple:
            self.staple = directory / "staple.der"
            self.staple.write_bytes(staple)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.messages, self.stopped, self.processes = 0, False, []
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.stopped = True
        self.listener.close()
        for process in self.processes:
            process.kill()
            process.wait(LIMIT)

    def accept(self):
        while not self.stopped:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            client.sendall(b"220 hop ESMTP\r\n")
            client.recv(4096)
            client.sendall(b"250-hop\r\n250 STARTTLS\r\n")
            if not client.recv(4096).upper().startswith(b"STARTTLS"):
                return
            process, inner = self.start()
            client.sendall(b"220 2.0.0 Go ahead\r\n")
            for pair in ((client, inner), (inner, client)):
                threading.Thread(target=self.pump, args=pair, daemon=True).start()
            self.talk(process)
        except OSError:
            pass
        finally:
            client.close()

    def start(self):
        port = free_port()
        process = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-naccept", "1",
             "-cert", self.credential.chain, "-cert_chain", self.credential.chain,
             "-key", self.credential.key, self.version,
             *(["-status_file", self.staple] if self.staple else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )
        self.processes.append(process)
        inner = []

        def connected():
            try:
                inner.append(socket.create_connection(("127.0.0.1", port)))
            except OSError:
                return False
            return True

        wait_until(connected, "s_server listens")
        return process, inner[0]

    @staticmethod
    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def talk(self, process):
        data = False
        for line in process.stdout:
            if data and line != b".\r\n":
                continue
            word = line[:4].upper()
            reply = b"250 2.0.0 OK"
            if data:
                data, self.messages = False, self.messages + 1
            elif word == b"DATA":
                data, reply = True, b"354 Go on"
            elif word == b"QUIT":
                reply = b"221 2.0.0 Bye"
            process.stdin.write(reply + b"\r\n")
            process.stdin.flush()


@pytest.fixture
def through(postern, pki, tmp_path):
    """through(version, staple, check) → the gateway; the root's list knows of nothing bad."""
    hops = []

    def make(version, staple, check):
        hops.append(Hop(pki.endpoint, version, staple, tmp_path))
        return postern(
            xml.inbound(),
            xml.tenant(hops[-1], CertificateRevocationCheck=check, RevocationLists="lists"),
            lists={"lists": pki.root.revoke()},
        )

    yield make
    for hop in hops:
        hop.stop()


VERSIONS = pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])


@VERSIONS
def test_a_good_one_satisfies_hard_fail(through, pki, version):
    gateway = through(version, pki.intermediate.answer(pki.endpoint), "HardFail")
    assert gateway.send() == 250
    assert gateway.send() == 250


@VERSIONS
def test_without_one_hard_fail_refuses(through, version):
    gateway = through(version, None, "HardFail")
    assert gateway.attempt() == (454, "4.7.5")
    assert gateway.wait_for("peer-refused", check="revocation")


@VERSIONS
def test_without_one_soft_fail_tells_it(through, version):
    gateway = through(version, None, "SoftFail")
    assert gateway.send() == 250
    assert gateway.wait_for("revocation-unknown", outbound="tenant")


@VERSIONS
@pytest.mark.parametrize("kind", ["revoked", "run out", "another's", "forged", "garbage"])
def test_a_bad_one_refuses(through, pki, version, kind):
    ca = pki.intermediate
    staple = {
        "revoked": lambda: ca.answer(pki.endpoint, "REVOKED"),
        "run out": lambda: ca.answer(pki.endpoint, hours=(-9, -1)),
        "another's": lambda: ca.answer(ca.issue("CN=other.example.com", ["other.example.com"])),
        "forged": lambda: ca.answer(pki.endpoint, responder=pki.organisation),
        "garbage": lambda: b"\x30\x03\x0a\x01\x00",
    }[kind]()
    gateway = through(version, staple, "SoftFail")
    assert gateway.attempt() == (454, "4.7.5")
    event = gateway.wait_for("peer-refused", check="revocation")
    assert "revoked" in event["error"] if kind == "revoked" else "stapled" in event["error"]


@VERSIONS
def test_none_does_not_even_ask(through, pki, version):
    gateway = through(version, pki.intermediate.answer(pki.endpoint, "REVOKED"), "None")
    assert gateway.send() == 250
