/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See change.h. */
#include "gateway/ctl/change.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "gateway/control/shapes.h"
#include "gateway/control/wire.h"
#include "gateway/ctl/cells.h"
#include "gateway/ctl/commands.h"
#include "gateway/ctl/edit.h"
#include "pki/base/cleanup.h"

enum {
    RELOAD = 180,
    RELOAD_TRIES = 10,
    LOCK_TRIES = 300,
    LOCK_PAUSE = 100 * 1000, /* microseconds */
};

void ctl_change_clear(struct ctl_change *change)
{
    free(change->path);
    ctl_file_clear(&change->file);
    free(change->fresh);
    free(change->difference);
    conn_config_free(change->config);
    conn_config_free(change->after);
    conn_problems_clear(&change->problems);
    json_decref(change->refusal);
    if (change->locked)
        close(change->lock);
}

/* The lock is on the folder itself, so that it leaves nothing behind, also when we are killed.
 * Whoever may read the folder may hold it: so it is waited for, and not depended on. Without it no
 * file that was changed meanwhile is overwritten, and posternd checks the whole once more. */
void ctl_change_lock(struct ctl_change *change)
{
    change->lock = open(change->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    change->locked = change->lock >= 0;
    if (!change->locked)
        return; /* loading says what is wrong with it */
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(change->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
            return;
        usleep(LOCK_PAUSE);
    }
    if (!change->arguments->json)
        fprintf(
            stderr,
            "posternctl: somebody has held the lock of %s for half a minute; going on without.\n",
            change->directory);
}

/* --- what is wrong --- */

/* Errors or warnings, of the one file or of all. */
static json_t *list_problems(const struct ctl_change *change, bool warnings, bool own)
{
    json_t *list = json_array();
    for (size_t i = 0; i < change->problems.count; i++) {
        const struct conn_problem *problem = &change->problems.items[i];
        bool here = change->path && strcmp(problem->file, change->path) == 0;
        if (problem->warning != warnings || (own && !here))
            continue;
        json_t *object = ctl_problem_object(problem);
        if (here && change->shown)
            (void)json_object_set_new(object, "file", control_text(change->shown));
        (void)json_array_append_new(list, object);
    }
    return list;
}

json_t *ctl_change_warnings(const struct ctl_change *change)
{
    return list_problems(change, true, true);
}

static int refuse(struct ctl_change *change, const char *when, struct error *error)
{
    json_t *errors = list_problems(change, false, false);
    const json_t *first = json_array_get(errors, 0);
    error_set(error, EX_CONFIG, "%s: %.400s", when,
              first ? text_of(first, "what") : "it could not be read");
    if (first)
        error_where(error, "%s:%lld", text_of(first, "file"), number_of(first, "line"));
    error_cure(error, "nothing was changed; posternctl config check %s shows what stands there now",
               change->directory);
    json_decref(change->refusal);
    change->refusal = control_error_object(error);
    (void)json_object_set_new(change->refusal, "problems", errors);
    return -error->code;
}

int ctl_change_load(struct ctl_change *change, struct error *error)
{
    return conn_load(change->directory, &change->config, &change->problems) < 0
               ? refuse(change, "The configuration has errors already", error)
               : 0;
}

int ctl_change_try(struct ctl_change *change, const char *what, struct error *error)
{
    char when[120];
    conn_problems_clear(&change->problems);
    snprintf(when, sizeof when, "%s the configuration would be wrong", what);
    if (conn_load_with(change->directory, change->path, change->fresh, &change->after,
                       &change->problems) < 0)
        return refuse(change, when, error);
    change->difference = ctl_edit_difference(change->path, change->file.text, change->fresh);
    return change->difference ? 0 : error_set(error, EX_OSERR, "There is no memory left");
}

/* --- putting it in force --- */

/* Whether there is somebody to tell, before anything is changed. */
static int find_posternd(struct ctl_change *change, struct error *error)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    int result = ctl_connect(change->arguments, &client, error);
    change->running = result == 0;
    return result == -EX_UNAVAILABLE ? 0 : result;
}

static int ask_reload(struct ctl_change *change, struct error *error)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    json_auto_t *answer = NULL;
    int result = ctl_connect(change->arguments, &client, error);
    if (result == 0)
        result =
            control_client_ask(client, CONTROL_RELOAD, NULL, RELOAD, NULL, NULL, &answer, error);
    json_t *failure = json_object_get(answer, "error");
    if (result == 0 && failure) {
        change->refusal = json_incref(failure);
        return control_error_read(failure, error);
    }
    change->generation = number_of(json_object_get(answer, "result"), "generation");
    return result;
}

static int reload(struct ctl_change *change, struct error *error)
{
    int result = -EX_TEMPFAIL;
    for (int i = 0; i < RELOAD_TRIES && result == -EX_TEMPFAIL; i++) {
        if (i)
            sleep(1); /* another reload is under way */
        json_decref(change->refusal);
        change->refusal = NULL;
        result = ask_reload(change, error);
    }
    return result;
}

static int put_in_place(struct ctl_change *change, struct error *error)
{
    if (!change->file.text)
        return ctl_file_create(change->path, change->fresh, change->directory, error);
    if (!change->fresh)
        return ctl_file_put_aside(&change->file, change->path, error);
    return ctl_file_replace(&change->file, change->fresh, error);
}

static int put_back(struct ctl_change *change, const char *old, struct error *error)
{
    if (!old)
        return ctl_file_delete(change->path, error);
    if (!change->fresh)
        return ctl_file_put_back(change->path, error);
    return ctl_file_replace(&change->file, old, error);
}

int ctl_change_put_in_force(struct ctl_change *change, struct error *error)
{
    struct error second;
    _cleanup_free_ char *old = change->file.text ? strdup(change->file.text) : NULL;
    if (change->file.text && !old)
        return error_set(error, EX_OSERR, "There is no memory left");
    int result = find_posternd(change, error);
    if (result == 0)
        result = put_in_place(change, error);
    if (result < 0)
        return result;
    result = change->running ? reload(change, error) : 0;
    if (result == 0)
        return change->fresh ? 0 : ctl_file_delete_aside(change->path, error);
    if (put_back(change, old, &second) < 0)
        fprintf(stderr, "posternctl: %s is changed, and posternd did not take it up: %s.\n",
                change->path, second.what);
    else
        fprintf(stderr, "posternctl: %s is as it was, for posternd did not take it up.\n",
                change->path);
    return result;
}
