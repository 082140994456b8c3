# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""posternctl doctor resolves every name, calls every smart host, goes to every next hop as mail would,
and asks for the clock."""

from harness import xml
from harness.gateway import free_port


def findings(told, check):
    return [one for one in told.json["checks"] if one["check"] == check]


def test_a_smart_host_that_is_down(line, cloud):
    gone, second = free_port(), cloud()
    gateway, far = line(outbound={"SmartHosts": [f"127.0.0.1:{gone}", second.host]})
    told = gateway.ctl("doctor")
    down, up = findings(told, "smart-host")
    assert down["subject"] == f"127.0.0.1:{gone}" and down["outcome"] == "error"
    assert "Connection refused" in down["what"] and "tenant" in down["what"] and down["cure"]
    assert up["subject"] == second.host and up["outcome"] == "ok"
    assert told.exit == 69
    (hop,) = findings(told, "outbound")
    assert hop["outcome"] == "ok", "mail goes by the second"


def test_a_next_hop_with_the_wrong_certificate(line, pki):
    gateway, far = line(outbound=xml_pin("CN=Another CA"))
    told = gateway.ctl("doctor")
    (hop,) = findings(told, "outbound")
    assert hop["subject"] == "tenant" and hop["outcome"] == "error" and told.exit == 69
    assert "verdict" in hop["what"] and hop["cure"]
    assert findings(told, "smart-host")[0]["outcome"] == "ok", "it can be reached all the same"


def xml_pin(issuer):
    return {"PeerCertificates": xml.peers((None, issuer))}


def test_names_that_are_not_in_dns(line):
    gateway, far = line(
        outbound={"SmartHosts": ["mail.contoso.invalid:25"]}, gateway={"HostName": "gw.contoso.invalid"})
    told = gateway.ctl("doctor")
    ours, theirs = findings(told, "dns")
    assert ours["subject"] == "gw.contoso.invalid" and ours["outcome"] == "warning"
    assert theirs["subject"] == "mail.contoso.invalid" and theirs["outcome"] == "error"
    assert "not found" in theirs["what"] and theirs["cure"]
    assert not findings(told, "smart-host"), "what has no address is told of once"


def test_each_name_is_asked_for_once(postern, cloud):
    one = cloud(trust=None)
    host = f"localhost:{one.port}"
    gateway = postern(xml.inbound(), xml.outbound("a", [host, host]), xml.outbound("b", [host]))
    told = gateway.ctl("doctor")
    assert [found["subject"] for found in findings(told, "dns")] == ["gw.contoso.com", "localhost"]
    assert len(findings(told, "smart-host")) == 1 and len(findings(told, "outbound")) == 2


def test_a_connector_that_is_disabled_is_left_alone(line, cloud):
    spare = xml.outbound("spare", [f"127.0.0.1:{free_port()}"], Enabled=False)
    far = cloud()
    gateway, _ = line()
    gateway.connectors = [*gateway.connectors, spare]
    gateway.configure()
    told = gateway.ctl("doctor")
    assert len(findings(told, "smart-host")) == len(findings(told, "outbound")) == 1


def test_the_clock_is_asked(line):
    gateway, far = line()
    (clock,) = findings(gateway.ctl("doctor"), "clock")
    assert clock["subject"] == "system clock" and clock["outcome"] in ("ok", "warning")
    assert (clock["cure"] is None) == (clock["outcome"] == "ok")
