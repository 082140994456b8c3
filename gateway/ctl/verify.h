/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl peer verify: the verdict that posternd would give, on a chain from a file or from
 * standard input, without posternd.
 *
 * verify.c asks for one chain, verify-batch.c for a line of JSON at a time, verify-question.c makes
 * a policy and evidence of the words of either. */
#ifndef POSTERN_GATEWAY_CTL_VERIFY_H
#define POSTERN_GATEWAY_CTL_VERIFY_H

#include <jansson.h>

#include "connectors/index.h"
#include "connectors/load.h"
#include "gateway/ctl/arguments.h"
#include "pki/peer.h"

enum {
    VERIFY_NAMES_MAXIMUM = 32,
    VERIFY_TEXT_MAXIMUM = 8 << 20 /* bytes of PEM */
};

/* PEM, from a file or a line. `source` stands in errors. */
struct verify_text {
    const char *bytes; /* NULL: none was given */
    size_t length;
};

/* The words of one question, wherever they come from; all borrowed. */
struct verify_words {
    const char *connector, *purpose, *time; /* NULL: not given */
    const char *names[VERIFY_NAMES_MAXIMUM];
    size_t name_count;
    struct verify_text chain, anchors, lists;
    const char *lists_path; /* instead of `lists`: a file or directory */
};

/* What questions share: the configuration, and the anchors that come again and again. */
struct verify_cache;

/* `directory` is where the configuration would be; it is read when a connector is first named.
 * NULL: no memory. */
struct verify_cache *verify_cache_new(const char *directory);
struct verify_cache *verify_cache_free(struct verify_cache *cache);
DEFINE_CLEANUP(struct verify_cache *, verify_cache_free)

/* The verdict. EX_USAGE, EX_DATAERR or EX_CONFIG when the question makes no sense. A chain in which
 * a certificate cannot be read is refused, as TLS would refuse it. */
int verify_answer(struct verify_cache *cache, const struct verify_words *words,
                  struct pki_peer_verdict *verdict, struct error *error);

/* One client's chain, from a PEM file, to be judged under each inbound connector that wants to know.
 * EX_NOINPUT, EX_DATAERR. */
struct verify_client;
int verify_client_new(const struct conn_config *config, const char *path,
                      struct verify_client **ret, struct error *error);
struct verify_client *verify_client_free(struct verify_client *client);
DEFINE_CLEANUP(struct verify_client *, verify_client_free)
const struct conn_names *verify_client_names(const struct verify_client *client);
/* Until the next call. What cannot be judged is refused, and the reason says so. */
const struct pki_peer_verdict *verify_client_verdict(struct verify_client *client,
                                                     const struct conn_inbound *inbound);

/* The whole file; the caller frees *bytes. EX_NOINPUT, EX_DATAERR, EX_IOERR. */
int verify_read_file(const char *path, char **bytes, struct verify_text *ret, struct error *error);

/* {"outcome":"accepted", …}; NULL: no memory. */
json_t *verify_object(const struct pki_peer_verdict *verdict);

/* peer verify */
int ctl_peer_verify(const struct ctl_arguments *arguments);
/* Lines from standard input; the words of the command line hold for lines that lack them. */
int verify_batch(const struct ctl_arguments *arguments, struct verify_cache *cache,
                 const struct verify_words *defaults);

/* "2026-11-25T02:25:21Z", with a fraction and an offset where they are there; a fraction counts for
 * nothing. False: it is no time, or one before 1970. */
bool verify_time(const char *text, time_t *ret);

#endif
