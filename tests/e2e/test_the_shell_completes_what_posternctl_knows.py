# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "Shell completion (bash, zsh) for all of it, completing connector and identity names"."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from harness import xml
from harness.gateway import POSTERNCTL, POSTERND, SOURCE

COMPLETIONS = SOURCE / "packaging/completions"

# What Ctrl-G shows is the line as the shell has it.
BASH = f"""
bind 'set show-all-if-ambiguous on'; bind 'set enable-bracketed-paste off'
bind -x '"\\C-g": printf "\\n<<%s>>" "$READLINE_LINE"'
source {COMPLETIONS}/posternctl.bash; source {COMPLETIONS}/posternd.bash
"""
ZSH = f"""
fpath=({COMPLETIONS} $fpath); autoload -Uz compinit; compinit -u -D
show() {{ print; print -rn -- "<<$BUFFER>>" }}; zle -N show; bindkey '^G' show
unsetopt zle_bracketed_paste 2>/dev/null; setopt no_list_beep no_always_last_prompt
"""


class Shell:
    """One at a terminal of its own, with our programs in its PATH."""

    def __init__(self, name, gateway, tmp_path):
        command, setup = {
            "bash": (["bash", "--norc", "--noprofile", "-i"], BASH),
            "zsh": (["zsh", "-f", "-i"], ZSH),
        }[name]
        script = tmp_path / f"setup.{name}"
        script.write_text(setup)
        self.ours, theirs = pty.openpty()
        environment = {
            **gateway.environment, "HOME": str(tmp_path), "TERM": "dumb", "INPUTRC": "/dev/null",
            "PATH": f"{POSTERNCTL.parent}:{POSTERND.parent}:{os.environ['PATH']}",
        }
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=tmp_path,
            start_new_session=True,
        )
        os.close(theirs)
        self.write(f". {script}; printf '%s%s' '<<rea' 'dy>>'\n")
        self.read_until(r"<<ready>>")

    def write(self, text):
        os.write(self.ours, text.encode())

    def read_until(self, pattern):
        text, end = "", time.monotonic() + 60
        while not (found := re.search(pattern, text, re.DOTALL)):
            assert time.monotonic() < end, text
            if select.select([self.ours], [], [], 1)[0]:
                text += os.read(self.ours, 65536).decode(errors="replace")
        return found

    def complete(self, typed):
        """The line after a Tab; what was typed is thrown away again."""
        self.write(typed + "\t\x07")
        line = self.read_until(r"<<([^>\r\n]*)>>").group(1)
        self.write("\x15")
        return line

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def gateway(postern, pki):
    gateway = postern(
        xml.inbound("exchange"),
        xml.inbound("devices"),
        xml.outbound("tenant", ["127.0.0.1:1"]),
        certificates={"hybrid": (pki.gateway.chain, pki.gateway.key)},
        start=False,
    )
    gateway.configure()
    return gateway


@pytest.fixture(params=["bash", "zsh"])
def shell(request, gateway, tmp_path):
    shell = Shell(request.param, gateway, tmp_path)
    yield shell
    shell.close()


def test_a_shell_completes_every_kind_of_word(shell, gateway, tmp_path):
    (tmp_path / "connector-file.xml").write_text("")
    (tmp_path / "some-folder").mkdir()
    here = f"posternctl --config {gateway.directory}"
    for typed, line in [
        ("posternctl outb", "posternctl outbound "),
        ("posternctl inbound ena", "posternctl inbound enable "),
        ("posternctl cert rol", "posternctl cert rollback "),
        ("posternctl inbound list --js", "posternctl inbound list --json "),
        (f"{here} inbound disable dev", f"{here} inbound disable devices "),
        (f"{here} outbound show te", f"{here} outbound show tenant "),
        (f"{here} cert show hy", f"{here} cert show hybrid "),
        (f"{here} hsm test hy", f"{here} hsm test hybrid "),
        (f"{here} peer list --connector dev", f"{here} peer list --connector devices "),
        (f"{here} outbound set tenant UseM", f"{here} outbound set tenant UseMXRecord="),
        (f"{here} outbound set tenant usem", f"{here} outbound set tenant UseMXRecord="),
        (f"{here} outbound set tenant TlsSettings=Enc",
         f"{here} outbound set tenant TlsSettings=EncryptionOnly "),
        (f"{here} outbound set tenant Enabled=true TlsCertificateName=",
         f"{here} outbound set tenant Enabled=true TlsCertificateName=hybrid "),
        (f"{here} outbound set tenant InboundConnectors+=exchange,d",
         f"{here} outbound set tenant InboundConnectors+=exchange,devices "),
        ("posternctl inbound add conn", "posternctl inbound add connector-file.xml "),
        ("posternctl config check some", "posternctl config check some-folder/"),
        ("posternctl --config some", "posternctl --config some-folder/"),
        ("posternd --check", "posternd --check-config "),
        ("posternd --config some", "posternd --config some-folder/"),
        ("posternd --log-level warn", "posternd --log-level warning "),
    ]:
        assert shell.complete(typed).rstrip() == line.rstrip(), typed


def words(gateway, *typed):
    done = subprocess.run(
        [str(POSTERNCTL), "complete", *typed], env=gateway.environment, capture_output=True,
        timeout=20,
    )
    assert done.returncode == 0 and not done.stderr, done
    return [row.split("\t")[0] for row in done.stdout.decode().splitlines()]


def test_all_nouns_and_verbs_of_the_help_are_offered(gateway):
    shown = subprocess.run([str(POSTERNCTL), "--help"], capture_output=True, text=True).stdout
    rows = [row.split() for row in re.findall(r"^  ([a-z].*)$", shown, re.MULTILINE)]
    nouns = list(dict.fromkeys(row[0] for row in rows))
    assert words(gateway, "") == nouns
    for noun in nouns:
        for verb in words(gateway, noun, ""):
            assert [noun, verb] in [row[:2] for row in rows] or verb.startswith(":")
    assert words(gateway, "inbound", "") == [
        "list", "show", "add", "set", "remove", "enable", "disable", "explain"
    ]


def test_options_are_those_that_the_command_takes(gateway):
    assert "--dry-run" in words(gateway, "inbound", "set", "x", "--")
    assert "--dry-run" not in words(gateway, "inbound", "list", "--")
    assert words(gateway, "inbound", "list", "--config=") == [":directories"]


def test_every_property_is_offered_and_lists_can_be_added_to(gateway):
    offered = words(gateway, "inbound", "set", "exchange", "")
    assert {"RequireTls=", "SenderDomains=", "SenderDomains+=", "SenderDomains-="} <= set(offered)
    assert "RequireTls+=" not in offered and "SmartHosts=" not in offered
    assert words(gateway, "inbound", "set", "exchange", "RequireTls=") == [
        "RequireTls=false", "RequireTls=true"
    ]


def test_a_file_with_a_fault_still_has_its_name(gateway):
    path = gateway.directory / "inbound/devices.xml"
    path.write_text(path.read_text().replace("RequireTls", "Nonsense", 1))
    config = f"--config={gateway.directory}"
    assert sorted(words(gateway, config, "inbound", "show", "")) == ["devices", "exchange"]


def test_where_the_files_cannot_be_read_posternd_is_asked(postern):
    gateway = postern(xml.inbound("exchange"), xml.outbound("tenant", ["127.0.0.1:1"]))
    socket = f"--socket={gateway.control}"
    elsewhere = f"--config={gateway.directory}/nowhere"
    assert words(gateway, elsewhere, socket, "outbound", "show", "") == ["tenant"]
    assert words(gateway, elsewhere, socket, "cert", "show", "") == ["hybrid"]


def test_nothing_is_offered_and_nothing_said_where_nothing_is_known(gateway):
    for typed in (
        [], ["nonsense", ""], ["inbound", "nonsense", ""], ["inbound", "set", "x", "Nonsense="],
        ["status", ""], ["--config", "/nowhere", "inbound", "show", ""],
    ):
        assert words(gateway, *typed) == ([] if typed else words(gateway, ""))


def test_make_install_puts_them_where_shells_look(tmp_path):
    from harness.gateway import BUILD

    done = subprocess.run(
        ["make", "-s", "-C", str(BUILD), f"DESTDIR={tmp_path}", "install-bash-completions",
         "install-dist_zshcompletionDATA"],
        capture_output=True, text=True,
    )
    assert done.returncode == 0, done
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    ends = {
        "bash-completion/completions/posternctl", "bash-completion/completions/posternd",
        "zsh/site-functions/_posternctl", "zsh/site-functions/_posternd",
    }
    assert all(any(one.endswith(end) for one in found) for end in ends), found
