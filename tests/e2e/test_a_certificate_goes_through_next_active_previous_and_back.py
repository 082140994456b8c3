# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""cert stage, test, activate and rollback with keys on a token: what the cloud is shown, and what
cert list says, after each step."""


def serials(gateway):
    shown = gateway.ctl("cert", "show", "hybrid")
    assert shown.exit == 0, shown
    return {
        role: shown.json[role] and int(shown.json[role]["serial"], 16)
        for role in ("next", "active", "previous")
    }


def test_a_certificate_goes_through_its_roles(token, pki, line):
    first = pki.organisation.issue(
        "CN=gw.contoso.com", ["gw.contoso.com"], public_key=token.generate("first", "EC:P-256")
    )
    second = pki.organisation.issue(
        "CN=gw.contoso.com", ["gw.contoso.com"], public_key=token.generate("second", "RSA:2048")
    )
    one, two = first.certificate.serial_number, second.certificate.serial_number
    gateway, cloud = line(
        certificates={"hybrid": (first.chain, token.key_uri("first"))},
        tokens=[{"Uri": token.uri, "PinSource": token.pin_file}],
        environment=token.environment,
    )

    def shown():
        assert gateway.send().code == 250
        return cloud.last.connection.certificate

    assert shown() == first.der
    assert serials(gateway) == {"next": None, "active": one, "previous": None}

    # Its key is found on the token, though no Key element names it.
    staged = gateway.ctl("cert", "stage", "hybrid", str(second.chain))
    assert staged.exit == 0, staged
    assert serials(gateway) == {"next": two, "active": one, "previous": None}
    gateway.wait_for("certificate-staged", certificate="hybrid")
    assert shown() == first.der

    tested = gateway.ctl("cert", "test", "hybrid")
    assert tested.exit == 0, tested
    assert cloud.connections[-1].certificate == second.der
    assert "RCPT TO:<postmaster@contoso.com>" in cloud.connections[-1].commands
    assert "RSET" in cloud.connections[-1].commands
    assert shown() == first.der

    activated = gateway.ctl("cert", "activate", "hybrid", as_json=False)
    assert activated.exit == 0, activated
    assert "active" in activated.out
    assert shown() == second.der
    assert serials(gateway) == {"next": None, "active": two, "previous": one}
    gateway.wait_for("certificate-activated", certificate="hybrid")

    rolled = gateway.ctl("cert", "rollback", "hybrid")
    assert rolled.exit == 0, rolled
    assert shown() == first.der
    assert serials(gateway) == {"next": None, "active": one, "previous": two}
    gateway.wait_for("certificate-rolled-back", certificate="hybrid")
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    assert shown() == second.der

    listed = gateway.ctl("cert", "list", as_json=False)
    assert listed.exit == 0 and "active" in listed.out and "previous" in listed.out, listed


def test_its_key_is_known_by_name_wherever_it_was_found(token, pki, line):
    public = {name: token.generate(name, "EC:P-256") for name in ("first", "second")}
    first, second = (
        pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"], public_key=one)
        for one in public.values()
    )
    gateway, _ = line(
        certificates={"hybrid": (first.chain, token.key_uri("first"))},
        tokens=[{"Uri": token.uri, "PinSource": token.pin_file}],
        environment=token.environment,
    )
    done = gateway.ctl("cert", "rotate", "hybrid", str(second.chain))
    assert done.exit == 0, done
    # What the other side has to change is told with it.
    side = done.json["tenant_side"]
    assert "gw.contoso.com" in side["sender_names"] and not side["sender_name_changes"]
    assert side["send_connector_after"].startswith("<I>") and side["tlsa_after"].startswith("3 1 1")
    # The former key is not kept open; the one in use is the certificate's.
    (key,) = gateway.ctl("hsm", "status").json["keys"]
    assert "object=second" in key["key"] and key["identities"] == ["hybrid"], key
    tested = gateway.ctl("hsm", "test", "hybrid", "--count", "3")
    assert tested.exit == 0 and "object=second" in tested.json["steps"][0]["key"], tested
    listed = gateway.ctl("hsm", "list").json["tokens"][0]["keys"]
    assert {"hybrid"} == {name for one in listed for name in one["identities"]}, listed
    assert ["hybrid"] in [one["identities"] for one in listed if "object=second" in one["uri"]]
