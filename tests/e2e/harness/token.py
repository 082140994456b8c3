# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""A SoftHSM token of our own, with keys that were generated in it and never leave it."""

import itertools
import pathlib
import re
import subprocess

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
KINDS = {
    "RSA:2048": "rsa:2048",
    "EC:P-256": "EC:prime256v1",
    "EC:P-384": "EC:secp384r1",
    "Ed25519": "EC:edwards25519",
}
CURVES = {"EC:P-256": ec.SECP256R1, "EC:P-384": ec.SECP384R1}


class Token:
    """label: the token's name. The PIN is in pin_file, as PinSource wants it."""

    pin = "73529146"

    def __init__(self, directory, label="postern"):
        self.directory = pathlib.Path(directory)
        self.label = label
        self.numbers = itertools.count(1)
        tokens = self.directory / "tokens"
        tokens.mkdir(parents=True)
        self.configuration = self.directory / "softhsm2.conf"
        self.configuration.write_text(
            f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.environment = {"SOFTHSM2_CONF": str(self.configuration)}
        self.pin_file = self.directory / "pin"
        self.pin_file.write_text(self.pin + "\n")
        self.pin_file.chmod(0o600)
        self.run(
            "softhsm2-util", "--init-token", "--free", "--label", label,
            "--pin", self.pin, "--so-pin", "99" + self.pin,
        )

    def run(self, *command):
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        done = subprocess.run(
            command, env={**path, **self.environment}, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def tool(self, *arguments):
        return self.run("pkcs11-tool", "--module", MODULE, *arguments)

    @property
    def uri(self):
        return f"pkcs11:token={self.label}"

    def key_uri(self, name):
        return f"{self.uri};object={name};type=private"

    def take(self, name, key):
        """Imports a private key that was made outside, for a token that shall have the same as
        another."""
        path = self.directory / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.run(
            "softhsm2-util", "--import", str(path), "--token", self.label, "--label", name,
            "--id", f"{next(self.numbers):02x}", "--pin", self.pin,
        )
        path.unlink()

    def generate(self, name, kind):
        """Makes a key pair in the token and returns its public half."""
        number = f"{next(self.numbers):02x}"
        shown = self.tool(
            "--login", "--pin", self.pin, "--keypairgen",
            "--key-type", KINDS[kind], "--label", name, "--id", number,
        )
        if kind.startswith("RSA"):
            der = self.directory / f"{name}.der"
            self.tool("--read-object", "--type", "pubkey", "--id", number, "-o", str(der))
            return serialization.load_der_public_key(der.read_bytes())
        # pkcs11-tool does not export every curve, but shows the point: an OCTET STRING around it.
        point = bytes.fromhex(re.search(r"EC_POINT:\s+([0-9a-f]+)", shown).group(1))
        point = point[3 if point[1] == 0x81 else 2:]
        if kind == "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(point)
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVES[kind](), point)
