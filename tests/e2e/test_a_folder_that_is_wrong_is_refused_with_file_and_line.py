# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "every error reported with file, line and what to do, all of them at once, exit 78"; "bad
XML, a DTD in the XML, an unknown element, two connectors of one name"."""

import re

import pytest

from harness import xml

HEAD = f'<OutboundConnector {xml.NAMESPACE} Name="x">\n'
BODY = (
    "<RecipientDomains><Domain>*</Domain></RecipientDomains>\n"
    "<SmartHosts><Host>127.0.0.1:2525</Host></SmartHosts>\n"
)
TAIL = "</OutboundConnector>\n"

# What is in outbound/x.xml: its text, the line that must be named, a word that must be there.
WRONG = {
    "empty": ("", None, ""),
    "not XML": ("Hello, Postern\n", 1, ""),
    "cut off": (HEAD + BODY, None, ""),
    "an end tag of another": (HEAD + BODY + "</InboundConnector>", 4, ""),
    "an unknown element": (HEAD + BODY + "<SmartHost>a</SmartHost>\n" + TAIL, 4, "SmartHost"),
    "an unknown attribute": (HEAD.replace(" Name", ' Hue="red" Name') + BODY + TAIL, 1, "Hue"),
    "another namespace": (HEAD.replace("postern:1", "postern:9") + BODY + TAIL, 1, ""),
    "a value that is none": (HEAD + BODY + "<TlsSettings>Maybe</TlsSettings>" + TAIL, 4, "Maybe"),
    "a host that is none": (HEAD + BODY.replace("127.0.0.1:2525", "a:b:99999") + TAIL, 3, ""),
    "an element twice": (HEAD + BODY + BODY + TAIL, None, "RecipientDomains"),
    "no hosts": (HEAD + BODY.splitlines()[0] + TAIL, None, "SmartHosts"),
    "an unknown certificate": (
        HEAD + BODY + "<TlsCertificateName>hybird</TlsCertificateName>" + TAIL, 4, "hybird",
    ),
    "an unknown inbound connector": (
        HEAD + BODY + "<InboundConnectors><Name>nobody</Name></InboundConnectors>" + TAIL,
        4,
        "nobody",
    ),
    "a DTD": ("<!DOCTYPE OutboundConnector>\n" + HEAD + BODY + TAIL, None, "DOCTYPE"),
    "a DTD of elsewhere": (
        '<!DOCTYPE OutboundConnector SYSTEM "http://127.0.0.1:1/x.dtd">\n' + HEAD + BODY + TAIL,
        None,
        "DOCTYPE",
    ),
    "an external entity": (
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n' + HEAD + "&e;" + BODY + TAIL,
        None,
        "DOCTYPE",
    ),
    "laughs by the billion": (
        "<!DOCTYPE x [<!ENTITY a 'ha'>"
        + "".join(
            f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 20}'>" for n in range(8)
        )
        + "]>\n" + HEAD + "&i;" + BODY + TAIL,
        None,
        "DOCTYPE",
    ),
    "a NUL": (HEAD + BODY + "\0" + TAIL, None, ""),
    "not the encoding it says": (
        (HEAD + BODY).encode() + b"<Comment>\xff\xfe\xe9</Comment>" + TAIL.encode(), 4, "",
    ),
    "two megabytes": (HEAD + f"<Comment>{'x' * (2 << 20)}</Comment>" + BODY + TAIL, None, ""),
    "a thousand deep": (HEAD + "<a>" * 1000 + "</a>" * 1000 + TAIL, None, ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_is_told_where_and_what(postern, name):
    text, line, word = WRONG[name]
    gateway = postern(xml.inbound(), files={"outbound/x.xml": text}, start=False)
    done = gateway.check()
    assert done.returncode == 78
    assert "outbound/x.xml" in done.stderr
    if line:
        assert re.search(rf"outbound/x\.xml:{line}\b", done.stderr), done.stderr
    assert word in done.stderr
    assert "root:" not in done.stderr, "what is in other files is never shown"


def test_two_connectors_of_one_name(postern):
    gateway = postern(
        xml.inbound(),
        xml.outbound("twin", ["127.0.0.1:2525"], file="a"),
        xml.outbound("twin", ["127.0.0.1:2526"], file="b"),
        start=False,
    )
    done = gateway.check()
    assert done.returncode == 78
    assert "twin" in done.stderr and "b.xml:1" in done.stderr and "a.xml" in done.stderr


def test_all_of_them_at_once(postern):
    gateway = postern(
        xml.inbound(),
        files={
            "outbound/x.xml": HEAD + BODY + "<Wrong/>\n<TlsSettings>Maybe</TlsSettings>" + TAIL,
            "inbound/y.xml": "<InboundConnector",
        },
        start=False,
    )
    done = gateway.check()
    assert done.returncode == 78
    for place in ("x.xml:4", "x.xml:5", "y.xml:1"):
        assert place in done.stderr


@pytest.mark.parametrize("which", ["Chain", "TrustAnchors"])
def test_a_file_that_is_not_there(postern, pki, which):
    missing = "/nonexistent/file.pem"
    more = {
        "Chain": {"certificates": {"hybrid": (missing, pki.gateway.key)}},
        "TrustAnchors": {"anchors": {"public": missing}},
    }[which]
    done = postern(xml.inbound(), xml.outbound(hosts=["127.0.0.1:1"]), start=False, **more).check()
    assert done.returncode == 78
    assert missing in done.stderr and "postern.xml:" in done.stderr


def test_a_folder_that_is_not_there(postern):
    gateway = postern(start=False)
    gateway.arguments = ["--config", "/nonexistent/postern"]
    done = gateway.check()
    assert done.returncode == 78 and "/nonexistent/postern" in done.stderr


def test_a_good_one_passes_and_says_so(postern):
    gateway = postern(xml.inbound(), xml.outbound(hosts=["127.0.0.1:1"]), start=False)
    done = gateway.check()
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr


def test_posternd_does_not_start_with_a_wrong_one(postern):
    gateway = postern(xml.inbound(), files={"outbound/x.xml": HEAD}, start=False)
    gateway.launch()
    assert gateway.wait_exit() == 78
    assert "x.xml" in gateway.wait_for("config-error", or_exit=True).line


def test_posternctl_config_check_says_the_same(postern):
    gateway = postern(
        xml.inbound(), files={"outbound/x.xml": HEAD + "<Wrong/>" + TAIL}, start=False
    )
    gateway.configure()
    done = gateway.ctl("config", "check", str(gateway.directory), as_json=False)
    assert done.exit == 78 and "x.xml:2" in done.err + done.out
    assert gateway.ctl("config", "check", str(gateway.directory)).json


def test_queued_delivery_is_refused_until_there_is_a_queue(postern):
    """Issue: "Delivery Queued, which is refused with a clear sentence until the queue exists"."""
    done = postern(xml.inbound(Delivery="Queued"), start=False).check()
    assert done.returncode == 78
    assert "Queued" in done.stderr and "exchange.xml:" in done.stderr


def test_metrics_are_taken_with_a_warning(postern):
    """Issue: "Metrics, which is taken with a warning until they are served"."""
    gateway = postern(xml.inbound(), xml.outbound(hosts=["127.0.0.1:1"]), start=False)
    metrics = '<Metrics Address="127.0.0.1:9625"/></Gateway>'
    gateway.files["postern.xml"] = gateway.main_file().replace("</Gateway>", metrics)
    done = gateway.check()
    assert done.returncode == 0 and "Metrics" in done.stderr
    gateway.start()
    assert gateway.wait_for("config-warning", msg=lambda text: "Metrics" in text)["cure"]
