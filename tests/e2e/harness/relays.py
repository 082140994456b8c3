# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Real mail servers that hand on to one place whatever they are given: put before Postern they are
its clients, put behind it they are its next hop, and what they hand on shows what they understood.

    way     where to, "127.0.0.1:25"
    secure  whether they hand it on inside TLS (then never without) or in plain text (then never with)
    taken   what their log says once for each message they have taken

Each offers STARTTLS to whoever comes. Postfix is the system's, under directories of its own; Exim and
OpenSMTPD, which Debian lets nobody install beside it, run by chroot from copies of the trees that
`./bootstrap check` unpacks. All of them need root.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from .gateway import SOURCE, free_port
from .postfix import MASTER, Postfix
from .waiting import LIMIT, wait_until

PEERS = pathlib.Path(os.environ.get("POSTERN_PEERS", SOURCE / "build-peers"))

POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
syslog_name = far
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
inet_protocols = ipv4
inet_interfaces = loopback-only
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{way}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = may
smtpd_tls_CAfile = {trust}
smtpd_tls_chain_files = {credential}
smtp_tls_security_level = {secure}
smtp_tls_loglevel = 1
smtpd_tls_loglevel = 1
smtpd_error_sleep_time = 0
in_flow_delay = 0
smtpd_forbid_bare_newline = {bare_newline}
smtpd_forbid_unauth_pipelining = {pipelining}
"""
SMTP_SERVICE = "smtp unix - - n - - smtp\n"


class PostfixRelay(Postfix):
    """bare_newline: of smtpd_forbid_bare_newline; "no" is what Postfix did before CVE-2023-51764, and
    takes LF.LF for the end of a message."""

    name = "Postfix"
    taken = r": from=<[^>]*>, size=\d+, nrcpt=\d+ \(queue active\)"

    def __init__(self, credential, trust, way, secure=False, bare_newline="yes"):
        super().__init__(
            credential, trust, POSTFIX, MASTER + SMTP_SERVICE, way=way.rpartition(":")[2],
            secure="encrypt" if secure else "none", bare_newline=bare_newline,
            pipelining="no" if bare_newline == "no" else "yes",
        )

    @property
    def version(self):
        told = subprocess.run(
            ["/usr/sbin/postconf", "-h", "-d", "mail_version"],
            capture_output=True, text=True, check=True)
        return told.stdout.strip()


EXIM = """
primary_hostname = exim.example
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_hosts =
rfc1413_query_timeout = 0s
dns_ipv4_lookup = *
keep_environment =
add_environment =
tls_advertise_hosts = *
tls_certificate = /etc/credential.pem
tls_privatekey = /etc/credential.pem
chunking_advertise_hosts = *
message_size_limit = 0
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
onward:
  driver = manualroute
  transport = onward
  route_list = * 127.0.0.1 byname
  self = send
begin transports
onward:
  driver = smtp
  allow_localhost
  port = {way}
  hosts_try_chunking = *
  tls_verify_certificates = /etc/anchors.pem
  tls_try_verify_hosts = *
  tls_verify_cert_hostnames = :
  {secure}
begin retry
* * F,1h,1s
"""

OPENSMTPD = """
pki ours cert "/etc/credential.pem"
pki ours key "/etc/credential.key"
smtp max-message-size 160M
listen on 127.0.0.1 port {port} tls pki ours hostname opensmtpd.example
action onward relay helo opensmtpd.example host {scheme}://127.0.0.1:{way} {verify}
match from any for any action onward
"""


class Unpacked:
    """A server in a tree of its own, in the foreground of a process group of its own."""

    tree = None

    def __init__(self, credential, trust, way, secure=False):
        source = PEERS / self.tree
        assert source.is_dir(), f"there is no {source}: ./bootstrap check unpacks it"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"postern-{self.tree}-"))
        self.folder.chmod(0o755)
        shutil.copytree(source, self.folder, symlinks=True, dirs_exist_ok=True)
        self.port = free_port()
        etc = self.folder / "etc"
        shutil.copy(credential.chain, etc / "credential.pem")
        shutil.copy(credential.key, etc / "credential.key")
        shutil.copy(trust, etc / "anchors.pem")
        self.prepare(etc, way.rpartition(":")[2], secure)
        self.output = open(self.folder / "output", "wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "chroot", str(self.folder), *self.command],
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, start_new_session=True,
        )
        try:
            wait_until(self.listens, f"{self.name} to listen")
        except AssertionError as error:
            text = self.log()
            self.stop()
            raise AssertionError(f"{error}\n{text}") from None

    host = Postfix.host
    listens = Postfix.listens

    def make(self, path, owner, mode=0o750):
        made = self.folder / path
        made.mkdir(parents=True, exist_ok=True)
        os.chown(made, *owner)
        made.chmod(mode)

    def inside(self, *command):
        """What a program of the tree prints."""
        told = subprocess.run(
            ["chroot", str(self.folder), *command], capture_output=True, text=True, timeout=LIMIT)
        return told.stdout + told.stderr

    def log(self):
        paths = [self.folder / "output", self.folder / "var/log/exim4/mainlog"]
        return "\n".join(path.read_text(errors="replace") for path in paths if path.exists())

    def stop(self):
        """The master first, for it waits for its children; then whoever is left."""
        self.process.terminate()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(LIMIT)
        self.output.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class EximRelay(Unpacked):
    name, tree, owner = "Exim", "exim", (64001, 64001)
    taken = r"(?m)^\S+ \S+ \S+ <= "
    command = ("/usr/sbin/exim4", "-bdf", "-q1s")

    def prepare(self, etc, way, secure):
        for path in ("var/spool/exim4", "var/log/exim4"):
            self.make(path, self.owner)
        (etc / "exim4").mkdir(exist_ok=True)
        both = (etc / "credential.key").read_bytes() + (etc / "credential.pem").read_bytes()
        (etc / "credential.pem").write_bytes(both)
        os.chown(etc / "credential.pem", *self.owner)
        (etc / "credential.pem").chmod(0o400)
        text = EXIM.format(
            port=self.port, way=way, secure=f"hosts_{'require' if secure else 'avoid'}_tls = *")
        (etc / "exim4" / "exim4.conf").write_text(text)

    @property
    def version(self):
        return re.search(r"Exim version (\S+)", self.inside("/usr/sbin/exim4", "-bV")).group(1)


class OpenSmtpdRelay(Unpacked):
    name, tree, owner = "OpenSMTPD", "opensmtpd", (64002, 64002)
    taken = r" smtp message msgid="
    command = ("/usr/sbin/smtpd", "-d")

    def prepare(self, etc, way, secure):
        self.make("var/lib/opensmtpd/empty", (0, 0), 0o755)
        self.make("var/spool/smtpd", (0, 0), 0o711)
        self.make("var/run", (0, 0), 0o755)
        (etc / "credential.key").chmod(0o600)
        (etc / "mailname").write_text("opensmtpd.example\n")
        text = OPENSMTPD.format(
            port=self.port, way=way,
            scheme="smtp+tls" if secure else "smtp+notls",
            verify="tls no-verify" if secure else "")
        (etc / "smtpd.conf").write_text(text)

    @property
    def version(self):
        return re.search(r"OpenSMTPD (\S+)", self.inside("/usr/sbin/smtpd", "-h")).group(1)


def taken(server):
    """How many messages it has taken so far."""
    return len(re.findall(server.taken, server.log()))


RELAYS = {one.name: one for one in (PostfixRelay, EximRelay, OpenSmtpdRelay)}
