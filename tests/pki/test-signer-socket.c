/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Signers that somebody else starts, one for each connection to a socket. */
#include "tests/pki/test-signer-socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki/client.h"
#include "tests/pki/test-token-setup.h"

TCase *socket_cases(void);

/* --- the stand-in ----------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_uint_lt(strlen(path), sizeof address.sun_path);
    strcpy(address.sun_path, path);
    return address;
}

static int listen_at(const char *path, int backlog)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    unlink(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

static void *accept_all(void *argument)
{
    struct stand_in *stand_in = argument;
    int fd;
    while ((fd = accept4(stand_in->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        stand_in->serve(stand_in, fd, __atomic_fetch_add(&stand_in->accepted, 1, __ATOMIC_SEQ_CST));
    return NULL;
}

void stand_in_begin(struct stand_in *stand_in)
{
    stand_in->path = test_path("signer.sock");
    stand_in->listener = listen_at(stand_in->path, 64);
    ck_assert_int_eq(pthread_create(&stand_in->thread, NULL, accept_all, stand_in), 0);
}

static unsigned accepted(struct stand_in *stand_in)
{
    return __atomic_load_n(&stand_in->accepted, __ATOMIC_SEQ_CST);
}

void stand_in_end(struct stand_in *stand_in)
{
    int status;
    shutdown(stand_in->listener, SHUT_RDWR);
    pthread_join(stand_in->thread, NULL);
    close(stand_in->listener);
    for (unsigned i = 0; i < accepted(stand_in) && i < STAND_IN_MAXIMUM; i++)
        if (stand_in->pids[i])
            ck_assert_msg(process_wait(stand_in->pids[i], 20000, &status), "a signer stayed");
}

/* systemd's way: the connection is descriptor 3, and LISTEN_PID says for whom. */
void stand_in_start_signer(struct stand_in *stand_in, int socket, unsigned number)
{
    static const char script[] = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" --log-level 0";
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_DFL);
        if (socket == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(socket, 3) == 3)
            execl("/bin/sh", "sh", "-c", script, TEST_SIGNER, NULL);
        _exit(127);
    }
    close(socket);
    if (number < STAND_IN_MAXIMUM)
        __atomic_store_n(&stand_in->pids[number], pid, __ATOMIC_SEQ_CST);
}

struct pki_signer *stand_in_connect(const struct stand_in *stand_in)
{
    struct pki_signer_options options = {.socket = stand_in->path};
    struct pki_signer *signer = NULL;
    struct error error;
    int result = pki_signer_new(&signer, &options, &error);
    ck_assert_msg(result == 0, "%s", result ? error.what : "");
    return signer;
}

static struct pki_signer_status status_of(struct pki_signer *signer)
{
    struct pki_signer_status status;
    pki_signer_status(signer, &status, NULL, 0);
    return status;
}

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(each_token_has_a_connection_of_its_own)
{
    struct stand_in stand_in = {.serve = stand_in_start_signer};
    struct error error;
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    struct pki_key_source file = test_source(TEST_FILE, TEST_RSA);
    struct pki_key_source token = test_source(TEST_TOKEN, TEST_P256);
    struct pki_key *one = test_open(signer, &file, TEST_RSA);
    struct pki_key *two = test_open(signer, &token, TEST_P256);
    ck_assert_int_eq(test_sign(one, TEST_RSA, PKI_RSA_PSS_SHA256, &error), 0);
    ck_assert_int_eq(test_sign(two, TEST_P256, PKI_ECDSA_SHA256, &error), 0);
    struct pki_signer_status status = status_of(signer);
    ck_assert_uint_eq(status.processes, 2);
    ck_assert_uint_eq(accepted(&stand_in), 2);
    for (unsigned i = 0; i < 2; i++) /* as each said of itself */
        ck_assert_int_eq(status.process[i].pid, stand_in.pids[i]);
    pki_key_unref(one);
    pki_key_unref(two);
    pki_signer_free(signer);
    stand_in_end(&stand_in);
}
END_TEST

START_TEST(one_that_is_killed_is_replaced)
{
    struct stand_in stand_in = {.serve = stand_in_start_signer};
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    struct pki_key_source source = test_source(_i, TEST_RSA);
    struct pki_key *key = test_open(signer, &source, TEST_RSA);
    pid_t first = status_of(signer).pid;
    ck_assert_int_eq(kill(first, SIGKILL), 0);
    for (struct pki_signer_status status = status_of(signer); status.starts < 2 || !status.pid;
         status = status_of(signer))
        usleep(10000);
    ck_assert_int_eq(test_sign_patiently(key, TEST_RSA), 0);
    ck_assert_int_ne(status_of(signer).pid, first);
    pki_key_unref(key);
    pki_signer_free(signer);
    stand_in_end(&stand_in);
}
END_TEST

/* It is no child of ours: it is left, another connection made, and it ends when it comes to. */
START_TEST(one_that_hangs_is_left_and_replaced)
{
    struct stand_in stand_in = {.serve = stand_in_start_signer};
    struct error error;
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    struct pki_key_source source = test_source(TEST_TOKEN, TEST_P256);
    source.timeout = 300;
    struct pki_key *key = test_open(signer, &source, TEST_P256);
    pid_t first = status_of(signer).pid;
    ck_assert_int_eq(kill(first, SIGSTOP), 0);
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    ck_assert_int_eq(test_sign_patiently(key, TEST_P256), 0);
    ck_assert_int_ne(status_of(signer).pid, first);
    ck_assert_int_eq(kill(first, SIGCONT), 0); /* it was not killed */
    pki_key_unref(key);
    pki_signer_free(signer);
    stand_in_end(&stand_in);
}
END_TEST

START_TEST(a_module_that_hangs_does_not_keep_a_signer_whose_connection_closed)
{
    struct stand_in stand_in = {.serve = stand_in_start_signer};
    struct error error;
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    struct pki_key_source source = test_faulty(TEST_P256);
    source.timeout = 300;
    struct pki_key *key = test_open(signer, &source, TEST_P256);
    test_order("hang", "");
    ck_assert_int_eq(test_sign(key, TEST_P256, PKI_ECDSA_SHA256, &error), -EX_TEMPFAIL);
    pki_key_unref(key);
    pki_signer_free(signer);
    stand_in_end(&stand_in); /* waits for each to end */
    test_withdraw("hang");
}
END_TEST

static int try_socket(const char *path, struct error *error)
{
    struct pki_signer_options options = {.socket = path};
    struct pki_signer *signer = NULL;
    int result = pki_signer_new(&signer, &options, error);
    ck_assert(result < 0);
    ck_assert_ptr_null(signer);
    return result;
}

START_TEST(without_a_socket_the_error_names_it)
{
    struct error error;
    ck_assert_int_eq(try_socket(test_path("nothing.sock"), &error), -EX_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.where, "nothing.sock"));
    ck_assert_ptr_nonnull(strstr(error.cure, "postern-signer.socket"));
    test_write("no.sock", "a file");
    ck_assert_int_eq(try_socket(test_path("no.sock"), &error), -EX_UNAVAILABLE);
}
END_TEST

START_TEST(a_path_too_long_is_an_error)
{
    struct error error;
    char path[200] = {0};
    memset(path, 'x', sizeof path - 1);
    path[0] = '/';
    ck_assert_int_eq(try_socket(path, &error), -EX_USAGE);
}
END_TEST

/* Nobody accepts, and the queue is full: an error at once, and no thread that waits. */
START_TEST(a_full_queue_is_no_wait)
{
    struct error error;
    int fds[8], listener = listen_at(test_path("full.sock"), 0), result = 0;
    unsigned count = 0;
    while (result == 0 && count < ARRAY_SIZE(fds)) {
        result = process_connect(test_path("full.sock"), &fds[count], &error);
        count += result == 0;
    }
    ck_assert_int_eq(result, -EX_TEMPFAIL);
    while (count)
        close(fds[--count]);
    close(listener);
}
END_TEST

TCase *socket_cases(void)
{
    TCase *tcase = tcase_create("socket");
    tcase_add_test(tcase, each_token_has_a_connection_of_its_own);
    tcase_add_loop_test(tcase, one_that_is_killed_is_replaced, 0, TEST_STORES);
    tcase_add_test(tcase, one_that_hangs_is_left_and_replaced);
    tcase_add_test(tcase, a_module_that_hangs_does_not_keep_a_signer_whose_connection_closed);
    tcase_add_test(tcase, without_a_socket_the_error_names_it);
    tcase_add_test(tcase, a_path_too_long_is_an_error);
    tcase_add_test(tcase, a_full_queue_is_no_wait);
    return tcase;
}
