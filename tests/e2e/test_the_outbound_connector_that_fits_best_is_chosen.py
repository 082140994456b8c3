# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Design: "by the scope that names the inbound connector, then exact domain, then the longest
*.domain, then *"."""

import pytest

from harness import xml

ROWS = [  # name, scope, domains
    ("star", None, ["*"]),
    ("wide", None, ["*.example"]),
    ("narrow", None, ["*.mail.example"]),
    ("exact", None, ["one.mail.example"]),
    ("scoped", ["exchange"], ["scoped.example"]),
    ("unscoped", None, ["scoped.example"]),
]
EXPECTED = {
    "one.mail.example": "exact",
    "two.mail.example": "narrow",
    "a.b.mail.example": "narrow",
    "mail.example": "wide",
    "example": "star",
    "elsewhere.test": "star",
    "scoped.example": "scoped",
    "ONE.Mail.Example": "exact",
}


@pytest.fixture
def routes(postern, cloud):
    clouds = {name: cloud(trust=None) for name, _, _ in ROWS}
    gateway = postern(
        xml.inbound(),
        *(
            xml.outbound(
                name, [clouds[name].host], InboundConnectors=scope, RecipientDomains=domains
            )
            for name, scope, domains in ROWS
        ),
    )
    return gateway, clouds


def test_each_domain_goes_where_it_should(routes):
    gateway, clouds = routes
    wrong = {}
    for domain, expected in EXPECTED.items():
        before = {name: len(one.messages) for name, one in clouds.items()}
        assert gateway.send(recipients=[f"bob@{domain}"]) == 250
        went = [name for name, one in clouds.items() if len(one.messages) > before[name]]
        if went != [expected]:
            wrong[domain] = went
    assert not wrong
