# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The results as text: one table a kind of load, the ratios, and each target with its verdict.

`results` is {load name: {system name: result, or {"failed": text}}}, as loads.py makes them."""

from .loads import LOADS, MessageLoad

# Title, key of the result, format.
MESSAGE_COLUMNS = (
    ("messages", "messages", "{:,.0f}"),
    ("messages/s", "messages_s", "{:,.0f}"),
    ("CPU µs/message", "cpu_us", "{:,.0f}"),
    ("signatures/1000", "signatures_per_1000", "{:,.1f}"),
    ("warm", "warm_signatures_per_1000", "{:,.1f}"),
    ("resumed/1000", "resumed_per_1000", "{:,.1f}"),
    ("peak MB", "memory_peak_mb", "{:,.1f}"),
    ("sink µs", "sink_cpu_us", "{:,.0f}"),
    ("source µs", "source_cpu_us", "{:,.0f}"),
)
IDLE_COLUMNS = (
    ("sessions", "sessions", "{:,.0f}"),
    ("kB/session", "kb_a_session", "{:,.1f}"),
    ("CPU µs/session", "cpu_us", "{:,.0f}"),
    ("total MB", "memory_peak_mb", "{:,.1f}"),
)


def cell(result, key, pattern):
    if key == "memory_peak_mb":
        return pattern.format(result["memory_peak_kb"] / 1024)
    return pattern.format(result[key])


def lines_of_load(load, by_system):
    columns = MESSAGE_COLUMNS if isinstance(load, MessageLoad) else IDLE_COLUMNS
    rows = [["system", *(title for title, _, _ in columns)]]
    remarks = []
    for system, result in by_system.items():
        if "failed" in result:
            remarks.append(f"  {system}: not measured: {result['failed']}")
            continue
        rows.append([system, *(cell(result, key, pattern) for _, key, pattern in columns)])
        if result.get("signatures_by_its_own_count") is not None:
            remarks.append(f"  {system}: its key made {result['signatures_by_its_own_count']} "
                           f"signatures by its own count, self-tests included; the sink saw "
                           f"{result['signatures']}")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    yield ""
    yield f"{load.title} ({load.name})"
    for row in rows:
        yield "  " + "  ".join(
            [row[0].ljust(widths[0])] + [text.rjust(w) for text, w in zip(row[1:], widths[1:])])
    yield from remarks


def value(results, load, system, key):
    """One figure, or None when it was not measured."""
    return results.get(load, {}).get(system, {}).get(key)


def ratio(results, load, key, other):
    ours, theirs = value(results, load, "postern", key), value(results, load, other, key)
    return ours / theirs if ours is not None and theirs else None


# What is wanted, the figure, whether more is better, the bound, how the figure is written.
TARGETS = (
    ("new: messages/s against stunnel", lambda r: ratio(r, "new", "messages_s", "stunnel"),
     True, 8, "{:.2f} ×"),
    ("new: messages/s against Postfix", lambda r: ratio(r, "new", "messages_s", "postfix"),
     True, 10, "{:.2f} ×"),
    ("kept: CPU a message against stunnel", lambda r: ratio(r, "kept", "cpu_us", "stunnel"),
     False, 1, "{:.2f} ×"),
    ("large: CPU a message against stunnel", lambda r: ratio(r, "large", "cpu_us", "stunnel"),
     False, 1, "{:.2f} ×"),
    ("new: signatures per 1000 messages",
     lambda r: value(r, "new", "postern", "signatures_per_1000"), False, 10, "{:.2f}"),
    ("kept: signatures per 1000 messages",
     lambda r: value(r, "kept", "postern", "signatures_per_1000"), False, 10, "{:.2f}"),
    ("large: signatures per 1000 messages",
     lambda r: value(r, "large", "postern", "signatures_per_1000"), False, 10, "{:.2f}"),
    ("idle: memory a plain session",
     lambda r: value(r, "idle", "postern", "kb_a_session"), False, 40, "{:.1f} kB"),
    ("idle-tls: memory a session with TLS",
     lambda r: value(r, "idle-tls", "postern", "kb_a_session"), False, 100, "{:.1f} kB"),
)


def verdicts(results):
    """(what, figure or None, bound as text, met) for each target whose load was asked for."""
    for what, figure_of, more_is_better, bound, pattern in TARGETS:
        if what.split(":")[0] not in results:
            continue
        figure = figure_of(results)
        met = figure is not None and (figure >= bound if more_is_better else figure <= bound)
        wanted = ("at least " if more_is_better else "at most ") + pattern.format(bound)
        yield what, None if figure is None else pattern.format(figure), wanted, met


def lines_of_ratios(results):
    yield ""
    yield "Postern against the others (messages/s; CPU a message)"
    for load in results:
        if not isinstance(LOADS[load], MessageLoad):
            continue
        for other in ("stunnel", "postfix"):
            pace, cost = (ratio(results, load, key, other) for key in ("messages_s", "cpu_us"))
            if pace is not None:
                yield f"  {load:<6} {other:<8} {pace:8.2f} ×   {cost:8.2f} ×"


def lines_of_targets(results):
    yield ""
    yield "Targets"
    for what, figure, wanted, met in verdicts(results):
        verdict = "not measured" if figure is None else "met" if met else "NOT MET"
        yield f"  {what:<38} {figure or '-':>10}   {wanted:<18} {verdict}"


def render(results):
    lines = []
    for name, by_system in results.items():
        lines += lines_of_load(LOADS[name], by_system)
    if any("postern" in by_system for by_system in results.values()):
        lines += lines_of_ratios(results)
        lines += lines_of_targets(results)
    return "\n".join(lines)
