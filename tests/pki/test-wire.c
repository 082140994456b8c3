/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The protocol between posternd and its signer: what goes in comes out, and nothing else is taken.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "pki/base/cleanup.h"
#include "pki/wire.h"
#include "tests/suite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t data[PKI_MESSAGE_MAXIMUM + 1] = {1, 2, 3, 0, 255};
static char long_text[PKI_WIRE_TEXT_MAXIMUM + 2];

/* One of each, small, and one of each as large as may be. */
static const struct pki_wire_message cases[] = {
    {.type = PKI_WIRE_HELLO, .id = 0, .hello = {.version = 1}},
    {.type = PKI_WIRE_OPEN,
     .id = 1,
     .open = {.key = 7,
              .sessions = 4,
              .timeout = 5000,
              .refused = {UINT64_MAX, 5, 1700000000123456789},
              .uri = "pkcs11:token=a;object=b",
              .token = "pkcs11:token=a",
              .module = "",
              .pin_source = "file:/run/pin",
              .public_key = {data, 91}}},
    {.type = PKI_WIRE_OPEN,
     .id = UINT32_MAX,
     .open = {.key = UINT32_MAX,
              .sessions = 256,
              .timeout = 3600000,
              .uri = long_text,
              .token = long_text,
              .module = long_text,
              .pin_source = long_text,
              .public_key = {data, PKI_WIRE_PUBLIC_KEY_MAXIMUM}}},
    {.type = PKI_WIRE_OPENED,
     .id = 2,
     .opened = {.key = 7,
                .algorithms = 1u << PKI_ED25519,
                .sessions = 2,
                .logged_in = 1,
                .token = "a",
                .module = "/m.so",
                .manufacturer = "SoftHSM project",
                .model = "SoftHSM v2",
                .serial = "0123",
                .note = "",
                .cure = ""}},
    {.type = PKI_WIRE_CLOSE, .id = 3, .close = {.key = 9}},
    {.type = PKI_WIRE_SIGN,
     .id = 4,
     .sign = {.key = 7, .algorithm = PKI_RSA_PSS_SHA256, .data = {data, 32}}},
    {.type = PKI_WIRE_SIGN,
     .id = 5,
     .sign = {.key = 7, .algorithm = PKI_ED25519, .data = {data, PKI_MESSAGE_MAXIMUM}}},
    {.type = PKI_WIRE_SIGNED,
     .id = 4,

     .signature = {.recovery = 1u << PKI_RECOVERY_MODULE,
                   .algorithms = 1u << PKI_ED25519,
                   .signature = {data, PKI_SIGNATURE_MAXIMUM}}},
    {.type = PKI_WIRE_FAILED,
     .id = 4,
     .failed = {.code = EX_CONFIG,
                .recovery = 1u << PKI_RECOVERY_SESSION | 1u << PKI_RECOVERY_MODULE,
                .lost = 1,
                .pin_refused = 1,
                .refused = {1, 2, 3},
                .what = "it did not work",
                .where = "",
                .cure = "try"}},
    {.type = PKI_WIRE_LIST,
     .id = 5,
     .list = {.sessions = 4,
              .timeout = 5000,
              .refused = {1, 2, 3},
              .token = "pkcs11:token=a",
              .module = "/m.so",
              .pin_source = "file:/run/pin"}},
    {.type = PKI_WIRE_FOUND,
     .id = 5,
     .found = {.kind = PKI_FOUND_CERTIFICATE, .logged_in = 1, .uri = long_text, .text = "CN=a"}},
    {.type = PKI_WIRE_LISTED, .id = 5, .listed = {.count = 3}},
    {.type = PKI_WIRE_PROGRESS, .id = 6},
    {.type = PKI_WIRE_FIND,
     .id = 6,
     .find = {.sessions = 4,
              .timeout = 5000,
              .refused = {1, 2, 3},
              .uri = "pkcs11:token=a;type=private",
              .token = long_text,
              .module = "/m.so",
              .pin_source = "file:/run/pin",
              .public_key = {data, PKI_WIRE_PUBLIC_KEY_MAXIMUM}}},
    {.type = PKI_WIRE_GENERATE,
     .id = 7,
     .generate = {.type = PKI_KEY_ED25519,
                  .sessions = 4,
                  .timeout = 5000,
                  .refused = {1, 2, 3},
                  .token = "pkcs11:token=a",
                  .module = "/m.so",
                  .pin_source = "file:/run/pin",
                  .label = "hybrid-20260101-000000",
                  .id = {data, PKI_ID_MAXIMUM}}},
    {.type = PKI_WIRE_GENERATED,
     .id = 7,
     .generated = {.uri = long_text, .public_key = {data, 91}}},
};

static uint8_t packet[PKI_WIRE_MAXIMUM], again[PKI_WIRE_MAXIMUM];

START_TEST(what_is_encoded_is_decoded)
{
    struct pki_wire_message decoded;
    int length = pki_wire_encode(&cases[_i], packet, sizeof packet);
    ck_assert_int_gt(length, 0);
    ck_assert_int_eq(pki_wire_decode(packet, (size_t)length, &decoded), 0);
    ck_assert_int_eq(decoded.type, cases[_i].type);
    ck_assert_uint_eq(decoded.id, cases[_i].id);
    ck_assert_int_eq(pki_wire_encode(&decoded, again, sizeof again), length);
    ck_assert_mem_eq(packet, again, (size_t)length);
}
END_TEST

START_TEST(fields_come_back_as_they_were)
{
    struct pki_wire_message decoded;
    const struct pki_wire_open *open = &cases[1].open, *got = &decoded.open;
    int length = pki_wire_encode(&cases[1], packet, sizeof packet);
    ck_assert_int_eq(pki_wire_decode(packet, (size_t)length, &decoded), 0);
    ck_assert_uint_eq(got->key, open->key);
    ck_assert_uint_eq(got->sessions, open->sessions);
    ck_assert_uint_eq(got->timeout, open->timeout);
    ck_assert(got->refused.inode == open->refused.inode);
    ck_assert(got->refused.size == open->refused.size);
    ck_assert(got->refused.modified == open->refused.modified);
    ck_assert_str_eq(got->uri, open->uri);
    ck_assert_str_eq(got->token, open->token);
    ck_assert_str_eq(got->module, "");
    ck_assert_str_eq(got->pin_source, open->pin_source);
    ck_assert_uint_eq(got->public_key.length, open->public_key.length);
    ck_assert_mem_eq(got->public_key.at, data, open->public_key.length);
}
END_TEST

/* Whole bytes, so that a reader of another make could be written from wire.h. */
START_TEST(the_bytes_are_those_of_the_description)
{
    static const uint8_t expected[] = {PKI_WIRE_SIGN, 4, 0, 0, 0, 7, 0, 0, 0,
                                       PKI_ED25519,   3, 0, 1, 2, 3};
    struct pki_wire_message message = {
        .type = PKI_WIRE_SIGN, .id = 4, .sign = {7, PKI_ED25519, {data, 3}}};
    ck_assert_int_eq(pki_wire_encode(&message, packet, sizeof packet), sizeof expected);
    ck_assert_mem_eq(packet, expected, sizeof expected);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    struct pki_wire_message decoded;
    int length = pki_wire_encode(&cases[_i], packet, sizeof packet);
    for (int shorter = 0; shorter < length; shorter++) {
        uint8_t *exact = malloc((size_t)shorter + 1); /* so that a read past it is seen */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, packet, (size_t)shorter);
        ck_assert_int_eq(pki_wire_decode(exact, (size_t)shorter, &decoded), -EX_PROTOCOL);
        free(exact);
    }
}
END_TEST

START_TEST(a_byte_too_many_is_refused)
{
    struct pki_wire_message decoded;
    int length = pki_wire_encode(&cases[_i], packet, sizeof packet);
    packet[length] = 0;
    ck_assert_int_eq(pki_wire_decode(packet, (size_t)length + 1, &decoded), -EX_PROTOCOL);
}
END_TEST

START_TEST(too_little_room_is_refused)
{
    int length = pki_wire_encode(&cases[_i], packet, sizeof packet);
    for (int room = 0; room < length; room++)
        ck_assert_int_eq(pki_wire_encode(&cases[_i], again, (size_t)room), -EX_DATAERR);
}
END_TEST

/* Whatever stands in one byte, the decoder takes it only if it is the one encoding of something. */
START_TEST(every_changed_byte_is_refused_or_canonical)
{
    int length = pki_wire_encode(&cases[_i], packet, sizeof packet);
    int step = length > 400 ? length / 400 : 1;
    for (int at = 0; at < length; at += step) {
        uint8_t kept = packet[at];
        for (unsigned value = 0; value < 256; value += 5) {
            packet[at] = (uint8_t)value;
            LLVMFuzzerTestOneInput(packet, (size_t)length);
        }
        packet[at] = kept;
    }
}
END_TEST

START_TEST(random_bytes_are_borne)
{
    srandom((unsigned)_i + 1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t length = (size_t)random() % 96;
        for (size_t i = 0; i < length; i++)
            packet[i] = (uint8_t)random();
        if (length)
            packet[0] = (uint8_t)(packet[0] % (PKI_WIRE_END + 1));
        LLVMFuzzerTestOneInput(packet, length);
    }
}
END_TEST

/* Out of bounds: neither end may say it. */
static const struct pki_wire_message wrong[] = {
    {.type = 0},
    {.type = PKI_WIRE_END},
    {.type = PKI_WIRE_HELLO, .hello = {.version = 0}},
    {.type = PKI_WIRE_CLOSE, .close = {.key = 0}},
    {.type = PKI_WIRE_SIGN, .sign = {7, 0, {data, 32}}},
    {.type = PKI_WIRE_SIGN, .sign = {7, PKI_ALGORITHM_END, {data, 32}}},
    {.type = PKI_WIRE_SIGN, .sign = {7, PKI_ED25519, {data, 0}}},
    {.type = PKI_WIRE_SIGN, .sign = {7, PKI_ED25519, {data, PKI_MESSAGE_MAXIMUM + 1}}},
    {.type = PKI_WIRE_SIGNED, .signature = {1u << PKI_RECOVERY_END, 2, {data, 3}}},
    {.type = PKI_WIRE_SIGNED, .signature = {0, 2, {data, PKI_SIGNATURE_MAXIMUM + 1}}},
    {.type = PKI_WIRE_SIGNED, .signature = {0, 0, {data, 3}}},
    {.type = PKI_WIRE_FAILED, .failed = {.code = EX_CONFIG, .what = "x", .lost = 2}},
    {.type = PKI_WIRE_FAILED, .failed = {.code = 0, .what = "x"}},
    {.type = PKI_WIRE_FAILED, .failed = {.code = EX_CONFIG + 1, .what = "x"}},
    {.type = PKI_WIRE_FAILED, .failed = {.code = EX_CONFIG, .what = ""}},
    {.type = PKI_WIRE_FAILED, .failed = {.code = EX_CONFIG, .what = "x", .pin_refused = 2}},
    {.type = PKI_WIRE_OPENED, .opened = {.key = 1, .sessions = 1, .algorithms = 0}},
    {.type = PKI_WIRE_OPENED, .opened = {.key = 1, .sessions = 1, .algorithms = UINT32_MAX}},
    {.type = PKI_WIRE_FIND, .find = {.sessions = 1, .timeout = 1, .uri = "a"}},
    {.type = PKI_WIRE_FIND, .find = {.sessions = 1, .timeout = 1, .public_key = {data, 9}}},
    {.type = PKI_WIRE_GENERATE,
     .generate = {PKI_KEY_TYPE_END, 1, 1, .token = "a", .label = "b", .id = {data, 1}}},
    {.type = PKI_WIRE_GENERATE, .generate = {1, 1, 1, .token = "a", .id = {data, 1}}},
    {.type = PKI_WIRE_GENERATE, .generate = {1, 1, 1, .token = "a", .label = "b"}},
    {.type = PKI_WIRE_GENERATE,
     .generate = {1, 1, 1, .token = "a", .label = long_text, .id = {data, 1}}},
    {.type = PKI_WIRE_GENERATE,
     .generate = {1, 1, 1, .token = "a", .label = "b", .id = {data, PKI_ID_MAXIMUM + 1}}},
    {.type = PKI_WIRE_GENERATED, .generated = {.uri = "a"}},
    {.type = PKI_WIRE_GENERATED, .generated = {.public_key = {data, 9}}},
};

START_TEST(what_is_out_of_bounds_is_not_encoded)
{
    ck_assert_int_eq(pki_wire_encode(&wrong[_i], packet, sizeof packet), -EX_DATAERR);
}
END_TEST

START_TEST(text_too_long_is_not_encoded)
{
    struct pki_wire_message message = cases[1];
    char text[PKI_WIRE_TEXT_MAXIMUM + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    message.open.uri = text;
    ck_assert_int_eq(pki_wire_encode(&message, packet, sizeof packet), -EX_DATAERR);
}
END_TEST

START_TEST(a_nul_inside_of_text_is_refused)
{
    struct pki_wire_message decoded;
    int length = pki_wire_encode(&cases[1], packet, sizeof packet);
    uint8_t *text = memmem(packet, (size_t)length, "pkcs11:token=a;", 15);
    ck_assert_ptr_nonnull(text);
    text[3] = 0;
    ck_assert_int_eq(pki_wire_decode(packet, (size_t)length, &decoded), -EX_PROTOCOL);
}
END_TEST

START_TEST(text_without_its_nul_is_refused)
{
    struct pki_wire_message decoded;
    int length = pki_wire_encode(&cases[1], packet, sizeof packet);
    uint8_t *text = memmem(packet, (size_t)length, "/run/pin", 8);
    ck_assert_ptr_nonnull(text);
    text[8] = 'x';
    ck_assert_int_eq(pki_wire_decode(packet, (size_t)length, &decoded), -EX_PROTOCOL);
}
END_TEST

int main(void)
{
    memset(long_text, 'u', PKI_WIRE_TEXT_MAXIMUM);
    Suite *suite = suite_create("wire");
    TCase *tcase = tcase_create("wire");
    int count = (int)ARRAY_SIZE(cases);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, what_is_encoded_is_decoded, 0, count);
    tcase_add_test(tcase, fields_come_back_as_they_were);
    tcase_add_test(tcase, the_bytes_are_those_of_the_description);
    tcase_add_loop_test(tcase, every_truncation_is_refused, 0, count);
    tcase_add_loop_test(tcase, a_byte_too_many_is_refused, 0, count);
    tcase_add_loop_test(tcase, too_little_room_is_refused, 0, count);
    tcase_add_loop_test(tcase, every_changed_byte_is_refused_or_canonical, 0, count);
    tcase_add_loop_test(tcase, random_bytes_are_borne, 0, 5);
    tcase_add_loop_test(tcase, what_is_out_of_bounds_is_not_encoded, 0, (int)ARRAY_SIZE(wrong));
    tcase_add_test(tcase, text_too_long_is_not_encoded);
    tcase_add_test(tcase, a_nul_inside_of_text_is_refused);
    tcase_add_test(tcase, text_without_its_nul_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
