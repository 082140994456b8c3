# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""UseMXRecord: MX by preference, several addresses, implicit MX, null MX, loops, and what the DNS does
not say (RFC 5321 5.1, RFC 7505)."""

import pytest

from harness import xml
from harness.dns import FakeDns


@pytest.fixture
def route(postern, cloud, dns):
    """route(addresses…) → (gateway, the cloud at each loopback address, all on one port)."""

    def make(*addresses, **elements):
        first = cloud(trust=None, address=addresses[0])
        clouds = [first] + [
            cloud(trust=None, address=one, number=first.port) for one in addresses[1:]
        ]
        connector = xml.by_mx("partner", first.port, **elements)
        return (postern(xml.inbound(), connector, dns=[dns.server]), *clouds)

    return make


def refused(gateway, recipient="bob@example.com"):
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    return client.command(f"RCPT TO:<{recipient}>")


def test_the_best_preference_is_tried_first(route, dns):
    gateway, worse, better = route("127.0.0.2", "127.0.0.3")
    dns.mx("example.com", (20, "b.example.com"), (10, "a.example.com"))
    dns.a("a.example.com", "127.0.0.3")
    dns.a("b.example.com", "127.0.0.2")
    assert [gateway.send() for _ in range(3)] == [250] * 3
    assert len(better.messages) == 3 and not worse.connections
    assert gateway.wait_for("message", outbound="partner")["host"] == "a.example.com"


def test_the_next_preference_and_the_next_address_are_tried(route, dns):
    gateway, one, two, three = route("127.0.0.2", "127.0.0.3", "127.0.0.4")
    dns.mx("example.com", (10, "a.example.com"), (20, "b.example.com"))
    dns.a("a.example.com", "127.0.0.2", "127.0.0.3")
    dns.a("b.example.com", "127.0.0.4")
    one.go_down()
    two.on("CONNECT", "421 4.3.2 Closing")
    assert gateway.send() == 250
    assert two.connections and len(three.messages) == 1


def test_one_preference_is_shared_at_random(route, dns):
    gateway, one, two = route("127.0.0.2", "127.0.0.3", SmtpMaxMessagesPerConnection=1)
    dns.mx("example.com", (10, "a.example.com"), (10, "b.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    dns.a("b.example.com", "127.0.0.3")
    for _ in range(200):
        assert gateway.send() == 250
        if one.messages and two.messages:
            return
    raise AssertionError("two hundred messages went to one of two hosts alike")


def test_a_domain_without_mx_is_its_own_mail_host(route, dns):
    gateway, far = route("127.0.0.2")
    dns.a("example.com", "127.0.0.2")
    assert gateway.send() == 250
    assert len(far.messages) == 1


def test_a_domain_that_is_an_alias_is_followed(route, dns):
    gateway, far = route("127.0.0.2")
    dns.cname("example.com", "example.net")
    dns.mx("example.net", (10, "a.example.net"))
    dns.a("a.example.net", "127.0.0.2")
    assert gateway.send() == 250
    assert far.last.recipients == ["RCPT TO:<bob@example.com>"]


def test_a_host_over_ipv6_is_reached(route, dns):
    gateway, far = route("::1")
    dns.mx("example.com", (10, "a.example.com"))
    dns.aaaa("a.example.com", "::1")
    assert gateway.send() == 250
    assert len(far.messages) == 1


def test_ipv4_serves_when_ipv6_does_not(route, dns):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (10, "a.example.com"))
    dns.aaaa("a.example.com", "::1")  # nobody listens there
    dns.a("a.example.com", "127.0.0.2")
    assert gateway.send() == 250
    assert len(far.messages) == 1


def test_a_null_mx_is_refused_for_good(route, dns):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (0, "."))
    dns.a("example.com", "127.0.0.2")
    assert refused(gateway) == (556, "5.1.10")
    assert not far.connections


def test_a_domain_that_does_not_exist_is_refused_for_good(route):
    gateway, _far = route("127.0.0.2")
    assert refused(gateway) == (550, "5.1.2")
    assert gateway.wait_for("next-hop-failed", outbound="partner", step="mx")["cure"]


def test_a_domain_without_any_address_is_refused_for_good(route, dns):
    gateway, _far = route("127.0.0.2")
    dns.records["example.com", "TXT"] = [b"\x01x"]
    assert refused(gateway) == (550, "5.4.4")


@pytest.mark.parametrize("fault", ["fails", "garbles"])
def test_a_dns_that_fails_is_waited_for(route, dns, fault):
    gateway, _far = route("127.0.0.2")
    getattr(dns, fault)("example.com")
    assert refused(gateway) == (451, "4.4.3")


def test_a_dns_that_keeps_silent_is_waited_for_and_nobody_else_waits(route, dns):
    gateway, far = route("127.0.0.2")
    dns.is_silent("example.com")
    dns.a("example.net", "127.0.0.2")
    slow = gateway.client()
    slow.ehlo()
    slow.command("MAIL FROM:<alice@contoso.com>")
    slow.send(b"RCPT TO:<bob@example.com>\r\n")
    assert gateway.send(recipients=["bob@example.net"]) == 250
    assert len(far.messages) == 1
    assert slow.reply() == (451, "4.4.3")


def test_a_host_that_fails_to_resolve_leaves_the_next(route, dns):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (10, "none.example.com"), (20, "alias.example.com"), (30, "a.example.com"))
    dns.cname("alias.example.com", "a.example.com")
    dns.a("a.example.com", "127.0.0.2")
    assert gateway.send() == 250
    assert gateway.wait_for("message")["host"] == "a.example.com"
    assert len(gateway.events("next-hop-failed", step="resolve")) == 2


def test_hosts_that_have_no_address_are_refused_for_good_but_one_that_may_come_back(route, dns):
    gateway, _far = route("127.0.0.2")
    dns.mx("example.com", (10, "none.example.com"), (20, "nor.example.com"))
    dns.mx("example.net", (10, "none.example.com"), (20, "broken.example.com"))
    dns.fails("broken.example.com")
    assert refused(gateway) == (550, "5.4.4")
    assert refused(gateway, "bob@example.net") == (451, "4.4.3")


def test_our_own_name_cuts_off_what_is_no_better(route, dns):
    gateway, far, other = route("127.0.0.2", "127.0.0.3")
    for domain in ("example.com", "example.net"):
        dns.mx(domain, (20, "gw.contoso.com"), (20, "b.example.com"))
    dns.mx("example.com", (10, "a.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    dns.a("b.example.com", "127.0.0.3")
    assert gateway.send() == 250
    assert len(far.messages) == 1
    assert refused(gateway, "bob@example.net") == (550, "5.4.4")
    far.go_down()
    assert not other.connections


def test_an_answer_that_was_cut_off_is_asked_for_over_tcp(route, dns):
    gateway, far = route("127.0.0.2")
    dns.truncates("example.com")
    dns.mx("example.com", *((n, f"h{n}.example.com") for n in range(10, 40)))
    dns.a("h10.example.com", "127.0.0.2")
    assert gateway.send() == 250
    assert ("example.com", "MX", "tcp") in dns.questions and len(far.messages) == 1


def test_an_answer_to_another_question_is_not_believed(route, dns):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (10, "a.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    dns.lies("a.example.com")
    assert gateway.send() == 250
    assert len(far.messages) == 1


def test_answers_are_kept_as_long_as_they_say(route, dns):
    gateway, _far = route("127.0.0.2", SmtpMaxMessagesPerConnection=1)
    dns.mx("example.com", (10, "a.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    gateway.settings["Workers"] = 1
    gateway.reload()
    for _ in range(20):
        assert gateway.send() == 250
    # Each worker asks once; a reload asks anew.
    assert len(dns.asked("example.com", "MX")) <= 8


def test_other_servers_are_asked_after_a_reload(route, dns):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (0, "."))
    assert refused(gateway) == (556, "5.1.10")
    other = FakeDns()
    other.a("example.com", "127.0.0.2")
    gateway.dns = [other.server]
    assert gateway.reload().exit == 0
    assert gateway.send() == 250
    other.stop()
    assert len(far.messages) == 1


def test_a_server_over_ipv6_is_asked(route):
    gateway, far = route("127.0.0.2")
    six = FakeDns("::1")
    six.a("example.com", "127.0.0.2")
    gateway.dns = [six.server]
    assert gateway.reload().exit == 0
    assert gateway.send() == 250
    six.stop()
    assert len(far.messages) == 1


def test_the_next_server_is_asked_when_one_keeps_silent(route, dns):
    gateway, far = route("127.0.0.2")
    mute = FakeDns()
    mute.is_silent("example.com")
    dns.a("example.com", "127.0.0.2")
    gateway.dns = [mute.server, dns.server]
    assert gateway.reload().exit == 0
    assert gateway.send() == 250
    mute.stop()
    assert mute.questions and len(far.messages) == 1


def test_a_second_domain_waits_for_a_transaction_of_its_own(route, dns):
    gateway, far, other = route("127.0.0.2", "127.0.0.3")
    dns.a("example.com", "127.0.0.2")
    dns.a("example.net", "127.0.0.3")
    client = gateway.client()
    client.ehlo()
    client.command("MAIL FROM:<alice@contoso.com>")
    assert client.command("RCPT TO:<a@example.com>") == 250
    assert client.command("RCPT TO:<b@example.net>") == (452, "4.5.3")
    assert client.command("RCPT TO:<c@EXAMPLE.com>") == 250
    client.command("DATA")
    assert client.content(b"x\r\n") == 250
    assert client.message(recipients=["b@example.net"]) == 250
    assert far.last.recipients == ["RCPT TO:<a@example.com>", "RCPT TO:<c@EXAMPLE.com>"]
    assert other.last.recipients == ["RCPT TO:<b@example.net>"]


def test_a_connection_that_waits_serves_its_own_domain_alone(route, dns):
    gateway, one, two = route("127.0.0.2", "127.0.0.3")
    dns.a("example.com", "127.0.0.2")
    dns.a("example.net", "127.0.0.3")
    for _ in range(3):
        assert gateway.send() == 250
        assert gateway.send(recipients=["bob@example.net"]) == 250
    assert {r for m in one.messages for r in m.recipients} == {"RCPT TO:<bob@example.com>"}
    assert {r for m in two.messages for r in m.recipients} == {"RCPT TO:<bob@example.net>"}


@pytest.mark.parametrize(
    "label", [b"a\r\nRCPT TO:<x", b"a b", b"a\0b", b"a\xff", b'a"', b"a\\b", b"%n%s", b"a>"]
)
def test_a_name_that_no_host_has_reaches_no_command_and_no_header(route, dns, label):
    gateway, far = route("127.0.0.2")
    dns.mx("example.com", (10, (label, b"example", b"com")), (20, "a.example.com"))
    dns.a("a.example.com", "127.0.0.2")
    assert gateway.send() == 250
    sent = far.last.raw + "\n".join(far.last.connection.commands).encode()
    assert label not in sent and b"example.com" not in far.last.raw.split(b"for <")[0]
    assert not [name for name, *_ in dns.questions if name.startswith("a") and name != "a.example.com"]


def test_a_name_that_no_host_has_is_no_way(route, dns):
    gateway, _far = route("127.0.0.2")
    dns.mx("example.com", (10, (b"a\r\nb", b"example", b"com")))
    assert refused(gateway) == (550, "5.4.4")
    assert "\r" not in gateway.log_text()
