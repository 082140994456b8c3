/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl peer accept: asks posternd what was presented, adds the pair to the connector's file
 * as the administrator, who may write there, and has posternd take it up. The whole configuration
 * is loaded with the change before the change is made; when posternd does not take it, the file is
 * as it was. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connectors/load.h"
#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/change.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/edit.h"
#include "gateway/ctl/show.h"
#include "pki/names.h"

enum { QUICK = 30 };

DEFINE_CLEANUP(X509_NAME *, X509_NAME_free)

struct acceptance {
    const struct ctl_arguments *arguments;
    struct ctl_change change;
    json_t *answer; /* of peer-show */
    json_t *peer;   /* in it */
    const char *connector, *direction;
    X509_NAME *subject, *issuer; /* NULL where the certificate has none */
};

static void clear(struct acceptance *acceptance)
{
    json_decref(acceptance->answer);
    X509_NAME_free(acceptance->subject);
    X509_NAME_free(acceptance->issuer);
    ctl_change_clear(&acceptance->change);
}

/* --- which --- */

static int choose_connector(struct acceptance *acceptance, struct error *error)
{
    const json_t *peers = json_object_get(acceptance->answer, "peers");
    char names[600] = "";
    size_t used = 0;
    acceptance->peer = json_array_get(peers, 0);
    if (json_array_size(peers) == 1)
        return 0;
    for (size_t i = 0; i < json_array_size(peers) && used < sizeof names; i++) {
        const json_t *peer = json_array_get(peers, i);
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s/%s", i ? ", " : "",
                                 text_of(peer, "direction"), text_of(peer, "connector"));
    }
    error_set(error, EX_USAGE, "This certificate was presented to several connectors: %s", names);
    return error_cure(error, "--connector with one of them");
}

/* Only where subject and issuer are what it depends on does a pair more change anything. */
static int check_use(const struct acceptance *acceptance, struct error *error)
{
    const json_t *peer = acceptance->peer;
    if (json_is_true(json_object_get(peer, "pair_decides")) && has_text(peer, "xml"))
        return 0;
    if (strcmp(text_of(peer, "verdict"), "accepted") == 0 &&
        !json_is_true(json_object_get(peer, "pair_decides"))) {
        error_set(error, EX_DATAERR,
                  "The connector %s accepts any certificate: it has no use for a "
                  "subject and issuer",
                  acceptance->connector);
        return error_cure(error,
                          "choose TlsSettings CertificateValidation or DomainValidation first");
    }
    if (json_is_true(json_object_get(peer, "pair_decides"))) {
        error_set(error, EX_DATAERR, "Its subject and issuer are too long, or empty");
        return error_cure(error, "write the Peer into the connector with an editor");
    }
    error_set(error, EX_DATAERR,
              "To accept its subject and issuer would not help: the verdict "
              "failed at the check %s. %.400s",
              text_of(peer, "rule"), text_of(peer, "reason"));
    return error_cure(error, "%.380s", text_of(peer, "cure"));
}

static int read_names(struct acceptance *acceptance, struct error *error)
{
    int result = 0;
    if (has_text(acceptance->peer, "subject"))
        result = pki_name_parse(text_of(acceptance->peer, "subject"), &acceptance->subject, error);
    if (result == 0 && has_text(acceptance->peer, "issuer"))
        result = pki_name_parse(text_of(acceptance->peer, "issuer"), &acceptance->issuer, error);
    return result;
}

static int find_peer(struct acceptance *acceptance, struct error *error)
{
    json_t *request = NULL;
    int result = ctl_request_arguments(acceptance->arguments, &request, error);
    if (result == 0)
        result = ctl_query_with(acceptance->arguments, CONTROL_PEER_SHOW, request, QUICK,
                                &acceptance->answer, error);
    if (result == 0)
        result = choose_connector(acceptance, error);
    if (result < 0)
        return result;
    acceptance->connector = text_of(acceptance->peer, "connector");
    acceptance->direction = text_of(acceptance->peer, "direction");
    result = check_use(acceptance, error);
    return result < 0 ? result : read_names(acceptance, error);
}

/* --- the change --- */

struct pairs {
    const struct pki_peer_pair *items;
    size_t count;
    const char *file;
};

static bool find_pairs(const struct acceptance *acceptance, const struct conn_config *config,
                       struct pairs *ret)
{
    bool inbound = strcmp(acceptance->direction, "inbound") == 0;
    for (size_t i = 0; inbound && i < config->inbound_count; i++) {
        const struct conn_inbound *found = &config->inbound[i];
        *ret = (struct pairs){found->pairs, found->pair_count, found->place.file};
        if (strcmp(found->name, acceptance->connector) == 0)
            return true;
    }
    for (size_t i = 0; !inbound && i < config->outbound_count; i++) {
        const struct conn_outbound *found = &config->outbound[i];
        *ret = (struct pairs){found->pairs, found->pair_count, found->place.file};
        if (strcmp(found->name, acceptance->connector) == 0)
            return true;
    }
    return false;
}

static bool same_name(const X509_NAME *a, const X509_NAME *b)
{
    return a && b ? pki_name_equal(a, b) : a == b;
}

static bool has_pair(const struct acceptance *acceptance, const struct pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (same_name(pairs->items[i].subject, acceptance->subject) &&
            same_name(pairs->items[i].issuer, acceptance->issuer))
            return true;
    return false;
}

static int try_it(struct acceptance *acceptance, const struct pairs *before, struct error *error)
{
    struct pairs after;
    int result = ctl_change_try(&acceptance->change, "With this pair", error);
    if (result < 0)
        return result;
    if (find_pairs(acceptance, acceptance->change.after, &after) &&
        after.count == before->count + 1 && has_pair(acceptance, &after))
        return 0;
    error_set(error, EX_SOFTWARE, "The pair cannot be added to %s as it is written", before->file);
    return error_cure(error, "nothing was changed; add the Peer with an editor");
}

static int make_change(struct acceptance *acceptance, const struct pairs *before,
                       struct error *error)
{
    struct ctl_change *change = &acceptance->change;
    int result = ctl_file_read(before->file, &change->file, error);
    if (result == 0 && !(change->path = strdup(before->file)))
        result = error_set(error, EX_OSERR, "There is no memory left");
    if (result == 0)
        result = ctl_edit_add_peer(
            change->file.text, acceptance->subject ? text_of(acceptance->peer, "subject") : "",
            acceptance->issuer ? text_of(acceptance->peer, "issuer") : "", &change->fresh, error);
    return result < 0 ? result : try_it(acceptance, before, error);
}

/* --- showing and asking --- */

static void show_it(const struct acceptance *acceptance, const struct pairs *pairs)
{
    ctl_show_peer(acceptance->answer);
    printf("\nThis would be added to the %s connector ", acceptance->direction);
    table_text(stdout, acceptance->connector);
    puts(":\n");
    table_lines(stdout, acceptance->change.difference);
    if (!pairs->count)
        puts(
            "\nThe connector has no PeerCertificates yet: from then on it accepts this subject and "
            "issuer, and no other.");
    fflush(stdout);
}

static int confirm(const struct acceptance *acceptance, struct error *error)
{
    char line[16] = "";
    if (acceptance->arguments->yes)
        return 0;
    if (!isatty(STDIN_FILENO) || acceptance->arguments->json) {
        error_set(error, EX_USAGE,
                  "Nobody can be asked whether this is right; nothing was changed");
        return error_cure(error,
                          "compare the fingerprint with what the other side says, then --yes");
    }
    fputs("\nDoes the other side confirm the SHA-256 fingerprint, and is it to be accepted? [y/N] ",
          stderr);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return 0;
    error_set(error, EX_USAGE, "Nothing was changed");
    return error_cure(error, "answer y when it is right");
}

/* --- all of it --- */

static int tell(const struct acceptance *acceptance, const char *outcome)
{
    if (acceptance->arguments->json)
        return ctl_print_json(json_pack(
            "{s:s, s:s, s:o, s:o, s:o*, s:o*}", "outcome", outcome, "direction",
            acceptance->direction, "connector", control_text(acceptance->connector), "fingerprint",
            control_text(text_of(acceptance->peer, "fingerprint")), "file",
            acceptance->change.file.path ? control_text(acceptance->change.file.path) : NULL,
            "difference",
            acceptance->change.difference ? control_text(acceptance->change.difference) : NULL));
    if (strcmp(outcome, "known") == 0)
        printf(
            "The %s connector %s accepts this subject and issuer already; nothing was changed.\n",
            acceptance->direction, acceptance->connector);
    else if (strcmp(outcome, "accepted") == 0)
        printf("\nAdded to %s; the configuration is in force as generation %lld.\n",
               acceptance->change.file.path, acceptance->change.generation);
    return EX_OK;
}

static int accept_it(struct acceptance *acceptance, const char **ret_outcome, struct error *error)
{
    struct pairs pairs;
    int result = find_peer(acceptance, error);
    if (result < 0)
        return result;
    result = ctl_change_load(&acceptance->change, error);
    if (result < 0)
        return result;
    if (!find_pairs(acceptance, acceptance->change.config, &pairs)) {
        error_set(error, EX_DATAERR, "There is no %s connector %s any more in %s",
                  acceptance->direction, acceptance->connector, acceptance->change.directory);
        return error_cure(error, "--config with the folder of this gateway");
    }
    *ret_outcome = "known";
    if (has_pair(acceptance, &pairs))
        return 0;
    result = make_change(acceptance, &pairs, error);
    if (result < 0)
        return result;
    if (!acceptance->arguments->json)
        show_it(acceptance, &pairs);
    *ret_outcome = "shown";
    if (acceptance->arguments->dry_run)
        return 0;
    result = confirm(acceptance, error);
    *ret_outcome = "accepted";
    if (result < 0)
        return result;
    ctl_change_lock(&acceptance->change);
    return ctl_change_put_in_force(&acceptance->change, error);
}

int ctl_peer_accept(const struct ctl_arguments *arguments)
{
    _cleanup_(clear) struct acceptance acceptance = {
        .arguments = arguments,
        .change = {.arguments = arguments,
                   .directory =
                       arguments->config ? arguments->config : POSTERN_SYSCONFDIR "/postern"}};
    struct error error;
    const char *outcome = "";
    if (accept_it(&acceptance, &outcome, &error) < 0)
        return ctl_tell_error(arguments->json, &error, acceptance.change.refusal, NULL);
    return tell(&acceptance, outcome);
}
