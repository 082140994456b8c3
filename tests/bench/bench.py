#!/usr/bin/python3
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Measures Postern, Debian's Postfix and Debian's stunnel under the same loads: see README.md.

Everything it starts ends with it, everything it writes is below one directory in /tmp, and all
traffic stays on the loopback. It installs nothing."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rig.keeper import remove_cgroup
from rig.loads import LOADS, raise_descriptor_limit
from rig.material import Material
from rig.processes import make_cgroup
from rig.sink import Sink
from rig.systems import SYSTEMS, built_program
from rig.table import render, verdicts
from rig.workplace import BenchError, missing_packages

NEEDED_BY_ALL = ("openssl", "softhsm2-util", "pkcs11-tool", "smtp-source",
                 "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/engines-3/pkcs11.so")
QUICK_COUNTS = {"new": 300, "kept": 600, "large": 30, "idle": 100, "idle-tls": 50}


def names(allowed):
    def parse(text):
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)}: not among {', '.join(allowed)}")
        return [name for name in allowed if name in wanted]
    return parse


def counts(text):
    pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
    if len(pairs) != len(text.split(",")) or set(pairs) - set(LOADS) or not all(
            number.isdigit() and int(number) > 0 for number in pairs.values()):
        raise argparse.ArgumentTypeError(f"{text}: give LOAD=NUMBER,… for {', '.join(LOADS)}")
    return {name: int(number) for name, number in pairs.items()}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=Path("."), metavar="DIR",
                        help="the build tree [.]")
    parser.add_argument("--quick", action="store_true",
                        help="few messages: shows that it works, measures nothing")
    parser.add_argument("--only", type=names(LOADS), default=list(LOADS), metavar="LOAD,…",
                        help=f"these loads only: {', '.join(LOADS)}")
    parser.add_argument("--systems", type=names(SYSTEMS), default=list(SYSTEMS), metavar="NAME,…",
                        help=f"these systems only: {', '.join(SYSTEMS)}")
    parser.add_argument("--counts", type=counts, default={}, metavar="LOAD=N,…",
                        help="so many messages or sessions, instead of --seconds")
    parser.add_argument("--seconds", type=float, default=8, metavar="N",
                        help="how long a measured run should take [8]")
    parser.add_argument("--rounds", type=int, default=1, metavar="N",
                        help="measure so many times, in turn, and show the median [1]")
    parser.add_argument("--sessions", type=int, default=32, metavar="N",
                        help="sessions of smtp-source at a time [32]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there too")
    parser.add_argument("--keep", action="store_true",
                        help="keep the working directory with configurations and logs")
    parser.add_argument("--no-cgroups", dest="cgroups", action="store_false",
                        help="count processor time by /proc alone")
    options = parser.parse_args()
    check_numbers(parser, options)
    if options.quick:
        options.counts = {**QUICK_COUNTS, **options.counts}
    return options


def check_numbers(parser, options):
    if options.rounds < 1 or options.sessions < 1 or options.seconds <= 0:
        parser.error("--rounds, --sessions and --seconds must be more than nothing")


def say(text):
    print(text, file=sys.stderr, flush=True)


def check_tools(options):
    needs = set(NEEDED_BY_ALL)
    for name in options.systems:
        needs.update(SYSTEMS[name].needs)
    missing = missing_packages(needs)
    if missing:
        raise BenchError("missing; as root: apt-get install " + " ".join(missing))
    sink = built_program(options.build / "tests" / "bench", "bench-sink")
    if sink is None:
        raise BenchError(f"bench-sink is not built below {options.build}: use `make bench`")
    return sink


def describe_accounting(options):
    """Says once where processor times come from."""
    group = make_cgroup("probe") if options.cgroups else None
    if group:
        remove_cgroup(group)
        return "a cgroup of each system"
    return "/proc, over each system's process tree"


def measure_one(load, system_class, material, sink_program, place, options):
    """One load on one system, below a directory to make; None if the two do not go together."""
    if not load.suits(system_class):
        return None
    obstacle = system_class.obstacle(options)
    if obstacle:
        raise BenchError(obstacle)
    place.mkdir()
    with Sink(sink_program, material, place, plain_too=system_class.name == "direct") as sink:
        with system_class(material, place / "system", options).run_with(sink) as system:
            return load.measure(system, sink, options)


def measure_or_say(load, system_name, material, sink_program, directory, options):
    try:
        return measure_one(load, SYSTEMS[system_name], material, sink_program, directory, options)
    except BenchError as error:
        say(f"bench: {load.name}: {system_name}: {error}")
        return {"failed": str(error)}


def middle(rounds):
    """The median round by what the load is about; a round that failed is not hidden by others."""
    failed = [result for result in rounds if "failed" in result]
    if failed:
        return failed[0]
    key = "messages_s" if "messages_s" in rounds[0] else "kb_a_session"
    return sorted(rounds, key=lambda result: result[key])[len(rounds) // 2]


def measure_all(material, sink_program, directory, options):
    """{load: {system: its median round}}. In each round every system has its turn, so that a busy
    minute of the machine does not fall on one of them alone."""
    results = {}
    for load_name in options.only:
        rounds = {name: [] for name in options.systems}
        for number in range(1, options.rounds + 1):
            for name in options.systems:
                say(f"bench: {load_name}: {name}, round {number} of {options.rounds}")
                place = directory / f"{load_name}-{name}-{number}"
                rounds[name].append(measure_or_say(LOADS[load_name], name, material, sink_program,
                                                   place, options))
        results[load_name] = {name: middle(each) for name, each in rounds.items()
                              if None not in each}
    return results


def work_in_temporary_directory(stack, options):
    directory = Path(tempfile.mkdtemp(prefix="pb-", dir="/tmp"))
    directory.chmod(0o755)  # Postfix's own user must get through
    if options.keep:
        say(f"bench: everything stays in {directory}")
    else:
        stack.callback(lambda: shutil.rmtree(directory, ignore_errors=True))
    return directory


def end_orderly(number, _frame):
    raise SystemExit(128 + number)


def bench(options):
    sink_program = check_tools(options)
    raise_descriptor_limit()
    with ExitStack() as stack:
        directory = work_in_temporary_directory(stack, options)
        say("bench: making certificates and a token")
        material = Material(directory / "pki")
        results = measure_all(material, sink_program, directory, options)
    print(f"Processor time: {describe_accounting(options)}. Memory: PSS. "
          f"{os.cpu_count()} processors, {options.sessions} sessions at a time, "
          f"median of {options.rounds} round(s).")
    print(render(results))
    if options.quick:
        print("\nA quick run: the figures mean nothing.")
    if options.json:
        options.json.write_text(json.dumps(
            {"results": results,
             "targets": [{"target": what, "figure": figure, "wanted": wanted, "met": met}
                         for what, figure, wanted, met in verdicts(results)]}, indent=2) + "\n")
    failed = any("failed" in result for by_system in results.values()
                 for result in by_system.values())
    return 1 if failed else 0


def main():
    options = parse_options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_orderly)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        return bench(options)
    except BenchError as error:
        say(f"bench: {error}")
        return 1
    except KeyboardInterrupt:
        say("bench: interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
