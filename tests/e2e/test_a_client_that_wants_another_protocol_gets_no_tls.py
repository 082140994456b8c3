# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Threats C20 (CVE-2021-3618, ALPACA): "ALPN other than none/`smtp` refused"."""

import pytest

from harness import tls
from harness.client import Closed


def shake_hands(gateway, protocols, version):
    client = gateway.client()
    client.ehlo()
    context = tls.context(False, minimum=version, maximum=version)
    if protocols:
        context.set_alpn_protocols(protocols)
    client.starttls(context=context)
    return client


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("protocols", [["h2", "http/1.1"], ["http/1.1"], ["imap"], ["smtpx", "s"]])
def test_it_is_refused(plain, protocols, version):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    with pytest.raises(Closed, match="(?i)no application protocol"):
        shake_hands(gateway, protocols, version)
    event = gateway.wait_for("tls-failed")
    assert "no application protocol" in event.line
    assert not far.connections


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize(
    "protocols, chosen", [([], None), (["smtp"], "smtp"), (["h2", "esmtp"], "esmtp")]
)
def test_mail_is_taken(plain, protocols, chosen, version):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = shake_hands(gateway, protocols, version)
    assert client.socket.selected_alpn_protocol() == chosen
    client.ehlo()
    assert client.message() == 250
