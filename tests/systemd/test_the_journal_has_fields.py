# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""pki/base/log.h: "Under systemd an event goes to the journal with MESSAGE_ID and one POSTERN_<FIELD>
a field"; so it is there, under the unit and the user that it is of."""

import pwd
import re
import socket

from harness.waiting import wait_until


def test_a_message_is_one_entry(service):
    service.ctl("start", "posternd")
    assert service.send() == 250
    (event,) = service.events(POSTERN_EVENT="message")
    assert re.fullmatch(r"[0-9a-f]{32}", event["MESSAGE_ID"])
    assert event["SYSLOG_IDENTIFIER"] == "posternd" and event["PRIORITY"] == "6"
    assert event["_UID"] == str(pwd.getpwnam("postern").pw_uid)
    assert event["POSTERN_OUTCOME"] == "accepted" and event["POSTERN_OUTBOUND"] == "tenant"
    assert event["POSTERN_TLS"] == "TLSv1.3" and event["POSTERN_CODE"] == "250"
    assert "CN=mail.protection.outlook.com" in event["POSTERN_PEER_SUBJECT"]


def test_nothing_of_the_service_is_there_without_fields(service):
    service.ctl("start", "posternd")
    service.send()
    service.ctl("stop", "posternd")
    ours = [event for event in service.events() if event.get("_COMM") == "posternd"]
    assert ours and all("POSTERN_EVENT" in event for event in ours)


def test_a_signer_writes_under_its_own_unit(service):
    service.ctl("start", "posternd")
    unit = "postern-signer@*"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect("/run/postern-signer/signer.sock")
        stranger.send(b"nonsense")
        assert stranger.recv(100) == b""
    wait_until(lambda: service.events(unit, POSTERN_EVENT="internal-error"), "its last word")
    (event,) = service.events(unit, POSTERN_EVENT="internal-error")
    assert event["SYSLOG_IDENTIFIER"] == "postern-signer"
    assert event["_UID"] == str(pwd.getpwnam("postern-signer").pw_uid)
    assert "no request" in event["POSTERN_ERROR"]
    assert event["_SYSTEMD_UNIT"].startswith("postern-signer@")
    assert service.send() == 250
