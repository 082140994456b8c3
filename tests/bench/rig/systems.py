# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The systems under test. Each takes mail on a port of 127.0.0.1 and hands it to the sink.

A system is a context: entering it writes its configuration below a directory of its own and waits
until it answers; leaving it stops every process of it. All run as Debian or the defaults have them,
and write their own log to a file, as they would in service."""

import json
import os
import subprocess
from pathlib import Path

from .material import MODULE, SINK_NAME
from .processes import Tree
from .workplace import BenchError, find_program, free_port, run, smtp_answers, tail, wait_until

START_SECONDS = 30


class System:
    """What the systems share. A class names itself, its needs (keys of workplace.PACKAGE_OF), how
    many idle sessions it is asked to hold, and whether they may come with TLS."""

    name = ""
    needs = ()
    needs_root = False
    idle_sessions = 5000
    idle_tls = False

    def __init__(self, material, directory, options):
        self.material = material
        self.directory = Path(directory)
        self.options = options
        self.log = self.directory / "log"
        self.tree = Tree(self.name, options.cgroups)
        self.port = self.tls_port = None
        self.sink = None

    @classmethod
    def obstacle(cls, options):
        """Why this system cannot run here, or None."""
        if cls.needs_root and os.geteuid() != 0:
            return f"only root can start {cls.name}: run the benchmark as root"
        return None

    def run_with(self, sink):
        self.sink = sink
        return self

    def __enter__(self):
        self.directory.mkdir()
        self.port = self.tls_port = free_port()
        try:
            self._start()
            wait_until(f"{self.name} answers",
                       lambda: smtp_answers(self.port) or not self.tree.lives(), START_SECONDS)
            if not self.tree.lives():
                raise BenchError("it ended at its start")
        except BaseException as error:
            self.tree.stop()
            if isinstance(error, BenchError):
                raise BenchError(f"{self.name}: {error}\n{tail(self.log)}") from None
            raise
        return self

    def __exit__(self, *_):
        self.tree.stop()

    def _start(self):
        raise NotImplementedError

    def wait_until_drained(self, seconds):
        """Returns once nothing that was accepted is still on its way."""

    def own_signatures(self):
        """How many signatures the system says its key made, or None if it does not count them."""


class Direct(System):
    """No system at all: the load goes to the sink in the clear. This is the ceiling that the load
    generator and the sink put over everybody."""

    name = "direct"
    idle_sessions = 0

    def __enter__(self):
        self.port = self.sink.port
        self.tree = self.sink.tree
        return self

    def __exit__(self, *_):
        pass


class Stunnel(System):
    """Debian's stunnel: bytes in, the same bytes out inside TLS; it does the STARTTLS itself."""

    name = "stunnel"
    needs = ("stunnel", "/usr/lib/*/engines-3/pkcs11.so")

    def _start(self):
        material = self.material
        configuration = self.directory / "stunnel.conf"
        configuration.write_text(
            # Without syslog, which without a daemon would fall back on the console, slow as it is.
            f"foreground = yes\npid =\nsyslog = no\noutput = {self.log}\n"
            "engine = pkcs11\n"
            f"engineCtrl = MODULE_PATH:{MODULE}\nengineCtrl = PIN:{material.pin}\n"
            "[sink]\nengineId = pkcs11\nclient = yes\nprotocol = smtp\n"
            f"accept = 127.0.0.1:{self.port}\nconnect = 127.0.0.1:{self.sink.port}\n"
            f"cert = {material.token_chain}\nkey = {material.key_uri}\n"
            f"CAfile = {material.ca}\nverifyChain = yes\ncheckHost = {SINK_NAME}\n")
        configuration.chmod(0o600)
        self.tree.start([find_program("stunnel"), configuration], self.directory / "output",
                        env=material.env)


class Postfix(System):
    """Debian's Postfix, an instance of its own: configuration, queue and data directories below the
    benchmark's, /etc/postfix only read (for its list of files). Its key is a PEM file."""

    name = "postfix"
    needs = ("postfix",)
    needs_root = True
    idle_sessions = 200  # each is a process
    idle_tls = True

    MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log
maillog_file_prefixes = {dir}
meta_directory = /etc/postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.bench.example
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink_port}
message_size_limit = 157286400
biff = no
smtp_tls_security_level = encrypt
smtp_tls_CAfile = {ca}
smtp_tls_cert_file = {chain}
smtp_tls_key_file = {key}
smtp_tls_session_cache_database = btree:${{data_directory}}/smtp_scache
smtpd_tls_security_level = may
smtpd_tls_cert_file = {chain}
smtpd_tls_key_file = {key}
"""
    # Debian's master.cf without what relaying does not need; nothing in a chroot, which would have
    # to be furnished first.
    MASTER = """\
127.0.0.1:{port} inet n - n - {smtpd_limit} smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""

    def _start(self):
        material = self.material
        configuration = self.directory / "etc"
        configuration.mkdir()
        (configuration / "main.cf").write_text(self.MAIN.format(
            dir=self.directory, sink_port=self.sink.port, ca=material.ca,
            chain=material.pem_chain, key=material.pem_key))
        (configuration / "master.cf").write_text(self.MASTER.format(
            port=self.port, smtpd_limit=self.idle_sessions + 50))
        (self.directory / "queue").mkdir()
        data = self.directory / "data"
        data.mkdir(mode=0o700)
        owner = run("postconf", "-h", "-c", configuration, "mail_owner").strip()
        subprocess.run(["chown", owner, str(data)], check=True)
        self.tree.start([find_program("postfix"), "-c", configuration, "start-fg"],
                        self.directory / "output")

    def wait_until_drained(self, seconds):
        queue = self.directory / "queue"

        def is_empty():
            return not any(names for directory in ("maildrop", "incoming", "active", "deferred")
                           for _, _, names in os.walk(queue / directory))

        wait_until("Postfix's queue is empty", is_empty, seconds, pause=0.1)


class Postern(System):
    """Postern from the build tree: posternd, and the signer that it starts."""

    name = "postern"
    needs = ()
    idle_tls = True

    GATEWAY = """\
<Gateway xmlns="urn:postern:1" HostName="gw.bench.example">
  <Listener Address="127.0.0.1:{port}"/>
  <Token Uri="{token}" PinSource="file:{pin}" Module="{module}"/>
  <Certificate Name="bench">
    <Chain>{chain}</Chain>
    <Key>{key}</Key>
  </Certificate>
  <TrustAnchors Name="bench">{ca}</TrustAnchors>
  <Control Socket="{dir}/control.sock"/>
  <State Directory="{dir}/state"/>
</Gateway>
"""
    INBOUND = """\
<InboundConnector xmlns="urn:postern:1" Name="bench">
  <SenderIPAddresses><Range>127.0.0.1</Range></SenderIPAddresses>
  <RequireTls>false</RequireTls>
  <TlsCertificateName>bench</TlsCertificateName>
</InboundConnector>
"""
    OUTBOUND = """\
<OutboundConnector xmlns="urn:postern:1" Name="sink">
  <RecipientDomains><Domain>*</Domain></RecipientDomains>
  <SmartHosts><Host>127.0.0.1:{sink_port}</Host></SmartHosts>
  <SmtpMaxMessagesPerConnection>1000</SmtpMaxMessagesPerConnection>
  <TlsSettings>DomainValidation</TlsSettings>
  <TlsDomain>{sink_name}</TlsDomain>
  <TlsCertificateName>bench</TlsCertificateName>
  <TrustAnchors>bench</TrustAnchors>
</OutboundConnector>
"""

    @classmethod
    def obstacle(cls, options):
        missing = [name for name in ("posternd", "postern-signer")
                   if not built_program(options.build, name)]
        return f"{' and '.join(missing)} not found below {options.build}" if missing else None

    def _start(self):
        material = self.material
        configuration = self.directory / "etc"
        for directory in (configuration / "inbound", configuration / "outbound",
                          self.directory / "state"):
            directory.mkdir(parents=True)
        (configuration / "postern.xml").write_text(self.GATEWAY.format(
            port=self.port, token=material.token_uri, pin=material.pin_file, module=MODULE,
            chain=material.token_chain, key=material.key_uri, ca=material.ca, dir=self.directory))
        (configuration / "inbound" / "bench.xml").write_text(self.INBOUND)
        (configuration / "outbound" / "sink.xml").write_text(self.OUTBOUND.format(
            sink_port=self.sink.port, sink_name=SINK_NAME))
        self.tree.start(
            [built_program(self.options.build, "posternd"), "--config", configuration,
             "--signer", built_program(self.options.build, "postern-signer")],
            self.log, env=material.env)

    def own_signatures(self):
        """Self-tests and what listeners signed are in it, unlike in the sink's count."""
        control = built_program(self.options.build, "posternctl")
        if control is None:
            return None
        status = json.loads(run(control, "--config", self.directory / "etc",
                                "hsm", "status", "--json", env=self.material.env))
        return sum(key["signatures"] for key in status["keys"])


def built_program(build, name):
    """A program of the build tree, in whichever room it is built; None when it is not."""
    for directory in ("", "gateway", "pki"):
        path = Path(build) / directory / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


SYSTEMS = {system.name: system for system in (Direct, Postfix, Stunnel, Postern)}
