/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See commands.h. The table below is the whole of what posternctl can do. */
#include "gateway/ctl/commands.h"

#include "gateway/control/client.h"
#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/locate.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"
#include "gateway/ctl/verify.h"

/* Longest waits for a line. A reload reads files and asks tokens; a step of a validation may last
 * as long as RFC 5321 4.5.3.2 lets a server take for its greeting, five minutes. */
enum { QUICK = 30, RELOAD = 180, VALIDATION = 330, TEST = 3600, STEPS_MAXIMUM = 1000 };

const struct ctl_command ctl_commands[] = {
    {.noun = "status",
     .summary = "what posternd is doing, and what it has done",
     .request = CONTROL_STATUS,
     .seconds = QUICK,
     .show = ctl_show_status},
    {.noun = "reload",
     .summary = "check the configuration, and put it in force",
     .request = CONTROL_RELOAD,
     .seconds = RELOAD,
     .show = ctl_show_reload},
    {.noun = "config",
     .verb = "check",
     .operand = "[DIR]",
     .summary = "say what is wrong in a configuration, without posternd",
     .offline = ctl_check},
    {.noun = "inbound",
     .verb = "list",
     .summary = "the inbound connectors, in the order they are tried",
     .request = CONTROL_INBOUND_LIST,
     .seconds = QUICK,
     .show = ctl_show_inbound_list},
    {.noun = "inbound",
     .verb = "show",
     .operand = "NAME",
     .summary = "an inbound connector as XML",
     .request = CONTROL_INBOUND_SHOW,
     .seconds = QUICK,
     .show = ctl_show_connector},
    {.noun = "outbound",
     .verb = "list",
     .summary = "the outbound connectors",
     .request = CONTROL_OUTBOUND_LIST,
     .seconds = QUICK,
     .show = ctl_show_outbound_list},
    {.noun = "outbound",
     .verb = "show",
     .operand = "NAME",
     .summary = "an outbound connector as XML",
     .request = CONTROL_OUTBOUND_SHOW,
     .seconds = QUICK,
     .show = ctl_show_connector},
    {.noun = "outbound",
     .verb = "validate",
     .operand = "NAME",
     .summary = "connect to its next hop and check TLS, step by step",
     .request = CONTROL_OUTBOUND_VALIDATE,
     .seconds = VALIDATION,
     .show = ctl_show_validation,
     .progress = ctl_show_validation_step,
     .judge = ctl_judge_validation},
    {.noun = "hsm",
     .verb = "status",
     .summary = "the signer, its keys and tokens",
     .request = CONTROL_HSM_STATUS,
     .seconds = QUICK,
     .show = ctl_show_hsm},
    {.noun = "hsm",
     .verb = "list",
     .summary = "what is on the tokens, and which certificates use it",
     .request = CONTROL_HSM_LIST,
     .seconds = RELOAD,
     .show = ctl_show_hsm_list},
    {.noun = "hsm",
     .verb = "test",
     .operand = "[NAME]",
     .summary = "make signatures with a certificate's key, or with all",
     .counts = true,
     .request = CONTROL_HSM_TEST,
     .seconds = TEST,
     .show = ctl_show_hsm_test,
     .progress = ctl_show_hsm_test_one,
     .judge = ctl_judge_hsm_test},
    {.noun = "peer",
     .verb = "verify",
     .summary = "what posternd would say of a certificate chain, and why",
     .judges = true,
     .offline = ctl_peer_verify},
    {.noun = NULL},
};

int ctl_print_json(json_t *document)
{
    /* ASCII, so that no control character of a peer's reaches a terminal. */
    int result = document ? json_dumpf(document, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII) : -1;
    json_decref(document);
    putchar('\n');
    return result < 0 ? EX_OSERR : EX_OK;
}

int ctl_tell_error(bool json, const struct error *error, json_t *object, json_t *steps)
{
    char text[2048];
    if (json) {
        json_t *told = object ? json_incref(object) : control_error_object(error);
        ctl_print_json(json_pack("{s:o, s:O*}", "error", told, "steps", steps));
        return error->code;
    }
    fflush(stdout);
    ctl_show_problems(stderr, json_object_get(object, "problems"));
    fputs("posternctl: ", stderr);
    table_text(stderr, error_text(error, text, sizeof text));
    fputs(".\n", stderr);
    return error->code;
}

/* --- asking posternd --- */

struct conversation {
    const struct ctl_arguments *arguments;
    json_t *steps; /* for --json; NULL: the command has none */
};

static void take_progress(void *context, json_t *progress)
{
    struct conversation *conversation = context;
    const struct ctl_command *command = conversation->arguments->command;
    /* A step that finds no room is missing from the list; the result stands all the same. */
    if (conversation->steps && json_array_size(conversation->steps) < STEPS_MAXIMUM)
        (void)json_array_append(conversation->steps, progress);
    if (conversation->arguments->json || !command->progress)
        return;
    command->progress(progress);
    fflush(stdout);
}

static int ask(struct conversation *conversation, json_t **ret, struct error *error)
{
    const struct ctl_arguments *arguments = conversation->arguments;
    const struct ctl_command *command = arguments->command;
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    char path[256];
    int result = 0;
    if (!arguments->socket)
        result = ctl_locate_socket(arguments->config, path, sizeof path, error);
    if (result == 0)
        result = control_client_new(&client, arguments->socket ? arguments->socket : path, error);
    if (result < 0)
        return result;
    return control_client_ask(
        client, command->request,
        json_pack("{s:o*, s:o*}", "name",
                  arguments->operand ? control_text(arguments->operand) : NULL, "count",
                  arguments->count ? json_integer(arguments->count) : NULL),
        command->seconds, take_progress, conversation, ret, error);
}

/* Shows the answer, or what kept it from coming. */
static int tell(const struct conversation *conversation, int outcome, const json_t *answer,
                struct error *error)
{
    const struct ctl_arguments *arguments = conversation->arguments;
    const struct ctl_command *command = arguments->command;
    json_t *failure = json_object_get(answer, "error"), *result = json_object_get(answer, "result");
    if (outcome == 0 && failure)
        control_error_read(failure, error);
    if (outcome < 0 || failure)
        return ctl_tell_error(arguments->json, error, failure, conversation->steps);
    if (!arguments->json) {
        command->show(result);
    } else {
        if (conversation->steps)
            (void)json_object_set(result, "steps", conversation->steps);
        if (ctl_print_json(json_incref(result)) != EX_OK)
            return EX_OSERR;
    }
    return command->judge ? command->judge(result) : EX_OK;
}

int ctl_run(const struct ctl_arguments *arguments)
{
    if (arguments->command->offline)
        return arguments->command->offline(arguments);
    struct error error;
    json_auto_t *answer = NULL;
    json_auto_t *steps = arguments->command->progress ? json_array() : NULL;
    struct conversation conversation = {arguments, steps};
    int outcome = ask(&conversation, &answer, &error);
    return tell(&conversation, outcome, answer, &error);
}
