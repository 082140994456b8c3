# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What every test may ask for; see the package harness for the parts themselves.

    pki      the certificate authorities and the usual certificates, one set for the whole run
    token    a SoftHSM token, empty
    cloud    makes clouds: cloud() demands the organisation's certificate, as the real one does
    dns      a DNS server that says what the test wants
    postern  makes and starts a gateway; postern(…, start=False) only makes it
    line     the usual case: postern's "exchange" → "tenant" over TLS with every check → a cloud
    plain    the same without TLS on either side, for what has nothing to do with it
    remote   the token behind a server that can be killed and started again
    faulty   the token behind a module that does as it is told
    signed   the line with a key in one of these, and a cloud that wants a signature each time
    load     senders that come back after a 4xx
    watch    asks all the time whether the gateway still answers
"""

import itertools
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness import xml  # noqa: E402
from harness.cloud import FakeCloud  # noqa: E402
from harness.dns import FakeDns  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.hsm import FaultyToken, RemoteToken  # noqa: E402
from harness.load import Load, Watch  # noqa: E402
from harness.pki import GATEWAY, Pki  # noqa: E402
from harness.token import Token  # noqa: E402


# Only root can become somebody else, and start mail servers.
collect_ignore = (
    []
    if os.geteuid() == 0
    else [
        "test_a_real_postfix_is_validated.py",
        "test_a_strangers_signer_is_refused.py",
        "test_another_user_gets_nothing_from_the_control_socket.py",
        "test_mail_servers_hand_mail_to_us_and_take_it_from_us.py",
        "test_no_message_is_smuggled_into_a_real_server.py",
    ]
)


def pytest_configure(config):
    # Versions before 1.2 are spoken to prove who does and who does not.
    config.addinivalue_line("filterwarnings", "ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def token(tmp_path):
    return Token(tmp_path / "token")


@pytest.fixture
def cloud(pki):
    made = []

    def make(credential=None, trust="organisation", **more):
        trust = pki.organisation.anchors if trust == "organisation" else trust
        made.append(FakeCloud(credential or pki.endpoint, trust, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def dns():
    server = FakeDns()
    yield server
    server.stop()


@pytest.fixture
def postern(pki, tmp_path):
    """The key is a PEM file unless the test brings certificates of its own."""
    made, numbers = [], itertools.count(1)

    def make(*connectors, start=True, **more):
        more.setdefault("certificates", {"hybrid": (pki.gateway.chain, pki.gateway.key)})
        more.setdefault("anchors", {"public": pki.root.anchors})
        gateway = Gateway(tmp_path / f"gateway-{next(numbers)}", connectors, **more)
        gateway.directory.mkdir()
        made.append(gateway)
        return gateway.start() if start else gateway

    yield make
    problems = []
    for gateway in made:
        try:
            gateway.finish()
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n".join(problems)


@pytest.fixture
def line(postern, cloud):
    """line(…) → (gateway, cloud); outbound: elements of the tenant connector."""

    def make(inbound=(), outbound=(), cloud_options=(), **more):
        far = cloud(**dict(cloud_options))
        return postern(xml.inbound(**dict(inbound)), xml.tenant(far, **dict(outbound)), **more), far

    return make


@pytest.fixture
def plain(postern, cloud):
    """plain(…) → (gateway, cloud), without TLS to the cloud."""

    def make(inbound=(), outbound=(), **more):
        far = cloud(trust=None)
        near = xml.inbound(**dict(inbound))
        return postern(near, xml.outbound(hosts=[far.host], **dict(outbound)), **more), far

    return make


# --- HSMs that fail ---


@pytest.fixture
def remote(token):
    made = RemoteToken(token).start()
    yield made
    made.kill()


@pytest.fixture
def faulty(token, tmp_path):
    return FaultyToken(token, tmp_path)


@pytest.fixture
def signed(line, pki, token):
    """signed(source) → (gateway, cloud, our certificate); source: remote or faulty. A connection to
    the cloud carries two messages, and none is resumed."""

    def make(source, kind="EC:P-256", sessions=4, outbound=(), **more):
        public = token.generate("hybrid", kind)
        ours = pki.organisation.issue(GATEWAY, ["gw.contoso.com"], public_key=public)
        place = {
            "Uri": token.uri, "PinSource": f"file:{token.pin_file}", "Module": source.module,
            "Sessions": sessions, **more.pop("place", {}),
        }
        gateway, far = line(
            outbound={"SmtpMaxMessagesPerConnection": 2, **dict(outbound)},
            cloud_options={"resume": False},
            certificates={
                "hybrid": (ours.chain, token.key_uri("hybrid")), **more.pop("more_certificates", {})
            },
            tokens=[place],
            environment=source.environment,
            **more,
        )
        return gateway, far, ours

    return make


def stopped_at_the_end(make):
    made = []

    def remember(*arguments, **more):
        made.append(make(*arguments, **more))
        return made[-1]

    yield remember
    for one in made:
        one.stop()


@pytest.fixture
def load(postern):
    yield from stopped_at_the_end(Load)


@pytest.fixture
def watch(postern):
    yield from stopped_at_the_end(Watch)
