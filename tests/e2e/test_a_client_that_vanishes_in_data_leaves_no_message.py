# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "a client that vanishes in the middle of DATA (the next hop must not see a complete
message)"."""

import pytest

from harness.waiting import wait_until

CUTS = {
    "in a line": b"Subject: half\r\n\r\nhal",
    "after a line": b"Subject: half\r\n\r\nhalf\r\n",
    "after CR": b"Subject: half\r\n\r\nhalf\r",
    "after CRLF dot": b"Subject: half\r\n\r\nhalf\r\n.",
    "after CRLF dot CR": b"Subject: half\r\n\r\nhalf\r\n.\r",
    "in the header": b"Subject: half\r\nX-More: ",
    "before anything": b"",
    "after much": b"Subject: half\r\n\r\n" + b"much of it\r\n" * 50000,
}


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("cut", CUTS)
def test_the_next_hop_sees_no_end(plain, cut, how):
    gateway, far = plain(gateway={"Workers": 1})
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(CUTS[cut])
    getattr(client, how)()
    # Whatever was open towards the next hop for it cannot be used again, so it ends.
    assert gateway.send(b"next\r\n") == 250
    assert [message.rest for message in far.messages] == [b"next\r\n"]
    for connection in far.connections:
        if any(not message.complete for message in connection.messages):
            wait_until(lambda c=connection: c.finished, "the cut connection to end")
            assert not any(message.complete for message in connection.messages[-1:])


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_closed_in_data_is_no_end_either(plain, pki, version):
    gateway, far = plain(inbound={"TlsCertificateName": "hybrid"})
    client = gateway.client()
    client.ehlo()
    client.starttls(minimum=version, maximum=version)
    client.ehlo()
    client.envelope()
    client.send(b"Subject: half\r\n\r\nhalf\r\n.\r")
    try:
        client.socket.unwrap()
    except OSError:
        pass
    client.close()
    assert gateway.send(b"next\r\n") == 250
    assert [message.rest for message in far.messages] == [b"next\r\n"]


def test_the_log_says_that_it_happened(plain):
    gateway, far = plain()
    client = gateway.client()
    client.ehlo()
    client.envelope()
    client.send(b"Subject: half\r\n\r\n")
    wait_until(lambda: far.seen, "the data")
    client.abort()
    far.rest()
    assert not far.messages
    event = gateway.wait_for("message")
    assert event["session"] and event.get("reply", "")[:1] != "2"
