/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See peer-hosts.h. */
#include "pki/peer-hosts.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"

DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)

struct list {
    char **items;
    size_t count, maximum;
};

static bool add(struct list *list, const void *bytes, int length)
{
    if (length <= 0 || list->count == list->maximum || memchr(bytes, '\0', (size_t)length))
        return true;
    char *host = strndup(bytes, (size_t)length);
    if (host)
        list->items[list->count++] = host;
    return host;
}

static bool add_alternatives(struct list *list, X509 *leaf)
{
    bool done = true;
    _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names =
        X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; done && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            done = add(list, ASN1_STRING_get0_data(name->d.dNSName),
                       ASN1_STRING_length(name->d.dNSName));
    }
    return done;
}

static bool add_common_names(struct list *list, X509 *leaf)
{
    X509_NAME *subject = X509_get_subject_name(leaf);
    bool done = true;
    int index = -1;
    while (done && (index = X509_NAME_get_index_by_NID(subject, NID_commonName, index)) >= 0) {
        unsigned char *utf8 = NULL;
        int length = ASN1_STRING_to_UTF8(
            &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index)));
        done = length < 0 || add(list, utf8, length);
        OPENSSL_free(utf8);
    }
    return done;
}

long pki_peer_hosts(X509 *leaf, size_t maximum, char ***ret)
{
    struct list list = {.items = calloc(maximum + 1, sizeof *list.items), .maximum = maximum};
    bool done = list.items && add_alternatives(&list, leaf) && add_common_names(&list, leaf);
    ERR_clear_error();
    if (!done) {
        pki_peer_hosts_free(list.items, list.count);
        return -1;
    }
    *ret = list.items;
    return (long)list.count;
}

void pki_peer_hosts_free(char **hosts, size_t count)
{
    for (size_t i = 0; hosts && i < count; i++)
        free(hosts[i]);
    free(hosts);
}
