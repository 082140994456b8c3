/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See module.h. p11-kit's managed modules are used, so that its remote modules and its settings
 * work as in every other program; each is initialised once by us, so that our one C_Finalize
 * reaches it. */
#include "pki/signer/module.h"

#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/base/log.h"
#include "pki/signer/ckr.h"

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct module *list;
static unsigned count;
static bool registry_read;

static struct module *find_module(const char *path)
{
    for (struct module *module = list; module; module = module->next)
        if (strcmp(module->path, path) == 0)
            return module;
    return NULL;
}

static void init_locks(struct module *module)
{
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&module->inside, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&module->login, NULL);
}

/* With the list locked. Takes over `functions` and `path`; NULL when it cannot be kept. */
static struct module *add_module(CK_FUNCTION_LIST *functions, char *path)
{
    struct module *module = count < MODULES_MAXIMUM ? calloc(1, sizeof *module) : NULL;
    if (!module) {
        p11_kit_module_release(functions);
        free(path);
        return NULL;
    }
    module->functions = functions;
    module->path = path;
    module->name = p11_kit_module_get_name(functions);
    init_locks(module);
    module->next = list;
    list = module;
    count++;
    return module;
}

static int load_module(char *path, struct module **ret, struct error *error)
{
    CK_FUNCTION_LIST *functions = p11_kit_module_load(path, 0);
    if (!functions) {
        const char *reason = p11_kit_message();
        error_set(error, EX_CONFIG, "The PKCS#11 module cannot be loaded: %s",
                  reason ? reason : "no reason was given");
        error_cure(error, "check the path of the module and that its libraries are installed");
        error_where(error, "%s", path);
        free(path);
        return -EX_CONFIG;
    }
    *ret = add_module(functions, path);
    return *ret ? 0 : error_set(error, EX_OSERR, "No room for another PKCS#11 module");
}

int module_for_path(const char *path, struct module **ret, struct error *error)
{
    char *real = realpath(path, NULL);
    if (!real) /* p11-kit looks for bare names in its own folder */
        real = strdup(path);
    if (!real)
        return error_set(error, EX_OSERR, "Out of memory");
    pthread_mutex_lock(&list_lock);
    int result = 0;
    struct module *found = find_module(real);
    if (found)
        free(real);
    else
        result = load_module(real, &found, error);
    pthread_mutex_unlock(&list_lock);
    if (result == 0)
        *ret = found;
    return result;
}

/* A module that was loaded by its path before is the same module. */
static void add_registered(CK_FUNCTION_LIST *functions)
{
    _cleanup_free_ char *file = p11_kit_module_get_filename(functions);
    char *path = file ? realpath(file, NULL) : NULL;
    if (!path) /* a remote module has no file: its name in the registry tells it apart */
        path = file ? TAKE_PTR(file) : p11_kit_module_get_name(functions);
    struct module *module = path ? find_module(path) : NULL;
    if (module || !path) {
        p11_kit_module_release(functions);
        free(path);
    } else {
        module = add_module(functions, path);
    }
    if (module)
        module->registered = true;
}

static void read_registry(void)
{
    CK_FUNCTION_LIST **modules = p11_kit_modules_load(NULL, 0);
    for (unsigned i = 0; modules && modules[i]; i++)
        add_registered(modules[i]);
    free(modules); /* the array alone: the modules are on our list now */
    registry_read = modules != NULL;
}

unsigned modules_registered(struct module *found[MODULES_MAXIMUM])
{
    unsigned number = 0;
    pthread_mutex_lock(&list_lock);
    if (!registry_read)
        read_registry();
    for (struct module *module = list; module; module = module->next)
        if (module->registered)
            found[number++] = module;
    pthread_mutex_unlock(&list_lock);
    return number;
}

/* With the lock for writing. */
static int initialize(struct module *module, struct error *error)
{
    if (module->initialized)
        return 0;
    CK_RV rv = p11_kit_module_initialize(module->functions);
    if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
        ckr_error(error, rv, "C_Initialize");
        return error_where(error, "%s", module->path);
    }
    module->initialized = true;
    module->starts++;
    return 0;
}

int module_enter(struct module *module, struct error *error)
{
    pthread_rwlock_rdlock(&module->inside);
    while (!module->initialized) {
        pthread_rwlock_unlock(&module->inside);
        pthread_rwlock_wrlock(&module->inside);
        int result = initialize(module, error);
        pthread_rwlock_unlock(&module->inside);
        if (result < 0)
            return result;
        pthread_rwlock_rdlock(&module->inside);
    }
    return 0;
}

void module_leave(struct module *module)
{
    pthread_rwlock_unlock(&module->inside);
}

static void finalize(struct module *module)
{
    if (module->initialized)
        p11_kit_module_finalize(module->functions);
    module->initialized = false;
}

int module_restart(struct module *module, uint32_t seen, struct error *error)
{
    int result = 0;
    pthread_rwlock_wrlock(&module->inside);
    if (module->starts == seen) {
        finalize(module); /* a dead device fails here too, and that changes nothing */
        result = initialize(module, error);
    }
    pthread_rwlock_unlock(&module->inside);
    return result;
}

void modules_finalize(void)
{
    pthread_mutex_lock(&list_lock);
    while (list) {
        struct module *module = list;
        list = module->next;
        finalize(module);
        p11_kit_module_release(module->functions);
        pthread_rwlock_destroy(&module->inside);
        pthread_mutex_destroy(&module->login);
        free(module->path);
        free(module->name);
        free(module);
    }
    pthread_mutex_unlock(&list_lock);
}
