# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""cert stage and rotate refuse a chain that cannot work, each with its reason and what to try; what was
staged before is still staged, and what is presented is what was."""

import pytest

NAMES = ["gw.contoso.com"]
SUBJECT = "CN=gw.contoso.com"


@pytest.fixture
def gateway(pki, line):
    gateway, _ = line()
    staged = pki.organisation.issue(SUBJECT, NAMES)
    done = gateway.ctl(
        "cert", "import", "hybrid", "--chain", str(staged.chain), "--key", str(staged.key)
    )
    assert done.exit == 0, done
    gateway.staged = staged
    return gateway


def unchanged(gateway, pki):
    shown = gateway.ctl("cert", "show", "hybrid").json
    assert int(shown["next"]["serial"], 16) == gateway.staged.certificate.serial_number
    assert int(shown["active"]["serial"], 16) == pki.gateway.certificate.serial_number
    assert gateway.send().code == 250
    # Of what was refused nothing is left on the disk.
    store = gateway.state / "certificates" / "hybrid"
    assert sorted(one.name for one in store.iterdir()) == ["g-000001", "roles"]


def with_key_of(pki, credential, **more):
    """A certificate for the key that the gateway has."""
    return pki.organisation.issue(
        SUBJECT, NAMES, public_key=credential.private_key.public_key(), **more
    )


CASES = {
    "expired": lambda pki, path: with_key_of(pki, pki.gateway, days=(-30, -1)).chain,
    "not yet valid": lambda pki, path: with_key_of(pki, pki.gateway, days=(2, 30)).chain,
    "another key": lambda pki, path: pki.organisation.issue(SUBJECT, NAMES).chain,
    "no intermediate": lambda pki, path: alone(with_key_of(pki, pki.gateway), path),
    "the one that is active": lambda pki, path: pki.gateway.chain,
    "no certificate": lambda pki, path: write(path, b"hello\n"),
    "nothing": lambda pki, path: write(path, b""),
    "a private key": lambda pki, path: write(
        path, pki.gateway.chain.read_bytes() + pki.gateway.key.read_bytes()
    ),
    "too much": lambda pki, path: write(path, b"#" * 50000),
}


def write(path, content):
    path.write_bytes(content)
    return path


def alone(credential, path):
    text = credential.chain.read_text()
    end = "-----END CERTIFICATE-----\n"
    return write(path, (text.split(end)[0] + end).encode())


@pytest.mark.parametrize("verb", ["stage", "rotate"])
@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(gateway, pki, tmp_path, case, verb):
    chain = CASES[case](pki, tmp_path / "chain.pem")
    done = gateway.ctl("cert", verb, "hybrid", str(chain))
    assert done.exit in (65, 69, 78), done
    assert done.json["error"]["what"] and done.json["error"]["cure"], done
    unchanged(gateway, pki)


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["stage", "nobody", "{chain}"], 65, "There is no certificate"),
        (["stage", "hybrid", "/nowhere/chain.pem"], 66, "Cannot read"),
        (["import", "hybrid", "--chain", "{chain}", "--key", "key.pem"], 64, "where a key is"),
        (["import", "hybrid", "--chain", "{chain}"], 64, "needs a --key"),
        (["activate", "hybrid", "--at", "tomorrow"], 64, "is no time"),
        (["activate", "hybrid", "--at", "2020-01-01T00:00:00Z"], 64, "is past"),
        (["activate", "hybrid", "--at", "2999-01-01T00:00:00Z"], 64, "more than a year"),
        (["rollback", "hybrid"], 65, "There is no previous certificate"),
        (["test", "hybrid", "--recipient", "nobody"], 64, "is no address"),
    ],
)
def test_nonsense_is_told_what_to_try(gateway, pki, arguments, status, words):
    renewed = with_key_of(pki, pki.gateway)
    done = gateway.ctl(
        "cert", *(one.format(chain=renewed.chain) for one in arguments), as_json=False
    )
    assert done.exit == status, done
    assert words in done.err and "Try: " in done.err, done
    unchanged(gateway, pki)


def test_nothing_is_staged_at_first(pki, line):
    gateway, _ = line()
    for verb in ("test", "activate"):
        done = gateway.ctl("cert", verb, "hybrid", as_json=False)
        assert done.exit == 65 and "There is no next certificate" in done.err, done
        assert "posternctl cert stage hybrid CHAIN" in done.err
    assert not gateway.state.exists()
