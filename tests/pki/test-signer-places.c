/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * One key in two places: the first is a token with faults, the second a file. (Not the same token
 * twice: SoftHSM shows a token as absent to one process while another writes its login down.) */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "tests/pki/test-token-setup.h"

TCase *place_cases(void);

static struct pki_signer *signer;
static struct pki_key *key;
static struct pki_key_status places[2];

static int open_places(unsigned timeout, bool wait, struct error *error)
{
    struct pki_key_source sources[] = {test_faulty(TEST_P256), test_source(TEST_FILE, TEST_P256)};
    sources[0].timeout = sources[1].timeout = timeout;
    signer = test_signer();
    return pki_key_open_places(signer, sources, 2, test_keys[TEST_P256], wait, &key, error);
}

static void close_all(void)
{
    key = pki_key_unref(key);
    signer = pki_signer_free(signer);
}

/* In the order of preference, whichever process they are in. */
static void look(void)
{
    struct pki_signer_status status;
    struct pki_key_status keys[3];
    unsigned count = pki_signer_status(signer, &status, keys, 3);
    for (unsigned i = 0; i < count; i++)
        if (keys[i].places == 2)
            places[keys[i].place - 1] = keys[i];
}

/* Check's own limit ends a wait in vain. */
static void await_active(unsigned place)
{
    for (look(); !places[place - 1].active; look())
        usleep(10000);
}

static int sign(struct error *error)
{
    return test_sign(key, TEST_P256, PKI_ECDSA_SHA256, error);
}

START_TEST(the_first_place_makes_the_signatures)
{
    struct error error;
    ck_assert_int_eq(open_places(0, false, &error), 0);
    await_active(1);
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(sign(&error), 0);
    look();
    ck_assert_uint_eq(places[0].signatures, 5);
    ck_assert_uint_eq(places[1].signatures, 0);
    ck_assert_uint_eq(places[0].failovers, 0);
    ck_assert_uint_eq(places[0].places, 2);
    close_all();
}
END_TEST

START_TEST(a_lost_place_costs_no_signature_and_comes_back)
{
    struct error error;
    ck_assert_int_eq(open_places(0, false, &error), 0);
    while (!places[1].ready)
        look();
    test_order("fail", "C_SignInit 0x30 0");
    for (unsigned i = 0; i < 5; i++)
        ck_assert_int_eq(sign(&error), 0);
    look();
    ck_assert(!places[0].ready && places[1].active);
    ck_assert_uint_eq(places[1].signatures, 5);
    ck_assert_uint_eq(places[0].failovers, 1);
    test_withdraw("fail");
    await_active(1); /* nobody asks for a signature */
    ck_assert_uint_eq(places[0].comebacks, 1);
    ck_assert(!places[1].active);
    ck_assert_int_eq(sign(&error), 0);
    look();
    ck_assert_uint_eq(places[0].signatures, 1);
    close_all();
}
END_TEST

START_TEST(a_hanging_place_takes_down_nobody_else)
{
    struct error error;
    struct pki_signer_status status;
    struct pki_key_source file = test_source(TEST_FILE, TEST_RSA);
    ck_assert_int_eq(open_places(500, false, &error), 0);
    struct pki_key *other = test_open(signer, &file, TEST_RSA);
    while (!places[1].ready)
        look();
    test_order("hang", "");
    ck_assert_int_eq(sign(&error), 0); /* late, by the second place */
    ck_assert_int_eq(test_sign(other, TEST_RSA, PKI_RSA_PSS_SHA256, &error), 0);
    ck_assert_int_eq(sign(&error), 0);
    pki_signer_status(signer, &status, NULL, 0);
    ck_assert_uint_eq(status.processes, 2);
    for (unsigned i = 0; i < status.processes; i++)
        if (!strstr(status.process[i].serves, TEST_MODULE))
            ck_assert_uint_eq(status.process[i].starts, 1);
    test_withdraw("hang");
    pki_key_unref(other);
    close_all();
}
END_TEST

START_TEST(the_second_place_is_enough_to_start_with)
{
    struct error error;
    test_order("fail", "C_SignInit 0x30 0");
    ck_assert_int_eq(open_places(0, false, &error), 0);
    ck_assert_int_eq(sign(&error), 0);
    look();
    ck_assert(places[1].active);
    test_withdraw("fail");
    await_active(1);
    close_all();
}
END_TEST

START_TEST(without_any_place_the_first_says_why)
{
    struct error error;
    struct pki_key_source sources[] = {test_source(TEST_TOKEN, TEST_P256), {.key = "/nowhere"}};
    sources[0].key = "pkcs11:token=postern-test;object=nobody;type=private";
    signer = test_signer();
    ck_assert_int_eq(
        pki_key_open_places(signer, sources, 2, test_keys[TEST_P256], false, &key, &error),
        -EX_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.what, "no such private key"));
    close_all();
}
END_TEST

START_TEST(a_wrong_key_in_a_later_place_is_never_used)
{
    struct error error;
    struct pki_key_source sources[] = {test_faulty(TEST_P256), test_source(TEST_FILE, TEST_RSA)};
    signer = test_signer();
    ck_assert_int_eq(
        pki_key_open_places(signer, sources, 2, test_keys[TEST_P256], false, &key, &error), 0);
    test_order("fail", "C_SignInit 0x30 0");
    ck_assert_int_eq(sign(&error), -EX_TEMPFAIL);
    for (look(); !places[1].last_error[0]; look())
        usleep(10000);
    ck_assert(!places[1].ready);
    ck_assert_ptr_nonnull(strstr(places[1].last_error, "does not belong to the certificate"));
    close_all();
}
END_TEST

/* A refused PIN in one place is not tried by the comings and goings of the other. */
START_TEST(a_refused_pin_in_one_place_leaves_the_other_at_work)
{
    struct error error;
    struct pki_key_source sources[] = {test_faulty(TEST_P256), test_source(TEST_FILE, TEST_P256)};
    test_write("pin", "wrong");
    signer = test_signer();
    ck_assert_int_eq(
        pki_key_open_places(signer, sources, 2, test_keys[TEST_P256], false, &key, &error), 0);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(sign(&error), 0);
        pki_key_retry(key);
    }
    ck_assert_uint_eq(test_size("orders/logins"), 1);
    test_write("pin", TEST_PIN);
    pki_key_retry(key); /* as a reload does */
    await_active(1);
    ck_assert_uint_eq(test_size("orders/logins"), 2);
    close_all();
}
END_TEST

TCase *place_cases(void)
{
    TCase *tcase = tcase_create("places");
    tcase_add_test(tcase, the_first_place_makes_the_signatures);
    tcase_add_test(tcase, a_lost_place_costs_no_signature_and_comes_back);
    tcase_add_test(tcase, a_hanging_place_takes_down_nobody_else);
    tcase_add_test(tcase, the_second_place_is_enough_to_start_with);
    tcase_add_test(tcase, without_any_place_the_first_says_why);
    tcase_add_test(tcase, a_wrong_key_in_a_later_place_is_never_used);
    tcase_add_test(tcase, a_refused_pin_in_one_place_leaves_the_other_at_work);
    return tcase;
}
