# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What has been published to end a message's data where it does not end, so that what follows is read
as a second message by one server and not by the other: SEC Consult's "SMTP Smuggling" (2023) and its
scanner, smtpsmug, smtp_smuggling_checker, and the reports of CVE-2023-51764 (Postfix), -51765
(Sendmail), -51766 (Exim), -52354 (chasquid) and CVE-2024-27305 (aiosmtpd)."""

# Line ends that are none: to be refused.
ENDINGS = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n\r", b"\n\n.\r\n", b"\r\n\n.\n", b"\r\n.\n\r\n",
    b"\r\n\x00.\r\n\n", b"\n.\x00\r\n", b"\r\n.\x00\r\n\r", b"\r\n .\r\n\n", b"\r\n.\r\r",
    b"\r\n\x00.\r", b"\r\n\x00.\n", b"\r\n.\x00\n", b"\r\r.\r\r", b"\n\r.\n\r", b"\r\x00\n.\r\n",
]  # fmt: skip
# Whole lines that some server or other takes for the dot after dropping what it does not like: to be
# refused, or carried as part of the one message.
LINES = [
    b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\n\x00.\x00\r\n", b"\r\n\x00\x00.\r\n", b"\r\n..\r\n",
    b"\r\n .\r\n", b"\r\n. \r\n", b"\r\n\t.\r\n", b"\r\n.\t\r\n", b"\r\n\x08.\r\n", b"\r\n\x0b.\x0b\r\n",
    b"\x0c.\x0c", b"\r\n.\x1a\r\n", b"\r\n.\x04\r\n", b"\x85.\x85", b"\xc2\x85.\xc2\x85",
    b"\xe2\x80\xa8.\xe2\x80\xa8", b"\x1e.\x1e", b"\r\n\xef\xbb\xbf.\r\n", b"\r\n\xff.\r\n",
    b"\r\n=2E\r\n", b"\r\n\xae\r\n",
]  # fmt: skip
SECOND = (
    b"MAIL FROM:<smuggled@contoso.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
    b"Subject: smuggled\r\n\r\nboo\r\n.\r\n"
)


def wire(ending, subject=b"first"):
    """What goes out behind 354: a message with that ending in it, a second one, and a true end."""
    return b"Subject: " + subject + b"\r\n\r\nfirst" + ending + SECOND
