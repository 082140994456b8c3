/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See commands.h. The table below is the whole of what posternctl can do. */
#include "gateway/ctl/commands.h"

#include <string.h>

#include "gateway/control/client.h"
#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/doctor.h"
#include "gateway/ctl/explain.h"
#include "gateway/ctl/import.h"
#include "gateway/ctl/locate.h"
#include "gateway/ctl/show.h"
#include "gateway/ctl/table.h"
#include "pki/base/cleanup.h"
#include "gateway/ctl/verify.h"

/* Longest waits for a line. A reload reads files and asks tokens; a step of a validation may last
 * as long as RFC 5321 4.5.3.2 lets a server take for its final reply, ten minutes. */
enum { QUICK = 30, RELOAD = 180, VALIDATION = 630, TEST = 3600, STEPS_MAXIMUM = 1000 };

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
    {.noun = "doctor",
     .summary = "what is wrong or will be soon, each with its cure",
     .offline = ctl_doctor},
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
    {.noun = "inbound",
     .verb = "add",
     .operand = "FILE",
     .summary = "take in the inbound connector that FILE declares",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_add},
    {.noun = "inbound",
     .verb = "set",
     .operand = "NAME",
     .second = "PROPERTY=VALUE...",
     .many = true,
     .summary = "change properties; += and -= for items of lists",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_set},
    {.noun = "inbound",
     .verb = "remove",
     .operand = "NAME",
     .summary = "take an inbound connector out, with its file",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_remove},
    {.noun = "inbound",
     .verb = "enable",
     .operand = "NAME",
     .summary = "let it take mail again",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_enable},
    {.noun = "inbound",
     .verb = "disable",
     .operand = "NAME",
     .summary = "let it take no mail, and stay as it is",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_disable},
    {.noun = "inbound",
     .verb = "explain",
     .summary = "which connector would let a client in, and why no other",
     .takes = CTL_TAKES(FROM) | CTL_TAKES(CERTIFICATE) | CTL_TAKES(CREDENTIALS) |
              CTL_TAKES(SENDER) | CTL_TAKES(TLS),
     .needs = CTL_TAKES(FROM),
     .offline = ctl_inbound_explain},
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
     .verb = "add",
     .operand = "FILE",
     .summary = "take in the outbound connector that FILE declares",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_add},
    {.noun = "outbound",
     .verb = "set",
     .operand = "NAME",
     .second = "PROPERTY=VALUE...",
     .many = true,
     .summary = "change properties; += and -= for items of lists",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_set},
    {.noun = "outbound",
     .verb = "remove",
     .operand = "NAME",
     .summary = "take an outbound connector out, with its file",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_remove},
    {.noun = "outbound",
     .verb = "enable",
     .operand = "NAME",
     .summary = "let it take mail again",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_enable},
    {.noun = "outbound",
     .verb = "disable",
     .operand = "NAME",
     .summary = "let it take no mail, and stay as it is",
     .takes = CTL_TAKES(DRY_RUN),
     .offline = ctl_connector_disable},
    {.noun = "outbound",
     .verb = "explain",
     .summary = "which connector a recipient's mail would take, and why no other",
     .takes = CTL_TAKES(INBOUND) | CTL_TAKES(RECIPIENT),
     .needs = CTL_TAKES(INBOUND) | CTL_TAKES(RECIPIENT),
     .offline = ctl_outbound_explain},
    {.noun = "outbound",
     .verb = "validate",
     .operand = "NAME",
     .summary = "go to its next hop as mail would, step by step",
     .takes = CTL_TAKES(RECIPIENT) | CTL_TAKES(SENDER) | CTL_TAKES(SEND),
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
     .takes = CTL_TAKES(COUNT),
     .request = CONTROL_HSM_TEST,
     .seconds = TEST,
     .show = ctl_show_hsm_test,
     .progress = ctl_show_hsm_test_one,
     .judge = ctl_judge_hsm_test},
    {.noun = "cert",
     .verb = "request",
     .operand = "NAME",
     .summary = "make a key on the token, and a certificate request",
     .takes = CTL_TAKES(ALGORITHM) | CTL_TAKES(REUSE_KEY) | CTL_TAKES(SUBJECT) | CTL_TAKES(SAN) |
              CTL_TAKES(OUT),
     .request = CONTROL_CERT_REQUEST,
     .seconds = TEST,
     .deliver = ctl_deliver_cert_request},
    {.noun = "cert",
     .verb = "list",
     .summary = "our certificates: next, active and previous",
     .request = CONTROL_CERT_LIST,
     .seconds = QUICK,
     .show = ctl_show_cert_list},
    {.noun = "cert",
     .verb = "show",
     .operand = "NAME",
     .summary = "all there is to know of one",
     .request = CONTROL_CERT_SHOW,
     .seconds = QUICK,
     .show = ctl_show_cert},
    {.noun = "cert",
     .verb = "import",
     .operand = "NAME",
     .summary = "stage a certificate and say where its key is",
     .takes = CTL_TAKES(CHAIN) | CTL_TAKES(KEY),
     .needs = CTL_TAKES(CHAIN) | CTL_TAKES(KEY),
     .request = CONTROL_CERT_IMPORT,
     .seconds = RELOAD,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "cert",
     .verb = "stage",
     .operand = "NAME",
     .second = "CHAIN",
     .summary = "make a renewed certificate the next one",
     .takes = CTL_TAKES(KEY),
     .request = CONTROL_CERT_STAGE,
     .seconds = RELOAD,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "cert",
     .verb = "test",
     .operand = "NAME",
     .summary = "try the next one on every outbound connector",
     .takes = CTL_TAKES(RECIPIENT),
     .request = CONTROL_CERT_TEST,
     .seconds = VALIDATION,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "cert",
     .verb = "activate",
     .operand = "NAME",
     .summary = "present the next one from now on, or from --at TIME",
     .takes = CTL_TAKES(AT),
     .request = CONTROL_CERT_ACTIVATE,
     .seconds = RELOAD,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "cert",
     .verb = "rollback",
     .operand = "NAME",
     .summary = "present the previous one again; or take back --at",
     .request = CONTROL_CERT_ROLLBACK,
     .seconds = RELOAD,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "cert",
     .verb = "rotate",
     .operand = "NAME",
     .second = "CHAIN",
     .summary = "stage, test and activate; stop at what is not right",
     .takes = CTL_TAKES(KEY) | CTL_TAKES(RECIPIENT),
     .request = CONTROL_CERT_ROTATE,
     .seconds = VALIDATION,
     .show = ctl_show_cert_change,
     .progress = ctl_show_cert_step},
    {.noun = "peer",
     .verb = "list",
     .summary = "the certificates that others presented, and the verdicts",
     .takes = CTL_TAKES(CONNECTOR),
     .request = CONTROL_PEER_LIST,
     .seconds = QUICK,
     .show = ctl_show_peer_list},
    {.noun = "peer",
     .verb = "show",
     .operand = "FINGERPRINT",
     .summary = "all that is known of one of them (its first digits will do)",
     .takes = CTL_TAKES(CONNECTOR),
     .request = CONTROL_PEER_SHOW,
     .seconds = QUICK,
     .show = ctl_show_peer},
    {.noun = "peer",
     .verb = "accept",
     .operand = "FINGERPRINT",
     .summary = "add its subject and issuer to a connector, and reload",
     .takes = CTL_TAKES(CONNECTOR) | CTL_TAKES(YES) | CTL_TAKES(DRY_RUN),
     .offline = ctl_peer_accept},
    {.noun = "peer",
     .verb = "verify",
     .summary = "what posternd would say of a certificate chain, and why",
     .takes = CTL_TAKES(CHAIN) | CTL_TAKES(CONNECTOR) | CTL_TAKES(ANCHORS) | CTL_TAKES(PEER_NAME) |
              CTL_TAKES(PURPOSE) | CTL_TAKES(TIME) | CTL_TAKES(CRL) | CTL_TAKES(BATCH),
     .offline = ctl_peer_verify},
    {.noun = "import",
     .verb = "exchange",
     .operand = "FILE",
     .summary = "connectors from what Export-Clixml wrote, with a report",
     .takes = CTL_TAKES(DRY_RUN) | CTL_TAKES(OUTPUT) | CTL_TAKES(CERTIFICATE) |
              CTL_TAKES(TRUST_ANCHORS) | CTL_TAKES(SMART_HOST),
     .offline = ctl_import_exchange},
    {.noun = "export",
     .verb = "powershell",
     .summary = "commands that make the tenant and Exchange match",
     .offline = ctl_export_powershell},
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

int ctl_request_arguments(const struct ctl_arguments *arguments, json_t **ret, struct error *error)
{
    const char *chain = arguments->second ? arguments->second : arguments->chain;
    json_auto_t *request = json_object();
    if (!request || (arguments->operand &&
                     json_object_set_new(request, "name", control_text(arguments->operand)) < 0))
        return error_set(error, EX_OSERR, "Out of memory");
    int result = ctl_options_put(arguments, request, error);
    if (result == 0 && chain)
        result = ctl_put_chain(request, chain, error);
    if (result == 0)
        *ret = json_incref(request);
    return result;
}

int ctl_connect(const struct ctl_arguments *arguments, struct control_client **ret,
                struct error *error)
{
    char path[256];
    int result = 0;
    if (!arguments->socket)
        result = ctl_locate_socket(arguments->config, path, sizeof path, error);
    return result < 0
               ? result
               : control_client_new(ret, arguments->socket ? arguments->socket : path, error);
}

int ctl_query_with(const struct ctl_arguments *arguments, const char *request, json_t *what,
                   unsigned seconds, json_t **ret, struct error *error)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    json_auto_t *answer = NULL;
    int result = ctl_connect(arguments, &client, error);
    if (result < 0) {
        json_decref(what);
        return result;
    }
    result = control_client_ask(client, request, what, seconds, NULL, NULL, &answer, error);
    if (result < 0)
        return result;
    json_t *failure = json_object_get(answer, "error");
    if (failure)
        return control_error_read(failure, error);
    *ret = json_incref(json_object_get(answer, "result"));
    return 0;
}

int ctl_query(const struct ctl_arguments *arguments, const char *request, json_t **ret,
              struct error *error)
{
    return ctl_query_with(arguments, request, NULL, QUICK, ret, error);
}

static int ask(struct conversation *conversation, json_t **ret, struct error *error)
{
    const struct ctl_arguments *arguments = conversation->arguments;
    const struct ctl_command *command = arguments->command;
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    json_t *request = NULL;
    int result = ctl_connect(arguments, &client, error);
    if (result == 0)
        result = ctl_request_arguments(arguments, &request, error);
    if (result < 0)
        return result;
    return control_client_ask(client, command->request, request, command->seconds, take_progress,
                              conversation, ret, error);
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
    int delivered = command->deliver ? command->deliver(arguments, result, error) : 0;
    if (!arguments->json) {
        if (command->show)
            command->show(result);
    } else {
        if (conversation->steps)
            (void)json_object_set(result, "steps", conversation->steps);
        if (ctl_print_json(json_incref(result)) != EX_OK)
            return EX_OSERR;
    }
    if (delivered < 0)
        return ctl_tell_error(arguments->json, error, NULL, NULL);
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
