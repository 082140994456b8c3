# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Thousands of messages flow while the certificate is rotated and rolled back ten times: no session is
cut, no message lost or doubled, and from the moment a change has returned no handshake that begins
presents another certificate than the active one."""

import collections
import re
import threading
import time

SENDERS, MESSAGES, ROUNDS, PER_SESSION = 4, 3000, 10, 40


class Load:
    """Senders that go on until they are told to stop; each message has a number of its own."""

    def __init__(self, gateway):
        self.gateway, self.stopping = gateway, threading.Event()
        self.acknowledged, self.troubles, self.lock = [], [], threading.Lock()
        self.threads = [
            threading.Thread(target=self.run, args=(number,), daemon=True)
            for number in range(SENDERS)
        ]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        count = 0
        try:
            while not self.stopping.is_set():
                with self.gateway.client() as client:
                    client.ehlo()
                    for _ in range(PER_SESSION):
                        count += 1
                        name = f"load-{number}-{count}"
                        reply = client.message(f"Subject: {name}\r\n\r\nhello\r\n".encode())
                        with self.lock:
                            if reply.code == 250:
                                self.acknowledged.append(name)
                            else:
                                self.troubles.append(f"{name}: {reply}")
                        if self.stopping.is_set():
                            break
        except Exception as error:  # a session that was cut, or a reply out of place
            with self.lock:
                self.troubles.append(f"sender {number}, message {count}: {error!r}")

    def finish(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()


def test_no_mail_stops_while_certificates_rotate(token, pki, line):
    keys = {"one": "EC:P-256", "two": "RSA:2048"}
    public = {name: token.generate(name, kind) for name, kind in keys.items()}

    def issue(name):
        return pki.organisation.issue(
            "CN=gw.contoso.com", ["gw.contoso.com"], public_key=public[name]
        )

    first = issue("one")
    gateway, cloud = line(
        outbound={"SmtpMaxMessagesPerConnection": 5},
        cloud_options={"keep": True},
        certificates={"hybrid": (first.chain, token.key_uri("one"))},
        tokens=[{"Uri": token.uri, "PinSource": token.pin_file}],
        environment=token.environment,
    )
    load = Load(gateway)
    # (from, to, what alone may be presented by a handshake that begins between them)
    spans, since, active = [], time.monotonic(), first.der

    def flow():
        """Some mail goes under each certificate."""
        limit, enough = time.monotonic() + 60, len(load.acknowledged) + MESSAGES // (2 * ROUNDS)
        while len(load.acknowledged) < enough:
            assert time.monotonic() < limit and not load.troubles, load.troubles
            time.sleep(0.01)

    def change(*arguments, to):
        nonlocal since, active
        spans.append((since, time.monotonic(), active))
        done = gateway.ctl("cert", *arguments)
        since, active = time.monotonic(), to
        assert done.exit == 0, done
        flow()

    try:
        flow()
        for number in range(ROUNDS):
            before, after = active, issue("two" if number % 2 == 0 else "one")
            change("rotate", "hybrid", str(after.chain), to=after.der)
            change("rollback", "hybrid", to=before)
            if number % 2:
                change("rollback", "hybrid", to=after.der)
        limit = time.monotonic() + 120
        while len(load.acknowledged) < MESSAGES and not load.troubles:
            assert time.monotonic() < limit
            time.sleep(0.05)
    finally:
        load.finish()
    spans.append((since, time.monotonic(), active))
    assert not load.troubles, load.troubles
    assert len(load.acknowledged) >= MESSAGES

    arrived = collections.Counter(
        re.search(rb"Subject: (\S+)", message.content).group(1).decode()
        for message in cloud.messages
    )
    assert arrived == collections.Counter(load.acknowledged)

    stale = 0
    for begin, end, wanted in spans:
        within = [
            one
            for one in cloud.connections
            if one.handshake_began and begin < one.handshake_began < end and one.certificate
        ]
        stale += sum(one.certificate != wanted for one in within)
        assert within, "a change was followed by no handshake"
    assert stale == 0
    assert all(one.error is None for one in cloud.connections)
