# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Debian's real Postfix as a next hop: TLS or nothing, a client certificate or nothing. It has a
configuration, queue, port and log of its own; nothing of the system's is touched. Needs root."""

import pathlib
import shutil
import socket
import subprocess
import tempfile

from .waiting import LIMIT, wait_until

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
syslog_name = far
myhostname = mail.protection.outlook.com
mydestination =
mynetworks =
inet_protocols = ipv4
inet_interfaces = loopback-only
smtpd_peername_lookup = no
alias_maps =
alias_database =
virtual_mailbox_domains = contoso.com
virtual_mailbox_maps = inline:{{ someone@contoso.com=yes }}
virtual_transport = discard
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = encrypt
smtpd_tls_ask_ccert = yes
smtpd_tls_req_ccert = yes
smtpd_tls_CAfile = {trust}
smtpd_tls_chain_files = {credential}
smtpd_tls_loglevel = 1
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
discard unix - - n - - discard
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    def __init__(self, credential, trust, main=MAIN, services=MASTER, **more):
        # Not below pytest's folder, which other users may not enter.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-postfix-"))
        self.folder.chmod(0o755)
        for name in ("queue", "data", "etc"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        both = self.folder / "etc" / "credential.pem"
        both.write_bytes(credential.key.read_bytes() + credential.chain.read_bytes())
        both.chmod(0o600)
        anchors = self.folder / "etc" / "anchors.pem"
        shutil.copy(trust, anchors)
        main = main.format(folder=self.folder, trust=anchors, credential=both, **more)
        (self.folder / "etc" / "main.cf").write_text(main)
        (self.folder / "etc" / "master.cf").write_text(services.format(port=self.port))
        self.say("start")
        wait_until(self.listens, "Postfix to listen")

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def say(self, what):
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), what],
            capture_output=True, text=True, timeout=LIMIT * 6,
        )
        assert done.returncode == 0, f"postfix {what}: {done.stdout}{done.stderr}{self.log()}"

    def listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except OSError:
            return False
        return True

    def log(self):
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""

    def stop(self):
        try:
            self.say("stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
