# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A Debian of our own, to boot or to enter; sourced by check-systemd and check-packages, which have a
# function say and want `set -euo pipefail`.
#
# A tree is made once and stays, so that a second run is quick. It is booted with systemd-nspawn,
# without a network, and what the tests write goes to an overlay in memory, so that the tree stays as it
# was. Its only service runs the tests and switches it off.

# What the tests use under a real systemd, and what Postern links on Debian 12.
# shellcheck disable=SC2034 # for who sources this
readonly machine_packages=(apparmor ca-certificates dbus libidn2-0 libjansson4 libp11-kit0 libssl3
libsystemd0 libxml2 opensc openssl p11-kit p11-kit-modules procps python3 python3-cryptography
python3-pytest softhsm2 systemd systemd-sysv)
readonly machine_inside=/var/lib/postern-check

# debootstrap_tree SUITE TREE PACKAGE...: debootstrap knows no virtual packages: apt does the rest.
debootstrap_tree()
{
    local suite=$1 tree=$2
    shift 2
    [ -e "$tree/.made" ] || {
        rm -rf --one-file-system "$tree"
        debootstrap --variant=minbase "$suite" "$tree" \
            "${POSTERN_DEBIAN_MIRROR:-http://deb.debian.org/debian}" || return
        touch "$tree/.made"
    }
    chroot "$tree" apt-get update -q &&
        DEBIAN_FRONTEND=noninteractive chroot "$tree" apt-get install -q -y --no-install-recommends \
            -o Dpkg::Options::=--force-unsafe-io "$@" &&
        printf '%s\n' "$*" >"$tree/.complete"
}

# make_tree SUITE TREE LOG PACKAGE...: unless it is there with these packages.
make_tree()
{
    local suite=$1 tree=$2 log=$3
    shift 3
    [ "$(cat "$tree/.complete" 2>/dev/null)" != "$*" ] || return 0
    say "making a Debian ($suite) in $tree"
    mkdir -p "$(dirname "$log")" "$(dirname "$tree")"
    debootstrap_tree "$suite" "$tree" "$@" >"$log" 2>&1 || {
        tail -n 20 "$log"
        return 1
    }
}

# copy_tests TREE FOLDER...: folders of tests/, and the harness, to /opt/postern-tests.
copy_tests()
{
    local tree=$1 folder
    shift
    rm -rf --one-file-system "$tree/opt/postern-tests"
    mkdir -p "$tree/opt/postern-tests/e2e"
    cp -R "$source_directory/tests/e2e/harness" "$tree/opt/postern-tests/e2e/"
    for folder; do
        mkdir -p "$(dirname "$tree/opt/postern-tests/$folder")"
        cp -R "$source_directory/tests/$folder" "$tree/opt/postern-tests/$folder"
    done
}

# boot_tests TREE REPORTS PYTEST-ARGUMENT...: what they say is in REPORTS; fails when they do.
boot_tests()
{
    local tree=$1 reports=$2 units=$1/etc/systemd/system
    shift 2
    rm -rf --one-file-system "$reports"
    mkdir -p "$units/multi-user.target.wants" "$reports" "$tree$machine_inside"
    cat >"$units/postern-check.service" <<END
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
TimeoutStartSec=20min
Environment=PYTHONDONTWRITEBYTECODE=1
WorkingDirectory=/opt/postern-tests
StandardOutput=file:$machine_inside/output
StandardError=file:$machine_inside/output
ExecStart=/usr/bin/python3 -m pytest -p no:cacheprovider -q -rfEs $*
ExecStartPost=/usr/bin/touch $machine_inside/passed
END
    ln -sf ../postern-check.service "$units/multi-user.target.wants/postern-check.service"
    say "booting it"
    systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe \
        --machine=postern-check --directory="$tree" --volatile=overlay \
        --bind="$reports:$machine_inside" --boot </dev/null >"$reports/console" 2>&1 ||
        true # whether the tests passed is what they say themselves
    if [ ! -e "$reports/passed" ]; then
        cat "$reports/output" 2>/dev/null || cat "$reports/console"
        return 1
    fi
    tail -n 1 "$reports/output"
}
