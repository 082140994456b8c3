/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A PKCS#11 module for tests: SoftHSM, with the faults of real ones when asked.
 *
 * The folder named by POSTERN_TEST_TOKEN holds its orders, as files looked for at each call, so
 * that a test can give them while the signer runs:
 *
 *     logins        (written) one byte for each C_Login with CKU_USER, two for CONTEXT_SPECIFIC
 *     starts        (written) one byte for each C_Initialize
 *     hang          C_Sign does not return
 *     slow          C_Sign takes so many milliseconds, or 300
 *     lost-session  one line, a CKR_ number: all sessions of this moment answer it for ever
 *     lost-module   the same, and new ones too, until C_Finalize
 *     lost-process  the same, until the process ends
 *     fail          "C_Function code n": the n-th call of it from now on answers the CKR_ number;
 *                   0: each of them, as long as the order stands
 *     swap          handles mean the keys next to theirs, until they are looked for again
 *     wrong         the next n signatures have a bit turned
 *     all-wrong     each signature has
 *     no-pss, no-raw      C_GetMechanismInfo does not list CKM_RSA_PKCS_PSS, CKM_RSA_X_509
 *     no-old        C_Sign fails for what only TLS 1.0 and 1.1 sign: MD5 with SHA-1, and SHA-1
 *     one-session   a second C_OpenSession gets CKR_SESSION_COUNT
 *     refuse-pin    C_Login answers CKR_PIN_INCORRECT
 *     hang-making   C_GenerateKeyPair does not return
 *     slow-making   C_GenerateKeyPair takes 2 s, and nothing else is answered meanwhile
 *     makings       (written) one byte for each C_GenerateKeyPair
 *     extractable   keys say that they are extractable
 *     no-public     no public half can be found
 *     signings      (written) one byte for each C_Sign, where there is such a file already
 *     read-only     a token that is write-protected: no read-write session
 *     ask-always    keys want C_Login(CKU_CONTEXT_SPECIFIC) before each C_Sign
 *     final-try     C_GetTokenInfo has CKF_USER_PIN_FINAL_TRY */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static CK_FUNCTION_LIST *real;
static CK_FUNCTION_LIST functions;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static CK_RV lost;                  /* what lost sessions answer */
static CK_SESSION_HANDLE lost_upto; /* sessions up to this one are lost */
static bool module_lost, process_lost, swapped;
static CK_SESSION_HANDLE newest;
static int open_sessions;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* one thing at a time */
static bool asked_for[65536]; /* sessions in which CONTEXT_SPECIFIC was said */

static const char *order_path(const char *name)
{
    static _Thread_local char path[512];
    const char *folder = getenv("POSTERN_TEST_TOKEN");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "/nonexistent", name);
    return path;
}

static bool ordered(const char *name)
{
    return access(order_path(name), F_OK) == 0;
}

/* In C_Sign. */
static void be_slow(void)
{
    FILE *file = fopen(order_path("slow"), "re");
    unsigned milliseconds = 300;
    if (!file)
        return;
    if (fscanf(file, "%u", &milliseconds) != 1)
        milliseconds = 300;
    fclose(file);
    usleep(milliseconds * 1000);
}

/* Reads and takes away an order with a number. */
static bool take_order(const char *name, CK_RV *number)
{
    FILE *file = fopen(order_path(name), "re");
    unsigned long value = 0;
    if (!file)
        return false;
    bool read = fscanf(file, "%lx", &value) == 1;
    fclose(file);
    if (read)
        unlink(order_path(name));
    *number = value;
    return read;
}

/* An order with how many times it stands for. */
static bool take_one(const char *name)
{
    unsigned left = 0;
    pthread_mutex_lock(&lock);
    FILE *file = fopen(order_path(name), "r+e");
    bool stands = file && fscanf(file, "%u", &left) == 1 && left;
    if (stands && left == 1)
        unlink(order_path(name));
    if (stands && left > 1) {
        rewind(file);
        fprintf(file, "%09u\n", left - 1);
    }
    if (file)
        fclose(file);
    pthread_mutex_unlock(&lock);
    return stands;
}

static void count(const char *name, const char *bytes)
{
    FILE *file = fopen(order_path(name), "ae");
    if (!file)
        return;
    fputs(bytes, file);
    fclose(file);
}

static CK_RV look_for_loss(CK_SESSION_HANDLE session)
{
    CK_RV number, answer = CKR_OK;
    pthread_mutex_lock(&lock);
    if (take_order("lost-session", &number)) {
        lost = number;
        lost_upto = newest;
    }
    if (take_order("lost-module", &number)) {
        lost = number;
        module_lost = true;
    }
    if (take_order("lost-process", &number)) {
        lost = number;
        process_lost = true;
    }
    if (process_lost || module_lost || (session && session <= lost_upto))
        answer = lost;
    pthread_mutex_unlock(&lock);
    return answer;
}

/* The n-th call of the function that "fail" names. */
static CK_RV look_for_failure(const char *function)
{
    char name[64] = "";
    unsigned long code = 0;
    unsigned n = 0;
    CK_RV answer = CKR_OK;
    pthread_mutex_lock(&lock);
    FILE *file = fopen(order_path("fail"), "r+e");
    if (file && fscanf(file, "%63s %lx %u", name, &code, &n) == 3 && strcmp(name, function) == 0) {
        if (n < 2)
            answer = code;
        if (n == 1)
            unlink(order_path("fail"));
        rewind(file);
        if (n > 1)
            fprintf(file, "%s 0x%lx %09u\n", name, code, n - 1);
    }
    if (file)
        fclose(file);
    pthread_mutex_unlock(&lock);
    return answer;
}

static CK_RV initialize(void *arguments)
{
    CK_RV rv = look_for_failure("C_Initialize");
    count("starts", "x");
    return rv != CKR_OK ? rv : real->C_Initialize(arguments);
}

static CK_RV finalize(void *reserved)
{
    pthread_mutex_lock(&lock);
    module_lost = false;
    lost_upto = newest = 0;
    open_sessions = 0;
    pthread_mutex_unlock(&lock);
    return real->C_Finalize(reserved);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    CK_RV rv = look_for_loss(0);
    if (ordered("read-only") && flags & CKF_RW_SESSION)
        return CKR_TOKEN_WRITE_PROTECTED;
    if (rv == CKR_OK)
        rv = look_for_failure("C_OpenSession");
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&lock);
    rv = ordered("one-session") && open_sessions
             ? CKR_SESSION_COUNT
             : real->C_OpenSession(slot, flags, application, notify, session);
    if (rv == CKR_OK) {
        open_sessions++;
        newest = *session > newest ? *session : newest;
    }
    pthread_mutex_unlock(&lock);
    return rv;
}

static CK_RV close_session(CK_SESSION_HANDLE session)
{
    pthread_mutex_lock(&lock);
    open_sessions--;
    pthread_mutex_unlock(&lock);
    return real->C_CloseSession(session);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = real->C_GetTokenInfo(slot, info);
    if (rv == CKR_OK && ordered("final-try"))
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    return rv;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    if ((type == CKM_RSA_PKCS_PSS && ordered("no-pss")) ||
        (type == CKM_RSA_X_509 && ordered("no-raw")))
        return CKR_MECHANISM_INVALID;
    return real->C_GetMechanismInfo(slot, type, info);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG length)
{
    if (user != CKU_CONTEXT_SPECIFIC) {
        count("logins", "x");
        CK_RV rv = ordered("refuse-pin") ? CKR_PIN_INCORRECT : look_for_failure("C_Login");
        return rv != CKR_OK ? rv : real->C_Login(session, user, pin, length);
    }
    count("logins", "xx");
    asked_for[session % 65536] = true;
    return CKR_OK;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_ATTRIBUTE *public, CK_ULONG public_count, CK_ATTRIBUTE *private,
                               CK_ULONG private_count, CK_OBJECT_HANDLE *public_key,
                               CK_OBJECT_HANDLE *private_key)
{
    count("makings", "x");
    CK_RV rv = look_for_loss(session);
    if (rv == CKR_OK)
        rv = look_for_failure("C_GenerateKeyPair");
    if (rv != CKR_OK)
        return rv;
    while (ordered("hang-making"))
        pause();
    if (ordered("slow-making")) {
        pthread_mutex_lock(&making);
        usleep(2000000);
        pthread_mutex_unlock(&making);
    }
    return real->C_GenerateKeyPair(session, mechanism, public, public_count, private, private_count,
                                   public_key, private_key);
}

static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                 CK_ATTRIBUTE *attributes, CK_ULONG number)
{
    CK_RV rv = look_for_loss(session);
    if (rv == CKR_OK)
        rv = look_for_failure("C_GetAttributeValue");
    if (rv != CKR_OK)
        return rv;
    rv = real->C_GetAttributeValue(session, object, attributes, number);
    if (rv == CKR_OK && ordered("ask-always") && attributes->type == CKA_ALWAYS_AUTHENTICATE)
        *(CK_BBOOL *)attributes->pValue = CK_TRUE;
    if (rv == CKR_OK && ordered("extractable") && attributes->type == CKA_EXTRACTABLE)
        *(CK_BBOOL *)attributes->pValue = CK_TRUE;
    return rv;
}

/* Another private key of the same type, as after a reset that numbered the objects anew. */
static CK_OBJECT_HANDLE neighbour(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_KEY_TYPE type = CKK_RSA;
    CK_ATTRIBUTE own = {CKA_KEY_TYPE, &type, sizeof type};
    real->C_GetAttributeValue(session, key, &own, 1);
    CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, own};
    CK_OBJECT_HANDLE found[8], other = key;
    CK_ULONG count = 0;
    if (real->C_FindObjectsInit(session, template, 2) != CKR_OK)
        return key;
    real->C_FindObjects(session, found, 8, &count);
    real->C_FindObjectsFinal(session);
    for (CK_ULONG i = 0; i < count; i++)
        if (found[i] != key)
            other = found[i];
    return other;
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_RV rv = look_for_loss(session);
    CK_ULONG value;
    if (rv == CKR_OK)
        rv = look_for_failure("C_SignInit");
    if (take_order("swap", &value))
        swapped = true;
    if (rv == CKR_OK)
        rv = real->C_SignInit(session, mechanism, swapped ? neighbour(session, key) : key);
    return rv;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG number)
{
    CK_RV rv = look_for_loss(session);
    if (rv == CKR_OK)
        rv = look_for_failure("C_FindObjectsInit");
    swapped = false;
    if (ordered("no-public") && number && template->type == CKA_CLASS &&
        *(CK_OBJECT_CLASS *)template->pValue == CKO_PUBLIC_KEY)
        *(CK_OBJECT_CLASS *)template->pValue = CKO_DATA;
    return rv == CKR_OK ? real->C_FindObjectsInit(session, template, number) : rv;
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length, CK_BYTE *signature,
                  CK_ULONG *signature_length)
{
    CK_RV rv = look_for_loss(session);
    if (rv != CKR_OK)
        return rv;
    rv = look_for_failure("C_Sign");
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&making);
    pthread_mutex_unlock(&making);
    if (ordered("signings"))
        count("signings", "x");
    while (ordered("hang"))
        pause();
    be_slow();
    if (ordered("ask-always") && !asked_for[session % 65536])
        return CKR_USER_NOT_LOGGED_IN;
    asked_for[session % 65536] = false;
    rv = real->C_Sign(session, data, length, signature, signature_length);
    if (ordered("no-old") && (length == 36 || length == 20))
        return CKR_FUNCTION_FAILED;
    if (rv == CKR_OK && (ordered("all-wrong") || take_one("wrong")))
        signature[*signature_length / 2] ^= 1;
    return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *path = getenv("POSTERN_TEST_SOFTHSM");
    void *library = dlopen(path ? path : "libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get;
    if (!library)
        return CKR_GENERAL_ERROR;
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    if (!get || get(&real) != CKR_OK)
        return CKR_GENERAL_ERROR;
    functions = *real;
    functions.C_Initialize = initialize;
    functions.C_Finalize = finalize;
    functions.C_OpenSession = open_session;
    functions.C_CloseSession = close_session;
    functions.C_GetTokenInfo = get_token_info;
    functions.C_GetMechanismInfo = get_mechanism_info;
    functions.C_Login = login;
    functions.C_GenerateKeyPair = generate_key_pair;
    functions.C_GetAttributeValue = get_attribute_value;
    functions.C_FindObjectsInit = find_objects_init;
    functions.C_SignInit = sign_init;
    functions.C_Sign = sign;
    *list = &functions;
    return CKR_OK;
}
