# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "export powershell: the commands for the tenant's side and for the on-premises side that
match this configuration …, correctly quoted, with comments"."""

import re

import pytest

from harness import xml


@pytest.fixture
def exported(postern, pki):
    """The script for a gateway between an Exchange server and a tenant; posternd is not needed."""

    def export(**inbound):
        gateway = postern(
            xml.inbound("exchange", SenderIPAddresses=["127.0.0.1"], **inbound),
            xml.from_cloud(CloudServicesMailEnabled=True),
            xml.outbound(
                "it's the tenant", ["contoso-com.mail.protection.outlook.com"], file="tenant",
                InboundConnectors=["exchange"], TlsSettings="DomainValidation",
                TlsDomain=["mail.protection.outlook.com"], TlsCertificateName="hybrid",
                TrustAnchors="public", CloudServicesMailEnabled=True,
            ),
            xml.outbound(
                "premises", ["127.0.0.1:1"], InboundConnectors=["cloud"],
                RecipientDomains=["contoso.com"], TlsSettings="EncryptionOnly",
                TlsCertificateName="hybrid", CloudServicesMailEnabled=True,
            ),
            start=False,
            certificates={"hybrid": (pki.gateway.chain, pki.gateway.key)},
            anchors={"public": pki.root.anchors},
        )
        gateway.configure()
        done = gateway.ctl("export", "powershell", as_json=False)
        assert done.exit == 0, done
        return done.out

    return export


def command(script, name):
    found = [line for line in script.splitlines() if line.startswith(name + " ")]
    assert len(found) == 1, script
    return found[0]


def test_the_tenant_knows_us_by_our_certificate(exported):
    line = command(exported(), "New-InboundConnector")
    assert "-Name 'Postern it''s the tenant'" in line
    assert re.search(r"-TlsSenderCertificateName '[a-z0-9.-]+'", line)
    assert "-RequireTls $true" in line and "-CloudServicesMailEnabled $true" in line


def test_the_tenant_sends_to_us(exported):
    line = command(exported(), "New-OutboundConnector")
    assert "-SmartHosts 'gw.contoso.com'" in line and "-RecipientDomains 'contoso.com'" in line
    assert re.search(r"-TlsSettings DomainValidation -TlsDomain '[a-z0-9.-]+'", line)


def test_exchange_trusts_what_we_hand_over(exported):
    script = exported()
    assert re.search(
        r"Set-ReceiveConnector .*-TlsDomainCapabilities @\{Add='[^':]+:AcceptCloudServicesMail'\}",
        script,
    )


def test_exchange_shows_the_certificate_that_we_ask_for(exported):
    script = exported(
        RequireTls=True,
        TlsSenderCertificateName="mail.contoso.com",
        TrustAnchors="public",
        PeerCertificates=xml.peers(("CN=mail.contoso.com, O=L’Oie", "CN=Contoso CA")),
    )
    line = command(script, "Set-SendConnector")
    assert "-TlsCertificateName ('<I>CN=Contoso CA<S>CN=mail.contoso.com, O=L' + [char]0x2019" in line


def test_each_command_says_what_it_is_for_and_where_it_runs(exported):
    script = exported()
    assert script.isascii()
    lines = script.splitlines()
    for number, line in enumerate(lines):
        if re.match("(New|Set)-", line):
            assert lines[number - 1].startswith("# "), line
    tenant, premises = script.split("==== In the Exchange Management Shell")
    assert "==== In Exchange Online PowerShell" in tenant
    assert "New-InboundConnector" in tenant and "New-SendConnector" in premises
    for noun in ("InboundConnector", "OutboundConnector", "SendConnector"):
        assert f"# If it is there already: Set-{noun} -Identity" in script


def test_a_configuration_with_faults_gives_no_script(postern):
    gateway = postern(xml.inbound(), files={"outbound/x.xml": "<Nonsense/>"}, start=False)
    gateway.configure()
    done = gateway.ctl("export", "powershell", as_json=False)
    assert done.exit == 78 and not done.out and "x.xml" in done.err
