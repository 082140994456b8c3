# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What the administrator types first when the HSM is back; no signature has recovered it yet."""


def names(gateway):
    [token] = gateway.ctl("hsm", "list").json["tokens"]
    assert not token["error"], token
    return [key["uri"] for key in token["keys"]]


def test_it(signed, remote):
    gateway, far, ours = signed(remote)
    before = names(gateway)
    assert len(before) == 1 and "object=hybrid" in before[0]
    for _ in range(3):
        remote.kill()
        remote.start()
        assert names(gateway) == before
    assert gateway.send() == 250


def test_and_says_what_is_wrong_while_it_is_away(signed, remote):
    gateway, far, ours = signed(remote)
    remote.kill()
    [token] = gateway.ctl("hsm", "list").json["tokens"]
    assert token["error"] and token["cure"] and not token["keys"]
    remote.start()
    assert names(gateway)
