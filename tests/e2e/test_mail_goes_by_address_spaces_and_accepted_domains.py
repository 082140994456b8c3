# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "AddressSpaces with costs, AllAcceptedDomains"; "Exact domain, longest wildcard, *;
internationalised names by A-label"."""

import pytest

from harness import xml

ROWS = [  # name, where its domains come from
    ("dear", {"AddressSpaces": ["smtp:*.example;20"]}),
    ("cheap", {"AddressSpaces": ["smtp:*.example;5", "*;90"]}),
    ("own", {"AllAcceptedDomains": True}),
    ("umlaut", {"RecipientDomains": ["münchen.example"]}),
]
EXPECTED = {
    "a.example": "cheap",
    "example": "cheap",
    "own.example": "own",
    "elsewhere.test": "cheap",
    "xn--mnchen-3ya.example": "umlaut",
}


def spaces(elements):
    if "AddressSpaces" not in elements:
        return elements
    rows = "".join(f"<AddressSpace>{one}</AddressSpace>" for one in elements["AddressSpaces"])
    return {"AddressSpaces": xml.Raw(f"  <AddressSpaces>{rows}</AddressSpaces>\n")}


@pytest.fixture
def routes(postern, cloud):
    clouds = {name: cloud(trust=None) for name, _ in ROWS}
    gateway = postern(
        xml.inbound(),
        *(
            xml.outbound(
                name, [clouds[name].host], **{"RecipientDomains": None, **spaces(elements)}
            )
            for name, elements in ROWS
        ),
        start=False,
    )
    accepted = "<AcceptedDomains><Domain>own.example</Domain></AcceptedDomains></Gateway>"
    written = gateway.main_file
    gateway.main_file = lambda: written().replace("</Gateway>", accepted)
    gateway.start()
    return gateway, clouds


def test_each_domain_goes_where_it_should(routes):
    gateway, clouds = routes
    went = {}
    for domain in EXPECTED:
        before = {name: len(one.messages) for name, one in clouds.items()}
        assert gateway.send(recipients=[f"bob@{domain}"]) == 250
        [went[domain]] = [name for name, one in clouds.items() if len(one.messages) > before[name]]
    assert went == EXPECTED
