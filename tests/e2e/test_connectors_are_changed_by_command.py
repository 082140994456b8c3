# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "inbound|outbound list|show|add|set|remove|enable|disable, written so that a wrong connector
is refused before anything changes, the file is replaced atomically with its comments kept where it was
written by hand, and the running gateway takes it up at once; --dry-run shows the difference"."""

import os
import signal
import subprocess
import threading
import time

import pytest

from harness import xml
from harness.gateway import POSTERNCTL

BY_HAND = """<?xml version="1.0" encoding="UTF-8"?>
<!-- Asked for by Anna; </OutboundConnector> in a comment is no end -->
<OutboundConnector xmlns="urn:postern:1" Name="tenant">
\t<Comment><![CDATA[<Enabled>true</Enabled>]]></Comment>
\t<RecipientDomains>
\t\t<!-- ours -->
\t\t<Domain>one.example</Domain>   <!-- the first -->
\t</RecipientDomains>
\t<SmartHosts><Host>{host}</Host></SmartHosts>
\t<!-- until autumn -->
\t<TlsSettings>None</TlsSettings>
</OutboundConnector>
"""

NEW = """<InboundConnector xmlns="urn:postern:1" Name="{name}">
  <!-- printers -->
  <SenderDomains><Domain>{domain}</Domain></SenderDomains>
  <RequireTls>false</RequireTls>
</InboundConnector>
"""


@pytest.fixture
def by_hand(plain):
    gateway, far = plain()
    path = gateway.directory / "outbound/tenant.xml"
    path.write_text(BY_HAND.format(host=far.host))
    assert gateway.ctl("reload").exit == 0
    return gateway, far, path


def files(gateway):
    return {
        path: path.read_bytes()
        for path in gateway.directory.rglob("*.xml")
        if path.is_file()
    } | {path: None for path in gateway.directory.rglob(".*")}


def generation(gateway):
    return gateway.ctl("status").json["configuration"]["generation"]


def test_set_changes_what_is_meant_and_the_next_session_has_it(by_hand):
    gateway, far, path = by_hand
    path.chmod(0o640)
    assert gateway.attempt(recipients=["a@two.example"]) == (550, "5.7.1")
    before, first = path.read_text(), generation(gateway)
    done = gateway.ctl(
        "outbound", "set", "tenant", "recipientdomains+=two.example,*.two.example",
        "TlsSettings=opportunistic", as_json=False,
    )
    assert done.exit == 0, done
    assert path.read_text() == before.replace(
        "<!-- the first -->\n",
        "<!-- the first -->\n\t\t<Domain>two.example</Domain>\n\t\t<Domain>*.two.example</Domain>\n",
    ).replace(">None<", ">Opportunistic<")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["tenant.xml"]
    assert "+\t\t<Domain>two.example</Domain>\n" in done.out
    assert f"generation {first + 1}" in done.err
    assert gateway.send(recipients=["a@two.example"]) == 250
    assert gateway.ctl("outbound", "set", "tenant", "RecipientDomains-=two.example").exit == 0
    assert gateway.attempt(recipients=["a@two.example"]) == (550, "5.7.1")


def test_an_empty_value_brings_the_default_back(by_hand):
    gateway, far, path = by_hand
    before = path.read_text()
    assert gateway.ctl("outbound", "set", "tenant", "TlsSettings=").exit == 0
    assert path.read_text() == before.replace("\t<TlsSettings>None</TlsSettings>\n", "")
    (one,) = gateway.ctl("outbound", "list").json["connectors"]
    assert one["tls_settings"] == "Opportunistic"


def test_disable_and_enable(by_hand):
    gateway, far, path = by_hand
    assert gateway.send(recipients=["a@one.example"]) == 250
    done = gateway.ctl("outbound", "disable", "TENANT")
    assert done.exit == 0 and done.json["outcome"] == "changed" and done.json["in_force"] is True
    assert "\t<Enabled>false</Enabled>\n" in path.read_text()
    assert gateway.attempt(recipients=["a@one.example"]) == 550
    again = gateway.ctl("outbound", "disable", "tenant")
    assert again.exit == 0 and again.json["outcome"] == "unchanged"
    assert gateway.ctl("outbound", "enable", "tenant").exit == 0
    assert gateway.send(recipients=["a@one.example"]) == 250


def test_a_connector_is_added_byte_for_byte_and_removed(plain, tmp_path):
    gateway, far = plain()
    source = tmp_path / "new connector.xml"
    source.write_bytes(NEW.format(name="devices", domain="d.example").replace("\n", "\r\n").encode())
    (gateway.directory / "postern.xml").chmod(0o640)
    done = gateway.ctl("inbound", "add", str(source), as_json=False)
    assert done.exit == 0, done
    path = gateway.directory / "inbound/devices.xml"
    assert path.read_bytes() == source.read_bytes() and path.stat().st_mode & 0o777 == 0o640
    assert "order of their files' names" in done.err and "number 1 of 2, before exchange" in done.err
    assert done.out.startswith("--- /dev/null\n+++ ")
    names = [one["name"] for one in gateway.ctl("inbound", "list").json["connectors"]]
    assert names == ["devices", "exchange"]
    done = gateway.ctl("inbound", "remove", "devices")
    assert done.exit == 0 and done.json["outcome"] == "removed"
    assert [one.name for one in path.parent.iterdir()] == ["exchange.xml"]
    assert [one["name"] for one in gateway.ctl("inbound", "list").json["connectors"]] == ["exchange"]


def test_a_connector_is_added_from_standard_input(plain):
    gateway, far = plain()
    text = NEW.format(name="new", domain="d.example")
    done = subprocess.run(
        [str(POSTERNCTL), "--config", str(gateway.directory), "inbound", "add", "-"],
        input=text.encode(), env=gateway.environment, capture_output=True, timeout=60,
    )
    assert done.returncode == 0, done
    assert (gateway.directory / "inbound/new.xml").read_text() == text


@pytest.mark.parametrize(
    "words, status, says",
    [
        (("outbound", "set", "tenant", "TlsSettings=DomainValidation"), 78, "tenant.xml"),
        (("outbound", "set", "tenant", "TlsSettings=Nonsense"), 78, "TlsSettings"),
        (("outbound", "set", "tenant", "InboundConnectors=nobody"), 78, "nobody"),
        (("outbound", "set", "tenant", "SmartHost=a"), 64, "SmartHosts"),
        (("outbound", "set", "tenant", "TlsSettings"), 64, "PROPERTY=VALUE"),
        (("outbound", "set", "tenant", "PeerCertificates=x"), 64, "peer accept"),
        (("outbound", "set", "tenannt", "Enabled=true"), 65, "tenant"),
        (("outbound", "set", "tenant", "Comment=x", "SmartHosts-=y"), 65, "SmartHosts"),
        (("outbound", "set", "tenant"), 64, "PROPERTY=VALUE"),
        (("inbound", "remove", "exchange"), 78, "tenant.xml"),
        (("inbound", "remove", "nobody"), 65, "inbound list"),
        (("inbound", "add", "/nowhere/at-all.xml"), 66, "at-all.xml"),
        (("inbound", "list", "--dry-run"), 64, "--dry-run"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_changes(by_hand, words, status, says):
    gateway, far, path = by_hand
    assert gateway.ctl("outbound", "set", "tenant", "InboundConnectors=exchange").exit == 0
    before, number = files(gateway), generation(gateway)
    done = gateway.ctl(*words, as_json=False)
    assert done.exit == status and says in done.err and "Try:" in done.err and not done.out, done
    assert files(gateway) == before and generation(gateway) == number


@pytest.mark.parametrize(
    "text, status, says",
    [
        (NEW.format(name="Exchange", domain="a.example"), 65, "already"),
        (NEW.format(name="in/side", domain="a.example"), 65, "file"),
        (NEW.format(name="new", domain="not a domain"), 78, "new.in:3"),
        (NEW.format(name="", domain="a.example"), 78, "Name"),
        (NEW.format(name="new", domain="a.example").replace("Inbound", "Outbound"), 78, "outbound"),
        ("<InboundConnector", 78, "new.in:1"),
        ("", 78, "new.in"),
    ],
)
def test_a_wrong_connector_is_not_added(plain, tmp_path, text, status, says):
    gateway, far = plain()
    source = tmp_path / "new.in"
    source.write_text(text)
    before = files(gateway)
    done = gateway.ctl("inbound", "add", str(source), as_json=False)
    assert done.exit == status and says in done.err, done
    assert files(gateway) == before and generation(gateway) == 1


def test_a_file_in_the_way_stays(plain, tmp_path):
    gateway, far = plain(files={"inbound/new.xml": NEW.format(name="other", domain="a.example")})
    source = tmp_path / "new.in"
    source.write_text(NEW.format(name="new", domain="a.example"))
    done = gateway.ctl("inbound", "add", str(source), as_json=False)
    assert done.exit == 65 and "new.xml is there already" in done.err


@pytest.mark.parametrize("verb", ["set", "disable", "remove", "add"])
def test_a_dry_run_shows_the_difference_and_changes_nothing(by_hand, tmp_path, verb):
    gateway, far, path = by_hand
    source = tmp_path / "new.in"
    source.write_text(path.read_text().replace('Name="tenant"', 'Name="new"'))
    words = {"set": ("tenant", "Comment=x"), "add": (str(source),)}.get(verb, ("tenant",))
    before, number = files(gateway), generation(gateway)
    done = gateway.ctl("outbound", verb, *words, "--dry-run", as_json=False)
    assert done.exit == 0 and "\n@@ -" in done.out and "Nothing was changed" in done.err, done
    assert files(gateway) == before and generation(gateway) == number
    told = gateway.ctl("outbound", verb, *words, "--dry-run").json
    assert told["outcome"] == "shown" and told["difference"] == done.out and not told["in_force"]
    # What is shown is a patch.
    done = subprocess.run(
        ["patch", "--dry-run", "-p0", "-d", "/"], input=done.out.encode(), capture_output=True
    )
    assert done.returncode == 0, done


def test_what_posternd_does_not_take_up_is_put_back(by_hand, tmp_path, pki):
    """The files are right, and the key that one of them names is not there."""
    gateway, far, path = by_hand
    other = pki.organisation.issue("CN=other", ["other.example"])
    main = gateway.directory / "postern.xml"
    main.write_text(
        main.read_text().replace(
            "</Gateway>",
            f'<Certificate Name="new"><Chain>{other.chain}</Chain><Key>{pki.gateway.key}</Key>'
            "</Certificate></Gateway>",
        )
    )
    source = tmp_path / "new.in"
    source.write_text(NEW.format(name="new", domain="a.example"))
    before = files(gateway)
    for words in (
        ("outbound", "set", "tenant", "Comment=x"),
        ("outbound", "remove", "tenant"),
        ("inbound", "add", str(source)),
    ):
        done = gateway.ctl(*words, as_json=False)
        assert done.exit != 0 and "as it was" in done.err, done
        assert files(gateway) == before


def test_without_posternd_the_file_is_changed_and_it_is_said(plain):
    gateway, far = plain(start=False)
    gateway.configure()
    done = gateway.ctl("outbound", "set", "tenant", "Comment=x", as_json=False)
    assert done.exit == 0 and "not running" in done.err, done
    assert "<Comment>x</Comment>" in (gateway.directory / "outbound/tenant.xml").read_text()
    assert gateway.ctl("outbound", "disable", "tenant").json["in_force"] is False


def test_a_configuration_that_is_wrong_is_not_touched(by_hand):
    gateway, far, path = by_hand
    (gateway.directory / "inbound/exchange.xml").write_text("<InboundConnector")
    before = files(gateway)
    done = gateway.ctl("outbound", "set", "tenant", "Comment=x", as_json=False)
    assert done.exit == 78 and "exchange.xml:1: error:" in done.err
    assert files(gateway) == before


def test_a_link_stays_one(by_hand, tmp_path):
    gateway, far, path = by_hand
    real = tmp_path / "real.xml"
    path.rename(real)
    path.symlink_to(real)
    assert gateway.ctl("outbound", "set", "tenant", "Comment=x").exit == 0
    assert path.is_symlink() and "<Comment>x</Comment>" in real.read_text()
    assert gateway.ctl("outbound", "remove", "tenant").exit == 0
    assert not path.is_symlink() and real.exists()


def test_of_many_administrators_at_once_none_undoes_another(by_hand):
    gateway, far, path = by_hand
    wanted = [f"d{number}.example" for number in range(8)]
    done = []

    def add(domain):
        done.append(gateway.ctl("outbound", "set", "tenant", f"RecipientDomains+={domain}"))

    threads = [threading.Thread(target=add, args=(one,)) for one in wanted]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.exit for one in done] == [0] * len(wanted), done
    assert all(f"<Domain>{one}</Domain>" in path.read_text() for one in wanted)
    (shown,) = gateway.ctl("outbound", "list").json["connectors"]
    assert set(wanted) <= set(shown["recipient_domains"])


def test_the_file_is_replaced_and_never_written_in_place(by_hand):
    """Who has it open, posternd among them, reads the whole of what it was."""
    gateway, far, path = by_hand
    old = path.read_text()
    with path.open() as held:
        assert gateway.ctl("outbound", "set", "tenant", "Comment=x").exit == 0
        assert path.read_text() != old
        assert held.read() == old


def test_killed_at_any_moment_the_file_is_the_old_or_the_new(plain):
    gateway, far = plain(start=False)
    gateway.configure()
    path = gateway.directory / "outbound/tenant.xml"
    old = path.read_text()
    assert gateway.ctl("outbound", "set", "tenant", "Comment=x").exit == 0
    new = path.read_text()
    command = [str(POSTERNCTL), "--config", str(gateway.directory), "outbound", "set", "tenant"]
    for step in range(40):
        path.write_text(old)
        process = subprocess.Popen(
            [*command, "Comment=x"], env=gateway.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(step * 0.00075)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert path.read_text() in (old, new)
    assert gateway.ctl("outbound", "set", "tenant", "Comment=x").exit == 0
    assert path.read_text() == new, "and no lock is left behind"
    assert gateway.ctl("config", "check").exit == 0
