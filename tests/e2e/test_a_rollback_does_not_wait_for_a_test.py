# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""While a certificate is tried on a next hop that keeps silent the way back is open; what was being tried
comes to nothing. Any other change is told to come again, and a reload waits. A rotation whose client has
left switches nothing."""

import signal
import subprocess
import threading

import pytest
from harness import xml
from harness.cloud import silence
from harness.gateway import POSTERNCTL
from harness.waiting import wait_until


@pytest.fixture
def setting(pki, postern, cloud):
    far, quiet = cloud(), cloud()
    gateway = postern(
        xml.inbound(),
        xml.tenant(far, name="far", file="1-far"),
        xml.tenant(quiet, name="quiet", file="2-quiet", RecipientDomains=["quiet.example"]),
    )
    issued = [pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"]) for _ in range(2)]
    return gateway, far, quiet, issued


def words(credential):
    return ["rotate", "hybrid", str(credential.chain), "--key", str(credential.key)]


def shown(gateway, cloud):
    assert gateway.send().code == 250
    return cloud.last.connection.certificate


def test_the_way_back_is_open(setting, pki):
    gateway, far, quiet, (first, second) = setting
    assert gateway.ctl("cert", *words(first)).exit == 0
    answers = []
    reached, go_on = threading.Event(), threading.Event()

    def keep_silent(_connection):
        reached.set()
        assert go_on.wait(60)
        return "250 2.1.5 At last"

    quiet.on("RCPT", keep_silent)
    asking = threading.Thread(target=lambda: answers.append(gateway.ctl("cert", *words(second))))
    asking.start()
    assert reached.wait(60)
    busy = gateway.ctl("cert", "activate", "hybrid", as_json=False)
    assert busy.exit == 75 and "is being changed (rotate)" in busy.err, busy
    assert gateway.ctl("cert", "list").exit == 0
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    assert shown(gateway, far) == pki.gateway.der
    assert gateway.reload().exit == 0
    go_on.set()
    asking.join(60)
    assert answers[0].exit == 75 and "rollback came" in answers[0].json["error"]["what"], answers
    assert shown(gateway, far) == pki.gateway.der
    quiet.on("RCPT", None)
    assert gateway.ctl("cert", *words(second)).exit == 0
    assert shown(gateway, far) == second.der


def test_a_rotation_that_nobody_waits_for_is_given_up(setting, pki):
    gateway, far, quiet, (first, _) = setting
    reached, go_on = threading.Event(), threading.Event()

    def keep_silent(_connection):
        reached.set()
        assert go_on.wait(60)
        return "250 2.1.5 At last"

    quiet.on("RCPT", keep_silent)
    asking = subprocess.Popen(
        [str(POSTERNCTL), "--config", str(gateway.directory), "cert", *words(first)],
        env=gateway.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    assert reached.wait(60)
    asking.terminate()
    asking.wait(60)
    go_on.set()
    gateway.wait_for("certificate-refused", verb="rotate")
    assert shown(gateway, far) == pki.gateway.der
    assert not gateway.events("certificate-activated")


def test_a_stop_ends_a_test(setting):
    gateway, _, quiet, (first, _) = setting
    quiet.on("RCPT", silence)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(gateway.ctl("cert", *words(first))))
    asking.start()
    wait_until(lambda: any("RCPT" in line for line in quiet.commands), "the test")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    asking.join(60)
    assert answers[0].exit in (69, 75), answers
