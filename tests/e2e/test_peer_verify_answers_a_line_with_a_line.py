# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "--batch reads a JSON object a line from stdin (the same words as keys; chain, anchors, crls as
PEM text) and answers a JSON object a line"."""

import json
import subprocess

import pytest

from harness.gateway import POSTERNCTL
from harness.pki import ENDPOINT, ENDPOINT_NAMES
from harness.waiting import LIMIT

NAME = "mail.protection.outlook.com"


def batch(*lines, arguments=(), exit=0):
    text = b"".join(
        (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines
    )
    done = subprocess.run(
        [POSTERNCTL, "peer", "verify", "--batch", *arguments],
        input=text, capture_output=True, timeout=120,
    )
    assert done.returncode == exit, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def question(pki):
    def ask(credential=None, **more):
        credential = credential or pki.endpoint
        return {
            "chain": credential.chain.read_text(), "anchors": pki.root.anchors.read_text(), **more,
        }

    return ask


def test_each_line_is_answered_in_its_order(question, pki):
    expired = pki.intermediate.issue(ENDPOINT, ENDPOINT_NAMES, days=(-9, -1))
    answers = batch(
        question(id="a", name=NAME),
        question(id=2, name="mail.example.com"),
        question(expired, id=["c"]),
        question(expired, time=expired.certificate.not_valid_after.isoformat() + "Z"),
        question(pki.stranger()),
        question(name=["mail.example.com", NAME], purpose="client"),
    )
    assert [one["line"] for one in answers] == [1, 2, 3, 4, 5, 6]
    assert [one.get("id") for one in answers] == ["a", 2, ["c"], None, None, None]
    assert [one["accepted"] for one in answers] == [True, False, False, True, False, True]
    failed = [one["failed"] for one in answers]
    assert failed == [None, "name", "dates", None, "chain", None]
    assert answers[1]["outcome"] == "refused" and answers[1]["reason"] and answers[1]["cure"]
    assert {"check": "name", "outcome": "failed"} in answers[1]["checks"]


def test_pem_may_be_a_list_and_lists_are_text(question, pki):
    texts = [pki.root.revoke().read_text(), pki.intermediate.revoke().read_text()]
    revoked = [texts[0], pki.intermediate.revoke(pki.endpoint).read_text()]
    anchors = pki.root.anchors.read_text()
    chain = pki.endpoint.chain.read_text().split("-----END CERTIFICATE-----\n")
    pieces = [one + "-----END CERTIFICATE-----\n" for one in chain if one.strip()]
    answers = batch(
        {"chain": pieces, "anchors": [anchors]},
        question(crls=texts),
        question(crls="".join(texts)),
        question(crls=revoked),
        question(crls=texts[:1]),
    )
    assert [one["accepted"] for one in answers] == [True, True, True, False, False]
    assert answers[3]["failed"] == answers[4]["failed"] == "revocation"


WRONG = {
    "no JSON": b"{",
    "a list": b"[]",
    "no UTF-8": b'{"chain": "\xff"}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "an unknown word": b'{"chian": ""}',
    "a word twice": b'{"chain": "", "chain": ""}',
    "no anchors": b'{"chain": "x"}',
    "no chain": b'{"anchors": "x"}',
    "a number for text": b'{"chain": 1, "anchors": 2}',
    "a number in a list": b'{"chain": [1]}',
    "an unknown purpose": b'{"purpose": "mail", "chain": "", "anchors": ""}',
    "a time that is none": b'{"time": "yesterday", "chain": "", "anchors": ""}',
    "deep": b"[" * 5000,
}


@pytest.mark.parametrize("name", WRONG)
def test_a_line_that_makes_no_sense_is_answered_and_the_next_read(question, name):
    answers = batch(question(), WRONG[name], question(id="after"))
    assert [one["outcome"] for one in answers] == ["accepted", "error", "accepted"]
    assert answers[1]["accepted"] is False and answers[1]["error"]["what"]
    assert answers[2]["id"] == "after" and answers[2]["line"] == 3


def test_a_line_without_bounds_is_cut_short(question):
    long = b'{"chain": "' + b"x" * (40 << 20) + b'"}'
    answers = batch(question(), long, question())
    assert [one["outcome"] for one in answers] == ["accepted", "error", "accepted"]
    assert "16 MB" in answers[1]["error"]["what"]


def test_a_certificate_that_cannot_be_read_is_refused(question):
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    answers = batch(question(chain=broken), question(anchors=broken))
    assert answers[0]["outcome"] == "refused" and answers[0]["failed"] == "presented"
    assert answers[1]["outcome"] == "error"


def test_blank_lines_and_a_last_line_without_an_end(question):
    text = b"\n  \r\n" + json.dumps(question()).encode()
    done = subprocess.run(
        [POSTERNCTL, "peer", "verify", "--batch"], input=text, capture_output=True, timeout=60
    )
    (answer,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert answer["accepted"] and answer["line"] == 3


def test_words_of_the_command_line_hold_for_lines_without(pki, question):
    chain = pki.endpoint.chain.read_text()
    arguments = ["--anchors", pki.root.anchors, "--name", NAME, "--purpose", "client"]
    answers = batch({"chain": chain}, {"chain": chain, "name": "a.example.com"}, arguments=arguments)
    assert [one["accepted"] for one in answers] == [True, False]


def test_an_answer_comes_before_the_next_question(question):
    """Who talks to it line by line is answered line by line."""
    with subprocess.Popen(
        [POSTERNCTL, "peer", "verify", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        for number in (1, 2, 3):
            process.stdin.write(json.dumps(question()).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["line"] == number
        process.stdin.close()
        assert process.wait(LIMIT) == 0


def test_many_lines_keep_their_order(question, pki):
    good, bad = question(), question(pki.stranger())
    answers = batch(*[dict(bad if n % 3 else good, id=n) for n in range(700)])
    assert [one["id"] for one in answers] == list(range(700))
    assert all(one["accepted"] == (one["id"] % 3 == 0) for one in answers)
