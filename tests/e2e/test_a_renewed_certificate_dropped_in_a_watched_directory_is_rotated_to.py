# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Watch: a chain that is dropped there is tested and presented; one that cannot be used is refused once,
and again only when it has changed; nothing there is ever removed, and nothing old comes back."""

import os
import time

import pytest

from harness.waiting import wait_until

NAMES = ["gw.contoso.com"]


@pytest.fixture
def watched(pki, token, line, tmp_path):
    """(gateway, cloud, directory, issue): a key on the token, and certificates for it."""
    public = token.generate("hybrid", "EC:P-256")

    def issue(**more):
        return pki.organisation.issue("CN=gw.contoso.com", NAMES, public_key=public, **more)

    first = issue(days=(-20, 30))
    directory = tmp_path / "incoming"
    directory.mkdir()
    gateway, cloud = line(
        certificates={"hybrid": (first.chain, token.key_uri("hybrid"))},
        tokens=[{"Uri": token.uri, "PinSource": token.pin_file}],
        environment=token.environment,
        watches={"hybrid": directory},
    )
    return gateway, cloud, directory, issue


def shown(gateway, cloud):
    assert gateway.send().code == 250
    return cloud.last.connection.certificate


def drop(directory, name, content):
    """As careful programs do: under another name first."""
    unready = directory / f".{name}.unready"
    unready.write_bytes(content)
    unready.rename(directory / name)


def test_it_is_rotated_to_however_it_was_written(watched):
    gateway, cloud, directory, issue = watched
    second, third = issue(days=(-10, 30)), issue(days=(-5, 30))
    drop(directory, "second.pem", second.chain.read_bytes())
    event = gateway.wait_for("certificate-activated", count=1, verb="rotate")
    assert event["from"].endswith("incoming/second.pem")
    assert shown(gateway, cloud) == second.der
    # Slowly, in pieces, under its own name.
    content = third.chain.read_bytes()
    with (directory / "third.pem").open("wb", buffering=0) as file:
        for start in range(0, len(content), 200):
            file.write(content[start : start + 200])
            time.sleep(0.02)
    gateway.wait_for("certificate-activated", count=2)
    assert shown(gateway, cloud) == third.der
    assert {one.name for one in directory.iterdir()} == {"second.pem", "third.pem"}
    assert not gateway.events("certificate-refused")


def test_what_lies_there_after_a_restart_or_a_rollback_does_not_come_again(watched):
    gateway, cloud, directory, issue = watched
    second = issue(days=(-10, 30))
    drop(directory, "old.pem", issue(days=(-25, 30)).chain.read_bytes())
    drop(directory, "second.pem", second.chain.read_bytes())
    gateway.wait_for("certificate-activated")
    # The event comes a moment before the rotation is over, and 75 says so.
    wait_until(lambda: gateway.ctl("cert", "rollback", "hybrid").exit != 75, "the rotation's end")
    first = shown(gateway, cloud)
    assert first != second.der
    gateway.finish()
    gateway.lines.clear()
    gateway.start()
    # A newer one is taken by a look that has seen the others.
    third = issue(days=(-5, 30))
    assert shown(gateway, cloud) == first
    drop(directory, "third.pem", third.chain.read_bytes())
    gateway.wait_for("certificate-activated")
    assert shown(gateway, cloud) == third.der
    assert len(gateway.events("certificate-activated")) == 1


def test_what_cannot_be_used_is_refused_once_until_it_changes(watched, pki):
    gateway, cloud, directory, issue = watched
    before = shown(gateway, cloud)
    stranger = pki.organisation.issue("CN=gw.contoso.com", NAMES)
    drop(directory, "wrong.pem", stranger.chain.read_bytes())
    drop(directory, "noise.txt", b"hello\n")
    drop(directory, "large.pem", b"#" * 100000)
    gateway.wait_for("certificate-refused", count=3)
    # Something else happens there, and everything is looked at again.
    drop(directory, "more.txt", b"hello\n")
    gateway.wait_for("certificate-refused", count=4)
    assert shown(gateway, cloud) == before
    assert len(gateway.events("certificate-refused")) == 4
    good = issue(days=(-1, 30))
    drop(directory, "wrong.pem", good.chain.read_bytes())
    gateway.wait_for("certificate-activated")
    assert shown(gateway, cloud) == good.der


def test_a_directory_that_is_not_there_is_told_and_nothing_else(watched):
    gateway, cloud, directory, issue = watched
    directory.rmdir()
    assert gateway.reload().exit == 0
    gateway.wait_for("certificate-watch", certificate="hybrid")
    before = shown(gateway, cloud)
    directory.mkdir()
    renewed = issue(days=(-1, 30))
    assert gateway.reload().exit == 0
    drop(directory, "renewed.pem", renewed.chain.read_bytes())
    gateway.wait_for("certificate-activated")
    assert shown(gateway, cloud) == renewed.der != before
    os.stat(directory / "renewed.pem")
