# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""TLS for the tests' own ends, with the versions the tests ask for."""

import ssl

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def context(server, credential=None, trust=None, minimum=None, maximum=None):
    """An SSLContext; a server with trust demands a certificate, a client with trust verifies."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    if minimum in ("1.0", "1.1") or maximum in ("1.0", "1.1"):
        made.set_ciphers("ALL@SECLEVEL=0")
    made.minimum_version = VERSIONS[minimum or "1.2"]
    if maximum:
        made.maximum_version = VERSIONS[maximum]
    if credential:
        made.load_cert_chain(credential.chain, credential.key)
    if not server:
        made.check_hostname = trust is not None
    made.verify_mode = ssl.CERT_REQUIRED if trust else ssl.CERT_NONE
    if trust:
        made.load_verify_locations(trust)
    return made
