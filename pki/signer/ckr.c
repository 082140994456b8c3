/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See ckr.h. */
#include "pki/signer/ckr.h"

#include "pki/base/cleanup.h"

static const char cure_device[] =
    "see whether the HSM can be reached and is well; Postern goes on trying by itself";
static const char cure_locked[] = "let the token's security officer unlock the PIN";
static const char cure_pin[] =
    "write the right PIN into the file that PinSource names; the refused "
    "one is not tried again, so that the token does not lock";
static const char cure_mechanism[] =
    "see which mechanisms the token allows for this key; a key on P-256 works on most";

#define ROW(name, class, code, cure)                                                               \
    {                                                                                              \
        name, #name, CKR_CLASS_##class, code, cure                                                 \
    }
static const struct row {
    CK_RV rv;
    const char *name;
    enum ckr_class class;
    int code;
    const char *cure;
} rows[] = {
    ROW(CKR_HOST_MEMORY, OTHER, EX_TEMPFAIL, NULL),
    ROW(CKR_SLOT_ID_INVALID, LOST, EX_UNAVAILABLE, cure_device),
    ROW(CKR_GENERAL_ERROR, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_FUNCTION_FAILED, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_ARGUMENTS_BAD, OTHER, EX_SOFTWARE, NULL),
    ROW(CKR_CANT_LOCK, OTHER, EX_CONFIG,
        "use a version of the module that may be called by threads"),
    ROW(CKR_DATA_INVALID, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_DATA_LEN_RANGE, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_DEVICE_ERROR, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_DEVICE_MEMORY, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_DEVICE_REMOVED, LOST, EX_UNAVAILABLE, cure_device),
    ROW(CKR_FUNCTION_CANCELED, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_KEY_HANDLE_INVALID, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_KEY_SIZE_RANGE, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_KEY_TYPE_INCONSISTENT, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, UNSUPPORTED, EX_CONFIG,
        "make the key with CKA_SIGN, or let the HSM's policy allow signing with it"),
    ROW(CKR_MECHANISM_INVALID, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_MECHANISM_PARAM_INVALID, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_OBJECT_HANDLE_INVALID, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_OPERATION_ACTIVE, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_OPERATION_NOT_INITIALIZED, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_PIN_INCORRECT, PIN, EX_CONFIG, cure_pin),
    ROW(CKR_PIN_INVALID, PIN, EX_CONFIG, cure_pin),
    ROW(CKR_PIN_LEN_RANGE, PIN, EX_CONFIG, cure_pin),
    ROW(CKR_PIN_EXPIRED, PIN, EX_CONFIG, "set a new PIN on the token, then write it into the file"),
    ROW(CKR_PIN_LOCKED, PIN, EX_CONFIG, cure_locked),
    ROW(CKR_SESSION_CLOSED, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_SESSION_COUNT, LOST, EX_TEMPFAIL,
        "let the HSM give this client at least one session that nobody else uses"),
    ROW(CKR_SESSION_HANDLE_INVALID, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_TOKEN_NOT_PRESENT, LOST, EX_UNAVAILABLE, cure_device),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, LOST, EX_UNAVAILABLE, cure_device),
    ROW(CKR_USER_NOT_LOGGED_IN, LOST, EX_TEMPFAIL, "name the PIN of the token with PinSource"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, OTHER, EX_CONFIG,
        "let the token's security officer set the user's PIN"),
    ROW(CKR_USER_TYPE_INVALID, OTHER, EX_CONFIG, NULL),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, LOST, EX_TEMPFAIL, cure_device),
    ROW(CKR_TOKEN_WRITE_PROTECTED, OTHER, EX_CONFIG, NULL),
    ROW(CKR_SESSION_READ_ONLY, OTHER, EX_CONFIG, NULL),
    ROW(CKR_ATTRIBUTE_READ_ONLY, OTHER, EX_CONFIG, NULL),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, OTHER, EX_CONFIG, NULL),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, OTHER, EX_CONFIG, NULL),
    ROW(CKR_TEMPLATE_INCOMPLETE, OTHER, EX_CONFIG, NULL),
    ROW(CKR_TEMPLATE_INCONSISTENT, OTHER, EX_CONFIG, NULL),
    ROW(CKR_ACTION_PROHIBITED, OTHER, EX_CONFIG, NULL),
    ROW(CKR_DOMAIN_PARAMS_INVALID, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_CURVE_NOT_SUPPORTED, UNSUPPORTED, EX_CONFIG, cure_mechanism),
    ROW(CKR_BUFFER_TOO_SMALL, OTHER, EX_SOFTWARE, NULL),
};

static const struct row *find_row(CK_RV rv)
{
    static const struct row unknown = {0, "CKR_?", CKR_CLASS_LOST, EX_TEMPFAIL, cure_device};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].rv == rv)
            return &rows[i];
    return &unknown;
}

const char *ckr_name(CK_RV rv)
{
    return find_row(rv)->name;
}

enum ckr_class ckr_class(CK_RV rv)
{
    return find_row(rv)->class;
}

int ckr_error(struct error *error, CK_RV rv, const char *function)
{
    const struct row *row = find_row(rv);
    error_set(error, row->code, "%s: %s (0x%lx)", function, row->name, (unsigned long)rv);
    return row->cure ? error_cure(error, "%s", row->cure) : -row->code;
}
