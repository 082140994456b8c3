# SPDX-FileCopyrightText: 2026 The Postern developers
# SPDX-License-Identifier: Apache-2.0
"""What the tests drive Postern with: a PKI, a token, a gateway, a cloud that misbehaves, a client.

Everything is made in a temporary directory and listens on the loopback alone. Each part stands by
itself (the cloud and the client can talk to each other without a gateway between them), every wait
is bounded, and whatever was started is stopped when the test ends, however it ends.
"""
