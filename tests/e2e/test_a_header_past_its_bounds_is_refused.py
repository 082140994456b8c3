# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "header lines, line lengths, header size, number of headers … all bounded, all settable"."""


def test_a_header_with_too_many_fields(plain):
    gateway, far = plain(inbound={"MaxHeaderCount": 10})
    assert gateway.send(b"A: b\r\n" * 11 + b"\r\n") == (554, "5.6.0")
    assert gateway.send(b"A: b\r\n c\r\n" * 10 + b"\r\n" + b"A: b\r\n" * 99) == 250
    assert len(far.messages) == 1
    gateway.wait_for("limit-reached", bound="MaxHeaderCount", inbound="exchange")


def test_a_header_that_is_too_large(plain):
    gateway, far = plain(gateway={"MaxHeaderSize": "4 KB"})
    assert gateway.send(b"A: " + b"b" * 900 + b"\r\n" + b" c" * 2000 + b"\r\n\r\n") == (554, "5.6.0")
    assert gateway.send(b"A: b\r\n\r\n" + (b"c" * 900 + b"\r\n") * 9) == 250
    assert len(far.messages) == 1
    gateway.wait_for("limit-reached", bound="MaxHeaderSize")


def test_a_line_that_is_too_long(plain):
    gateway, far = plain(gateway={"MaxLineLength": 3000}, inbound={"MaxLineLength": 1000})
    assert gateway.send(b"A: b\r\n\r\n" + b"c" * 998 + b"\r\n") == 250
    assert gateway.send(b"A: b\r\n\r\n" + b"c" * 999 + b"\r\n") == (554, "5.6.0")
    assert len(far.messages) == 1
    gateway.wait_for("limit-reached", bound="MaxLineLength", inbound="exchange")


def test_a_line_may_be_longer_where_the_connector_says_so(plain):
    gateway, far = plain(inbound={"MaxLineLength": 200000})
    assert gateway.send(b"A: b\r\n\r\n" + b"c" * 199998 + b"\r\n") == 250
    assert len(far.last.content) > 199998
