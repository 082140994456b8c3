/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * outbound-validate on the control socket: one validation for one request, or with
 * ValidationRecipients one for each of them, up to the first that fails. Main thread. */
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/validate.h"
#include "gateway/relay/hop.h"

struct asked {
    struct validate_client client;
    struct daemon *daemon;
    struct control_request *request;
    json_t *arguments; /* counted */
    size_t recipient;  /* which of ValidationRecipients; a reload may have made them others */
};

static int start(struct asked *asked, struct error *error);

static struct asked *free_asked(struct asked *asked)
{
    if (asked)
        json_decref(asked->arguments);
    free(asked);
    return NULL;
}

static void take_step(struct validate_client *client, json_t *step)
{
    control_progress(container_of(client, struct asked, client)->request, step);
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

/* True when the validation that has ended passed, and there is a recipient more to try. */
static bool goes_on(struct asked *asked, const json_t *result)
{
    const struct conn_outbound *outbound =
        find_outbound(asked->daemon->snapshot->config, text_of(asked->arguments, "name"));
    return outbound && !text_of(asked->arguments, "recipient") &&
           strcmp(text_of(result, "outcome"), "passed") == 0 &&
           ++asked->recipient < outbound->validation_recipients.count;
}

static void take_end(struct validate_client *client, json_t *result, const struct error *error)
{
    struct asked *asked = container_of(client, struct asked, client);
    struct error own;
    if (result && goes_on(asked, result)) {
        json_decref(result);
        if (start(asked, &own) == 0)
            return;
        result = NULL;
        error = &own;
    }
    if (result)
        control_answer(asked->request, result);
    else
        control_fail(asked->request, error);
    free_asked(asked);
}

/* For a connector that sends by MX records: the first domain that it names. */
static const char *domain_of(const struct conn_outbound *outbound)
{
    for (size_t i = 0; i < outbound->recipient_domains.count; i++)
        if (outbound->recipient_domains.items[i][0] != '*')
            return outbound->recipient_domains.items[i];
    return NULL;
}

static int read_order(const struct asked *asked, struct validate_order *order, struct error *error)
{
    const struct daemon *daemon = asked->daemon;
    const json_t *arguments = asked->arguments;
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
    order->domain = domain_of(order->outbound);
    if (!order->recipient && (order->sender || order->send)) {
        error_set(error, EX_USAGE, "--%s needs a --recipient", order->send ? "send" : "sender");
        return error_cure(error, "posternctl outbound validate %.100s --recipient ADDRESS", name);
    }
    if (!order->recipient && asked->recipient < order->outbound->validation_recipients.count)
        order->recipient = order->outbound->validation_recipients.items[asked->recipient];
    return 0;
}

static int start(struct asked *asked, struct error *error)
{
    struct validate_order order;
    int result = read_order(asked, &order, error);
    return result < 0 ? result : validate_start(asked->daemon, &order, &asked->client, error);
}

void validate_outbound(void *context, struct control_request *request, const json_t *arguments)
{
    struct error error;
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked) {
        *asked = (struct asked){.client = {take_step, take_end},
                                .daemon = context,
                                .request = request,
                                .arguments = json_deep_copy(arguments)};
    }
    int result = asked && asked->arguments ? start(asked, &error)
                                           : error_set(&error, EX_OSERR, "Out of memory");
    if (result == 0)
        return;
    free_asked(asked);
    control_fail(request, &error);
}
