# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "which connector is deterministic, explained, and can be asked: posternctl inbound explain
--from IP [--certificate FILE] [--sender ADDR] and outbound explain --inbound NAME --recipient ADDR show
each rule tried and why it did or did not match"."""

import pytest

from harness import xml
from harness.pki import SERVER

CLOUD = dict(ClientEku="ClientOrServerAuth")
HOSTS = ["127.0.0.1:2525"]
SPACES = xml.Raw(
    "  <AddressSpaces><AddressSpace>smtp:*.fabrikam.example;20</AddressSpace>"
    "<AddressSpace>dear.example;20</AddressSpace></AddressSpaces>\n"
)
CHEAPER = xml.Raw(
    "  <AddressSpaces><AddressSpace>smtp:dear.example;5</AddressSpace></AddressSpaces>\n"
)


@pytest.fixture
def gateway(pki, postern):
    made = postern(
        xml.from_cloud("cloud", **CLOUD),
        xml.inbound("devices", SenderIPAddresses=["10.20.0.0/16"], SenderDomains=["contoso.com"]),
        xml.inbound("exchange", SenderIPAddresses=["10.1.0.5", "10.20.7.0/24"]),
        xml.inbound("muenchen", SenderIPAddresses=["10.3.0.1"], SenderDomains=["münchen.example"]),
        xml.inbound("off", SenderIPAddresses=["10.9.0.1"], Enabled=False),
        xml.outbound("a-star", HOSTS),
        xml.outbound("b-dear", HOSTS, RecipientDomains=None, AddressSpaces=SPACES),
        xml.outbound("c-cheap", HOSTS, RecipientDomains=None, AddressSpaces=CHEAPER),
        xml.outbound("d-own", HOSTS, RecipientDomains=None, AllAcceptedDomains=True),
        xml.outbound(
            "e-scoped", HOSTS, InboundConnectors=["devices"], RecipientDomains=["*.example"]
        ),
        xml.outbound("f-umlaut", HOSTS, RecipientDomains=["*.münchen.example", "münchen.example"]),
        xml.outbound("g-off", HOSTS, RecipientDomains=["off.example"], Enabled=False),
        xml.outbound("h-again", HOSTS),
        start=False,
    )
    made.configure()
    file = made.directory / "postern.xml"
    file.write_text(
        file.read_text().replace(
            "</Gateway>",
            "<AcceptedDomains><Domain>contoso.com</Domain></AcceptedDomains></Gateway>",
        )
    )
    return made


# address, sender, further options → who is chosen, and what is said of some connector's condition.
INBOUND = {
    "by its address": ("10.1.0.5", "x@y.example", [], "exchange", ("cloud", "tls", False)),
    "by address and sender": (
        "10.20.1.1", "a@Contoso.com", [], "devices", ("devices", "sender-domain", True),
    ),
    "a bounce has other proof": (
        "10.20.1.1", "<>", [], "devices", ("devices", "sender-domain", True),
    ),
    "of another domain": (
        "10.20.1.1", "a@evil.example", [], None, ("devices", "sender-domain", False),
    ),
    "the next that fits": (
        "10.20.7.1", "a@evil.example", [], "exchange", ("devices", "sender-domain", False),
    ),
    "from nowhere": ("192.0.2.1", "a@b.example", [], None, ("exchange", "address", False)),
    "an old TLS": (
        "10.1.0.5", "a@b.example", ["--tls", "1.1"], None, ("exchange", "tls-version", False),
    ),
    "a good TLS": (
        "10.1.0.5", "a@b.example", ["--tls", "1.2"], "exchange", ("cloud", "certificate", False),
    ),
    "by certificate": (
        "192.0.2.1", "a@b.example", ["--certificate", "endpoint"], "cloud",
        ("cloud", "certificate", True),
    ),
    "a certificate of another name": (
        "192.0.2.1", "a@b.example", ["--certificate", "other"], None,
        ("cloud", "certificate", False),
    ),
    "a stranger's certificate": (
        "10.1.0.5", "a@b.example", ["--certificate", "stranger"], "exchange",
        ("cloud", "certificate", False),
    ),
    "IPv6": ("2001:db8::7", "a@b.example", [], None, ("devices", "address", False)),
    "an international name": (
        "10.3.0.1", "a@MÜNCHEN.example", [], "muenchen", ("muenchen", "sender-domain", True),
    ),
    "its A-label": (
        "10.3.0.1", "a@xn--mnchen-3ya.example", [], "muenchen", ("muenchen", "sender-domain", True),
    ),
    "disabled": ("10.9.0.1", "a@b.example", [], None, ("off", "enabled", False)),
}


def certificate(pki, which):
    other = pki.intermediate.issue("CN=x.example", ["x.example"], usages=(SERVER,))
    return {"endpoint": pki.endpoint, "other": other, "stranger": pki.stranger()}[which].chain


@pytest.mark.parametrize("case", INBOUND)
def test_a_client_and_its_sender(gateway, pki, case):
    address, sender, options, chosen, (name, condition, holds) = INBOUND[case]
    if options[:1] == ["--certificate"]:
        options = ["--certificate", certificate(pki, options[1])]
    asked = ("inbound", "explain", "--from", address, "--sender", sender, *options)
    told = gateway.ctl(*asked)
    assert told.exit == (0 if chosen else 1), told
    assert told.json["chosen"] == chosen
    assert [one["name"] for one in told.json["connectors"]] == [
        "cloud", "devices", "exchange", "muenchen", "off",
    ]
    conditions = {one["name"]: one["conditions"] for one in told.json["connectors"]}
    [found] = [one for one in conditions[name] if one["condition"] == condition]
    assert found["holds"] is holds and found["why"]
    assert found == conditions[name][-1] or holds  # what comes behind is not asked any more
    assert all(one["holds"] for one in conditions[chosen]) if chosen else True
    text = gateway.ctl(*asked, as_json=False)
    assert text.exit == told.exit and not text.err
    assert text.out.splitlines()[-1].startswith(f"chosen: {chosen or 'nobody'}")
    assert found["why"] in text.out


# inbound connector, recipient → who is chosen, and the standing of some other.
OUTBOUND = {
    "the star": ("exchange", "b@x.test", "a-star", ("h-again", "order")),
    "the domain itself": ("exchange", "b@Contoso.com", "d-own", ("a-star", "farther")),
    "no subdomain of it": ("exchange", "b@sub.contoso.com", "a-star", ("d-own", "domain")),
    "the lower cost": ("exchange", "b@dear.example", "c-cheap", ("b-dear", "cost")),
    "a space has its domain too": ("exchange", "b@fabrikam.example", "b-dear", ("a-star", "farther")),
    "and those below": ("exchange", "b@a.b.fabrikam.example", "b-dear", ("e-scoped", "scope")),
    "the scope first": ("devices", "b@dear.example", "e-scoped", ("c-cheap", "unscoped")),
    "an international name": ("exchange", "b@münchen.example", "f-umlaut", ("a-star", "farther")),
    "its A-label": ("exchange", "b@x.xn--mnchen-3ya.example", "f-umlaut", ("a-star", "farther")),
    "not the disabled": ("exchange", "b@off.example", "a-star", ("g-off", "disabled")),
}


@pytest.mark.parametrize("case", OUTBOUND)
def test_a_recipient(gateway, case):
    inbound, recipient, chosen, (name, standing) = OUTBOUND[case]
    asked = ("outbound", "explain", "--inbound", inbound, "--recipient", recipient)
    told = gateway.ctl(*asked)
    assert told.exit == 0 and told.json["chosen"] == chosen, told
    standings = {one["name"]: one for one in told.json["connectors"]}
    assert len(standings) == 8 and standings[chosen]["standing"] == "chosen"
    assert standings[chosen]["claim"]["pattern"] and standings[name]["standing"] == standing
    text = gateway.ctl(*asked, as_json=False)
    assert text.exit == 0 and text.out.endswith(f"\nchosen: {chosen}\n")
    assert standings[name]["why"] in text.out


def test_a_partners_domain_from_elsewhere(postern):
    gateway = postern(
        xml.inbound("partner", SenderIPAddresses=["10.5.0.1"], SenderDomains=["partner.example"],
                    RestrictDomainsToIPAddresses=True),
        xml.inbound("wide", SenderIPAddresses=["10.0.0.0/8"]),
        xml.outbound("any", HOSTS),
        start=False,
    )
    gateway.configure()
    ask = ["inbound", "explain", "--sender", "a@partner.example", "--from"]
    assert gateway.ctl(*ask, "10.5.0.1").json["chosen"] == "partner"
    told = gateway.ctl(*ask, "10.6.0.1")
    assert told.exit == 1 and told.json["chosen"] is None
    last = told.json["connectors"][-1]
    assert last["name"] == "partner" and last["conditions"][-1]["condition"] == "restricted"
    assert "5.7.51" in last["conditions"][-1]["why"]


def test_a_connector_in_test_mode_and_one_that_takes_everything(postern):
    gateway = postern(
        xml.inbound("cloud", SenderIPAddresses=["10.1.0.5"]),
        xml.inbound("devices", SenderIPAddresses=["10.2.0.5"]),
        xml.outbound("a-trial", HOSTS, TestMode=True),
        xml.outbound("b-any", HOSTS),
        xml.outbound("c-premises", HOSTS, InboundConnectors=["cloud"], ConnectorType="OnPremises",
                     RouteAllMessagesViaOnPremises=True, RecipientDomains=["contoso.com"]),
        start=False,
    )
    gateway.configure()

    def ask(inbound):
        told = gateway.ctl("outbound", "explain", "--inbound", inbound, "--recipient", "a@b.example")
        return told.json["chosen"], {one["name"]: one["standing"]
                                     for one in told.json["connectors"]}

    assert ask("devices") == (
        "b-any", {"a-trial": "test-mode", "b-any": "chosen", "c-premises": "scope"})
    assert ask("cloud") == (
        "c-premises", {"a-trial": "test-mode", "b-any": "centralized", "c-premises": "chosen"})


def test_nobody_takes_a_recipient(gateway):
    for name in ("a-star", "h-again"):
        (gateway.directory / "outbound" / f"{name}.xml").unlink()
    told = gateway.ctl("outbound", "explain", "--inbound", "exchange", "--recipient", "b@x.test", as_json=False)
    assert told.exit == 1 and "chosen: nobody" in told.out


@pytest.mark.parametrize(
    "arguments, exit, word",
    [
        (["inbound", "explain"], 64, "--from"),
        (["inbound", "explain", "--from", "mail.example"], 64, "--from"),
        (["inbound", "explain", "--from", "10.0.0.1", "--tls", "2"], 64, "--tls"),
        (["inbound", "explain", "--from", "10.0.0.1", "--certificate", "/nowhere"], 66, "/nowhere"),
        (["inbound", "explain", "--from", "10.0.0.1", "--certificate", "/etc/passwd"], 65, "passwd"),
        (["outbound", "explain", "--recipient", "a@b.example"], 64, "--inbound"),
        (["outbound", "explain", "--inbound", "exchange"], 64, "--recipient"),
        (["outbound", "explain", "--inbound", "x", "--recipient", "a@b.example"], 65, '"x"'),
    ],
)
def test_what_makes_no_sense_is_told(gateway, arguments, exit, word):
    told = gateway.ctl(*arguments, as_json=False)
    assert told.exit == exit and word in told.err and "Try: " in told.err, told
    assert gateway.ctl(*arguments).json["error"]["what"]


def test_a_configuration_with_errors_chooses_nobody(gateway):
    (gateway.directory / "inbound" / "off.xml").write_text("<Nothing/>")
    told = gateway.ctl("inbound", "explain", "--from", "10.1.0.5", as_json=False)
    assert told.exit == 78 and "config check" in told.err
