/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See verify-line.h. */
#include "gateway/ctl/verify-line.h"

#include <string.h>

#include "gateway/control/wire.h"

enum { TEXTS_MAXIMUM = 3 };

/* Texts that had to be joined; freed with the line. */
struct joined {
    char *texts[TEXTS_MAXIMUM];
    size_t count;
};

static void clear_joined(struct joined *joined)
{
    for (size_t i = 0; i < joined->count; i++)
        free(joined->texts[i]);
}

static int fail_member(const char *key, const char *what, struct error *error)
{
    error_set(error, EX_DATAERR, "\"%s\" is %s", key, what);
    return error_cure(error, "posternctl(8) shows a line as it should be");
}

static int take_word(const json_t *line, const char *key, const char **word, struct error *error)
{
    const json_t *member = json_object_get(line, key);
    if (!member || json_is_null(member))
        return 0;
    if (!json_is_string(member) || strlen(json_string_value(member)) != json_string_length(member))
        return fail_member(key, "no text", error);
    *word = json_string_value(member);
    return 0;
}

/* A NUL in a name is part of the question, and no name has one. */
static int take_name(const json_t *member, struct verify_words *words, struct error *error)
{
    if (!json_is_string(member) || !json_string_length(member) ||
        strlen(json_string_value(member)) != json_string_length(member))
        return fail_member("name", "no name", error);
    if (words->name_count == VERIFY_NAMES_MAXIMUM)
        return fail_member("name", "a list of more than 32 names", error);
    words->names[words->name_count++] = json_string_value(member);
    return 0;
}

static int take_names(const json_t *line, struct verify_words *words, struct error *error)
{
    const json_t *member = json_object_get(line, "name"), *one;
    size_t i;
    if (!member || json_is_null(member))
        return 0;
    words->name_count = 0;
    if (!json_is_array(member))
        return take_name(member, words, error);
    json_array_foreach((json_t *)member, i, one)
    {
        int result = take_name(one, words, error);
        if (result < 0)
            return result;
    }
    return 0;
}

/* A list of PEM texts, one behind the other. */
static int join(const char *key, const json_t *list, struct joined *joined,
                struct verify_text *text, struct error *error)
{
    size_t size = 1, used = 0, i;
    const json_t *one;
    json_array_foreach((json_t *)list, i, one)
    {
        if (!json_is_string(one))
            return fail_member(key, "a list with something in it that is no text", error);
        size += json_string_length(one) + 1;
    }
    char *bytes = malloc(size);
    if (!bytes)
        return error_set(error, EX_OSERR, "There is no memory for this line");
    joined->texts[joined->count++] = bytes;
    json_array_foreach((json_t *)list, i, one)
    {
        memcpy(bytes + used, json_string_value(one), json_string_length(one));
        used += json_string_length(one);
        bytes[used++] = '\n';
    }
    *text = (struct verify_text){bytes, used};
    return 0;
}

static int take_text(const json_t *line, const char *key, struct joined *joined,
                     struct verify_text *text, struct error *error)
{
    const json_t *member = json_object_get(line, key);
    if (!member || json_is_null(member))
        return 0;
    if (json_is_array(member))
        return join(key, member, joined, text, error);
    if (!json_is_string(member))
        return fail_member(key, "neither PEM text nor a list of it", error);
    *text = (struct verify_text){json_string_value(member), json_string_length(member)};
    return 0;
}

/* A connector takes the place of anchors and purpose of the command line, and they of its. */
static void choose_trust(const json_t *line, struct verify_words *words)
{
    if (json_object_get(line, "connector")) {
        words->anchors = (struct verify_text){0};
        words->purpose = NULL;
    } else if (json_object_get(line, "anchors")) {
        words->connector = NULL;
    }
}

/* What is no word at all is more likely a mistake than a wish to have it ignored. */
static int check_keys(json_t *line, struct error *error)
{
    static const char *const keys[] = {"id",      "chain", "connector", "anchors", "name",
                                       "purpose", "time",  "crls",      NULL};
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value)
    {
        size_t i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        if (keys[i])
            continue;
        error_set(error, EX_DATAERR, "\"%.40s\" is none of the words of a line", key);
        return error_cure(error, "id, chain, connector, anchors, name, purpose, time, crls");
    }
    return 0;
}

static int read_words(json_t *line, struct joined *joined, struct verify_words *words,
                      struct error *error)
{
    int result = check_keys(line, error);
    choose_trust(line, words);
    if (result == 0)
        result = take_word(line, "connector", &words->connector, error);
    if (result == 0)
        result = take_word(line, "purpose", &words->purpose, error);
    if (result == 0)
        result = take_word(line, "time", &words->time, error);
    if (result == 0)
        result = take_names(line, words, error);
    if (result == 0)
        result = take_text(line, "chain", joined, &words->chain, error);
    if (result == 0)
        result = take_text(line, "anchors", joined, &words->anchors, error);
    if (result == 0 && json_object_get(line, "crls")) {
        words->lists_path = NULL;
        result = take_text(line, "crls", joined, &words->lists, error);
    }
    return result;
}

static json_t *answer_line(struct verify_cache *cache, const struct verify_words *defaults,
                           json_t *line, struct error *error)
{
    _cleanup_(clear_joined) struct joined joined = {.count = 0};
    struct verify_words words = *defaults;
    struct pki_peer_verdict verdict;
    int result = read_words(line, &joined, &words, error);
    if (result == 0)
        result = verify_answer(cache, &words, &verdict, error);
    return result < 0 ? NULL : verify_object(&verdict);
}

static json_t *parse_line(const char *bytes, size_t length, struct error *error)
{
    json_error_t found;
    json_t *line = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &found);
    if (json_is_object(line))
        return line;
    json_decref(line);
    error_set(error, EX_DATAERR, "The line is no JSON object: %s",
              line ? "it is something else" : found.text);
    error_cure(error, "posternctl(8) shows a line as it should be");
    return NULL;
}

static char *write_answer(json_t *answer, json_t *line, size_t number)
{
    json_t *id = json_object_get(line, "id");
    bool whole = answer &&
                 json_object_set_new(answer, "line", json_integer((json_int_t)number)) == 0 &&
                 (!id || json_object_set(answer, "id", id) == 0);
    /* ASCII, so that no control character of a peer's reaches a terminal. */
    return whole ? json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
}

char *verify_line(struct verify_cache *cache, const struct verify_words *defaults,
                  const char *bytes, size_t length, size_t number)
{
    struct error error;
    json_auto_t *line = NULL, *answer = NULL;
    error_set(&error, EX_OSERR, "There is no memory left");
    if (length > VERIFY_LINE_MAXIMUM) {
        error_set(&error, EX_DATAERR, "The line is longer than 16 MB");
        error_cure(&error, "give less in one line");
    } else {
        line = parse_line(bytes, length, &error);
    }
    if (line)
        answer = answer_line(cache, defaults, line, &error);
    if (!answer)
        answer = json_pack("{s:b, s:s, s:o}", "accepted", 0, "outcome", "error", "error",
                           control_error_object(&error));
    return write_answer(answer, line, number);
}
