/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The signer, seen from posternd: processes that hold keys, PINs and the vendors' modules.
 *
 * Each Token element has a process of its own, and the keys in files share one, so that a module
 * that hangs takes down nobody else's keys. A thread for each starts postern-signer over a
 * SOCK_SEQPACKET pair, or connects to the socket at which systemd starts one for each connection.
 * It receives the answers, gives every request a deadline, and when the process hangs, dies or
 * talks nonsense closes the connection, kills its child, starts or connects again with back-off and
 * opens its live keys anew. A signer ends by itself when its connection closes, also when its
 * module hangs. Any thread may call; callers block, never longer than the deadline. p11-kit and the
 * vendor's module are linked by the signer alone. */
#ifndef POSTERN_PKI_SIGNER_H
#define POSTERN_PKI_SIGNER_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "pki/base/cleanup.h"
#include "pki/base/error.h"
#include "pki/key.h"
#include "pki/wire.h"

struct pki_signer;

struct pki_signer_options {
    const char *program; /* path of postern-signer; it is started with the signer's end as fd 3 */
    const char *socket;  /* path of a SOCK_SEQPACKET to connect to instead, or NULL */
    int log_level;       /* handed to the child as --log-level */
};

/* Starts the first process, or connects to it, and waits for its hello: fails when there is none.
 */
int pki_signer_new(struct pki_signer **ret, const struct pki_signer_options *options,
                   struct error *error);
/* Every call that waits, and every later one, fails at once with EX_TEMPFAIL, and the children are
 * told to end: a token that hangs must not keep posternd from stopping. Any thread. */
void pki_signer_stop(struct pki_signer *signer);
/* No key may be in use any more. Waits for the children, at most two seconds, then kills them. */
struct pki_signer *pki_signer_free(struct pki_signer *signer);
DEFINE_CLEANUP(struct pki_signer *, pki_signer_free)

/* Where a key is. Text is the caller's for the time of the call. */
struct pki_key_source {
    const char *key; /* RFC 7512 URI ("pkcs11:…") or the path of a PEM file ("file:/…" or "/…") */
    const char *token;  /* URI of the Token element it belongs to, or NULL */
    const char *module; /* path of the PKCS#11 module, NULL: by the URI's module-path, else every
                           module that p11-kit's registry names */
    const char *pin_source; /* RFC 7512 pin-source, a path or "file:/…", or NULL: no login */
    unsigned sessions;      /* signatures at a time on this token; 0: 4 */
    unsigned timeout;       /* milliseconds for one request; 0: 5000 */
};

/* Opens a key: the signer logs in once, finds it, signs with every algorithm its type allows, and
 * verifies each signature with `public_key` (from the certificate), as it does every later one
 * before it gives it out. Where several keys fit the URI, the one that belongs to `public_key` is
 * taken. The two halves not belonging together is EX_CONFIG, a refused PIN EX_CONFIG, a token that
 * is not there, or a key that is not on it, EX_UNAVAILABLE. Each step of it has the source's
 * time-out, and a signer that takes longer is started anew. Blocks no longer than four of the
 * source's time-outs and a second. With `wait_for_token`, EX_UNAVAILABLE and EX_TEMPFAIL are no
 * failure: the handle is returned, its `algorithms` are 0, sign answers EX_TEMPFAIL with the
 * reason, and the signer's thread goes on trying with back-off until the key is there (event
 * KEY_READY).
 *
 * A key that was ready once and is lost (a new signer, a dead token, another key on it, a refused
 * PIN) is opened anew with back-off as long as its handle lives, whether anybody asks for
 * signatures or not: every 3 s at the latest, every 8 s where only an administrator can mend it.
 * Until then its `algorithms` are 0 and sign answers EX_TEMPFAIL at once. No PIN is tried twice by
 * that: the signer is told which file held the refused one. After each recovery `algorithms` are
 * what was proved anew. */
int pki_key_open(struct pki_signer *signer, const struct pki_key_source *source,
                 EVP_PKEY *public_key, bool wait_for_token, struct pki_key **ret,
                 struct error *error);

/* The same for a key that is in several places, in the order of preference: two tokens with one
 * key. All are opened; the first whose self-test passed is the active one, of which signatures are
 * asked and whose algorithms the handle has. When it fails, the next one that is ready makes the
 * signature and the ones after it (event KEY_FAILED_OVER); when an earlier one has passed its
 * self-test again, it is the active one again (KEY_CAME_BACK). It is enough that one can be opened,
 * and with `wait_for_token` that one may yet be. A signature that every place is asked for takes as
 * long as all their time-outs together at most. */
enum { PKI_PLACES_MAXIMUM = 8 };
int pki_key_open_places(struct pki_signer *signer, const struct pki_key_source *sources,
                        size_t count, EVP_PKEY *public_key, bool wait_for_token,
                        struct pki_key **ret, struct error *error);

/* Looks for the private key of `public_key` in each source in turn: a Token's URI as `key` (with
 * type=private or without it: any key on the token may be it, whatever its label) or the path of a
 * PEM key file. The first where it is and proves itself by signatures is *ret_index, and *ret_uri
 * (to be freed) names it there: token, object and id, or the path as it was given. EX_CONFIG: every
 * source was looked through, and it is in none; else the first failure of a source that could not
 * be looked through, with its code. Each source takes no longer than four of its time-outs. Nothing
 * stays open. */
int pki_key_find(struct pki_signer *signer, const struct pki_key_source *sources, size_t count,
                 EVP_PKEY *public_key, size_t *ret_index, char **ret_uri, struct error *error);

/* A new key pair on a token: sensitive, not extractable, and made to sign. */
struct pki_key_order {
    enum pki_key_type type;
    const char *label; /* CKA_LABEL of both halves, 1 to PKI_LABEL_MAXIMUM bytes */
    const uint8_t *id; /* CKA_ID of both halves, at most PKI_ID_MAXIMUM bytes; NULL: random */
    size_t id_length;
    unsigned
        deadline; /* milliseconds; 0: twelve of the source's time-outs, and no less than 60 s */
};
/* Makes it on the token that source->token names (source->key is not looked at), and gives its
 * public half and the URI of the private one (to be freed).
 *
 * It is asked once and never again, because a second try would leave a second key; an error that
 * came after the token may have made the key says so and names it. While a key is made, signatures
 * go on in the other threads; a module that does one thing at a time lets them wait, and theirs may
 * fail with EX_TEMPFAIL, but that alone does not count as a hang. When the deadline has passed the
 * process is killed and started again, so that a module that hangs holds up signatures for that
 * long and no longer. One key at a time is made on a token; a second order is EX_TEMPFAIL. */
int pki_key_generate(struct pki_signer *signer, const struct pki_key_source *source,
                     const struct pki_key_order *order, EVP_PKEY **ret_public_key, char **ret_uri,
                     struct error *error);

/* One thing on a token, for people. Text is borrowed; the call is on another thread, which must not
 * be kept. */
typedef void pki_found(void *context, enum pki_found_kind kind, bool logged_in, const char *uri,
                       const char *text);
/* What is on the token that source->token names: itself, then keys and certificates. Nothing is
 * found any more when it has returned. Blocks no longer than four of the source's time-outs. */
int pki_token_list(struct pki_signer *signer, const struct pki_key_source *source, pki_found *found,
                   void *context, struct error *error);

/* What `posternctl hsm status` shows. All counts are since posternd started. Text is cut to fit. */
struct pki_key_status {
    char key[512], token[128], module[256], manufacturer[64], model[64], serial[32];
    char type[32];        /* "RSA 2048", "EC P-256", "Ed25519" */
    char algorithms[256]; /* names as RFC 8446 has them, with spaces */
    bool ready, logged_in;
    uint64_t signatures, errors;
    uint64_t recoveries;              /* requests that needed one */
    uint64_t steps[PKI_RECOVERY_END]; /* how often each step of the ladder was taken for this key */
    uint32_t median_microseconds, p99_microseconds; /* of the last 1024 signatures; 0: none yet */
    unsigned place, places;                         /* 1 of 1: the key is nowhere else */
    bool active;                                    /* ready, and no earlier place is */
    uint64_t failovers,
        comebacks; /* how often it ceased to be active for a later place, and was again */
    char last_error[640], cure[384]; /* empty: none */
};
enum { PKI_PROCESSES_MAXIMUM = 32 };
struct pki_process_status {
    char serves[512];       /* "key files", or module and token; empty: nothing yet */
    int pid;                /* as it said itself when it is no child of ours; 0: not running */
    uint64_t starts;        /* how often it was started or connected to */
    unsigned keys, waiting; /* open keys; requests not answered yet */
};
struct pki_signer_status {
    int pid;         /* of the first that runs; 0: none does */
    uint64_t starts; /* of all together, as the numbers that follow */
    unsigned keys, waiting;
    unsigned processes;
    struct pki_process_status process[PKI_PROCESSES_MAXIMUM];
};
/* Fills up to `room` key states, returns how many keys there are. Does not talk to a process. */
unsigned pki_signer_status(struct pki_signer *signer, struct pki_signer_status *status,
                           struct pki_key_status *keys, unsigned room);

#endif
