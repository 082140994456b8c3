# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: a `Certificate` with several `Key` elements: "fail-over and coming back", "logged and
counted in `hsm status`": the same key on a token behind a server that is killed and on one beside it,
under load."""

import pytest

from harness.hsm import RemoteToken
from harness.pki import GATEWAY, KEYS
from harness.token import MODULE, Token
from harness.waiting import wait_until

WELL_AGAIN = 10


@pytest.fixture
def two_tokens(pki, tmp_path):
    """(remote, near, what the line needs, our certificate)"""
    first, second = Token(tmp_path / "first", "first"), Token(tmp_path / "second", "second")
    key = KEYS["EC:P-256"]()
    for one, name in ((first, "hybrid"), (first, "spare"), (second, "hybrid")):
        one.take(name, key)
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=key.public_key())
    remote = RemoteToken(first).start()
    tokens = [
        {"Uri": one.uri, "PinSource": f"file:{one.pin_file}", "Module": module}
        for one, module in ((first, remote.module), (second, MODULE))
    ]
    keys = [first.key_uri("hybrid"), second.key_uri("hybrid")]
    more = {
        "certificates": {"hybrid": (ours.chain, keys)},
        "tokens": tokens,
        "environment": {**second.environment, **remote.environment},
        "outbound": {"SmtpMaxMessagesPerConnection": 2},
        "cloud_options": {"resume": False},
    }
    yield remote, more, ours
    remote.kill()


def places(gateway):
    keys = gateway.ctl("hsm", "status").json["keys"]
    return sorted(keys, key=lambda key: key["place"])


def test_and_comes_back_to_the_first(two_tokens, line, load, watch):
    remote, more, ours = two_tokens
    gateway, far = line(**more)
    watching, mail = watch(gateway), load(gateway, threads=4)
    for times in (1, 2, 3):
        mail.accept_more(100)
        remote.kill()
        gateway.wait_for("key-failed-over", count=times)
        mail.accept_more(100)
        assert [place["active"] for place in places(gateway)] == [False, True]
        remote.start()
        gateway.wait_for("key-came-back", count=times, limit=WELL_AGAIN)
    mail.finish(1000)
    watching.finish()
    mail.check(far, ours.der)
    assert not mail.refusals, "the second token makes the signature that the first did not"
    first, second = places(gateway)
    assert (first["failovers"], first["comebacks"]) == (3, 3)
    assert (second["failovers"], second["comebacks"]) == (0, 0)
    assert first["active"] and first["signatures"] and second["signatures"]
    for event in gateway.events("key-failed-over"):
        assert "token=first" in event["from"] and "token=second" in event["key"]
    for event in gateway.events("key-came-back"):
        assert "token=second" in event["from"] and "token=first" in event["key"]


def test_and_starts_without_the_first(two_tokens, line):
    remote, more, ours = two_tokens
    remote.kill()
    gateway, far = line(**more)
    assert gateway.events("key-failed-over")
    assert gateway.send() == 250
    remote.start()
    gateway.wait_for("key-came-back", limit=WELL_AGAIN)
    assert gateway.send() == gateway.send() == 250  # the second needs a connection of its own
    assert places(gateway)[0]["signatures"] == 1
    assert far.last.connection.certificate == ours.der


def test_and_waits_at_its_sender_when_both_are_away(two_tokens, line, load):
    """Two places that one fault takes: two labels of one key on the token that is killed."""
    remote, more, ours = two_tokens
    more["tokens"].pop()
    first = remote.token
    more["certificates"]["hybrid"] = (ours.chain, [first.key_uri("hybrid"), first.key_uri("spare")])
    gateway, far = line(**more)
    mail = load(gateway, threads=2)
    for _ in range(2):
        mail.accept_more(20)
        remote.kill()
        mail.refuse_more(5)
        remote.start()
    mail.finish(len(mail.accepted) + 20)
    mail.check(far, ours.der)
    wait_until(lambda: places(gateway)[0]["active"], "the first place", WELL_AGAIN)
