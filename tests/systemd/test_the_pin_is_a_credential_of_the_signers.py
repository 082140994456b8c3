# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Facts: PINs come "from a systemd credential (RFC 7512 pin-source)"; and a refused one is not tried
again, by whichever process."""

import subprocess

import pytest
from harness.client import Closed
from harness.waiting import wait_until


@pytest.mark.parametrize(
    "source", ["credential:hsm-pin", "file:/run/credentials/posternd.service/hsm-pin"]
)
def test_by_either_name(service, source):
    service.configure(pin=source)
    service.ctl("start", "posternd")
    assert service.send() == 250


def test_encrypted_on_disk(service):
    store = "/etc/credstore.encrypted"
    subprocess.run(["install", "-d", "-m", "700", store], check=True)
    (pin,) = [service.token.pin.encode()]
    subprocess.run(
        ["systemd-creds", "encrypt", "--name=hsm-pin", "-", f"{store}/hsm-pin"], input=pin,
        check=True, capture_output=True,
    )
    subprocess.run(["rm", "/etc/credstore/hsm-pin"], check=True)
    service.drop_in("postern-signer@.service", "[Service]\nLoadCredentialEncrypted=hsm-pin\n")
    service.ctl("start", "posternd")
    assert service.send() == 250


def test_one_that_is_not_there_is_explained(service):
    subprocess.run(["rm", "/etc/credstore/hsm-pin"], check=True)
    service.ctl("start", "posternd")
    assert 400 <= service.send().code < 500
    (event,) = service.events(POSTERN_EVENT="key-unavailable")
    assert "/etc/credstore/hsm-pin" in event["POSTERN_CURE"]
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
