# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Start, reload, restart, stop, watchdog and a signer's death, as systemctl has them."""

import os
import signal
import threading
import time

import pytest
from harness.waiting import wait_until


def test_a_reload_succeeds_or_fails_with_the_configuration(service):
    service.ctl("start", "posternd")
    service.ctl("reload", "posternd")
    service.configure(more=' Nonsense="1"')
    assert service.ctl("reload", "posternd", check=False).returncode != 0
    assert "refused" in service.show("StatusText")
    assert service.show("ActiveState") == "active"
    assert service.send() == 250


def test_a_wrong_configuration_does_not_start_and_is_not_tried_again(service):
    service.configure(more=' Nonsense="1"')
    assert service.ctl("start", "posternd", check=False).returncode != 0
    time.sleep(5)  # more than RestartSec=
    assert service.show("Result") == "exit-code"  # of ExecStartPre=: posternd was not started
    assert service.show("ExecMainStartTimestampMonotonic") == "0"
    assert service.show("NRestarts") == "0"
    assert service.show("ActiveState") == "failed"


def test_a_restart_refuses_no_connection(service):
    service.without_capabilities()
    service.ctl("start", "posternd.socket")
    done, replies = threading.Event(), []

    def deliver():  # raises when it is refused or reset
        while not done.is_set():
            with service.client() as client:
                reply = client.greeting
                if reply == 220:
                    reply = client.command("EHLO client.example")
                replies.append(client.attempt().code if reply == 250 else reply.code)

    errors = []
    threading.excepthook = lambda what: errors.append(what.exc_value)
    senders = [threading.Thread(target=deliver) for _ in range(4)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(3):
            count = len(replies)
            service.ctl("restart", "posternd")
            wait_until(lambda: len(replies) > count + 20, "mail to cross again")
    finally:
        done.set()
        for sender in senders:
            sender.join()
        threading.excepthook = threading.__excepthook__
    assert not errors
    # A session that was greeted when the stop came is told to come back.
    assert set(replies) <= {250, 421} and replies.count(250) > 60


def test_a_stop_lets_a_message_in_flight_finish(service):
    service.ctl("start", "posternd")
    client = service.client()
    client.ehlo()
    for command in ("MAIL FROM:<alice@contoso.com>", "RCPT TO:<bob@example.com>", "DATA"):
        assert client.command(command).code < 400
    stop = threading.Thread(target=service.ctl, args=("stop", "posternd"))
    stop.start()
    wait_until(lambda: service.show("ActiveState") == "deactivating", "the stop to begin")
    client.send(b"Subject: late\r\n\r\nhello\r\n.\r\n")
    assert client.reply() == 250
    client.close()
    stop.join()
    assert service.show("Result") == "success"


def test_a_posternd_that_hangs_is_started_again(service):
    service.drop_in("posternd.service", "[Service]\nWatchdogSec=3\n")
    service.ctl("start", "posternd")
    time.sleep(7)  # it is fed: nothing happens in more than two of its times
    assert service.show("NRestarts") == "0"
    os.kill(service.main_pid, signal.SIGSTOP)
    wait_until(lambda: service.show("NRestarts") == "1", "the watchdog", 60)
    wait_until(lambda: service.show("ActiveState") == "active", "the new start", 60)
    service.deliver()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_signer_that_dies_or_hangs_is_replaced(service, number):
    service.ctl("start", "posternd")
    assert service.send() == 250
    service.far.forget_sessions()
    (first,) = service.signer_pids()
    os.kill(first, number)
    service.deliver()
    wait_until(lambda: service.hsm()["signer"]["pid"] not in (0, first), "another signer")
    if number == signal.SIGSTOP:
        os.kill(first, signal.SIGCONT)
    wait_until(lambda: first not in service.signer_pids(), "the old one to end")
    assert service.show("NRestarts") == "0"


def test_the_socket_may_be_made_anew(service):
    service.ctl("start", "posternd")
    before = service.main_pid
    service.ctl("restart", "postern-signer.socket")
    assert service.send() == 250
    service.ctl("stop", "postern-signer@*")
    service.far.forget_sessions()
    service.deliver()
    assert service.main_pid == before


@pytest.mark.parametrize(
    "remote", ["|/usr/bin/p11-kit remote {module}", "unix:path=/run/postern-p11/socket"]
)
def test_p11_kits_remote_modules_work_in_the_sandbox(service, remote):
    module = "/usr/lib/softhsm/libsofthsm2.so"
    service.unit(
        "postern-p11.service",
        f"[Service]\nType=forking\nUser=postern-signer\nRuntimeDirectory=postern-p11\n"
        f"Environment=SOFTHSM2_CONF={service.token.configuration}\n"
        f"ExecStart=/usr/bin/p11-kit server --provider {module}"
        f" --name /run/postern-p11/socket pkcs11:\n",
    )
    configured = {
        "/etc/pkcs11/modules/postern-remote.module":
            f"module: p11-kit-client.so\nremote: {remote.format(module=module)}\n",
        "/etc/pkcs11/modules/softhsm2.module": "enable-in: nobody\n",
    }
    os.makedirs("/etc/pkcs11/modules", exist_ok=True)
    for path, text in configured.items():
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
    try:
        service.ctl("start", "postern-p11")
        service.ctl("start", "posternd")
        assert service.send() == 250
        assert service.hsm()["keys"][0]["module"] == "postern-remote"
    finally:
        for path in configured:
            os.unlink(path)
        service.ctl("stop", "posternd", "postern-p11")
