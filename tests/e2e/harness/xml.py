# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Writes postern.xml and the connectors: an element's name is a keyword, a list repeats or nests.
"""

from xml.sax.saxutils import escape, quoteattr

NAMESPACE = 'xmlns="urn:postern:1"'

# Lists that have an element of their own around their items, and what an item is called there.
NESTED = {
    "InboundConnectors": "Name",
    "RecipientDomains": "Domain",
    "SenderDomains": "Domain",
    "SmartHosts": "Host",
    "SenderIPAddresses": "Range",
    "OriginatorOrganizations": "Domain",
    "ValidationRecipients": "Recipient",
}


class Raw(str):
    """Text that is XML already."""


def element(name, value):
    if isinstance(value, Raw):
        return value
    if name in NESTED:
        items = "".join(f"<{NESTED[name]}>{escape(str(one))}</{NESTED[name]}>" for one in value)
        return f"  <{name}>{items}</{name}>\n"
    if isinstance(value, (list, tuple)):
        return "".join(element(name, one) for one in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"  <{name}>{escape(text)}</{name}>\n"


def attributes(**values):
    return "".join(
        f" {name}={quoteattr(str(value))}" for name, value in values.items() if value is not None
    )


class Connector:
    """kind "inbound" or "outbound"; file: its file's stem, which is the order of inbound ones."""

    def __init__(self, kind, name, file=None, **elements):
        self.kind, self.name, self.file = kind, name, file or name
        self.elements = elements

    def __str__(self):
        root = self.kind.capitalize() + "Connector"
        body = "".join(
            element(name, value) for name, value in self.elements.items() if value is not None
        )
        return f"<{root} {NAMESPACE} Name={quoteattr(self.name)}>\n{body}</{root}>\n"


def inbound(name="exchange", file=None, **elements):
    """The on-premises server, unless told otherwise: this machine, TLS as it likes."""
    return Connector("inbound", name, file, **{"RequireTls": False, **elements})


def outbound(name="tenant", hosts=(), file=None, **elements):
    """Everything to hosts, in plain text unless told otherwise; order as in postern.xml(5)."""
    usual = {
        "InboundConnectors": None,
        "RecipientDomains": ["*"],
        "SmartHosts": hosts,
        "TlsSettings": "None",
    }
    return Connector("outbound", name, file, **{**usual, **elements})


def by_mx(name, port, *domains, **elements):
    """To the domains' own mail hosts, all on one port."""
    usual = {"SmartHosts": None, "UseMXRecord": True, "Port": port}
    return outbound(name, **{**usual, "RecipientDomains": domains or ["*"], **elements})


def peers(*pairs, mode="Enforce"):
    """PeerCertificates; a pair is (subject, issuer), either may be None."""
    rows = "".join(
        "<Peer>"
        + (f"<Subject>{escape(subject)}</Subject>" if subject else "")
        + (f"<Issuer>{escape(issuer)}</Issuer>" if issuer else "")
        + "</Peer>"
        for subject, issuer in pairs
    )
    return Raw(f'  <PeerCertificates Mode="{mode}">{rows}</PeerCertificates>\n')


def tenant(cloud, name="tenant", **elements):
    """The outbound connector to a FakeCloud, with a certificate of ours and every check of theirs.
    """
    usual = {
        "TlsSettings": "DomainValidation",
        "TlsDomain": ["mail.protection.outlook.com"],
        "TlsCertificateName": "hybrid",
        "TrustAnchors": "public",
    }
    return outbound(name, [cloud.host], **{**usual, **elements})


def from_cloud(name="cloud", **elements):
    """The inbound connector that takes the cloud's mail, by its certificate."""
    usual = {
        "RequireTls": True,
        "TlsMinimumVersion": "1.2",
        "TlsCertificateName": "hybrid",
        "TlsSenderCertificateName": "mail.protection.outlook.com",
        "TrustAnchors": "public",
    }
    return Connector("inbound", name, **{**usual, **elements})
