# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""Waiting that always ends: one place for the limits."""

import time

# Generous, because a sanitizer build on a busy machine is slow; nothing passes by waiting this long.
LIMIT = 20.0


def wait_until(condition, what, limit=LIMIT):
    """Returns the first true value of condition(); fails, saying what was awaited, after limit."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit:.0f} s in vain for {what}")
        time.sleep(0.01)
