# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternd is killed at any moment of a rotation: it starts again with the old certificate or the new
one, presents it, and can be rotated further. (tests/pki/test-store.c kills at every single step.)"""

import signal
import threading
import time


def test_it_starts_with_the_old_or_the_new(pki, line):
    gateway, cloud = line()
    present, known = pki.gateway, {pki.gateway.der: pki.gateway}
    for number in range(12):
        renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
        known[renewed.der] = renewed
        answers = []
        asking = threading.Thread(
            target=lambda: answers.append(
                gateway.ctl(
                    "cert", "rotate", "hybrid", str(renewed.chain), "--key", str(renewed.key)
                )
            )
        )
        asking.start()
        time.sleep(0.004 * number)
        gateway.process.send_signal(signal.SIGKILL)
        gateway.process.wait(20)
        asking.join(60)
        gateway.reader.join(20)
        gateway.lines.clear()
        gateway.start()
        assert gateway.send().code == 250
        shown = cloud.last.connection.certificate
        assert shown in (present.der, renewed.der)
        if answers[0].exit == 0:
            assert shown == renewed.der
        present = known[shown]
        listed = gateway.ctl("cert", "show", "hybrid").json
        assert int(listed["active"]["serial"], 16) == present.certificate.serial_number
        store = gateway.state / "certificates" / "hybrid"
        left = [one.name for one in store.iterdir()] if store.exists() else []
        assert not [name for name in left if name.startswith(".")], left
        assert len(left) <= 3, left
    last = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    done = gateway.ctl("cert", "rotate", "hybrid", str(last.chain), "--key", str(last.key))
    assert done.exit == 0, done
    assert gateway.send().code == 250
    assert cloud.last.connection.certificate == last.der
