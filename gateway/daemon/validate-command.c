/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * outbound-validate on the control socket: one validation for one request. Main thread. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/validate.h"
#include "gateway/relay/hop.h"

struct asked {
    struct validate_client client;
    struct control_request *request;
};

static void take_step(struct validate_client *client, json_t *step)
{
    control_progress(container_of(client, struct asked, client)->request, step);
}

static void take_end(struct validate_client *client, json_t *result, const struct error *error)
{
    struct asked *asked = container_of(client, struct asked, client);
    if (result)
        control_answer(asked->request, result);
    else
        control_fail(asked->request, error);
    free(asked);
}

static const char *text_of(const json_t *arguments, const char *key)
{
    return json_string_value(json_object_get(arguments, key));
}

static const struct conn_outbound *find_outbound(const struct conn_config *config, const char *name)
{
    for (size_t i = 0; name && i < config->outbound_count; i++)
        if (strcmp(config->outbound[i].name, name) == 0)
            return &config->outbound[i];
    return NULL;
}

static int read_order(const struct daemon *daemon, const json_t *arguments,
                      struct validate_order *order, struct error *error)
{
    const char *name = text_of(arguments, "name");
    *order = (struct validate_order){
        .outbound = find_outbound(daemon->snapshot->config, name),
        .recipient = text_of(arguments, "recipient"),
        .sender = text_of(arguments, "sender"),
        .send = json_is_true(json_object_get(arguments, "send")),
    };
    if (!order->outbound) {
        error_set(error, EX_DATAERR, "There is no outbound connector \"%.100s\" in force",
                  name ? name : "");
        return error_cure(error, "posternctl outbound list names those there are; a new one needs "
                                 "posternctl reload");
    }
    if (!order->recipient && (order->sender || order->send)) {
        error_set(error, EX_USAGE, "--%s needs a --recipient", order->send ? "send" : "sender");
        return error_cure(error, "posternctl outbound validate %.100s --recipient ADDRESS", name);
    }
    return 0;
}

void validate_outbound(void *context, struct control_request *request, const json_t *arguments)
{
    struct daemon *daemon = context;
    struct validate_order order;
    struct error error;
    struct asked *asked = NULL;
    int result = read_order(daemon, arguments, &order, &error);
    if (result == 0 && !(asked = calloc(1, sizeof *asked)))
        result = error_set(&error, EX_OSERR, "Out of memory");
    if (result == 0) {
        *asked = (struct asked){.client = {take_step, take_end}, .request = request};
        result = validate_start(daemon, &order, &asked->client, &error);
    }
    if (result == 0)
        return;
    free(asked);
    control_fail(request, &error);
}
