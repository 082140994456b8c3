/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How much of a certificate's lifetime is left, and how urgent that is. */
#include <check.h>
#include <stdlib.h>

#include "pki/base/cleanup.h"
#include "pki/lifetime.h"
#include "tests/pki/test-peer-certificates.h"
#include "tests/suite.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

static const struct {
    long past, left; /* seconds: of the lifetime that are past, and left */
    enum pki_lifetime_stage stage;
    enum pki_severity severity;
    long long days_left;
    unsigned percent;
} stages[] = {
    /* a year: both measures */
    {-DAY, 366L * DAY, PKI_LIFETIME_EARLY, PKI_SEVERITY_ERROR, 366, 0},
    {0, 365L * DAY, PKI_LIFETIME_FINE, PKI_SEVERITY_OK, 365, 0},
    {240L * DAY, 125L * DAY, PKI_LIFETIME_FINE, PKI_SEVERITY_OK, 125, 65},
    {245L * DAY, 120L * DAY, PKI_LIFETIME_TWO_THIRDS, PKI_SEVERITY_WARNING, 120, 67},
    {335L * DAY, 30L * DAY, PKI_LIFETIME_TWO_THIRDS, PKI_SEVERITY_WARNING, 30, 91},
    {335L * DAY, 30L * DAY - 1, PKI_LIFETIME_WEEKS, PKI_SEVERITY_WARNING, 29, 91},
    {358L * DAY, 7L * DAY, PKI_LIFETIME_WEEKS, PKI_SEVERITY_WARNING, 7, 98},
    {358L * DAY, 7L * DAY - 1, PKI_LIFETIME_DAYS, PKI_SEVERITY_ERROR, 6, 98},
    {365L * DAY, 0, PKI_LIFETIME_DAYS, PKI_SEVERITY_ERROR, 0, 100},
    {365L * DAY, -1, PKI_LIFETIME_EXPIRED, PKI_SEVERITY_ERROR, -1, 100},
    {365L * DAY, -DAY, PKI_LIFETIME_EXPIRED, PKI_SEVERITY_ERROR, -1, 100},
    {365L * DAY, -DAY - 1, PKI_LIFETIME_EXPIRED, PKI_SEVERITY_ERROR, -2, 100},
    /* 61 days: fewer than 30 days come before two thirds */
    {32L * DAY, 29L * DAY, PKI_LIFETIME_WEEKS, PKI_SEVERITY_WARNING, 29, 52},
    /* 47 days, and six: the fraction alone */
    {24L * DAY, 23L * DAY, PKI_LIFETIME_FINE, PKI_SEVERITY_OK, 23, 51},
    {32L * DAY, 15L * DAY, PKI_LIFETIME_TWO_THIRDS, PKI_SEVERITY_WARNING, 15, 68},
    {43L * DAY, 4L * DAY, PKI_LIFETIME_DAYS, PKI_SEVERITY_ERROR, 4, 91},
    {3L * DAY, 3L * DAY, PKI_LIFETIME_FINE, PKI_SEVERITY_OK, 3, 50},
    {5L * DAY, 1L * DAY, PKI_LIFETIME_TWO_THIRDS, PKI_SEVERITY_WARNING, 1, 83},
    {6L * DAY, -HOUR, PKI_LIFETIME_EXPIRED, PKI_SEVERITY_ERROR, -1, 100},
};

START_TEST(each_threshold_is_where_it_is_said_to_be)
{
    time_t now = 1800000000;
    struct pki_lifetime lifetime;
    pki_lifetime_between(now - stages[_i].past, now + stages[_i].left, now, &lifetime);
    ck_assert_int_eq(lifetime.stage, stages[_i].stage);
    ck_assert_int_eq(lifetime.severity, stages[_i].severity);
    ck_assert_int_eq(lifetime.days_left, stages[_i].days_left);
    ck_assert_uint_eq(lifetime.percent, stages[_i].percent);
}
END_TEST

START_TEST(every_stage_but_the_good_one_has_a_cure)
{
    for (int i = PKI_LIFETIME_EARLY; i <= PKI_LIFETIME_EXPIRED; i++) {
        ck_assert_str_ne(pki_lifetime_stage_name((enum pki_lifetime_stage)i), "");
        ck_assert_int_eq(*pki_lifetime_cure((enum pki_lifetime_stage)i) == '\0',
                         i == PKI_LIFETIME_FINE);
    }
}
END_TEST

START_TEST(it_is_spoken_of_once_a_stage_and_once_a_day)
{
    struct pki_lifetime lifetime;
    time_t now = 1800000000;
    pki_lifetime_between(now - 340L * DAY, now + 25L * DAY, now, &lifetime);
    ck_assert(pki_lifetime_is_due(&lifetime, PKI_LIFETIME_FINE, 0, now));
    ck_assert(pki_lifetime_is_due(&lifetime, PKI_LIFETIME_TWO_THIRDS, now - 1, now));
    ck_assert(!pki_lifetime_is_due(&lifetime, PKI_LIFETIME_WEEKS, now - 1, now));
    ck_assert(!pki_lifetime_is_due(&lifetime, PKI_LIFETIME_WEEKS, now - DAY + 1, now));
    ck_assert(pki_lifetime_is_due(&lifetime, PKI_LIFETIME_WEEKS, now - DAY, now));
    pki_lifetime_between(now, now + 365L * DAY, now, &lifetime);
    ck_assert(!pki_lifetime_is_due(&lifetime, PKI_LIFETIME_EXPIRED, 0, now));
}
END_TEST

static X509 *certificate(const char *subject, long from, long to)
{
    return test_certificate(&(struct test_certificate){
        .subject = subject, .key = TEST_P256, .issuer_key = TEST_P256, .from = from, .to = to});
}

START_TEST(a_certificate_is_judged_by_its_dates)
{
    char text[256];
    struct pki_lifetime lifetime;
    X509 *one = certificate("CN=one", -350L * DAY, 15L * DAY + HOUR);
    pki_lifetime_of(one, 0, &lifetime);
    ck_assert_int_eq(lifetime.stage, PKI_LIFETIME_WEEKS);
    pki_lifetime_text(&lifetime, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "in 15 days; 95 % of its lifetime are past"));
    X509_free(one);
}
END_TEST

/* A chain lives as long as its shortest-lived certificate. */
START_TEST(a_chain_is_judged_by_its_worst_certificate)
{
    struct error error;
    char subject[128];
    struct pki_lifetime lifetime;
    X509 *root = test_certificate(&(struct test_certificate){
        .subject = "CN=root", .key = TEST_P256_ROOT, .issuer_key = TEST_P256_ROOT});
    X509 *above = test_certificate(&(struct test_certificate){.subject = "CN=issuing",
                                                              .key = TEST_P256_INTERMEDIATE,
                                                              .issuer = root,
                                                              .issuer_key = TEST_P256_ROOT,
                                                              .from = -360L * DAY,
                                                              .to = 3L * DAY});
    X509 *leaf = test_certificate(&(struct test_certificate){.subject = "CN=leaf",
                                                             .key = TEST_P256,
                                                             .issuer = above,
                                                             .issuer_key = TEST_P256_INTERMEDIATE,
                                                             .from = -10L * DAY,
                                                             .to = 355L * DAY});
    char *path = test_write_pem((X509 *[]){leaf, above}, 2);
    ck_assert_int_eq(
        pki_lifetime_of_chain_file(path, 0, &lifetime, subject, sizeof subject, &error), 0);
    ck_assert_int_eq(lifetime.stage, PKI_LIFETIME_DAYS);
    ck_assert_str_eq(subject, "CN=issuing");
    test_remove(path);
    ck_assert_int_eq(pki_lifetime_of_chain_file("/nonexistent.pem", 0, &lifetime, subject,
                                                sizeof subject, &error),
                     -EX_CONFIG);
    X509_free(root), X509_free(above), X509_free(leaf);
}
END_TEST

START_TEST(anchors_that_have_expired_are_counted)
{
    struct error error;
    size_t count = 0, expired = 0;
    char subject[128] = "";
    X509 *good = certificate("CN=good", -DAY, DAY), *old = certificate("CN=old", -2 * DAY, -DAY);
    char *path = test_write_pem((X509 *[]){good, old, good}, 3);
    ck_assert_int_eq(
        pki_lifetime_of_anchors_file(path, 0, &count, &expired, subject, sizeof subject, &error),
        0);
    ck_assert_uint_eq(count, 3);
    ck_assert_uint_eq(expired, 1);
    ck_assert_str_eq(subject, "CN=old");
    test_remove(path);
    X509_free(good), X509_free(old);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *tests = tcase_create("lifetime");
    tcase_add_loop_test(tests, each_threshold_is_where_it_is_said_to_be, 0,
                        (int)ARRAY_SIZE(stages));
    tcase_add_test(tests, every_stage_but_the_good_one_has_a_cure);
    tcase_add_test(tests, it_is_spoken_of_once_a_stage_and_once_a_day);
    tcase_add_test(tests, a_certificate_is_judged_by_its_dates);
    tcase_add_test(tests, a_chain_is_judged_by_its_worst_certificate);
    tcase_add_test(tests, anchors_that_have_expired_are_counted);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
