# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Certificate authorities and certificates shaped like the real ones, made in memory, fast.

An Authority issues; a Credential is a certificate with its chain, and its key when we have it.
Names are written as RFC 4514 has them, most specific part first.
"""

import datetime
import ipaddress
import itertools
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

SERVER, CLIENT = Usage.SERVER_AUTH, Usage.CLIENT_AUTH

ENDPOINT = "CN=mail.protection.outlook.com,O=Microsoft Corporation,L=Redmond,ST=Washington,C=US"
ISSUER = "CN=DigiCert Cloud Services CA-1,O=DigiCert Inc,C=US"
ENDPOINT_NAMES = ("mail.protection.outlook.com", "*.mail.protection.outlook.com")
GATEWAY = "CN=gw.contoso.com,O=Contoso,C=US"

KEYS = {
    "EC:P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC:P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA:2048": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Credential:
    """certificates: the leaf first, then its issuers up to and without the root."""

    numbers = itertools.count(1)

    def __init__(self, directory, certificates, key):
        stem = pathlib.Path(directory) / f"credential-{next(self.numbers)}"
        self.certificate = certificates[0]
        self.private_key = key
        self.chain = stem.with_suffix(".pem")
        self.chain.write_bytes(b"".join(pem(one) for one in certificates))
        self.key = stem.with_suffix(".key")
        if key:
            self.key.write_bytes(key_pem(key))
            self.key.chmod(0o600)

    @property
    def subject(self):
        return self.certificate.subject.rfc4514_string()

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)


class Authority:
    """A CA of some name; without a parent it signs itself."""

    def __init__(self, directory, subject, parent=None):
        self.directory = pathlib.Path(directory)
        self.parent = parent
        self.subject = subject
        self.key = KEYS["EC:P-256"]()
        self.certificate = self._certify(
            subject, self.key.public_key(), parent or self, authority=True
        )

    @property
    def anchors(self):
        """A file with the certificate of this CA's root, to be trusted."""
        if self.parent:
            return self.parent.anchors
        path = self.directory / f"anchor-{self.certificate.serial_number:x}.pem"
        path.write_bytes(pem(self.certificate))
        return path

    def revoke(self, *credentials, path=None, days=(-1, 7)):
        """A list of what this CA has revoked, in a file of its own unless it has a path; in place
        at once, as whoever fetches lists should do it."""
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now + datetime.timedelta(days=days[0]))
            .next_update(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.CRLNumber(next(Credential.numbers)), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        for one in credentials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(now - datetime.timedelta(hours=1))
                .build()
            )
        path = pathlib.Path(path or self.directory / f"list-{next(Credential.numbers)}.crl")
        part = path.with_suffix(".part")
        part.write_bytes(pem(builder.sign(self.key, hashes.SHA256())))
        part.rename(path)
        return path

    def answer(self, credential, status="GOOD", hours=(-1, 12), responder=None):
        """What this CA says of a certificate by OCSP, in DER."""
        now = datetime.datetime.utcnow()
        revoked = status == "REVOKED"
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=credential.certificate,
            issuer=self.certificate,
            algorithm=hashes.SHA1(),
            cert_status=getattr(ocsp.OCSPCertStatus, status),
            this_update=now + datetime.timedelta(hours=hours[0]),
            next_update=now + datetime.timedelta(hours=hours[1]),
            revocation_time=now - datetime.timedelta(hours=2) if revoked else None,
            revocation_reason=None,
        )
        signer = responder or self
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        response = builder.sign(signer.key, hashes.SHA256())
        return response.public_bytes(serialization.Encoding.DER)

    def intermediate(self, subject):
        return Authority(self.directory, subject, parent=self)

    def issue(self, subject, names=(), kind="EC:P-256", public_key=None, **more):
        """A Credential; with a public_key of somebody else (a token's) it has no key of its own.
        """
        key = None if public_key else KEYS[kind]()
        leaf = self._certify(subject, public_key or key.public_key(), self, names=names, **more)
        certificates = [leaf]
        authority = self
        while authority.parent:
            certificates.append(authority.certificate)
            authority = authority.parent
        return Credential(self.directory, certificates, key)

    @staticmethod
    def _certify(
        subject,
        public_key,
        issuer,
        authority=False,
        names=(),
        usages=(SERVER, CLIENT),
        days=(-2, 30),
    ):
        now = datetime.datetime.utcnow()
        usage = dict.fromkeys(
            "content_commitment key_encipherment data_encipherment key_agreement"
            " encipher_only decipher_only".split(),
            False,
        )
        issuer_public = issuer.key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name.from_rfc4514_string(subject))
            .issuer_name(x509.Name.from_rfc4514_string(issuer.subject))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=days[0]))
            .not_valid_after(now + datetime.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=authority, crl_sign=authority, **usage
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), False
            )
        )
        if names:
            alternative = x509.SubjectAlternativeName([general_name(name) for name in names])
            builder = builder.add_extension(alternative, False)
        if usages and not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        return builder.sign(issuer.key, hashes.SHA256())


class Pki:
    """The cloud's side (root, intermediate, endpoint) and the organisation's (its issuing CA, below a
    root of its own; gateway)."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.root = Authority(directory, "CN=DigiCert Global Root G2,O=DigiCert Inc,C=US")
        self.intermediate = self.root.intermediate(ISSUER)
        self.endpoint = self.intermediate.issue(ENDPOINT, ENDPOINT_NAMES)
        above = Authority(directory, "CN=Contoso Root,O=Contoso,C=US")
        self.organisation = above.intermediate("CN=Contoso Issuing CA,O=Contoso,C=US")
        self.gateway = self.organisation.issue(GATEWAY, ["gw.contoso.com"])

    def stranger(self, **more):
        """Everything as the endpoint's, by a CA that nobody trusts."""
        root = Authority(self.directory, self.root.subject)
        return root.intermediate(ISSUER).issue(ENDPOINT, ENDPOINT_NAMES, **more)

    def other_issuer(self, **more):
        """The endpoint's subject and names, by another intermediate of the same trusted root."""
        other = self.root.intermediate("CN=DigiCert Cloud Services CA-2,O=DigiCert Inc,C=US")
        return other.issue(ENDPOINT, ENDPOINT_NAMES, **more)

    def self_signed(self):
        alone = Authority(self.directory, ENDPOINT)
        leaf = Authority._certify(
            ENDPOINT, alone.key.public_key(), alone, names=ENDPOINT_NAMES
        )
        return Credential(self.directory, [leaf], alone.key)
