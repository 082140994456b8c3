# shellcheck shell=bash
# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
#
# What every part of the demo uses: talking, failing with a plain sentence, and waiting with an end.
# Sourced by run; $demo is the demo's own directory.

say()
{
    printf '%s\n' "$*"
}

step()
{
    printf '\n== %s\n' "$*"
}

# The first thing that did not happen, once, and where to read on.
fail()
{
    trap - ERR
    failed=yes
    printf '\ndemo: %s\n' "$*" >&2
    exit 1
}

# await SECONDS COMMAND…: until the command succeeds; false when it did not in time.
await()
{
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# fill TEMPLATE TARGET: puts the demo's values in the place of @NAMES@.
fill()
{
    local words=() name
    for name in "${template_names[@]}"; do
        words+=(-e "s|@$name@|${!name}|g")
    done
    sed "${words[@]}" "$1" >"$2"
    if grep -q '@[A-Z_]*@' "$2"; then
        fail "the template $1 asks for something unknown: $(grep -o '@[A-Z_]*@' "$2" | head -n 1)"
    fi
}

# Text of standard input folded at 92 columns behind four spaces.
indent()
{
    fold -s -w 92 | sed 's/^/    /'
}
