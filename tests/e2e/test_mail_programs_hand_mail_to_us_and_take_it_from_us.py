# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Interoperation tests with … swaks, msmtp, and npm's nodemailer and smtp-server"."""

import pytest

from harness import interop, programs, xml
from harness.programs import PROGRAMS, SmtpServer


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_client(postern, cloud, name, secure):
    far = cloud(trust=None)
    near = xml.inbound(RequireTls=secure, TlsCertificateName="hybrid")
    gateway = postern(near, xml.outbound(hosts=[far.host]))
    PROGRAMS[name](gateway.port, secure, [interop.whole(each) for each in interop.BODIES])
    interop.came_whole(lambda: [message.content for message in far.messages])
    gateway.wait_for("message", count=len(interop.BODIES))
    versions = [event.get("client-tls") for event in gateway.events("message")]
    if secure:
        interop.record(name, programs.version(name), "client TLS", interop.spoken(versions))
    else:
        assert versions == [None] * len(interop.BODIES)
        interop.record(name, programs.version(name), "client plain", "yes")


@pytest.fixture
def smtp_server(postern):
    made = []

    def make(*arguments):
        made.append(SmtpServer(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_as_next_hop(postern, smtp_server, pki, secure):
    far = smtp_server(pki.endpoint if secure else None)
    setting = {
        "TlsSettings": "DomainValidation",
        "TlsDomain": ["mail.protection.outlook.com"],
        "TrustAnchors": "public",
    }
    tenant = xml.outbound(hosts=[far.host], **(setting if secure else {}))
    gateway = postern(xml.inbound(), tenant)
    with gateway.client() as client:
        client.ehlo()
        for each in interop.BODIES:
            assert client.message(interop.whole(each)) == 250
    interop.came_whole(far.contents)
    versions = [row["tls"] for row in far.rows]
    if secure:
        interop.record(far.name, far.version, "next hop TLS", interop.spoken(versions))
    else:
        assert not any(versions)
        interop.record(far.name, far.version, "next hop plain", "yes")
