# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The listener's side of a switch: from the moment activate has returned every client is shown the new
certificate, also on a session that stood before; no session of the old one is resumed; and what stands
in TLS goes on to its end."""

import pytest
from harness import tls


@pytest.fixture
def setting(pki, line):
    gateway, cloud = line(inbound={"TlsCertificateName": "hybrid"})
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"], kind="RSA:2048")
    return gateway, cloud, renewed


def rotate(gateway, credential):
    done = gateway.ctl(
        "cert", "rotate", "hybrid", str(credential.chain), "--key", str(credential.key)
    )
    assert done.exit == 0, done


def test_a_session_that_stood_before_sees_the_new_one(setting, pki):
    gateway, cloud, renewed = setting
    before, inside = gateway.client(), gateway.client()
    before.ehlo()
    inside.ehlo()
    inside.starttls()
    assert inside.socket.getpeercert(True) == pki.gateway.der
    rotate(gateway, renewed)
    before.starttls()
    assert before.socket.getpeercert(True) == renewed.der
    for client in (before, inside):
        client.ehlo()
        assert client.message().code == 250
    assert cloud.last.connection.certificate == renewed.der


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_no_session_of_the_old_one_is_resumed(setting, pki, version):
    gateway, _, renewed = setting
    context = tls.context(False, minimum=version, maximum=version)

    def connect(session):
        client = gateway.client()
        client.ehlo()
        client.starttls(session=session, context=context)
        client.ehlo()
        return client.socket.session_reused, client.socket.session, client.socket.getpeercert(True)

    _, session, _ = connect(None)
    resumed, session, _ = connect(session)
    assert resumed
    rotate(gateway, renewed)
    resumed, session, certificate = connect(session)
    assert not resumed and certificate == renewed.der
    assert connect(session)[0]
