# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Facts: PINs come "from a systemd credential (RFC 7512 pin-source)"; and a refused one is not tried
again, by whichever process."""

import pathlib

import pytest
from conftest import CREDENTIALS, EXAMPLES
from harness.client import Closed
from harness.waiting import wait_until


@pytest.mark.parametrize(
    "source", ["credential:hsm-pin", "file:/run/credentials/posternd.service/hsm-pin"]
)
def test_by_either_name(service, source):
    service.configure(pin=source)
    service.ctl("start", "posternd")
    assert service.send() == 250


def test_in_the_clear_with_a_drop_in(service):
    store = pathlib.Path("/etc/credstore")
    store.mkdir(mode=0o700)
    (store / "hsm-pin").write_text(f"{service.token.pin}\n")
    (CREDENTIALS / "hsm-pin").unlink()
    text = (EXAMPLES / "postern-signer-plain-pin.conf").read_text()
    service.drop_in("postern-signer@.service", text)
    service.ctl("start", "posternd")
    assert service.send() == 250


def test_one_that_is_not_there_is_explained(service):
    (CREDENTIALS / "hsm-pin").unlink()
    service.ctl("start", "posternd")
    assert 400 <= service.send().code < 500
    (event,) = service.events(POSTERN_EVENT="key-unavailable")
    assert "/etc/credstore.encrypted/hsm-pin" in event["POSTERN_CURE"]
    service.give_pin(service.token.pin)
    service.ctl("restart", "posternd")
    assert service.send() == 250


def logins(service):
    """Those that the token refused."""
    events = service.events(POSTERN_EVENT="pin-refused")
    return [event for event in events if "CKR_PIN_INCORRECT" in event["POSTERN_ERROR"]]


def test_a_wrong_one_is_tried_once_by_all_that_are_started(service):
    service.give_pin("00000000")
    for _ in range(3):
        assert service.ctl("start", "posternd", check=False).returncode != 0
        assert service.show("ExecMainStatus") == "78"
    assert len(service.events(POSTERN_EVENT="pin-refused")) == 3
    assert len(logins(service)) == 1


def test_nor_by_those_that_a_connection_starts(service):
    service.give_pin("00000001")
    service.without_capabilities()
    service.ctl("start", "posternd.socket")

    def refused():
        with pytest.raises((Closed, OSError)):
            service.send()
        return service.show("ActiveState", "posternd.socket") == "failed"

    wait_until(refused, "systemd to give up", 60)
    assert len(service.events(POSTERN_EVENT="pin-refused")) > 1
    assert len(logins(service)) == 1


def test_a_new_one_is_taken_up_by_new_signers(service):
    service.ctl("start", "posternd")
    service.give_pin("00000002")
    service.ctl("stop", "postern-signer@*")
    wait_until(lambda: logins(service), "the token to refuse it")
    service.give_pin(service.token.pin)
    service.ctl("stop", "postern-signer@*")
    service.deliver()
    assert len(logins(service)) == 1
