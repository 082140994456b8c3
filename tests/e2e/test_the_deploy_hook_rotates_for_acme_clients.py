# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""packaging/deploy-hook, run as certbot, lego and certmonger run it: the renewed certificate is
presented afterwards; what cannot be used makes it fail, and nothing changes."""

import os
import shutil
import subprocess

import pytest
from harness.gateway import POSTERNCTL, SOURCE

HOOK = SOURCE / "packaging" / "deploy-hook"


def run_hook(gateway, *arguments, **environment):
    return subprocess.run(
        [str(HOOK), *map(str, arguments)],
        env={
            **gateway.environment,
            "POSTERNCTL": f"{POSTERNCTL} --config {gateway.directory}",
            **{name: str(value) for name, value in environment.items()},
        },
        capture_output=True, text=True, timeout=120,
    )


def shown(gateway, cloud):
    assert gateway.send().code == 250
    return cloud.last.connection.certificate


@pytest.fixture
def lineage(tmp_path):
    """A directory as certbot keeps it: live/ has links into archive/, new ones after each renewal."""
    live, archive = tmp_path / "live" / "gw", tmp_path / "archive" / "gw"
    live.mkdir(parents=True)
    archive.mkdir(parents=True)
    numbers = iter(range(1, 10))

    def renew(credential):
        number = next(numbers)
        for name, source in (("fullchain", credential.chain), ("privkey", credential.key)):
            shutil.copy(source, archive / f"{name}{number}.pem")
            link = live / f"{name}.pem"
            link.unlink(missing_ok=True)
            os.symlink(f"../../archive/gw/{name}{number}.pem", link)
        return live

    return renew


def test_certbot(pki, line, lineage):
    gateway, cloud = line()
    renewed = [pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"]) for _ in range(2)]
    for one in renewed:
        done = run_hook(gateway, RENEWED_LINEAGE=lineage(one), RENEWED_DOMAINS="gw.contoso.com")
        assert done.returncode == 0, done
        assert shown(gateway, cloud) == one.der
    # The former key is still the former one: the way back is open.
    assert gateway.ctl("cert", "rollback", "hybrid").exit == 0
    assert shown(gateway, cloud) == renewed[0].der


def test_lego(pki, line):
    gateway, cloud = line()
    renewed = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    done = run_hook(gateway, LEGO_CERT_PATH=renewed.chain, LEGO_CERT_KEY_PATH=renewed.key)
    assert done.returncode == 0, done
    assert shown(gateway, cloud) == renewed.der


def test_certmonger_with_the_key_on_the_token(pki, token, line, tmp_path):
    public = token.generate("first", "EC:P-256"), token.generate("second", "EC:P-256")
    first, second = (
        pki.organisation.issue("CN=mail", ["gw.contoso.com"], public_key=one) for one in public
    )
    gateway, cloud = line(
        outbound={"TlsCertificateName": "mail"},
        certificates={"mail": (first.chain, token.key_uri("first"))},
        tokens=[{"Uri": token.uri, "PinSource": token.pin_file}],
        environment=token.environment,
    )
    leaf, *above = second.chain.read_text().split("-----END CERTIFICATE-----\n")
    files = tmp_path / "leaf.pem", tmp_path / "above.pem"
    files[0].write_text(leaf + "-----END CERTIFICATE-----\n")
    files[1].write_text("-----END CERTIFICATE-----\n".join(above))
    done = run_hook(gateway, *files, POSTERN_CERTIFICATE="mail")
    assert done.returncode == 0, done
    assert shown(gateway, cloud) == second.der


def test_what_fails_fails_the_hook(pki, line):
    gateway, cloud = line()
    other = pki.organisation.issue("CN=gw.contoso.com", ["gw.contoso.com"])
    assert run_hook(gateway, other.chain).returncode not in (0, None)  # its key is nowhere
    assert run_hook(gateway).returncode == 64
    assert shown(gateway, cloud) == pki.gateway.der
