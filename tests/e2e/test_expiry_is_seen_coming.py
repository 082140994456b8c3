# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Expiry is seen coming: by fraction of lifetime and by days, in the log, in `status`, … as
`posternctl doctor`'s exit code"."""

import pytest

from harness import xml
from harness.pki import GATEWAY, Authority

SECOND = 1 / 86400

# lifetime in days from now, event, stage, severity, exit status of doctor, words of the cure
STAGES = [
    ((-10, 355), None, "fine", "ok", 0, None),
    ((-245, 119), "certificate-expires", "two-thirds-past", "warning", 75, "begin to renew"),
    ((-340, 25), "certificate-expires", "under-30-days", "warning", 75, "renew it now"),
    ((-360, 5), "certificate-urgent", "urgent", "error", 78, "today"),
    ((-366, -1), "certificate-urgent", "expired", "error", 78, "at once"),
    ((-20, 27), None, "fine", "ok", 0, None),
    ((-33, 14), "certificate-expires", "two-thirds-past", "warning", 75, "begin to renew"),
    ((-5.5, 0.5), "certificate-urgent", "urgent", "error", 78, "today"),
]


def with_lifetime(pki, days):
    ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], days=days)
    return {"certificates": {"hybrid": (ours.chain, ours.key)}}


@pytest.mark.parametrize("days, name, stage, severity, status, cure", STAGES,
                         ids=[f"{row[2]}-{row[0][1]}" for row in STAGES])
def test_in_log_status_and_doctor(postern, pki, days, name, stage, severity, status, cure):
    gateway = postern(xml.inbound(), **with_lifetime(pki, days))
    (one,) = gateway.ctl("status").json["certificates"]
    assert (one["name"], one["stage"], one["severity"]) == ("hybrid", stage, severity)
    assert one["subject"] == GATEWAY.replace(",", ", ") and one["expires"].endswith("Z")
    assert abs(one["days_left"] - days[1]) <= 1
    told = gateway.ctl("doctor")
    assert told.exit == status or (not status and told.exit == 75), told  # for other reasons
    (found,) = [one for one in told.json["checks"] if one["check"] == "certificate"]
    assert found["outcome"] == severity and GATEWAY.split(",", 1)[0] in found["what"]
    events = gateway.events(("certificate-expires", "certificate-urgent"))
    if not name:
        assert not events and one["cure"] is None and found["cure"] is None
        return
    (event,) = events
    assert event["event"] == name and event["certificate"] == "hybrid"
    assert event["stage"] == stage and event["expires"] == one["expires"]
    assert cure in event["cure"] and event["cure"] == one["cure"] == found["cure"]
    assert abs(one["days_left"] - int(event["days-left"])) <= 1  # a day may have ended between
    words = gateway.ctl("status", as_json=False).out
    assert ("RENEW" if severity == "warning" else "URGENT") in words


def test_each_threshold_is_told_as_it_is_passed(postern, pki):
    """A certificate of 15 seconds, of which 55 % are past: two thirds, nine tenths, the end."""
    gateway = postern(
        xml.inbound(), **with_lifetime(pki, (-8.25 * SECOND, 6.75 * SECOND)))
    gateway.wait_for(("certificate-expires", "certificate-urgent"), stage="expired", limit=60)
    stages = [one["stage"] for one in gateway.events(("certificate-expires", "certificate-urgent"))]
    # A machine that was slow to start it has missed the first, and none is told twice.
    assert stages == ["two-thirds-past", "urgent", "expired"][-len(stages):]
    levels = {one["stage"]: one["level"] for one in gateway.events() if "stage" in one}
    assert levels["expired"] == "error" and levels.get("two-thirds-past", "warning") == "warning"


def test_a_reload_tells_it_of_the_new_certificate(postern, pki):
    gateway = postern(xml.inbound(), **with_lifetime(pki, (-10, 355)))
    assert not gateway.events("certificate-expires")
    gateway.certificates = with_lifetime(pki, (-340, 25))["certificates"]
    assert gateway.reload().exit == 0
    assert gateway.wait_for("certificate-expires")["stage"] == "under-30-days"
    gateway.certificates = with_lifetime(pki, (-1, 364))["certificates"]
    assert gateway.reload().exit == 0
    assert gateway.ctl("status").json["certificates"][0]["severity"] == "ok"
    assert len(gateway.events("certificate-expires")) == 1


def test_an_intermediate_that_ends_first_counts(postern, pki):
    root = Authority(pki.directory, "CN=Old Root")
    issuing = root.intermediate("CN=Old Issuing CA")
    issuing.certificate = Authority._certify(
        issuing.subject, issuing.key.public_key(), root, authority=True, days=(-360, 5))
    ours = issuing.issue(GATEWAY, ["gw.contoso.com"], days=(-10, 355))
    gateway = postern(xml.inbound(), certificates={"hybrid": (ours.chain, ours.key)})
    event = gateway.wait_for("certificate-urgent")
    assert event["subject"] == "CN=Old Issuing CA"
    assert "Old Issuing CA" in gateway.ctl("doctor", as_json=False).out
