# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""AUTH (RFC 4954): inside TLS alone, PLAIN and LOGIN against a file of crypt(3) hashes, as a condition of
an inbound connector; EXTERNAL for a client whose certificate a connector takes."""

import base64
import ctypes
import time

import pytest

from harness import xml
from harness.client import Closed

PASSWORD = "s3cret:w\u00f6rd"
SETTINGS = {
    "yescrypt": b"$y$j75$dEK.LBnIcZuFY1jAvf4hq.",
    "scrypt": b"$7$6U..../....dEK.LBnIcZuFY1jA",
    "bcrypt": b"$2b$04$dEKLBnIcZuFY1jAvf4hqaO",
    "sha512": b"$6$dEKLBnIcZuFY1jA",
}
LIBRARY = ctypes.CDLL("libcrypt.so.1")
LIBRARY.crypt.restype = ctypes.c_char_p


def hashed(password, setting=SETTINGS["sha512"]):
    made = LIBRARY.crypt(password.encode(), setting)
    assert made.startswith(setting[:3]), made
    return made.decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


def plain(user="scanner", password=PASSWORD, acting=""):
    return b64(f"{acting}\0{user}\0{password}")


@pytest.fixture
def device(postern, cloud, tmp_path):
    """device(lines, …) → (gateway, cloud); the connector "devices" asks for nothing but a password."""

    def make(lines=None, connectors=(), start=True, **elements):
        users = tmp_path / "devices.users"
        users.write_text("\n".join(lines or [f"scanner:{hashed(PASSWORD)}"]) + "\n")
        users.chmod(0o600)
        far = cloud(trust=None)
        near = xml.inbound("devices", Credentials="devices", **elements)
        gateway = postern(near, *connectors, xml.outbound(hosts=[far.host]), start=False)
        gateway.files["postern.xml"] = gateway.main_file().replace(
            "<Control", f'<Credentials Name="devices">{users}</Credentials><Control')
        if start:
            gateway.start()
        return gateway, far

    return make


def secure(gateway):
    client = gateway.client()
    client.ehlo()
    client.starttls()
    return client, client.ehlo()


def test_it_is_offered_inside_tls_alone(device):
    gateway, far = device()
    client = gateway.client()
    assert "AUTH" not in client.ehlo()
    assert client.command(f"AUTH PLAIN {plain()}") == (538, "5.7.11")
    client.starttls()
    assert client.ehlo()["AUTH"] == "PLAIN LOGIN"


def test_it_is_not_offered_where_nobody_asks(line):
    gateway, far = line()
    client, offers = secure(gateway)
    assert "AUTH" not in offers
    assert client.command(f"AUTH PLAIN {plain()}") == (504, "5.5.4")


def test_without_it_no_mail_is_taken(device):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command("MAIL FROM:<a@contoso.com>") == (530, "5.7.0")
    event = gateway.wait_for("sender-refused")
    assert event["condition"] == "credentials"


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_plain_with_each_hash(device, setting):
    gateway, far = device([f"scanner:{hashed(PASSWORD, setting)}"])
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {plain()}") == (235, "2.7.0")
    assert client.message() == 250
    assert b"with ESMTPSA id" in far.messages[0].content
    assert gateway.wait_for("authentication")["user"] == "scanner"


def test_plain_in_two_steps(device):
    gateway, far = device()
    client, _ = secure(gateway)
    reply = client.command("AUTH PLAIN")
    assert reply.raw == b"334 \r\n"
    assert client.command(plain()) == 235 and client.message() == 250


def test_login(device):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command("AUTH LOGIN").raw == b"334 VXNlcm5hbWU6\r\n"
    assert client.command(b64("scanner")).raw == b"334 UGFzc3dvcmQ6\r\n"
    assert client.command(b64(PASSWORD)) == 235 and client.message() == 250


def test_login_with_the_user_at_once(device):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command("auth login " + b64("scanner")).raw == b"334 UGFzc3dvcmQ6\r\n"
    assert client.command(b64(PASSWORD)) == 235 and client.message() == 250


def test_acting_as_oneself_is_fine(device):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {plain(acting='scanner')}") == 235


@pytest.mark.parametrize("response, code", [
    (plain(password="wrong"), 535),
    (plain(password=PASSWORD + "x"), 535),
    (plain(user="Scanner"), 535),
    (plain(user="nobody"), 535),
    (plain(acting="admin"), 501),
    (plain(password=""), 501),
    (plain(user=""), 501),
    (b64("scanner"), 501),
    (b64("\0scanner"), 501),
    (b64("\0scanner\0a\0b"), 501),
    (plain(password="a\nb"), 501),
    ("=", 501),
    ("!!!!", 501),
    ("AGE", 501),
    ("A===", 501),
    (plain() + " x", 501),
    (plain(password="x" * 600), 501),
    (plain(user="u" * 300), 501),
], ids=range(18))
def test_what_is_wrong_is_refused(device, response, code):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {response}").code == code
    assert client.command("MAIL FROM:<a@contoso.com>") == 530
    assert client.command(f"AUTH PLAIN {plain()}") == 235, "a second try may be right"


def test_a_client_may_think_better_of_it(device):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command("AUTH LOGIN") == 334
    assert client.command("*") == (501, "5.7.0")
    assert client.command("NOOP") == 250


@pytest.mark.parametrize("parameter, code", [
    ("AUTH=<>", 250), ("AUTH=scanner+40contoso.com", 250), ("AUTH=", 501), ("AUTH", 501),
    ("AUTH=a+0Ab", 501),
])
def test_who_handed_it_in_goes_no_further(device, parameter, code):
    gateway, far = device()
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {plain()}") == 235
    assert client.attempt(more=f" {parameter}").code == code
    assert not far.messages or "AUTH" not in far.last.mail


def test_that_is_not_taken_where_auth_is_not_offered(line):
    gateway, far = line()
    client, _ = secure(gateway)
    assert client.command("MAIL FROM:<a@contoso.com> AUTH=<>") == (555, "5.5.4")


def test_only_once_and_not_within_a_transaction(device):
    gateway, far = device(connectors=[xml.inbound("others", SenderIPAddresses=["127.0.0.1"])])
    client, _ = secure(gateway)
    assert client.command("MAIL FROM:<a@contoso.com>") == 250
    assert client.command(f"AUTH PLAIN {plain()}") == (503, "5.5.1")
    assert client.command("RSET") == 250
    assert client.command(f"AUTH PLAIN {plain()}") == 235
    assert client.command(f"AUTH PLAIN {plain()}") == (503, "5.5.1")


def test_an_unknown_mechanism(device):
    gateway, far = device()
    client, _ = secure(gateway)
    for mechanism in ("CRAM-MD5", "XOAUTH2", "EXTERNAL", "PLAI", "PLAINS", ""):
        assert client.command(f"AUTH {mechanism}") == (504, "5.5.4"), mechanism


def test_guessing_comes_to_an_end(device):
    gateway, far = device()
    client, _ = secure(gateway)
    codes = []
    with pytest.raises(Closed):
        for _ in range(50):
            codes.append(client.command(f"AUTH PLAIN {plain(password='guess')}").code)
    assert codes[0] == 535 and len(codes) < 25, codes


def test_no_password_is_logged(device):
    gateway, far = device()
    client, _ = secure(gateway)
    client.command(f"AUTH PLAIN {plain()}")
    client.command(f"AUTH PLAIN {plain(password='hunter2hunter2')}")
    gateway.wait_for("authentication")
    text = "\n".join(str(event) for event in gateway.events())
    assert "s3cret" not in text and plain() not in text and "hunter2" not in text


def test_a_slow_hash_slows_nobody_else(device):
    """A hash of four million rounds takes seconds; another session is answered meanwhile."""
    slow = hashed(PASSWORD, b"$6$rounds=4000000$dEKLBnIcZuFY1jA")
    gateway, far = device([f"scanner:{slow}"])
    client, _ = secure(gateway)
    other = gateway.client()
    begun = time.monotonic()
    client.send(f"AUTH PLAIN {plain()}\r\n".encode())
    longest = 0
    for _ in range(20):
        asked = time.monotonic()
        assert other.command("NOOP") == 250
        longest = max(longest, time.monotonic() - asked)
    assert client.reply() == 235
    assert longest < (time.monotonic() - begun) / 2


def test_a_client_that_leaves_while_it_is_judged(device):
    slow = hashed(PASSWORD, b"$6$rounds=1000000$dEKLBnIcZuFY1jA")
    gateway, far = device([f"scanner:{slow}"])
    for _ in range(5):
        client, _ = secure(gateway)
        client.send(f"AUTH PLAIN {plain()}\r\n".encode())
        client.socket.close()
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {plain()}") == 235


def test_addresses_and_passwords_together(device):
    gateway, far = device(SenderIPAddresses=["10.1.0.5"])
    client, offers = secure(gateway)
    assert "AUTH" not in offers, "from this address no connector asks for it"


@pytest.mark.parametrize("lines, words", [
    (["scanner"], "name:hash"),
    ([":$6$a$b"], "name:hash"),
    (["scanner:secret"], "hash"),
    (["scanner:$1$abcdefgh$abcdefghijklmnopqrstuv"], "hash"),
    (["# users", "", f"a:{hashed('x')}", f"a:{hashed('x')}"], "twice"),
    (["scanner:$5$dEKLBnIcZuFY1jA$abc"], "hash"),
    (["a:" + "x" * 2000], "longer"),
])
def test_a_file_that_is_wrong_is_refused_with_its_line(device, lines, words):
    gateway, far = device(lines, start=False)
    gateway.configure()
    told = gateway.ctl("config", "check")
    assert told.exit == 78
    (problem,) = [one for one in told.json["problems"] if one["severity"] == "error"]
    assert words in problem["what"] and "$6$" not in problem["what"] and problem["cure"]
    assert f"devices.users:{len(lines)}" in str(problem)


def test_a_file_that_others_may_read_is_refused(device, tmp_path):
    gateway, far = device(start=False)
    gateway.configure()
    (tmp_path / "devices.users").chmod(0o644)
    told = gateway.ctl("config", "check")
    assert told.exit == 78 and "chmod o=" in told.out


def test_a_reload_takes_up_a_new_password(device, tmp_path):
    gateway, far = device()
    (tmp_path / "devices.users").write_text(f"scanner:{hashed('another')}\n")
    assert gateway.ctl("reload").exit == 0
    client, _ = secure(gateway)
    assert client.command(f"AUTH PLAIN {plain()}") == 535
    assert client.command(f"AUTH PLAIN {plain(password='another')}") == 235


def test_external_is_for_a_certificate_that_a_connector_takes(postern, cloud, pki):
    far = cloud(trust=None)
    mine = pki.root.issue("CN=mail.protection.outlook.com", ["mail.protection.outlook.com"])
    gateway = postern(xml.from_cloud(), xml.outbound(hosts=[far.host]))
    client = gateway.client()
    client.ehlo()
    client.starttls(certificate=mine)
    assert client.ehlo()["AUTH"] == "EXTERNAL"
    assert client.command("AUTH EXTERNAL " + b64("somebody")) == (535, "5.7.8")
    assert client.command("AUTH EXTERNAL =") == (235, "2.7.0")
    assert client.message() == 250
    other = gateway.client()
    other.ehlo()
    other.starttls(certificate=pki.root.issue("CN=stranger", ["stranger.example"]))
    assert "AUTH" not in other.ehlo()
    assert other.command("AUTH EXTERNAL =") == (504, "5.5.4")
