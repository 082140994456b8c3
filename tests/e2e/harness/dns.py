# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A DNS server on loopback, over UDP and TCP on one port, that says what the test wants.

    dns.mx("example.com", (10, "mx1.example.com"), (20, "mx2.example.com"))
    dns.a("mx1.example.com", "127.0.0.1")         dns.aaaa(…)        dns.cname(…)
    dns.fails("example.com")      SERVFAIL to every question about the name
    dns.is_silent("example.com")  no answer at all
    dns.truncates("example.com")  UDP answers are cut off, TCP ones whole
    dns.lies("example.com")       answers to another question come first, with a wrong identifier
    dns.garbles("example.com")    bytes that are no DNS message, under the right identifier

A name with any record exists, so that other types of it are "no data"; every other is NXDOMAIN.
A label may be bytes, for names that no host has.
"""

import collections
import socket
import struct
import threading

TYPES = {"A": 1, "CNAME": 5, "MX": 15, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}


def labels(name):
    """bytes are one label as they are, within a tuple; text is split at its dots."""
    parts = name if isinstance(name, tuple) else [p.encode() for p in name.split(".") if p]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def read_name(message, at):
    parts = []
    while message[at]:
        length = message[at]
        parts.append(message[at + 1 : at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(parts).lower(), at + 1


class FakeDns:
    def __init__(self, address="127.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        for _ in range(20):  # one number for both protocols
            self.udp = socket.socket(family, socket.SOCK_DGRAM)
            self.udp.bind((address, 0))
            self.port = self.udp.getsockname()[1]
            self.tcp = socket.socket(family, socket.SOCK_STREAM)
            try:
                self.tcp.bind((address, self.port))
                break
            except OSError:
                self.udp.close()
                self.tcp.close()
        self.tcp.listen(64)
        self.server = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.records = collections.defaultdict(list)  # (name, type) → data
        self.seconds = 300
        self.behaviour = {}
        self.questions = []  # (name, type, "udp" or "tcp")
        self.stopped = False
        self.threads = [
            threading.Thread(target=target, daemon=True)
            for target in (self.serve_udp, self.serve_tcp)
        ]
        for thread in self.threads:
            thread.start()

    # What it knows.

    def mx(self, name, *hosts):
        for preference, host in hosts:
            data = struct.pack("!H", preference) + labels(host)
            self.records[name, "MX"].append(data)

    def a(self, name, *addresses):
        self.records[name, "A"] += [socket.inet_aton(one) for one in addresses]

    def aaaa(self, name, *addresses):
        self.records[name, "AAAA"] += [socket.inet_pton(socket.AF_INET6, one) for one in addresses]

    def cname(self, name, target):
        self.records[name, "CNAME"] = [(target, labels(target))]

    def forget(self, name):
        for key in [key for key in self.records if key[0] == name]:
            del self.records[key]

    def fails(self, name):
        self.behaviour[name] = "fails"

    def is_silent(self, name):
        self.behaviour[name] = "silent"

    def truncates(self, name):
        self.behaviour[name] = "truncates"

    def lies(self, name):
        self.behaviour[name] = "lies"

    def garbles(self, name):
        self.behaviour[name] = "garbles"

    def asked(self, name, kind):
        return [one for one in self.questions if one[:2] == (name, kind)]

    # What it says.

    def find(self, name, kind):
        """[(owner, type, data)], following aliases."""
        found = []
        for _ in range(8):
            alias = self.records.get((name, "CNAME"))
            if not alias or kind == "CNAME":
                break
            found.append((name, "CNAME", alias[0][1]))
            name = alias[0][0]
        return found + [(name, kind, data) for data in self.records.get((name, kind), ())]

    def exists(self, name):
        return any(key[0] == name and value for key, value in self.records.items())

    def answer(self, message, protocol):
        """The messages to send back, in order."""
        identifier, flags = struct.unpack("!HH", message[:4])
        name, end = read_name(message, 12)
        kind = NAMES.get(struct.unpack("!H", message[end : end + 2])[0], "other")
        question = message[12 : end + 4]
        self.questions.append((name, kind, protocol))
        behaviour = self.behaviour.get(name)
        if behaviour == "silent":
            return []
        if behaviour == "garbles":
            return [message[:2] + b"\x81\x80" + b"\xff" * 40]
        records = [] if behaviour == "fails" else self.find(name, kind)
        code = 2 if behaviour == "fails" else 0 if self.exists(name) else 3
        cut = behaviour == "truncates" and protocol == "udp"
        body = b"".join(
            labels(owner) + struct.pack("!HHIH", TYPES[which], 1, self.seconds, len(data)) + data
            for owner, which, data in ([] if cut else records)
        )
        count = 0 if cut else len(records)
        head = struct.pack(
            "!HHHHH", 0x8180 | (0x0200 if cut else 0) | code, 1, count, 0, 0
        )
        whole = message[:2] + head + question + body
        if behaviour == "lies":
            wrong = struct.pack("!H", identifier ^ 0x5555)
            evil = labels(name) + struct.pack("!HHIH", 1, 1, 300, 4) + b"\x7f\0\0\x63"
            return [wrong + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + evil, whole]
        return [whole]

    def serve_udp(self):
        while not self.stopped:
            try:
                message, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if self.stopped:
                return
            for one in self.answer(message, "udp"):
                self.udp.sendto(one, peer)

    def serve_tcp(self):
        while not self.stopped:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_connection, args=(connection,), daemon=True).start()

    def serve_connection(self, connection):
        with connection, connection.makefile("rb") as stream:
            while True:
                size = stream.read(2)
                if len(size) < 2:
                    return
                message = stream.read(struct.unpack("!H", size)[0])
                for one in self.answer(message, "tcp"):
                    connection.sendall(struct.pack("!H", len(one)) + one)

    def stop(self):
        self.stopped = True
        for one in (self.udp, self.tcp):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        for thread in self.threads:
            thread.join(5)
