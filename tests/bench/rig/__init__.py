# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""The benchmark's parts: workplace, processes, material, sink, systems, loads, table."""
