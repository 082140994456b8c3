/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the workers count together: open sessions, and messages a minute, of a client's address or
 * of all addresses, at the gateway or at one connector.
 *
 * One table for the process, in shards with a lock each, held for a few instructions. A row is made
 * when it is first needed; a row with open sessions stays, of the others the one used longest ago
 * makes room. IPv6 addresses count by their /64, which is what one customer is given. Any thread.
 */
#ifndef POSTERN_GATEWAY_COUNTERS_H
#define POSTERN_GATEWAY_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    COUNTERS_SHARDS = 16,
    COUNTERS_ROWS = 16384 /* of a shard, at most; about 80 bytes each */
};

struct counters_key {
    uint64_t owner, high, low;
};
/* `owner`: a connector's name, "" for the gateway. `address` NULL: of all addresses together. */
struct counters_key counters_key(const char *owner, const struct sockaddr *address);

struct counter; /* a session's place in a row */
enum counters_result { COUNTERS_TAKEN, COUNTERS_OVER, COUNTERS_EXHAUSTED };

/* One session more, unless `most` are open; it keeps *ret until counters_leave(). EXHAUSTED: no
 * memory, or every row of the shard is in use. */
enum counters_result counters_enter(const struct counters_key *key, unsigned most,
                                    struct counter **ret);
void counters_leave(struct counter *counter); /* bears NULL */

/* One message more at `now`, in monotonic milliseconds: false when there were `a_minute` already.
 * As many as that may come at once; each then makes room again in its share of a minute. */
bool counters_take_message(const struct counters_key *key, unsigned a_minute, int64_t now);

/* How many rows there are; for tests. */
unsigned counters_rows(void);
void counters_forget(void); /* every row without sessions; for tests */

#endif
