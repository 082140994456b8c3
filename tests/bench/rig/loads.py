# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The loads, and what one of them does to one system.

A message load warms the system up, learns its pace from that, and then sends as many messages as
make the wanted seconds (or a fixed count). Time runs from the start of smtp-source to its end or to
the last message's arrival at the sink, whichever is later; Postfix is counted until its queue is
empty. Signatures are the sink's count of full handshakes, warm-up and first connections included.

An idle load opens sessions, leaves them alone, and divides what the system grew by their number."""

import os
import resource
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .processes import MemoryPeak
from .workplace import BenchError, find_program

SETTLE_SECONDS = 0.5
SHORTEST_RUN = 60  # seconds; every measured run may take this, or ten times what was planned


@dataclass(frozen=True)
class MessageLoad:
    name: str
    title: str
    message_bytes: int
    keep: bool
    warm_up: int
    most: int  # messages, however fast a system is

    def suits(self, system_class):
        return True

    def measure(self, system, sink, options):
        pace = self._send(system, sink, self.warm_up, 0, options)["messages_s"]
        count = options.counts.get(self.name) or int(
            min(self.most, max(self.warm_up, pace * options.seconds)))
        before = sink.counters()
        with MemoryPeak(system.tree) as memory:
            result = self._send(system, sink, count, self.warm_up, options)
        counters = sink.counters()
        if counters["messages_plain"] and system.name != "direct":
            raise BenchError(f"{counters['messages_plain']} messages came without TLS")
        all_messages = counters["messages"]
        result.update(
            memory_peak_kb=memory.kb,
            signatures=counters["full_handshakes"],
            signatures_by_its_own_count=system.own_signatures(),
            signatures_per_1000=1000 * counters["full_handshakes"] / all_messages,
            warm_signatures_per_1000=1000 * (
                counters["full_handshakes"] - before["full_handshakes"]) / count,
            resumed_per_1000=1000 * counters["resumed_handshakes"] / all_messages,
            failed_handshakes=counters["failed_handshakes"],
            message_bytes=counters["bytes"] / all_messages)
        return result

    def _send(self, system, sink, count, sent_before, options):
        """Sends count messages, waits for them at the sink, and says what that took."""
        limit = max(SHORTEST_RUN, 10 * options.seconds)
        system_us, sink_us = system.tree.processor_us(), sink.tree.processor_us()
        start = time.monotonic()
        source_us = run_source(system.port, count, self, options.sessions, limit)
        end = time.monotonic()
        counters = sink.wait_for_messages(sent_before + count, limit)
        end = max(end, counters["last_message_ns"] / 1e9)
        system.wait_until_drained(limit)
        time.sleep(SETTLE_SECONDS)
        if sink.counters()["messages"] != sent_before + count:
            raise BenchError("more messages came out than went in")
        return {
            "messages": count,
            "seconds": end - start,
            "messages_s": count / (end - start),
            "cpu_us": (system.tree.processor_us() - system_us) / count,
            "sink_cpu_us": (sink.tree.processor_us() - sink_us) / count,
            "source_cpu_us": source_us / count,
        }


def run_source(port, count, load, sessions, limit):
    """Runs smtp-source to its end; returns the microseconds of processor time it used."""
    command = [find_program("smtp-source"), *(["-d"] if load.keep else []),
               "-s", str(min(sessions, count)), "-m", str(count), "-l", str(load.message_bytes),
               "-M", "client.bench.example", "-f", "sender@bench.example",
               "-t", "recipient@bench.example", f"inet:127.0.0.1:{port}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit, text=True)
    except subprocess.TimeoutExpired:
        raise BenchError(f"smtp-source did not get {count} messages through in {limit} s")
    if done.returncode != 0:
        raise BenchError(f"smtp-source: {done.stdout.strip()[-500:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1e6 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


@dataclass(frozen=True)
class IdleLoad:
    name: str
    title: str
    tls: bool

    def suits(self, system_class):
        return system_class.idle_sessions > 0 and (system_class.idle_tls or not self.tls)

    def measure(self, system, sink, options):
        count = min(options.counts.get(self.name) or 5000, system.idle_sessions)
        need_descriptors(2 * count + 200)
        # Warm: whatever is made once, at the first session, is not a session's.
        close_all(open_sessions(system, min(20, count), self.tls))
        time.sleep(2 * SETTLE_SECONDS)
        before = system.tree.memory_kb()
        system_us = system.tree.processor_us()
        start = time.monotonic()
        sessions = open_sessions(system, count, self.tls)
        try:
            seconds = time.monotonic() - start
            time.sleep(4 * SETTLE_SECONDS)
            after = system.tree.memory_kb()
            check_alive(sessions)
        finally:
            close_all(sessions)
        return {
            "sessions": count,
            "seconds": seconds,
            "kb_a_session": (after - before) / count,
            "cpu_us": (system.tree.processor_us() - system_us) / count,
            "memory_peak_kb": after,
        }


def need_descriptors(wanted):
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    raise BenchError(f"{wanted} open files are needed, {soft} are allowed: raise `ulimit -n`")


def raise_descriptor_limit():
    """As many descriptors as we may have, for us and everything that we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, 32768) if os.geteuid() == 0 else hard
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def client_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # our own client; what it thinks of the server is not at issue
    return context


def expect(connection, code):
    reply = b""
    while not (reply.endswith(b"\n") and reply.split(b"\n")[-2][3:4] == b" "):
        piece = connection.recv(4096)
        if not piece:
            raise BenchError(f"a session ended instead of saying {code}")
        reply += piece
    if not reply.startswith(code.encode()):
        raise BenchError(f"{code} was expected, this came: {reply[:200]!r}")


def open_session(port, context):
    """One session up to a second EHLO with TLS, or the first without."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    try:
        expect(connection, "220")
        connection.sendall(b"EHLO client.bench.example\r\n")
        expect(connection, "250")
        if context:
            connection.sendall(b"STARTTLS\r\n")
            expect(connection, "220")
            connection = context.wrap_socket(connection)
            connection.sendall(b"EHLO client.bench.example\r\n")
            expect(connection, "250")
        return connection
    except BaseException:
        connection.close()
        raise


def open_sessions(system, count, tls):
    """Opens them eight at a time; all or none."""
    context = client_context() if tls else None
    sessions, failure = [], None
    with ThreadPoolExecutor(8) as openers:
        tasks = [openers.submit(open_session, system.port, context) for _ in range(count)]
        for task in tasks:
            try:
                sessions.append(task.result())
            except (BenchError, OSError) as error:
                failure = failure or error
                openers.shutdown(wait=False, cancel_futures=True)
                break
    if failure:
        for task in tasks[len(sessions) + 1:]:
            if task.done() and not task.cancelled() and not task.exception():
                task.result().close()
        close_all(sessions)
        raise BenchError(f"only {len(sessions)} of {count} sessions opened: {failure}")
    return sessions


def check_alive(sessions):
    """Every session must still be there, or the memory was divided by the wrong number."""
    for connection in sessions:
        connection.sendall(b"NOOP\r\n")
        expect(connection, "250")


def close_all(sessions):
    for connection in sessions:
        connection.close()


LOADS = {load.name: load for load in (
    MessageLoad("new", "4 kB messages, a new connection each", 4096, False, 400, 100000),
    MessageLoad("kept", "4 kB messages, kept connections", 4096, True, 800, 200000),
    MessageLoad("large", "1 MB messages, kept connections", 1 << 20, True, 64, 10000),
    IdleLoad("idle", "idle sessions, plain", False),
    IdleLoad("idle-tls", "idle sessions, TLS", True),
)}
