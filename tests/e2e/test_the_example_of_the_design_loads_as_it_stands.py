# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "The example in design.md loads as it stands, but for Delivery Queued". Paths apart."""

import pytest

POSTERN = """<Gateway xmlns="urn:postern:1" HostName="gw.contoso.com">
  <Listener Address="0.0.0.0:25"/>
  <Listener Address="127.0.0.1:2525"/>
  <Token Uri="pkcs11:token=postern" PinSource="file:{pin}"/>
  <!-- Module="/usr/lib/…/vendor.so" where p11-kit's registry does not name it -->
  <Certificate Name="hybrid">
    <Chain>{chain}</Chain>
    <Key>pkcs11:token=postern;object=hybrid;type=private</Key>
  </Certificate>
  <TrustAnchors Name="public">/etc/ssl/certs/ca-certificates.crt</TrustAnchors>
  <Control Socket="/run/postern/control.sock"/>
  <Metrics Address="127.0.0.1:9625"/>
  <Queue Directory="/var/spool/postern"/>
  <State Directory="/var/lib/postern"/>
</Gateway>
"""
TENANT = """<OutboundConnector xmlns="urn:postern:1" Name="tenant">
  <InboundConnectors><Name>exchange</Name><Name>devices</Name></InboundConnectors>
  <RecipientDomains><Domain>*</Domain></RecipientDomains>
  <SmartHosts><Host>contoso-com.mail.protection.outlook.com:25</Host></SmartHosts>
  <TlsSettings>DomainValidation</TlsSettings>
  <TlsDomain>mail.protection.outlook.com</TlsDomain>
  <TlsDomain>*.mx.microsoft</TlsDomain>
  <TlsCertificateName>hybrid</TlsCertificateName>
  <TrustAnchors>public</TrustAnchors>
  <PeerCertificates Mode="Enforce">
    <Peer><Subject>CN=mail.protection.outlook.com, O=Microsoft Corporation, L=Redmond, ST=Washington, C=US</Subject>
          <Issuer>CN=DigiCert Cloud Services CA-1, O=DigiCert Inc, C=US</Issuer></Peer>
  </PeerCertificates>
  <CloudServicesMailEnabled>true</CloudServicesMailEnabled>
</OutboundConnector>
"""
PREMISES = """<OutboundConnector xmlns="urn:postern:1" Name="premises">
  <InboundConnectors><Name>cloud</Name></InboundConnectors>
  <RecipientDomains><Domain>contoso.com</Domain><Domain>*.contoso.com</Domain></RecipientDomains>
  <SmartHosts><Host>mail1.corp.contoso.com</Host><Host>mail2.corp.contoso.com</Host></SmartHosts>
  <TlsSettings>Opportunistic</TlsSettings>
</OutboundConnector>
"""
EXCHANGE = """<InboundConnector xmlns="urn:postern:1" Name="exchange">
  <SenderIPAddresses><Range>10.1.0.5</Range><Range>10.1.0.6</Range></SenderIPAddresses>
  <RequireTls>false</RequireTls>
</InboundConnector>
"""
CLOUD = """<InboundConnector xmlns="urn:postern:1" Name="cloud">
  <RequireTls>true</RequireTls>
  <TlsMinimumVersion>1.2</TlsMinimumVersion>
  <TlsCertificateName>hybrid</TlsCertificateName>
  <TlsSenderCertificateName>mail.protection.outlook.com</TlsSenderCertificateName>
  <TrustAnchors>public</TrustAnchors>
  <ClientEku>ClientOrServerAuth</ClientEku>
  <OriginatorOrganizations><Domain>contoso.com</Domain></OriginatorOrganizations>
</InboundConnector>
"""
DEVICES = """<InboundConnector xmlns="urn:postern:1" Name="devices">
  <SenderIPAddresses><Range>10.20.0.0/16</Range></SenderIPAddresses>
  <SenderDomains><Domain>contoso.com</Domain></SenderDomains>
  <RequireTls>false</RequireTls>
  <TlsMinimumVersion>1.0</TlsMinimumVersion>
  <Delivery>{delivery}</Delivery>
</InboundConnector>
"""


@pytest.fixture
def example(postern, pki, tmp_path):
    def make(delivery):
        pin = tmp_path / "hsm-pin"
        pin.write_text("1234\n")
        files = {
            "postern.xml": POSTERN.format(pin=pin, chain=pki.gateway.chain),
            "outbound/tenant.xml": TENANT,
            "outbound/premises.xml": PREMISES,
            "inbound/exchange.xml": EXCHANGE,
            "inbound/cloud.xml": CLOUD,
            "inbound/devices.xml": DEVICES.format(delivery=delivery),
        }
        return postern(files=files, start=False)

    return make


def test_it_loads_with_direct_delivery(example):
    done = example("Direct").check()
    assert done.returncode == 0, done.stderr
    assert "Metrics" in done.stderr


def test_with_queued_that_is_all_that_is_wrong(example):
    done = example("Queued").check()
    assert done.returncode == 78
    assert "devices.xml:6" in done.stderr
    assert done.stderr.count(": error: ") == 1
