# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "One log line a message, with a session id, connector in and out, envelope, size, next
hop's reply, TLS version, cipher, the peer's subject and issuer on both sides, whether the
connection was new, resumed or pooled, and milliseconds in each phase"."""

from harness import xml
from harness.logfmt import FIELD
from harness.waiting import wait_until


def test_everything_is_in_it(postern, cloud, pki):
    far = cloud()
    gateway = postern(xml.from_cloud(), xml.tenant(far))
    client = gateway.client()
    client.ehlo()
    client.starttls(pki.endpoint, maximum="1.2")
    client.ehlo()
    content = b"Subject: story\r\n\r\nonce upon a time\r\n"
    people = ["one@example.com", "two@example.com"]
    far.once(".", "250 2.0.0 Queued as 4711")
    assert client.message(content, sender="bob@example.com", recipients=people) == 250
    event = gateway.wait_for("message")
    assert event["session"] and event["inbound"] == "cloud" and event["outbound"] == "tenant"
    assert event["from"] == "<bob@example.com>"
    assert event["to"] == "<one@example.com>,<two@example.com>"
    assert int(event["size"]) == len(content)
    assert event["code"] == "250" and "4711" in event["reply"]
    assert event["client"] == "127.0.0.1" and event["hello"] == "client.example"
    assert event["address"] == far.host
    assert event["client-tls"] == "TLSv1.2" and event["tls"] == "TLSv1.3"
    assert event["client-cipher"].startswith("TLS_ECDHE_ECDSA_")
    assert event["cipher"] == far.last.connection.cipher
    for side in ("client", "peer"):
        assert "CN=mail.protection.outlook.com" in event[f"{side}-subject"]
        assert "Cloud Services CA-1" in event[f"{side}-issuer"]
    assert event["connection"] == "new" and event["client-tls-session"] == "new"
    phases = [name for name in event if name.startswith("ms-")]
    assert {"ms-connect", "ms-handshake", "ms-data", "ms-reply", "ms-total"} <= set(phases)
    assert all(int(event[name]) >= 0 for name in phases)


def test_a_refused_message_has_its_line_too(plain):
    gateway, far = plain()
    far.once(".", "554 5.7.1 No")
    assert gateway.send() == 554
    event = gateway.wait_for("message")
    assert event["code"] == "554" and "5.7.1 [127.0.0.1] No" in event["reply"]


def test_one_message_is_one_line(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    for _ in range(5):
        assert client.message() == 250
    gateway.wait_for("message", count=5)
    assert client.command("QUIT") == 221
    wait_until(lambda: not gateway.ctl("status").json["sessions"]["open"], "the session to end")
    assert len(gateway.events("message")) == 5
    assert len({event["session"] for event in gateway.events("message")}) == 1


def test_sessions_have_ids_of_their_own(plain):
    gateway, far = plain()
    for _ in range(5):
        assert gateway.send() == 250
    gateway.wait_for("message", count=5)
    assert len({event["session"] for event in gateway.events("message")}) == 5


def test_no_line_has_a_field_twice(line):
    """A reader of logfmt keeps one of them, and nobody knows which."""
    gateway, far = line(level=7)
    assert gateway.send() == 250
    gateway.wait_for("message")
    for event in gateway.events():
        names = FIELD.findall(event.line)
        assert len(names) == len(event), event
