# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Mail under load, from senders that come back after a 4xx, and somebody who watches meanwhile.

Each message has a number of its own. When the load is over, Load.check() compares the numbers that
got a 250 with what is at the cloud.
"""

import collections
import re
import threading
import time

from .client import Closed
from .waiting import LIMIT, wait_until

NUMBER = re.compile(rb"^X-Number: (\d+)\r$", re.MULTILINE)


class Load:
    """`threads` senders that go on until finish(). recipient: who gets it all."""

    def __init__(self, gateway, threads=6, recipient="bob@example.com", retry_after=0.02, session=15):
        self.gateway, self.recipient = gateway, recipient
        self.retry_after, self.session = retry_after, session
        self.lock = threading.Lock()
        self.made = 0
        self.retries = collections.deque()  # (when, number)
        self.accepted, self.refusals, self.problems = [], [], []
        self.enough = self.over = False
        self.threads = [threading.Thread(target=self.send, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    # What the test asks.

    def accept_more(self, count, limit=LIMIT * 3):
        """Waits for so many more messages to be accepted."""
        wanted = len(self.accepted) + count
        wait_until(lambda: len(self.accepted) >= wanted or self.problems, "mail to flow", limit)
        assert not self.problems, self.problems[:3]

    def refuse_more(self, count=1, limit=LIMIT):
        wanted = len(self.refusals) + count
        wait_until(lambda: len(self.refusals) >= wanted or self.problems, "a refusal", limit)
        assert not self.problems, self.problems[:3]

    def finish(self, total=0, limit=LIMIT * 3):
        """Goes on to so many messages, then until each of them is accepted."""
        if len(self.accepted) < total:
            self.accept_more(total - len(self.accepted), limit)
        self.enough = True
        for thread in self.threads:
            thread.join(limit)
        assert not self.problems, self.problems[:3]
        assert len(self.accepted) == self.made, "every message is accepted at last"

    def check(self, cloud, certificate=None):
        """Every message accepted is at the cloud exactly once, and nothing else is; the
        certificate (DER) was shown on each connection on which more was said than STARTTLS."""
        at_cloud = collections.Counter(
            int(NUMBER.search(message.content).group(1)) for message in cloud.messages
        )
        doubled = [number for number, times in at_cloud.items() if times > 1]
        assert not doubled, f"more than once: {doubled}"
        lost = set(self.accepted) - set(at_cloud)
        assert not lost, f"lost: {lost}"
        assert len(self.accepted) == len(set(self.accepted)) == len(at_cloud)
        assert all(400 <= reply.code < 500 for reply in self.refusals), set(map(str, self.refusals))
        if certificate:
            used = [one for one in cloud.connections if len(one.commands) > len(one.clear)]
            assert used and all(one.certificate == certificate for one in used)
            assert not [line for line in cloud.clear if line[:4].upper() in ("MAIL", "RCPT", "DATA")]

    def stop(self):
        """For a test that has failed."""
        self.enough = self.over = True
        for thread in self.threads:
            thread.join(LIMIT)

    # What the senders do.

    def take(self):
        """The next number; None to wait a moment, False at the end."""
        with self.lock:
            if self.retries and self.retries[0][0] <= time.monotonic():
                return self.retries.popleft()[1]
            if not self.enough:
                self.made += 1
                return self.made
            return None if len(self.accepted) < self.made and not self.problems else False

    def judge(self, number, reply):
        with self.lock:
            if reply == 250:
                self.accepted.append(number)
            elif reply.code < 500:
                self.refusals.append(reply)
                self.retries.append((time.monotonic() + self.retry_after, number))
            else:
                self.problems.append(reply)

    def send_in_session(self):
        with self.gateway.client() as client:
            client.ehlo()
            for _ in range(self.session):
                number = self.take()
                if number is False or self.over:
                    return False
                if number is None:
                    time.sleep(0.005)
                    continue
                reply = client.attempt(
                    b"X-Number: %d\r\n\r\nhello\r\n" % number, recipients=[self.recipient]
                )
                self.judge(number, reply)
                if reply != 250:
                    time.sleep(self.retry_after)
                    client.command("RSET")
        return True

    def send(self):
        try:
            while self.send_in_session():
                pass
        except (Closed, OSError, AssertionError) as error:
            self.problems.append(error)


class Watch:
    """Asks the gateway all the time whether it is there: a session that says NOOP and EHLO, new
    sessions, and posternctl status. The slowest answer is kept, in seconds."""

    def __init__(self, gateway, pause=0.05):
        self.gateway, self.pause = gateway, pause
        self.over = threading.Event()
        self.slowest, self.asked, self.problems = 0.0, 0, []
        self.said = 0
        self.threads = [
            threading.Thread(target=self.watch, args=[ask], daemon=True)
            for ask in (self.ask_old_session, self.ask_new_session, self.ask_control)
        ]
        self.session = gateway.client()
        for thread in self.threads:
            thread.start()

    def ask_old_session(self):
        assert self.session.command("NOOP") == 250
        self.session.ehlo()
        self.said += 2
        if self.said >= 80:  # MaxJunkCommands is 100, and this client has no mail
            self.session, self.said = self.gateway.client(), 0

    def ask_new_session(self):
        with self.gateway.client() as client:
            client.ehlo()

    def ask_control(self):
        self.over.wait(0.3)
        assert self.gateway.ctl("status").exit == 0

    def watch(self, ask):
        try:
            while not self.over.wait(self.pause):
                begun = time.monotonic()
                ask()
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.asked += 1
        except (Closed, OSError, AssertionError) as error:
            self.problems.append(error)

    def finish(self, bound=LIMIT / 2):
        """The bound is for a busy machine: what blocks the gateway takes as long as its token."""
        self.stop()
        assert not self.problems, self.problems
        assert self.asked and self.slowest < bound, self.slowest

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join(LIMIT)
