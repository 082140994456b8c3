# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Issue: "the signer runs under its own user where systemd allows, with its own sandbox"."""

import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import effective_capabilities

NET_BIND_SERVICE = 1 << 10


def test_it_crosses(service):
    service.ctl("start", "posternd")
    assert service.show("ActiveState") == "active"
    assert "Mail flows" in service.show("StatusText")
    assert service.send() == 250
    assert service.far.last.connection.certificate == service.ours.der
    assert service.signer_pids() == [service.hsm()["signer"]["pid"]]


def as_user(name, *command):
    command = ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", *command]
    return subprocess.run(command, capture_output=True, timeout=60).returncode == 0


def test_posternds_user_cannot_reach_into_it(service):
    service.ctl("start", "posternd")
    (pid,) = service.signer_pids()
    credentials = f"/run/credentials/{next(pathlib.Path('/run/credentials').glob('postern-signer@*')).name}"
    for path in (f"/proc/{pid}/mem", f"/proc/{pid}/environ", f"{credentials}/hsm-pin"):
        assert os.path.exists(path)
        assert not as_user("postern", "head", "-c", "1", path), path
    assert not as_user("postern", "ls", "/var/lib/postern-signer")
    assert not as_user("postern", "kill", "-0", str(pid))
    assert not as_user("nobody", "test", "-w", "/run/postern-signer/signer.sock")


def namespaces(pid):
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in ("net", "user", "mnt")}


def test_it_has_no_network_and_no_capability(service):
    service.ctl("start", "posternd")
    (pid,) = service.signer_pids()
    ours, its = namespaces("self"), namespaces(pid)
    assert all(ours[name] != its[name] for name in ours)
    assert effective_capabilities(pid) == 0
    assert effective_capabilities(service.main_pid) == NET_BIND_SERVICE


@pytest.mark.parametrize("folder", ["/dev/shm", "/var/lib/postern", "/run/elsewhere"])
def test_it_loads_no_code_that_posternd_could_have_written(service, folder):
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    module = shutil.copy("/usr/lib/softhsm/libsofthsm2.so", f"{folder}/module.so")
    modes = "[Service]\nRuntimeDirectoryMode=0755\nStateDirectoryMode=0755\n"
    service.drop_in("posternd.service", modes)
    service.configure(module=module)
    service.ctl("start", "posternd", check=False)
    (event,) = service.events(POSTERN_EVENT="config-error")
    assert "cannot be loaded" in event["POSTERN_ERROR"]
    assert os.path.exists(module)
    os.unlink(module)


def test_with_socket_activation_posternd_has_none_either(service):
    service.without_capabilities()
    service.ctl("start", "posternd.socket")
    assert service.send() == 250
    assert effective_capabilities(service.main_pid) == 0
