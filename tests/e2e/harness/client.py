# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""An SMTP client that sends exactly the bytes it is told to, in the segments it is told to."""

import re
import socket
import ssl
import struct

from . import tls
from .waiting import LIMIT

STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?= |$)")


class Closed(Exception):
    """The other side closed or reset the connection where a reply was expected."""


class Reply:
    """code 250, enhanced "2.1.0" or None, lines: the texts behind the code, raw: the bytes."""

    def __init__(self, raw):
        self.raw = raw
        rows = raw.decode("latin-1").split("\r\n")[:-1]
        self.code = int(rows[0][:3])
        self.lines = [row[4:] for row in rows]
        found = STATUS.match(self.lines[0])
        self.enhanced = found.group(0) if found else None

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return repr(self.raw)

    def __eq__(self, other):
        """reply == 250, reply == (550, "5.7.1")"""
        if isinstance(other, tuple):
            return (self.code, self.enhanced) == other
        return self.code == other

    __hash__ = None


def dot_stuff(content):
    """What goes on the wire for a message: dots doubled, the final dot at the end."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


class Client:
    """Connects at once and reads the greeting; `greet` false leaves that to the caller."""

    def __init__(self, address, source=None, greet=True, limit=LIMIT):
        self.socket = socket.create_connection(
            address, timeout=limit, source_address=(source, 0) if source else None
        )
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.greeting = self.reply() if greet else None
        self.encrypted = False

    def send(self, *segments):
        """Each argument is a write of its own."""
        try:
            for segment in segments:
                self.socket.sendall(segment)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed(f"closed after {self.buffer!r}")
        return data

    def line(self):
        while b"\n" not in self.buffer:
            self.buffer += self.receive()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def reply(self):
        raw = b""
        while True:
            line = self.line()
            assert re.match(rb"[2-5]\d\d[ -].*\r\n$|[2-5]\d\d\r\n$", line), line
            raw += line
            if line[3:4] != b"-":
                return Reply(raw)

    def command(self, text):
        self.send((text.encode("latin-1") if isinstance(text, str) else text) + b"\r\n")
        return self.reply()

    def ehlo(self, name="client.example"):
        """Returns the keywords offered, each with its parameter."""
        reply = self.command(f"EHLO {name}")
        assert reply == 250, reply
        words = (line.partition(" ") for line in reply.lines[1:])
        return {keyword.upper(): parameter for keyword, _, parameter in words}

    def starttls(self, certificate=None, trust=None, session=None, context=None, **versions):
        """STARTTLS, handshake; the server's name is verified when trust is given. No EHLO after.
        """
        reply = self.command("STARTTLS")
        assert reply == 220, reply
        self.handshake(certificate, trust, session, context, **versions)

    def handshake(self, certificate=None, trust=None, session=None, context=None, **versions):
        self.context = context or tls.context(False, certificate, trust, **versions)
        try:
            self.socket = self.context.wrap_socket(
                self.socket, server_hostname="gw.contoso.com", session=session
            )
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None
        self.encrypted = True

    def envelope(self, sender="alice@contoso.com", recipients=("bob@example.com",), more=""):
        """MAIL, each RCPT, DATA; every reply must be the good one."""
        assert (reply := self.command(f"MAIL FROM:<{sender}>{more}")) == 250, reply
        for recipient in recipients:
            assert (reply := self.command(f"RCPT TO:<{recipient}>")) == 250, reply
        assert (reply := self.command("DATA")) == 354, reply

    def content(self, content):
        """The message data with its final dot; returns the reply."""
        self.send(dot_stuff(content))
        return self.reply()

    def message(self, content=b"Subject: test\r\n\r\nhello\r\n", **envelope):
        self.envelope(**envelope)
        return self.content(content)

    def chunk(self, data, last=False):
        """One BDAT; returns the reply."""
        self.send(b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data)
        return self.reply()

    def attempt(
        self, content=b"x\r\n", sender="alice@contoso.com", recipients=("bob@example.com",), more=""
    ):
        """A transaction up to the first reply that is not the good one: that, or the last."""
        for step in (
            f"MAIL FROM:<{sender}>{more}",
            *(f"RCPT TO:<{recipient}>" for recipient in recipients),
            "DATA",
        ):
            reply = self.command(step)
            if reply.code >= 400:
                return reply
        return self.content(content)

    def abort(self):
        """Vanishes: a reset, no goodbye of any kind."""
        plain = self.socket
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        plain.close()

    def closed_by_peer(self):
        """True when nothing more comes but the end; False when a byte comes."""
        try:
            self.receive()
        except Closed:
            return True
        return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
