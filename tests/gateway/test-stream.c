/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * A stream over a socket pair, whose other end the test holds: plain bytes with back-pressure, the
 * end, and handshakes that fail or are abandoned. Handshakes that succeed are tested from end to
 * end. */
#include <check.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/net/stream.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

static struct loop *loop;
static struct stream stream;
static int peer; /* the other end; does not block */
static unsigned ready_count;

static void ready(struct stream *which)
{
    ck_assert_ptr_eq(which, &stream);
    ready_count++;
}

static void open_stream(void (*when_ready)(struct stream *))
{
    struct error error;
    int pair[2];
    ck_assert_int_eq(loop_new(&loop, &error), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    peer = pair[1];
    ck_assert_int_eq(stream_open(&stream, loop, pair[0], when_ready), 0);
}

static void begin(void)
{
    open_stream(ready);
}

static void end(void)
{
    stream_close(&stream);
    loop = loop_free(loop);
    if (peer >= 0)
        close(peer);
}

static void close_peer(void)
{
    close(peer);
    peer = -1;
}

/* --- the loop, until something has happened --- */

static void run_until_ready_and(void (*then)(struct stream *))
{
    stream.ready = then;
    loop_run(loop);
}

static void stop_when_ready(struct stream *which)
{
    ready_count++;
    loop_stop(which->loop);
}

/* --- reading --- */

START_TEST(test_bytes_are_read_as_they_came)
{
    char bytes[16];
    ck_assert_int_eq(write(peer, "abcdefgh", 8), 8);
    run_until_ready_and(stop_when_ready);
    ck_assert(stream.readable);
    ck_assert_int_eq(stream_read(&stream, bytes, 5), 5);
    ck_assert_mem_eq(bytes, "abcde", 5);
    ck_assert_int_eq(stream_read(&stream, bytes, sizeof bytes), 3);
    ck_assert_mem_eq(bytes, "fgh", 3);
    ck_assert_int_eq(stream_read(&stream, bytes, sizeof bytes), -EAGAIN);
    ck_assert(!stream.readable);
    ck_assert_int_eq(stream_read(&stream, bytes, sizeof bytes), -EAGAIN);
    ck_assert(!stream.broken);
}
END_TEST

START_TEST(test_bytes_before_the_end_are_read_then_the_end)
{
    char bytes[16];
    ck_assert_int_eq(write(peer, "bye", 3), 3);
    close_peer();
    run_until_ready_and(stop_when_ready);
    ck_assert_int_eq(stream_read(&stream, bytes, sizeof bytes), 3);
    ck_assert_int_eq(stream_read(&stream, bytes, sizeof bytes), 0);
}
END_TEST

static char taken[64];

static void read_until_end(struct stream *which)
{
    char bytes[16];
    ssize_t count;
    while ((count = stream_read(which, bytes, sizeof bytes)) > 0)
        strncat(taken, bytes, (size_t)count);
    if (count == -EAGAIN && !*taken)
        return;
    if (count == -EAGAIN)
        close_peer(); /* which must come as another event */
    else
        loop_stop(which->loop);
}

/* Edge by edge: what comes after -EAGAIN is told anew. */
START_TEST(test_end_after_a_pause_is_told)
{
    ck_assert_int_eq(write(peer, "abc", 3), 3);
    run_until_ready_and(read_until_end);
    ck_assert_str_eq(taken, "abc");
}
END_TEST

/* --- writing --- */

START_TEST(test_nothing_is_sent_before_the_flush)
{
    char bytes[16];
    run_until_ready_and(stop_when_ready); /* writable */
    ck_assert_int_eq(stream_write(&stream, "abc", 3), 0);
    ck_assert_int_eq(stream_write(&stream, "de", 2), 0);
    ck_assert_uint_eq(stream_unsent(&stream), 5);
    ck_assert_int_eq(recv(peer, bytes, sizeof bytes, 0), -1);
    ck_assert_int_eq(stream_flush(&stream), 0);
    ck_assert_uint_eq(stream_unsent(&stream), 0);
    ck_assert_int_eq(recv(peer, bytes, sizeof bytes, 0), 5);
    ck_assert_mem_eq(bytes, "abcde", 5);
}
END_TEST

START_TEST(test_idle_stream_holds_no_memory)
{
    run_until_ready_and(stop_when_ready);
    ck_assert_int_eq(stream_write(&stream, "abc", 3), 0);
    ck_assert_int_eq(stream_flush(&stream), 0);
    ck_assert_ptr_null(stream.out.memory);
}
END_TEST

START_TEST(test_what_waits_to_be_sent_has_a_maximum)
{
    _cleanup_free_ char *bytes = calloc(1, STREAM_OUT_MAXIMUM);
    ck_assert_int_eq(stream_write(&stream, bytes, STREAM_OUT_MAXIMUM), 0);
    ck_assert_int_eq(stream_write(&stream, "x", 1), -EMSGSIZE);
    ck_assert_uint_eq(stream_unsent(&stream), STREAM_OUT_MAXIMUM);
}
END_TEST

/* A sender that always has more, and a peer that reads only when the kernel takes no more. */
enum { TO_SEND = 4 * 1024 * 1024 };
static size_t sent, received, stalls;

static unsigned char byte_at(size_t offset)
{
    return (unsigned char)(offset % 251);
}

static void fill_and_flush(struct stream *which)
{
    unsigned char bytes[4096];
    while (sent < TO_SEND && stream_unsent(which) < STREAM_OUT_HIGH) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = byte_at(sent + i);
        ck_assert_int_eq(stream_write(which, bytes, sizeof bytes), 0);
        sent += sizeof bytes;
    }
    ck_assert_int_eq(stream_flush(which), 0);
}

/* One assertion a piece: each is a message to the runner, and millions of them take minutes. */
static bool are_next(const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != byte_at(received++))
            return false;
    return true;
}

static void drain_peer(void)
{
    unsigned char bytes[8192];
    ssize_t count;
    while ((count = recv(peer, bytes, sizeof bytes, 0)) > 0)
        ck_assert(are_next(bytes, (size_t)count));
}

static void send_all(struct stream *which)
{
    do {
        fill_and_flush(which);
    } while (sent < TO_SEND && which->writable);
    if (stream_unsent(which)) {
        ck_assert(!which->writable);
        ck_assert_uint_le(stream_unsent(which), STREAM_OUT_HIGH + 4096);
        stalls++;
    }
    drain_peer(); /* makes room, so the stream is told anew */
    if (received == TO_SEND)
        loop_stop(which->loop);
}

START_TEST(test_slow_peer_holds_the_sender_back_and_gets_every_byte)
{
    run_until_ready_and(send_all);
    ck_assert_uint_eq(received, TO_SEND);
    ck_assert_uint_eq(stream_unsent(&stream), 0);
    ck_assert_uint_gt(stalls, 0);
}
END_TEST

START_TEST(test_writing_to_one_who_has_gone_breaks_the_stream)
{
    close_peer();
    run_until_ready_and(stop_when_ready);
    ck_assert_int_eq(stream_write(&stream, "abc", 3), 0);
    ck_assert_int_eq(stream_flush(&stream), -EPIPE);
    ck_assert(stream.broken);
    ck_assert_int_eq(stream_flush(&stream), -EPIPE);
}
END_TEST

/* --- closing --- */

START_TEST(test_close_is_seen_by_the_peer_and_borne_twice)
{
    char byte;
    ck_assert(stream_is_open(&stream));
    ck_assert_int_eq(stream_write(&stream, "never sent", 10), 0);
    stream_close(&stream);
    ck_assert(!stream_is_open(&stream));
    ck_assert_int_eq(recv(peer, &byte, 1, 0), 0);
    ck_assert_uint_eq(stream_unsent(&stream), 0);
    stream_close(&stream);
}
END_TEST

static void close_itself(struct stream *which)
{
    struct loop *its_loop = which->loop;
    stream_close(which);
    loop_stop(its_loop);
}

START_TEST(test_stream_may_close_itself_when_it_is_ready)
{
    run_until_ready_and(close_itself);
    ck_assert(!stream_is_open(&stream));
}
END_TEST

START_TEST(test_bad_descriptor_is_refused)
{
    struct stream other;
    ck_assert_int_eq(stream_open(&other, loop, -1, ready), -EBADF);
}
END_TEST

/* --- handshakes --- */

static struct offload *offload;
static SSL_CTX *context;
static sem_t in_step, go_on;
static bool hold_steps;
static unsigned finished_count;
static int finished_result;
static struct error finished_error;

/* OpenSSL calls this on the thread of the pool, in the first step. */
static void hold_first_step(const SSL *ssl, int where, int value)
{
    (void)ssl, (void)value;
    if (!(where & SSL_CB_HANDSHAKE_START) || !hold_steps)
        return;
    sem_post(&in_step);
    sem_wait(&go_on);
}

static void begin_tls(void)
{
    struct error error;
    open_stream(ready);
    ck_assert_int_eq(offload_new(&offload, &error), 0);
    context = SSL_CTX_new(TLS_client_method());
    ck_assert_ptr_nonnull(context);
    SSL_CTX_set_info_callback(context, hold_first_step);
    sem_init(&in_step, 0, 0);
    sem_init(&go_on, 0, 0);
}

static void end_tls(void)
{
    offload = offload_free(offload);
    end();
    SSL_CTX_free(context);
}

static void finished(struct stream *which, int result, const struct error *error)
{
    finished_count++;
    finished_result = result;
    finished_error = *error;
    loop_stop(which->loop);
}

static int never_established(SSL *ssl, struct error *error)
{
    (void)ssl;
    return error_set(error, EX_SOFTWARE, "There was no handshake");
}

static void begin_handshake(void)
{
    SSL *ssl = SSL_new(context);
    ck_assert_ptr_nonnull(ssl);
    SSL_set_connect_state(ssl);
    ck_assert_int_eq(stream_handshake(&stream, offload, ssl, never_established, finished), 0);
}

START_TEST(test_handshake_with_no_tls_speaker_fails)
{
    begin_handshake();
    ck_assert_int_eq(write(peer, "220 this is no TLS\r\n", 20), 20);
    loop_run(loop);
    ck_assert_uint_eq(finished_count, 1);
    ck_assert_int_eq(finished_result, -EX_PROTOCOL);
    ck_assert_str_ne(finished_error.what, "");
    ck_assert(stream.broken);
    ck_assert_int_eq(stream_flush(&stream), -EPIPE);
}
END_TEST

START_TEST(test_handshake_that_the_peer_leaves_fails)
{
    begin_handshake();
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    loop_run(loop);
    ck_assert_uint_eq(finished_count, 1);
    ck_assert_int_lt(finished_result, 0);
    ck_assert(stream.broken);
}
END_TEST

/* The peer's end, watched on the same loop until it is told the end. */
static struct loop_watch peer_watch;
static bool close_on_bytes;
static size_t peer_got;

static void read_as_peer(struct loop_watch *watch, uint32_t events)
{
    char bytes[4096];
    (void)events;
    ssize_t count = recv(watch->fd, bytes, sizeof bytes, 0);
    if (count > 0) {
        peer_got += (size_t)count;
        if (close_on_bytes)
            stream_close(&stream);
    } else if (count == 0) {
        loop_stop(loop);
    }
}

static void run_until_peer_is_told_the_end(void)
{
    ck_assert_int_eq(loop_add(loop, &peer_watch, peer, EPOLLIN, read_as_peer), 0);
    loop_run(loop);
    loop_remove(loop, &peer_watch);
}

/* The step is held on its thread while the owner closes: the descriptor lives until the step is
 * done, and `finished` is not called. */
START_TEST(test_close_during_a_step_waits_for_it)
{
    char byte;
    hold_steps = true;
    begin_handshake();
    sem_wait(&in_step);
    stream_close(&stream);
    memset(&stream, 0xee, sizeof stream); /* the owner's memory is no longer theirs */
    ck_assert_int_eq(recv(peer, &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    sem_post(&go_on);
    run_until_peer_is_told_the_end();
    ck_assert_uint_eq(finished_count, 0);
    memset(&stream, 0, sizeof stream);
}
END_TEST

START_TEST(test_close_in_a_handshake_that_waits_for_the_peer_is_seen)
{
    close_on_bytes = true;
    begin_handshake();
    run_until_peer_is_told_the_end();
    ck_assert_uint_gt(peer_got, 0);
    ck_assert_uint_eq(finished_count, 0);
}
END_TEST

static TCase *plain_tests(void)
{
    TCase *tcase = tcase_create("plain");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, test_bytes_are_read_as_they_came);
    tcase_add_test(tcase, test_bytes_before_the_end_are_read_then_the_end);
    tcase_add_test(tcase, test_end_after_a_pause_is_told);
    tcase_add_test(tcase, test_nothing_is_sent_before_the_flush);
    tcase_add_test(tcase, test_idle_stream_holds_no_memory);
    tcase_add_test(tcase, test_what_waits_to_be_sent_has_a_maximum);
    tcase_add_test(tcase, test_slow_peer_holds_the_sender_back_and_gets_every_byte);
    tcase_add_test(tcase, test_writing_to_one_who_has_gone_breaks_the_stream);
    tcase_add_test(tcase, test_close_is_seen_by_the_peer_and_borne_twice);
    tcase_add_test(tcase, test_stream_may_close_itself_when_it_is_ready);
    tcase_add_test(tcase, test_bad_descriptor_is_refused);
    return tcase;
}

static TCase *handshake_tests(void)
{
    TCase *tcase = tcase_create("handshake");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, begin_tls, end_tls);
    tcase_add_test(tcase, test_handshake_with_no_tls_speaker_fails);
    tcase_add_test(tcase, test_handshake_that_the_peer_leaves_fails);
    tcase_add_test(tcase, test_close_during_a_step_waits_for_it);
    tcase_add_test(tcase, test_close_in_a_handshake_that_waits_for_the_peer_is_seen);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("stream");
    suite_add_tcase(suite, plain_tests());
    suite_add_tcase(suite, handshake_tests());
    return run_suite(suite);
}
