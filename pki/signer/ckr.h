/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * What a token's return value means: its name, its class, and what to try.
 *
 * One table, any thread. */
#ifndef POSTERN_PKI_SIGNER_CKR_H
#define POSTERN_PKI_SIGNER_CKR_H

#include <p11-kit/pkcs11.h>

#include "pki/base/error.h"

enum ckr_class {
    CKR_CLASS_OTHER,       /* no recovery would help */
    CKR_CLASS_LOST,        /* session, device, login or handle: climb the ladder */
    CKR_CLASS_PIN,         /* the PIN was refused: never try it again */
    CKR_CLASS_UNSUPPORTED, /* this mechanism is not for this key or this token */
};

const char *ckr_name(CK_RV rv); /* "CKR_PIN_INCORRECT"; "CKR_?" when it is not in the table */
enum ckr_class ckr_class(CK_RV rv);

/* "C_Sign: CKR_DEVICE_ERROR (0x30)" with the code and the cure of the table; returns -code. */
int ckr_error(struct error *error, CK_RV rv, const char *function);

#endif
