/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See advice.h. */
#include "connectors/advice.h"

#include "connectors/index.h"
#include "connectors/problems.h"
#include "connectors/rules.h"
#include "pki/lifetime.h"

void conn_advise(struct conn_reader *reader, const struct conn_place *place, bool warning,
                 const struct error *error)
{
    conn_problems_add(reader->problems, warning, place->file, place->line, error);
}

bool conn_relays_anywhere(const struct conn_config *config, const struct conn_inbound *inbound,
                          struct conn_claim *claim)
{
    return conn_index_claim(config, "*", inbound, false, claim) ||
           conn_index_claim(config, "*", NULL, false, claim);
}

/* A connector that asks for no proof at all is refused by rules.c already, unless that is meant. */
static void advise_open_relay(struct conn_reader *reader, const struct conn_inbound *inbound)
{
    struct error error;
    struct conn_claim claim;
    bool all = inbound->range_count ? conn_ranges_have_all(inbound) : inbound->allow_open_relay;
    if (!all || inbound->sender_certificate_names.count || inbound->credentials ||
        conn_listens_to_this_machine_alone(reader->config) ||
        !conn_relays_anywhere(reader->config, inbound, &claim))
        return;
    const char *to = claim.outbound->name ? claim.outbound->name : "?";
    error_set(
        &error, EX_CONFIG,
        "This is an open relay: anyone who reaches a listener can send through this connector, "
        "and '%s' (%s) takes mail to anywhere",
        to, claim.outbound->place.file);
    if (inbound->allow_open_relay)
        error_cure(&error,
                   "that is what AllowOpenRelay says; name the networks of your own servers "
                   "if it is not meant");
    else
        error_cure(&error,
                   "name the networks of your own servers in SenderIPAddresses, or keep '%s' "
                   "for other InboundConnectors; <AllowOpenRelay>true</AllowOpenRelay> says "
                   "that it is meant",
                   to);
    conn_advise(reader, &inbound->place, inbound->allow_open_relay, &error);
}

static int is_star(void *context, const struct conn_claim *claim)
{
    (void)context;
    return claim->key[0] == '*' && !claim->key[1];
}

static void advise_plain_star(struct conn_reader *reader, const struct conn_outbound *outbound)
{
    struct error error;
    if (outbound->tls_settings > CONN_TLS_OPPORTUNISTIC ||
        !conn_claims_of(reader->config, outbound, is_star, NULL))
        return;
    bool none = outbound->tls_settings == CONN_TLS_NONE;
    error_set(&error, EX_CONFIG, "Mail for every domain (*) goes out here, and %s",
              none ? "never with TLS (TlsSettings None)"
                   : "in the clear where the next hop offers no TLS, or somebody on the way takes "
                     "the offer out (TlsSettings Opportunistic)");
    error_cure(&error, "write <TlsSettings>EncryptionOnly</TlsSettings>, or DomainValidation with "
                       "<TlsDomain> and <TrustAnchors>");
    conn_advise(reader, &outbound->place, true, &error);
}

static void advise_one_issuer(struct conn_reader *reader, const struct pki_peer_pair *pairs,
                              size_t count, const struct conn_place *place)
{
    struct error error;
    if (count != 1 || !pairs[0].issuer)
        return;
    error_set(&error, EX_CONFIG,
              "PeerCertificates has one Peer alone, with an Issuer: on the day that the other side "
              "changes its CA no mail will pass here");
    error_cure(&error,
               "add a second <Peer> with the issuer that is to come, or leave <Issuer> out; "
               "posternctl peer list shows what others present");
    conn_advise(reader, place, true, &error);
}

static void advise_lifetime(struct conn_reader *reader, const struct conn_certificate *certificate)
{
    struct pki_lifetime lifetime;
    struct error error;
    char subject[256], text[160];
    if (!certificate->chain || !certificate->name ||
        pki_lifetime_of_chain_file(certificate->chain, 0, &lifetime, subject, sizeof subject,
                                   &error) < 0 ||
        lifetime.severity == PKI_SEVERITY_OK)
        return; /* what cannot be read is told elsewhere */
    error_set(&error, EX_CONFIG, "The certificate '%s' is near its end: %s %s", certificate->name,
              subject, pki_lifetime_text(&lifetime, text, sizeof text));
    error_where(&error, "%s", certificate->chain);
    error_cure(&error, "%s", pki_lifetime_cure(lifetime.stage));
    conn_advise(reader, &certificate->place, true, &error);
}

void conn_give_advice(struct conn_reader *reader)
{
    const struct conn_config *config = reader->config;
    for (size_t i = 0; reader->look_at_files && i < config->certificate_count; i++)
        advise_lifetime(reader, &config->certificates[i]);
    for (size_t i = 0; i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        if (!inbound->enabled)
            continue;
        advise_open_relay(reader, inbound);
        advise_one_issuer(reader, inbound->pairs, inbound->pair_count, &inbound->place);
    }
    for (size_t i = 0; i < config->outbound_count; i++) {
        const struct conn_outbound *outbound = &config->outbound[i];
        if (!outbound->enabled)
            continue;
        advise_plain_star(reader, outbound);
        advise_one_issuer(reader, outbound->pairs, outbound->pair_count, &outbound->place);
    }
    conn_advise_on_ranges(reader);
    conn_advise_on_order(reader);
}
