# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A token that takes its time for each signature, a storm of sessions that all need one, and the
sessions beside it that need none.

The token is SoftHSM behind the tests' own module, which sleeps in C_Sign; its key is on P-256, so that
SoftHSM's arithmetic is no part of the figures. Each message of the storm has a connection of its own to
a sink that resumes nothing, so each costs a handshake and a signature."""

import socket
import threading
import time

from .loads import run_source
from .material import MODULE, Material
from .systems import Postern
from .workplace import BenchError

NEAR = "near.example"


class SlowMaterial(Material):
    """milliseconds: what a signature takes."""

    token_key = "EC:prime256v1"

    def __init__(self, directory, milliseconds):
        super().__init__(directory)
        self.orders = self.directory / "orders"
        self.orders.mkdir()
        (self.orders / "slow").write_text(f"{milliseconds}\n")


class SlowPostern(Postern):
    """sessions: of the Token; near: the sink for those who need no signature."""

    def __init__(self, material, directory, options, sessions, near):
        super().__init__(material, directory, options)
        self.module = options.build.resolve() / "tests" / "test-token-module.so"
        self.near = near
        self.GATEWAY = Postern.GATEWAY.replace("<Token ", f'<Token Sessions="{sessions}" ')
        self.OUTBOUND = Postern.OUTBOUND.replace(">1000<", ">1<")

    def more_files(self):
        return {
            "outbound/near.xml": f"""\
<OutboundConnector xmlns="urn:postern:1" Name="near">
  <RecipientDomains><Domain>{NEAR}</Domain></RecipientDomains>
  <SmartHosts><Host>127.0.0.1:{self.near.port}</Host></SmartHosts>
  <TlsSettings>None</TlsSettings>
</OutboundConnector>
"""
        }

    def environment(self):
        return {**self.material.env, "POSTERN_TEST_TOKEN": str(self.material.orders),
                "POSTERN_TEST_SOFTHSM": MODULE}


class Bystanders:
    """Sessions that send mail to the near sink and say NOOP, one after the other, while a block runs.
    `milliseconds`: what each reply took, sorted."""

    STEPS = (b"NOOP\r\n", b"MAIL FROM:<a@bench.example>\r\n", f"RCPT TO:<b@{NEAR}>\r\n".encode(),
             b"DATA\r\n", b"Subject: x\r\n\r\nhello\r\n.\r\n")

    def __init__(self, port, sessions, pause):
        self.pause = pause
        self.over = threading.Event()
        self.milliseconds, self.failure = [], None
        self.sockets = [socket.create_connection(("127.0.0.1", port), timeout=30)
                        for _ in range(sessions)]
        for one in self.sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            read_reply(one)
            ask(one, b"EHLO bystander.bench.example\r\n")
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        for one in self.sockets:
            one.close()
        self.milliseconds.sort()
        if self.failure:
            raise BenchError(f"a session beside the storm: {self.failure}")

    def percentile(self, percent):
        return self.milliseconds[(len(self.milliseconds) * percent - 1) // 100]

    def _watch(self):
        try:
            while not self.over.wait(self.pause):
                for one in self.sockets:
                    for step in self.STEPS:
                        start = time.monotonic()
                        ask(one, step)
                        self.milliseconds.append(1000 * (time.monotonic() - start))
        except (OSError, BenchError) as error:
            self.failure = error


def read_reply(connection):
    text = b""
    while not text.endswith(b"\n") or text.rsplit(b"\r\n", 2)[-2][3:4] == b"-":
        piece = connection.recv(4096)
        if not piece:
            raise BenchError("closed")
        text += piece
    if text[:1] not in b"23":
        raise BenchError(text.decode(errors="replace").strip())


def ask(connection, line):
    connection.sendall(line)
    read_reply(connection)


class Storm:
    """What run_source() wants to know of a load."""

    keep, message_bytes = False, 500


def processor_times():
    """(idle, all) of the machine, in clock ticks."""
    with open("/proc/stat") as file:
        numbers = [int(word) for word in file.readline().split()[1:9]]
    return numbers[3] + numbers[4], sum(numbers)


def measure(system, sink, sessions, count, options):
    """One row of the table."""
    before = sink.counters()["full_handshakes"]
    with Bystanders(system.port, options.bystanders, 0.01) as quiet:
        time.sleep(options.seconds / 4)
    with Bystanders(system.port, options.bystanders, 0.01) as beside:
        idle, all_time = processor_times()
        start = time.monotonic()
        run_source(system.port, count, Storm, options.storm, 10 * options.seconds + 60)
        end = sink.wait_for_messages(count, 60)["last_message_ns"] / 1e9
    idle_then, all_then = processor_times()
    handshakes = sink.counters()["full_handshakes"] - before
    if handshakes != count:
        raise BenchError(f"{handshakes} handshakes for {count} messages")
    wanted = sessions * 1000 / options.milliseconds
    return {
        "sessions": sessions,
        "handshakes": handshakes,
        "seconds": end - start,
        "handshakes_s": handshakes / (end - start),
        "possible_s": wanted,
        "share": handshakes / (end - start) / wanted,
        "idle": (idle_then - idle) / max(1, all_then - all_time),
        "beside_replies": len(beside.milliseconds),
        "beside_median_ms": beside.percentile(50),
        "beside_p99_ms": beside.percentile(99),
        "beside_most_ms": beside.milliseconds[-1],
        "quiet_p99_ms": quiet.percentile(99),
    }
