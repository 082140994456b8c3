/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See exact.h. */
#include "tests/gateway/exact.h"

#include <check.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

char *exact_copy(const char *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    ck_assert_ptr_nonnull(copy);
    if (length)
        memcpy(copy, bytes, length);
    return copy;
}

char *many(char byte, size_t count)
{
    char *text = malloc(count + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, byte, count);
    text[count] = '\0';
    return text;
}

static void replay(const char *bytes, size_t length)
{
    _cleanup_free_ char *exact = exact_copy(bytes, length);
    ck_assert_int_eq(LLVMFuzzerTestOneInput((const uint8_t *)exact, length), 0);
}

static void replay_file(const char *folder, const char *name)
{
    char path[1024], bytes[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file, "%s cannot be opened", path);
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t shorter = 0; shorter <= length; shorter++)
        replay(bytes, shorter);
}

unsigned exact_replay(const char *folder)
{
    unsigned count = 0;
    DIR *directory = opendir(folder);
    ck_assert_msg(directory, "%s cannot be opened", folder);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        replay_file(folder, entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}
