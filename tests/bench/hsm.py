#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Measures Postern with a token that is slow: many sessions open at once, each needs a signature, and
others beside them need none. See README.md.

Everything it starts ends with it, everything it writes is below one directory in /tmp, and all
traffic stays on the loopback. It installs nothing."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rig.hsm import SlowMaterial, SlowPostern, measure
from rig.loads import raise_descriptor_limit
from rig.sink import Sink
from rig.systems import built_program
from rig.workplace import BenchError, missing_packages

NEEDS = ("openssl", "softhsm2-util", "pkcs11-tool", "smtp-source",
         "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/engines-3/pkcs11.so")
SHARE_WANTED, P99_WANTED = 0.80, 50


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=Path, default=Path("."), metavar="DIR",
                        help="the build tree [.]")
    parser.add_argument("--sessions", default="1,4,16", metavar="N,…",
                        help="of the Token element, one row each [1,4,16]")
    parser.add_argument("--storm", type=int, default=200, metavar="N",
                        help="sessions that open at once [200]")
    parser.add_argument("--bystanders", type=int, default=8, metavar="N",
                        help="sessions beside them [8]")
    parser.add_argument("--milliseconds", type=int, default=20, metavar="N",
                        help="what a signature takes the token [20]")
    parser.add_argument("--seconds", type=float, default=10, metavar="N",
                        help="how long a row should take [10]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    options = parser.parse_args()
    options.cgroups = False
    return options


def measure_row(material, program, directory, sessions, options):
    place = directory / f"sessions-{sessions}"
    place.mkdir()
    count = max(options.storm, int(sessions * 1000 / options.milliseconds * options.seconds))
    with Sink(program, material, place, resumption=False) as sink:
        with Sink(program, material, place, plain_too=True, threads=1, name="near") as near:
            system = SlowPostern(material, place / "system", options, sessions, near)
            with system.run_with(sink):
                return measure(system, sink, sessions, count, options)


def show(rows, options):
    print(f"{options.storm} sessions opening at once, {options.milliseconds} ms a signature; beside "
          f"them {options.bystanders} sessions that need none.")
    print(f"{'Sessions':>8} {'handshakes/s':>12} {'possible':>9} {'share':>6} {'idle':>5}   "
          f"{'p50 ms':>7} {'p99 ms':>7} {'most ms':>7} {'quiet p99':>9}")
    for row in rows:
        print(f"{row['sessions']:8} {row['handshakes_s']:12.1f} {row['possible_s']:9.0f} "
              f"{row['share']:6.0%} {row['idle']:5.0%}   {row['beside_median_ms']:7.2f} "
              f"{row['beside_p99_ms']:7.1f} "
              f"{row['beside_most_ms']:7.1f} {row['quiet_p99_ms']:9.1f}")
    for row in rows:
        met = row["share"] >= SHARE_WANTED and row["beside_p99_ms"] < P99_WANTED
        limit = "" if met or row["idle"] > 0.05 else " (the processors were the limit)"
        print(f"{'met' if met else 'NOT MET'}: Sessions={row['sessions']}: at least "
              f"{SHARE_WANTED:.0%} of the possible, p99 beside it under {P99_WANTED} ms{limit}")


def bench(options):
    missing = missing_packages(NEEDS)
    if missing:
        raise BenchError("missing; as root: apt-get install " + " ".join(missing))
    program = built_program(options.build / "tests" / "bench", "bench-sink")
    if not program or not (options.build / "tests" / "test-token-module.so").exists():
        raise BenchError(f"bench-sink or test-token-module.so is not built below {options.build}: "
                         "use `make bench-hsm`")
    raise_descriptor_limit()
    directory = Path(tempfile.mkdtemp(prefix="pb-", dir="/tmp"))
    try:
        material = SlowMaterial(directory / "pki", options.milliseconds)
        rows = [measure_row(material, program, directory, int(sessions), options)
                for sessions in options.sessions.split(",")]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show(rows, options)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


def end_orderly(number, _frame):
    raise SystemExit(128 + number)


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_orderly)
    try:
        bench(parse_options())
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
