/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See guess.h. The distance is Levenshtein's, with upper and lower case the same. */
#include "connectors/guess.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "pki/base/cleanup.h"

enum { WORD_MAXIMUM = 64 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int fold(char byte)
{
    return tolower((unsigned char)byte);
}

/* Both words are at most WORD_MAXIMUM bytes. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[WORD_MAXIMUM + 1];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        row[j] = (unsigned)j;
    for (size_t i = 0; a[i]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < width; j++) {
            unsigned above = row[j + 1];
            unsigned changed = diagonal + (fold(a[i]) != fold(b[j]));
            row[j + 1] = least(changed, least(row[j], above) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

void conn_guess_consider(struct conn_guess *guess, const char *candidate)
{
    size_t length = strlen(guess->word);
    if (!length || length > WORD_MAXIMUM || strlen(candidate) > WORD_MAXIMUM)
        return;
    unsigned distance = edit_distance(guess->word, candidate);
    unsigned limit = length < 4 ? 1 : (unsigned)length / 3;
    if (distance > limit || (guess->best && distance >= guess->distance))
        return;
    guess->best = candidate;
    guess->distance = distance;
}

static const struct {
    const char *theirs, *ours;
} synonyms[] = {
    {"AddressSpaces", "RecipientDomains"},
    {"AssociatedAcceptedDomains", "SenderDomains"},
    {"Bindings", "Listener"},
    {"DnsRoutingEnabled", "SmartHosts"},
    {"Fqdn", "HostName"},
    {"MaxInboundConnections", "MaxInboundConnection"},
    {"RemoteIPRanges", "SenderIPAddresses"},
    {"RequireTLS", "RequireTls"},
    {"SourceTransportServers", "InboundConnectors"},
    {"TlsAuthLevel", "TlsSettings"},
    {"TlsDomainCapabilities", "TlsSenderCertificateName"},
    {"TlsSenderCertificateNames", "TlsSenderCertificateName"},
};

const char *conn_guess_synonym(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(synonyms); i++)
        if (strcasecmp(word, synonyms[i].theirs) == 0)
            return synonyms[i].ours;
    return NULL;
}
