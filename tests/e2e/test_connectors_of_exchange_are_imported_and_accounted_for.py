# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "import exchange FILE.xml from Export-Clixml …: writes connectors that config check accepts,
and a report of each property: taken, changed, or left out and why"."""

import pathlib
import xml.etree.ElementTree as ElementTree

import pytest

from harness import xml

DATA = pathlib.Path(__file__).resolve().parents[1] / "connectors" / "data" / "exchange"
KINDS = ["send", "receive", "tenant-inbound", "tenant-outbound"]
SPACE = "{http://schemas.microsoft.com/powershell/2004/04}"


@pytest.fixture
def gateway(postern, pki):
    """A folder that is checked and not started, with a certificate and anchors to choose."""
    gateway = postern(
        xml.inbound(SenderIPAddresses=["127.0.0.1"]),
        start=False,
        certificates={"hybrid": (pki.gateway.chain, pki.gateway.key)},
        anchors={"public": pki.root.anchors},
    )
    gateway.configure()
    return gateway


def names_of(exchange_object):
    """What is directly in an object's Props and MS, by another parser than ours."""
    return [
        value.get("N") for part in ("Props", "MS") for value in exchange_object.find(SPACE + part)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_written_and_every_property_is_told_once(gateway, kind):
    done = gateway.ctl("import", "exchange", str(DATA / f"{kind}.xml"))
    assert done.exit == 0, done
    assert done.json["outcome"] == "written"
    objects = ElementTree.parse(DATA / f"{kind}.xml").getroot()
    assert len(objects) == len(done.json["objects"])
    for exchange_object, told in zip(objects, done.json["objects"]):
        assert [row["property"] for row in told["properties"]] == names_of(exchange_object)
        for row in told["properties"]:
            assert row["outcome"] in ("taken", "changed", "left out")
            assert row["outcome"] == "taken" or row["why"], row
        assert (gateway.directory / told["file"]).read_text() == told["xml"]
    assert gateway.ctl("config", "check").exit == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_encodings_give_the_same(gateway, tmp_path, encoding):
    plain = gateway.ctl("import", "exchange", str(DATA / "send.xml"), "--dry-run")
    other = tmp_path / "other.xml"
    text = (DATA / "send.xml").read_text(encoding="utf-8").replace("\n", "\r\n")
    other.write_bytes(text.encode(encoding))
    done = gateway.ctl("import", "exchange", str(other), "--dry-run")
    assert done.exit == 0 and done.json == plain.json


def test_a_dry_run_writes_nothing_and_shows_the_xml(gateway):
    before = sorted(gateway.directory.rglob("*"))
    done = gateway.ctl("import", "exchange", str(DATA / "send.xml"), "--dry-run", as_json=False)
    assert done.exit == 0
    assert "<AddressSpace>smtp:*.contoso.com;10</AddressSpace>" in done.out
    assert "PropertyOfTomorrow" in done.out and "nothing was written" in done.out
    assert sorted(gateway.directory.rglob("*")) == before


def test_another_folder_can_be_written_to(gateway, tmp_path):
    before = sorted(gateway.directory.rglob("*"))
    words = ["import", "exchange", str(DATA / "receive.xml"), "--output", str(tmp_path / "look")]
    assert gateway.ctl(*words).exit == 0
    assert (tmp_path / "look" / "inbound" / "anonymous-relay.xml").is_file()
    assert sorted(gateway.directory.rglob("*")) == before
    assert gateway.ctl(*words).exit == 73, "no file is ever replaced"


def test_what_is_there_is_not_replaced(gateway):
    words = ["import", "exchange", str(DATA / "send.xml")]
    assert gateway.ctl(*words).exit == 0
    files = {path: path.read_bytes() for path in gateway.directory.rglob("*.xml")}
    again = gateway.ctl(*words, as_json=False)
    assert again.exit == 73 and "is there already" in again.err
    assert files == {path: path.read_bytes() for path in gateway.directory.rglob("*.xml")}


def test_a_name_that_is_taken_lets_nothing_be_written(gateway):
    taken = gateway.directory / "outbound" / "other.xml"
    taken.write_text(str(xml.outbound("Outbound to Office 365", ["127.0.0.1:1"])))
    before = sorted(gateway.directory.rglob("*"))
    done = gateway.ctl("import", "exchange", str(DATA / "send.xml"), as_json=False)
    assert done.exit == 78
    assert "Outbound to Office 365" in done.err and "nothing was written" in done.out
    told = gateway.ctl("import", "exchange", str(DATA / "send.xml"))
    assert told.exit == 78 and told.json["outcome"] == "refused"
    assert any(problem["severity"] == "error" for problem in told.json["problems"])
    assert sorted(gateway.directory.rglob("*")) == before


def test_a_configuration_with_faults_is_left_alone(gateway):
    (gateway.directory / "outbound" / "bad.xml").write_text("<Nonsense/>")
    before = sorted(gateway.directory.rglob("*"))
    done = gateway.ctl("import", "exchange", str(DATA / "send.xml"), as_json=False)
    assert done.exit == 78 and "bad.xml" in done.err
    assert sorted(gateway.directory.rglob("*")) == before


@pytest.mark.parametrize(
    "option, value", [("--certificate", "hybird"), ("--trust-anchors", "pubic")]
)
def test_a_name_that_is_not_there_is_refused(gateway, option, value):
    done = gateway.ctl("import", "exchange", str(DATA / "send.xml"), option, value, as_json=False)
    assert done.exit == 64 and value in done.err


def test_what_is_chosen_is_enabled(gateway):
    done = gateway.ctl(
        "import", "exchange", str(DATA / "tenant-inbound.xml"), "--certificate", "hybrid",
        "--trust-anchors", "public", "--smart-host", "contoso-com.mail.protection.outlook.com",
    )
    told = done.json["objects"][0]
    assert told["enabled"] and not told["lacking"]
    assert "<Host>contoso-com.mail.protection.outlook.com</Host>" in told["xml"]


WRONG = {
    "no file": (None, 66),
    "nothing": (b"", 65),
    "another document": (b"<Objs/>", 65),
    "a DTD": (b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Objs>&e;</Objs>', 65),
    "cut off": ((DATA / "send.xml").read_bytes()[:5000], 65),
    "half UTF-16": ((DATA / "send.xml").read_text().encode("utf-16")[:5001], 65),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_export_is_refused_with_a_cure(gateway, tmp_path, name):
    content, status = WRONG[name]
    file = tmp_path / "export.xml"
    if content is not None:
        file.write_bytes(content)
    done = gateway.ctl("import", "exchange", str(file), as_json=False)
    assert done.exit == status, done
    assert "export.xml" in done.err and "Try: " in done.err and "root:" not in done.err
