# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""cert rotate tries the new certificate on every outbound connector that presents it, up to RCPT and
RSET. When one does not take it nothing has changed, and the answer says which, and what it said."""

import pytest
from harness import xml


@pytest.fixture
def setting(pki, postern, cloud):
    near, far = cloud(), cloud()
    gateway = postern(
        xml.inbound(),
        xml.tenant(near, name="near", file="1-near"),
        xml.tenant(far, name="far", file="2-far", RecipientDomains=["far.example"]),
        xml.tenant(far, name="unused", file="3-unused", RecipientDomains=["un.example"],
                   Enabled=False),
    )
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    return gateway, near, far, renewed


def rotate(gateway, credential, **more):
    return gateway.ctl(
        "cert", "rotate", "hybrid", str(credential.chain), "--key", str(credential.key), **more
    )


def test_every_connector_is_tried(setting):
    gateway, near, far, renewed = setting
    done = rotate(gateway, renewed)
    assert done.exit == 0, done
    assert [one["connector"] for one in done.json["connectors"]] == ["near", "far"]
    for one, said in ((near, "postmaster@contoso.com"), (far, "postmaster@far.example")):
        (tried,) = one.connections
        assert tried.certificate == renewed.der
        assert f"RCPT TO:<{said}>" in tried.commands
        assert tried.commands[-2:] == ["RSET", "QUIT"]
        assert not one.messages
    steps = [(one["step"], one["connector"], one["outcome"]) for one in done.json["steps"]]
    for wanted in (
        ("chain", None, "passed"), ("key", None, "passed"), ("test", "near", "passed"),
        ("test", "far", "passed"), ("activate", None, "passed"),
    ):
        assert wanted in steps, steps
    gateway.wait_for("certificate-tested", connectors=2)


@pytest.mark.parametrize(
    "step, reply",
    [
        ("MAIL", "454 4.7.5 Certificate is not known here"),
        ("RCPT", "550 5.7.64 TenantAttribution; Relay Access Denied"),
    ],
)
def test_a_refusal_changes_nothing(setting, pki, step, reply):
    gateway, near, far, renewed = setting
    staged = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    assert gateway.ctl(
        "cert", "import", "hybrid", "--chain", str(staged.chain), "--key", str(staged.key)
    ).exit == 0
    far.on(step, reply)
    done = rotate(gateway, renewed)
    assert done.exit == 69, done
    error = done.json["error"]
    assert "far" in error["what"] and reply.split(" ")[1] in error["what"], error
    assert error["cure"]
    assert [one["outcome"] for one in error["connectors"]] == ["passed", "failed"]
    shown = gateway.ctl("cert", "show", "hybrid").json
    assert int(shown["active"]["serial"], 16) == pki.gateway.certificate.serial_number
    assert int(shown["next"]["serial"], 16) == staged.certificate.serial_number
    assert gateway.send().code == 250
    assert near.last.connection.certificate == pki.gateway.der
    gateway.wait_for("certificate-refused", certificate="hybrid", verb="rotate")
    store = gateway.state / "certificates" / "hybrid"
    assert sorted(one.name for one in store.iterdir()) == ["g-000001", "roles"]


def test_a_certificate_that_the_far_side_does_not_trust_is_not_activated(setting, pki):
    gateway, near, far, _ = setting
    stranger = pki.stranger()
    done = rotate(gateway, stranger)
    assert done.exit == 69, done
    assert gateway.send().code == 250
    assert near.last.connection.certificate == pki.gateway.der


def test_an_address_that_is_not_known_there_does_not_stop_it(setting):
    gateway, near, far, renewed = setting
    far.on("RCPT", "550 5.1.1 No such user")
    done = rotate(gateway, renewed, as_json=False)
    assert done.exit == 0, done
    assert "warning" in done.out and "5.1.1 No such user" in done.out, done
    done = gateway.ctl("cert", "rollback", "hybrid")
    far.on("RCPT", None)
    done = gateway.ctl(
        "cert", "rotate", "hybrid", str(renewed.chain), "--key", str(renewed.key),
        "--recipient", "bob@far.example",
    )
    assert done.exit == 0, done
    assert "RCPT TO:<bob@far.example>" in far.connections[-1].commands
