# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Whether the benchmark's own instruments tell the truth: run as

    BENCH_BUILD=DIR /usr/bin/python3 -m pytest tests/bench

with DIR a build tree in which `make tests/bench/bench-sink` was done."""

import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rig.material import SINK_NAME, Material  # noqa: E402
from rig.processes import Tree  # noqa: E402
from rig.sink import Sink  # noqa: E402
from rig.table import verdicts  # noqa: E402
from rig.workplace import wait_until  # noqa: E402

PROGRAM = Path(os.environ.get("BENCH_BUILD", ".")) / "tests/bench/bench-sink"


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return Material(tmp_path_factory.mktemp("m") / "pki")


@pytest.fixture
def sink(material, tmp_path):
    with Sink(PROGRAM, material, tmp_path, plain_too=True) as it:
        yield it


@pytest.fixture
def strict_sink(material, tmp_path):
    with Sink(PROGRAM, material, tmp_path) as it:
        yield it


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.reply()

    def reply(self):
        while True:
            line, newline, rest = self.unread.partition(b"\n")
            if newline:
                self.unread = rest
                if line[3:4] == b" ":
                    return line.decode().strip()
                continue
            piece = self.socket.recv(4096)
            if not piece:
                return "closed"
            self.unread += piece

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def start_message(self):
        for text, code in (("EHLO x", "250"), ("MAIL FROM:<>", "250"), ("RCPT TO:<a@b>", "250"),
                           ("DATA", "354")):
            assert self.say(text).startswith(code)

    def is_silent(self):
        self.socket.settimeout(0.3)
        try:
            return not self.unread and self.socket.recv(1) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)

    def start_tls(self, material, certificate=True, session=None):
        assert self.say("EHLO x").startswith("250")
        assert self.say("STARTTLS").startswith("220")
        context = ssl.create_default_context(cafile=str(material.ca))
        if certificate:
            context.load_cert_chain(material.pem_chain, material.pem_key)
        self.socket = context.wrap_socket(self.socket, server_hostname=SINK_NAME)


ENDED = [b".\r\n", b"text\r\n.\r\n", b"\r\n..\r\n.\r\n", b"\r\r\n.\r\n", b".\r\r\n.\r\n",
         b"\r\n.\r\r\n.\r\n", b"\n.\r\n\r\n.\r\n", b"\r\n.x\r\n.\r\n"]
NOT_ENDED = [b"\n.\n", b"text\n.\r\n", b"\r.\r\n", b"text\r\n.\n", b"\r\n.\r", b"\r\n. \r\n",
             b"\r\n..\r\n", b"text\r\n.\r\r\n", b"\r.\r"]


@pytest.mark.parametrize("data", ENDED)
@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_data_ends_at_crlf_dot_crlf_however_it_is_cut(sink, data, piece):
    client = Client(sink.port)
    client.start_message()
    for at in range(0, len(data), piece):
        client.socket.sendall(data[at:at + piece])
        time.sleep(0.002)
    assert client.reply().startswith("250")
    assert sink.counters()["messages"] == 1
    assert sink.counters()["bytes"] == len(data)


@pytest.mark.parametrize("data", NOT_ENDED)
def test_data_does_not_end_at_anything_else(sink, data):
    client = Client(sink.port)
    client.start_message()
    client.socket.sendall(data)
    assert client.is_silent()
    assert sink.counters()["messages"] == 0


def test_pipelined_transactions_are_all_counted(sink):
    client = Client(sink.port)
    assert client.say("EHLO x").startswith("250")
    client.socket.sendall(b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + b"x\r\n.\r\n"
                          + b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + b"y\r\n.\r\nQUIT\r\n")
    codes = [client.reply()[:3] for _ in range(9)]
    assert codes == ["250", "250", "354", "250"] * 2 + ["221"]
    assert sink.counters()["messages_plain"] == 2


def test_mail_without_tls_is_refused(strict_sink):
    client = Client(strict_sink.port)
    client.say("EHLO x")
    assert client.say("MAIL FROM:<>").startswith("530")


def test_a_client_without_a_certificate_gets_no_session(strict_sink, material):
    client = Client(strict_sink.port)
    with pytest.raises((ssl.SSLError, OSError, AssertionError)):
        client.start_tls(material, certificate=False)  # TLS 1.3: the alert may come later
        assert client.say("EHLO x").startswith("250")
    wait_until("the refusal is counted",
               lambda: strict_sink.counters()["failed_handshakes"] == 1, 5)
    assert strict_sink.counters()["full_handshakes"] == 0


def test_a_client_with_a_certificate_hands_mail_over(strict_sink, material):
    client = Client(strict_sink.port)
    client.start_tls(material)
    client.start_message()
    client.socket.sendall(b"x\r\n.\r\n")
    assert client.reply().startswith("250")
    counters = strict_sink.counters()
    assert (counters["full_handshakes"], counters["messages"], counters["messages_plain"]) == (
        1, 1, 0)


def test_each_handshake_is_a_full_one_where_nothing_is_resumed(material, tmp_path):
    offered = {}
    for resumption in (True, False):
        place = tmp_path / str(resumption)
        place.mkdir()
        with Sink(PROGRAM, material, place, resumption=resumption) as sink:
            client = Client(sink.port)
            client.start_tls(material)
            assert client.say("EHLO x").startswith("250")  # the tickets have come with it
            offered[resumption] = client.socket.session.has_ticket
    assert offered == {True: True, False: False}


def test_bytes_behind_starttls_end_the_connection(strict_sink):
    client = Client(strict_sink.port)
    client.say("EHLO x")
    client.socket.sendall(b"STARTTLS\r\nEHLO y\r\n")
    replies = {client.reply()[:3], client.reply()[:3]}
    assert replies <= {"220", "clo"}


BURN = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.mark.parametrize("use_cgroup", [True, False])
def test_time_of_processes_that_are_gone_is_counted(tmp_path, use_cgroup):
    """Ten processes of 0.3 s each, half of them orphaned before they end."""
    script = (f"import subprocess, sys, os, time\nburn = {BURN!r}\n"
              "for i in range(5):\n"
              "    subprocess.run([sys.executable, '-c', burn])\n"
              "    subprocess.run(['sh', '-c', '\"$0\" -c \"$1\" &', sys.executable, burn])\n"
              "open('done', 'w').close()\ntime.sleep(60)\n")
    tree = Tree("burn", use_cgroup)
    directory = os.getcwd()
    os.chdir(tmp_path)
    try:
        tree.start([sys.executable, "-c", script], tmp_path / "log")
        wait_until("the burners are done",
                   lambda: (tmp_path / "done").exists() and len(tree.pids()) == 1, 60)
        used = tree.processor_us() / 1e6
    finally:
        os.chdir(directory)
        tree.stop()
    assert 3.0 <= used < 6.0


def test_what_daemonises_is_stopped_too(tmp_path):
    tree = Tree("daemon")
    marker = tmp_path / "pid"
    tree.start(["sh", "-c", f"setsid sleep 600 & echo $! > {marker}; exec sleep 600"],
               tmp_path / "log")
    wait_until("it has started", lambda: marker.exists() and marker.read_text().strip(), 10)
    tree.stop()
    assert subprocess.run(["kill", "-0", marker.read_text().strip()],
                          stderr=subprocess.DEVNULL).returncode != 0


def test_a_target_is_met_only_by_a_figure_on_its_right_side():
    def judge(postern, stunnel):
        results = {"new": {"postern": {"messages_s": postern, "signatures_per_1000": 10.1},
                           "stunnel": {"messages_s": stunnel}}}
        return {what: (figure, met) for what, figure, _, met in verdicts(results)}

    assert judge(800, 100)["new: messages/s against stunnel"] == ("8.00 ×", True)
    assert judge(799, 100)["new: messages/s against stunnel"][1] is False
    assert judge(800, 100)["new: messages/s against Postfix"] == (None, False)
    assert judge(800, 100)["new: signatures per 1000 messages"] == ("10.10", False)
