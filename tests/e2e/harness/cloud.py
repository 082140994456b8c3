# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A cloud that demands a client certificate, remembers everything, and misbehaves on request.

A step is a verb ("EHLO", "MAIL", "RCPT", "DATA", "RSET", "QUIT"; "TLS EHLO" for the one inside TLS
alone), "CONNECT" for the greeting, "HANDSHAKE" before TLS begins, "BODY" when the first bytes of a
message's data came, or "." at its end. on() and once() set what happens at a step instead:

    a str    the reply, its lines separated by \n
    bytes    sent as they are
    callable called with the connection; what it returns is used as above; it may raise Drop

A connection runs on a thread of its own; the records are read when it is at rest.
"""

import collections
import select
import socket
import struct
import threading
import time

from . import tls
from .client import Closed
from .waiting import LIMIT, wait_until


class Drop(Exception):
    """Ends the connection, with a reset or in an orderly way."""

    def __init__(self, reset=False):
        super().__init__()
        self.reset = reset


def drop(_connection):
    raise Drop()


def reset(_connection):
    raise Drop(reset=True)


def silence(connection):
    """No reply, until the test is over or the other side goes."""
    connection.hold()
    raise Drop()


def after(first, then):
    """Does the one thing and then the other: after("250 2.0.0 Yes", drop)."""

    def both(connection):
        connection.act(first)
        return then(connection) if callable(then) else then

    return both


def byte_by_byte(text):
    def trickle(connection):
        for byte in text.replace("\n", "\r\n").encode() + b"\r\n":
            connection.send(bytes([byte]))

    return trickle


class Message:
    """content: as received, dots taken off again, without the final dot; raw: as it was on the
    wire. complete: the final dot came. size counts also what was not kept."""

    def __init__(self, connection, sender, recipients):
        self.connection = connection
        self.mail, self.recipients = sender, recipients
        self.pieces, self.size, self.complete = [], 0, False
        self.chunks = None  # the size of each, when it came by BDAT

    @property
    def raw(self):
        return b"".join(self.pieces)

    @property
    def content(self):
        if self.chunks is not None:
            return self.raw
        raw = self.raw[: -len(b".\r\n")] if self.complete else self.raw
        return (b"\r\n" + raw).replace(b"\r\n..", b"\r\n.")[2:]

    @property
    def header(self):
        """Our Received field, on top, unfolded; and what follows it."""
        lines = self.content.split(b"\r\n")
        end = 1
        while end < len(lines) and lines[end][:1] in (b" ", b"\t"):
            end += 1
        field = b" ".join(line.strip() for line in lines[:end])
        return field.decode(), b"\r\n".join(lines[end:])

    @property
    def received(self):
        return self.header[0]

    @property
    def rest(self):
        return self.header[1]


class Connection:
    def __init__(self, cloud, plain, number):
        self.cloud, self.socket, self.number = cloud, plain, number
        self.peer = plain.getpeername()[0]
        self.buffer = b""
        self.commands = []  # each line with its end taken off
        self.clear = []  # the commands that came outside TLS
        self.segments = []  # each piece as it was received
        self.names = []  # of EHLO and HELO
        self.messages = []
        self.tls_version = self.cipher = self.certificate = None
        self.resumed = False
        self.handshake_began = None  # time.monotonic(), before the first byte of TLS was read
        self.finished = False
        self.error = None
        self.forget()

    def forget(self):
        self.sender, self.recipients, self.chunked = None, [], None

    @property
    def wire(self):
        """Everything that came, inside TLS and out."""
        return b"".join(self.segments)

    # What a script may use.

    def send(self, data):
        self.socket.sendall(data)

    def reply(self, text):
        lines = text.split("\n")
        self.send("".join(line + "\r\n" for line in lines).encode("latin-1"))

    def act(self, action):
        if callable(action):
            action = action(self)
        if isinstance(action, bytes):
            self.send(action)
        elif action is not None:
            self.reply(action)

    def hold(self):
        """Waits for the end of the test, or of the connection."""
        gone = select.poll()
        gone.register(self.socket.fileno(), select.POLLRDHUP)
        while not self.cloud.stopped.is_set() and not gone.poll(50):
            pass

    def shut(self):
        """Ends it from another thread; below TLS, whose state belongs to ours."""
        try:
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)
        except OSError:
            pass

    # The server itself.

    def receive(self):
        data = self.socket.recv(65536)
        if not data:
            raise Closed()
        self.segments.append(data)
        return data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.buffer += self.receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def run(self):
        try:
            self.socket.settimeout(LIMIT * 6)
            self.step("CONNECT", f"220 {self.cloud.name} ESMTP")
            while self.serve(self.line().decode("latin-1")):
                pass
        except Drop as end:
            if end.reset:
                linger = struct.pack("ii", 1, 0)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except Closed:
            pass
        except (OSError, ValueError) as error:
            self.error = error
        finally:
            self.finished = True
            self.socket.close()

    def step(self, name, usual):
        inside = "TLS " + name
        action = self.cloud.take(inside) if self.tls_version else None
        action = action if action is not None else self.cloud.take(name)
        self.act(usual if action is None else action)

    def serve(self, line):
        self.commands.append(line)
        if not self.tls_version:
            self.clear.append(line)
        verb = line.split(" ")[0].upper()
        verb = verb.partition(":")[0]
        handler = getattr(self, "do_" + verb.lower(), None)
        if not handler:
            self.step(verb, "500 5.5.1 What?")
            return True
        return handler(line) is not False

    def do_ehlo(self, line):
        self.names.append(line[5:])
        self.forget()
        hidden = "STARTTLS" if self.tls_version else None
        offers = [offer for offer in self.cloud.offers if offer != hidden]
        lines = [self.cloud.name, *offers]
        self.step("EHLO", "\n".join("250-" + one for one in lines[:-1]) + "\n250 " + lines[-1])

    def do_helo(self, line):
        self.names.append(line[5:])
        self.forget()
        self.step("HELO", f"250 {self.cloud.name}")

    def do_starttls(self, _line):
        refused = "STARTTLS" not in self.cloud.offers or self.tls_version
        action = self.cloud.take("STARTTLS")
        self.act(("502 5.5.1 No" if refused else "220 2.0.0 Go ahead") if action is None else action)
        if refused or (isinstance(action, str) and not action.startswith("220")):
            return
        self.step("HANDSHAKE", None)
        self.handshake_began = time.monotonic()
        assert not self.buffer, "bytes came behind STARTTLS"
        self.socket = self.cloud.context.wrap_socket(self.socket, server_side=True)
        self.tls_version = self.socket.version()
        # The other side may be gone by now, and then there is none.
        self.cipher = (self.socket.cipher() or [None])[0]
        self.certificate = self.socket.getpeercert(binary_form=True)
        self.resumed = self.socket.session_reused
        self.forget()

    def do_mail(self, line):
        self.sender = line
        self.step("MAIL", "250 2.1.0 Sender ok")

    def do_rcpt(self, line):
        self.recipients.append(line)
        self.step("RCPT", "250 2.1.5 Recipient ok")

    def do_data(self, _line):
        action = self.cloud.take("DATA")
        if action is None:
            action = "354 Go on"
        self.act(action)
        if callable(action) or action[:3] in ("354", b"354"):
            self.read_message()

    def read_message(self):
        message = Message(self, self.sender, self.recipients)
        self.messages.append(message)
        tail, first = b"\r\n", True
        while True:
            piece = self.buffer or self.receive()
            self.buffer = b""
            if first:
                self.step("BODY", None)
                first = False
            seen = tail + piece
            end = seen.find(b"\r\n.\r\n")
            if end >= 0:
                end += 5
                self.buffer = seen[end:]
                piece = seen[len(tail):end]
            message.size += len(piece)
            if self.cloud.keep:
                message.pieces.append(piece)
            if end >= 0:
                break
            tail = seen[-4:]
            self.cloud.pace()
        message.complete = True
        self.forget()
        self.step(".", f"250 2.0.0 Taken as {self.number}.{len(self.messages)}")

    def do_bdat(self, line):
        """A step "BDAT" for each chunk but the last, whose step is "."."""
        words = line.split()
        left, last = int(words[1]), words[2:] == ["LAST"]
        if not self.chunked:
            self.chunked = Message(self, self.sender, self.recipients)
            self.chunked.chunks = []
            self.messages.append(self.chunked)
            self.step("BODY", None)
        message = self.chunked
        message.chunks.append(left)
        message.size += left
        while left:
            piece = self.buffer or self.receive()
            piece, self.buffer = piece[:left], piece[left:]
            left -= len(piece)
            if self.cloud.keep:
                message.pieces.append(piece)
            self.cloud.pace()
        if not last:
            self.step("BDAT", "250 2.0.0 Go on")
            return
        message.complete = True
        self.forget()
        self.step(".", f"250 2.0.0 Taken as {self.number}.{len(self.messages)}")

    def do_rset(self, _line):
        self.forget()
        self.step("RSET", "250 2.0.0 Reset")

    def do_noop(self, _line):
        self.step("NOOP", "250 2.0.0 Here")

    def do_quit(self, _line):
        self.step("QUIT", "221 2.0.0 Bye")
        return False


class FakeCloud:
    """credential: what it presents; trust: file with the CAs of client certificates, or None for
    no demand. keep: message data is remembered; pace: called between pieces of data, to be slow;
    resume: sessions of TLS 1.3 may be resumed, else each connection costs a signature. address,
    number: where it listens (a port that is free).
    """

    def __init__(self, credential, trust=None, minimum=None, maximum=None, **more):
        self.name = "cloud.example"
        self.offers = "SIZE 157286400,PIPELINING,8BITMIME,ENHANCEDSTATUSCODES,STARTTLS".split(",")
        self.keep, self.pace, self.resume = True, lambda: None, True
        self.address, self.number = "127.0.0.1", 0
        for name, value in more.items():
            setattr(self, name, value)
        self.present(credential, trust, minimum=minimum, maximum=maximum)
        self.connections = []
        self.stopped = threading.Event()
        self.lock = threading.Lock()
        self.always, self.queued = {}, collections.defaultdict(collections.deque)
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.listener = socket.create_server(
            (self.address, self.number), family=family, backlog=128
        )
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def host(self):
        """As SmartHosts names it."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"

    def present(self, credential, trust="as before", **versions):
        """From now on, this certificate; sessions made under another are not resumed."""
        self.credential = credential
        self.trust = self.trust if trust == "as before" else trust
        self.context = tls.context(True, credential, self.trust, **versions)
        if not self.resume:
            self.context.num_tickets = 0

    def forget_sessions(self):
        """Nobody resumes, and open connections end: the next one has a handshake of its own."""
        self.present(self.credential)
        self.hang_up()

    def on(self, step, action):
        self.always[step] = action

    def once(self, step, *actions):
        """For the next times this step comes, one action each."""
        self.queued[step].extend(actions)

    def take(self, step):
        with self.lock:
            if self.queued[step]:
                return self.queued[step].popleft()
            return self.always.get(step)

    def accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, plain, len(self.connections) + 1)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    @property
    def seen(self):
        """Every message of which any data came."""
        return [message for connection in self.connections for message in connection.messages]

    @property
    def messages(self):
        """Those that came whole."""
        return [message for message in self.seen if message.complete]

    @property
    def last(self):
        return self.messages[-1]

    @property
    def commands(self):
        return [line for connection in self.connections for line in connection.commands]

    @property
    def clear(self):
        """What came outside TLS."""
        return [line for connection in self.connections for line in connection.clear]

    def rest(self):
        """Waits until every connection has come to its end."""
        wait_until(
            lambda: all(connection.finished for connection in self.connections),
            "the cloud's connections to end",
        )

    def go_down(self):
        """Refuses connections from now on; those that are open stay."""
        # shutdown() wakes the thread in accept(), close() alone would leave the port listening.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def hang_up(self):
        """Every open connection is closed from this side, without a word."""
        for connection in self.connections:
            if not connection.finished:
                connection.shut()
        self.rest()

    def stop(self):
        self.stopped.set()
        try:
            self.go_down()
        except OSError:
            pass
        for connection in self.connections:
            connection.shut()
