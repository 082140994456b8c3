# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The PKI and the token of one run: a CA, the sink's certificate, and the sender's two identities.

The client key is made inside a SoftHSM token, RSA 2048, and its certificate is requested through
the token. Postfix cannot use it, so it gets a PEM key of the same kind under the same CA. The server
certificate that systems show to their own clients is the same identity: the CA gives both usages."""

import os
import secrets
from pathlib import Path

from .workplace import run

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
TOKEN = "bench"
OBJECT = "client"
SINK_NAME = "sink.bench.example"
CLIENT_NAME = "gw.bench.example"

EXTENSIONS = """\
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:{name}
"""


class Material:
    """Files below one directory; see the attributes."""

    token_key = "rsa:2048"

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir()
        self.ca = self.directory / "ca.pem"
        self.sink_chain = self.directory / "sink.pem"
        self.sink_key = self.directory / "sink.key"
        self.pem_chain = self.directory / "client-pem.pem"
        self.pem_key = self.directory / "client-pem.key"
        self.token_chain = self.directory / "client-token.pem"
        self.pin = secrets.token_hex(8)
        self.pin_file = self.directory / "pin"
        self.token_uri = f"pkcs11:token={TOKEN}"
        self.key_uri = f"pkcs11:token={TOKEN};object={OBJECT};type=private"
        self.env = dict(os.environ, SOFTHSM2_CONF=str(self.directory / "softhsm2.conf"),
                        PKCS11_MODULE_PATH=MODULE)
        self._make_ca()
        self._make_leaf("sink", SINK_NAME, self.sink_key, self.sink_chain,
                        ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        self._make_leaf("pem", CLIENT_NAME, self.pem_key, self.pem_chain,
                        ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        self._make_token()
        self._make_token_leaf()

    def _make_ca(self):
        key = self.directory / "ca.key"
        run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
            "-out", key)
        run("openssl", "req", "-new", "-x509", "-key", key, "-subj", "/CN=Bench CA", "-days", "30",
            "-config", self._extensions("ca"), "-extensions", "ca", "-out", self.ca)

    def _extensions(self, name):
        path = self.directory / f"{name}.cnf"
        path.write_text("[req]\ndistinguished_name = dn\n[dn]\n" + EXTENSIONS.format(name=name))
        return path

    def _make_leaf(self, label, name, key, chain, kind):
        request = self.directory / f"{label}.csr"
        run("openssl", "genpkey", *kind, "-out", key)
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request,
            "-config", self._extensions(name))
        self._sign(request, name, chain)

    def _sign(self, request, name, chain):
        run("openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey",
            self.directory / "ca.key", "-CAcreateserial", "-days", "30", "-sha256",
            "-extfile", self._extensions(name), "-extensions", "leaf", "-out", chain)

    def _make_token(self):
        tokens = self.directory / "tokens"
        tokens.mkdir()
        Path(self.env["SOFTHSM2_CONF"]).write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.pin_file.write_text(self.pin)
        self.pin_file.chmod(0o600)
        run("softhsm2-util", "--init-token", "--free", "--label", TOKEN,
            "--so-pin", secrets.token_hex(8), "--pin", self.pin, env=self.env)
        run("pkcs11-tool", "--module", MODULE, "--token-label", TOKEN, "--login", "--pin", self.pin,
            "--keypairgen", "--key-type", self.token_key, "--label", OBJECT, "--id", "01", env=self.env)

    def _make_token_leaf(self):
        request = self.directory / "token.csr"
        run("openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine",
            "-key", f"{self.key_uri};pin-source=file:{self.pin_file}",
            "-subj", f"/CN={CLIENT_NAME}", "-out", request,
            "-config", self._extensions(CLIENT_NAME), env=self.env)
        self._sign(request, CLIENT_NAME, self.token_chain)
