/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * posternctl doctor on who may do what: permissions of files and sockets, and whether the gateway
 * is an open relay. See doctor.h. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "connectors/advice.h"
#include "connectors/index.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/doctor.h"

/* What nobody beside owner and group may do with a file of a kind. */
struct guard {
    mode_t forbidden;
    const char *what, *cure;
};

static const struct guard writable = {S_IWOTH, "everybody on this machine can change it",
                                      "chmod o-w"};
static const struct guard secret = {
    S_IRWXO | S_IWGRP, "it is a secret, and others can read it, or a group can change it",
    "chmod g-w,o="};
static const struct guard socket_file = {S_IRWXO, "everybody on this machine can connect to it",
                                         "chmod 0660"};

struct watch {
    struct doctor *doctor;
    const char *name;
    size_t looked_at, faults;
};

/* What is not there is the business of other checks. */
static void look_at(struct watch *watch, const char *path, const struct guard *guard)
{
    struct stat status;
    char text[160], cure[4400];
    if (!path || stat(path, &status) < 0)
        return;
    watch->looked_at++;
    if (!(status.st_mode & guard->forbidden))
        return;
    watch->faults++;
    snprintf(text, sizeof text, "%s (mode %04o)", guard->what, status.st_mode & 07777);
    snprintf(cure, sizeof cure, "%s %s", guard->cure, path);
    doctor_fail(watch->doctor, watch->name, path, EX_CONFIG, text, cure);
}

/* A path, or a file: URI; NULL: it is neither. */
static const char *path_of(const char *text)
{
    if (!text)
        return NULL;
    if (strncasecmp(text, "file:", 5) == 0)
        return strncmp(text + 5, "///", 3) == 0 ? text + 7 : text + 5;
    return *text == '/' ? text : NULL;
}

void doctor_check_permissions(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    struct watch watch = {.doctor = doctor, .name = name};
    char text[80];
    if (!config)
        return;
    look_at(&watch, config->directory, &writable);
    for (size_t i = 0; i < config->files.count; i++)
        look_at(&watch, config->files.items[i], &writable);
    for (size_t i = 0; i < config->certificate_count; i++) {
        const struct conn_certificate *certificate = &config->certificates[i];
        look_at(&watch, certificate->chain, &writable);
        look_at(&watch, certificate->watch, &writable);
        for (size_t k = 0; k < certificate->key_count; k++)
            look_at(&watch, path_of(certificate->keys[k].uri), &secret);
    }
    for (size_t i = 0; i < config->credentials_count; i++)
        look_at(&watch, config->credentials[i].path, &secret);
    for (size_t i = 0; i < config->anchors_count; i++)
        look_at(&watch, config->anchors[i].path, &writable);
    for (size_t i = 0; i < config->token_count; i++)
        look_at(&watch, path_of(config->tokens[i].pin_source), &secret);
    look_at(&watch, config->state_directory, &writable);
    look_at(&watch, config->control_socket, &socket_file);
    snprintf(text, sizeof text, "%zu were looked at, and none is open to others", watch.looked_at);
    if (!watch.faults)
        doctor_well(doctor, name, "files and sockets", text);
}

/* Neither an address nor a certificate nor a password is asked for. */
static bool takes_anyone(const struct conn_inbound *inbound)
{
    return !inbound->sender_certificate_names.count && !inbound->credentials &&
           (!inbound->range_count || conn_ranges_have_all(inbound));
}

void doctor_check_open_relay(struct doctor *doctor, const char *name)
{
    const struct conn_config *config = doctor->config;
    char text[400];
    size_t open = 0;
    for (size_t i = 0; config && i < config->inbound_count; i++) {
        const struct conn_inbound *inbound = &config->inbound[i];
        struct conn_claim claim;
        if (!inbound->enabled || !takes_anyone(inbound) ||
            !conn_relays_anywhere(config, inbound, &claim))
            continue;
        open++;
        snprintf(text, sizeof text,
                 "whoever reaches a listener can send to anybody, through outbound connector %s",
                 claim.outbound->name);
        doctor_warn(doctor, name, inbound->name, text,
                    "say who may send: SenderIPAddresses with your own networks, or "
                    "TlsSenderCertificateName");
    }
    if (config && !open)
        doctor_well(doctor, name, "inbound connectors",
                    "each asks for an address or a certificate before mail may go anywhere");
}
