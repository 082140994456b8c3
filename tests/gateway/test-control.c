/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * The control socket from outside: what is asked over a real socket, and what comes back.
 *
 * The loop runs on a thread of its own, as posternd's main thread would; the test is the client,
 * and blocks. Every read has a limit, so a test that fails ends. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/control/client.h"
#include "gateway/control/control.h"
#include "gateway/control/socket.h"
#include "gateway/control/wire.h"
#include "pki/base/cleanup.h"
#include "tests/suite.h"

static struct fixture {
    char folder[64], path[96];
    struct loop *loop;
    struct control *control;
    pthread_t thread;
    struct control_request *held;
    sem_t arrived; /* a request is held */
} fixture;

/* --- the commands of this posternd --- */

static void run_echo(void *context, struct control_request *request, const json_t *arguments)
{
    ck_assert_ptr_eq(context, &fixture);
    control_answer(request, json_deep_copy(arguments));
}

static void run_hold(void *context, struct control_request *request, const json_t *arguments)
{
    (void)context, (void)arguments;
    fixture.held = request;
    sem_post(&fixture.arrived);
}

/* Answers the held request, and says whether its client was still there. */
static void run_release(void *context, struct control_request *request, const json_t *arguments)
{
    (void)context, (void)arguments;
    bool wanted = control_is_wanted(fixture.held);
    control_progress(fixture.held, json_pack("{s:s}", "step", "released"));
    control_answer(fixture.held, json_pack("{s:b}", "released", 1));
    control_answer(request, json_pack("{s:b}", "wanted", wanted));
}

static void run_steps(void *context, struct control_request *request, const json_t *arguments)
{
    (void)context, (void)arguments;
    for (int i = 1; i <= 3; i++)
        control_progress(request, json_pack("{s:i}", "step", i));
    control_answer(request, json_pack("{s:s}", "outcome", "passed"));
}

static void run_fail(void *context, struct control_request *request, const json_t *arguments)
{
    struct error error;
    (void)context, (void)arguments;
    error_set(&error, EX_CONFIG, "It is broken \xff\xe2\x82");
    error_where(&error, "postern.xml:3");
    error_cure(&error, "mend it");
    control_fail_with(request, &error, json_pack("{s:[s]}", "problems", "one"));
}

static void run_nothing(void *context, struct control_request *request, const json_t *arguments)
{
    (void)context, (void)arguments;
    control_answer(request, NULL);
}

/* About 3 MiB: more than any socket buffer, less than the maximum. "length" asks for other sizes.
 */
static void run_flood(void *context, struct control_request *request, const json_t *arguments)
{
    (void)context;
    json_int_t asked = json_integer_value(json_object_get(arguments, "length"));
    size_t length = asked ? (size_t)asked : 3u << 20;
    char *text = malloc(length);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', length);
    control_answer(request, json_pack("{s:s#}", "text", text, length));
    free(text);
}

static const struct control_command_entry commands[] = {
    {"echo", run_echo},       {"hold", run_hold},   {"release", run_release}, {"steps", run_steps},
    {"nothing", run_nothing}, {"flood", run_flood}, {"fail", run_fail},       {NULL, NULL},
};

/* --- fixture --- */

static void *run_loop(void *argument)
{
    (void)argument;
    loop_run(fixture.loop);
    return NULL;
}

static void make_folder(void)
{
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/postern-control-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture.folder));
    snprintf(fixture.path, sizeof fixture.path, "%s/control.sock", fixture.folder);
}

static void remove_folder(void)
{
    unlink(fixture.path);
    ck_assert_int_eq(rmdir(fixture.folder), 0);
}

static void start(void)
{
    struct error error;
    make_folder();
    ck_assert_int_eq(sem_init(&fixture.arrived, 0, 0), 0);
    ck_assert_int_eq(loop_new(&fixture.loop, &error), 0);
    ck_assert_int_eq(
        control_new(&fixture.control, fixture.loop, fixture.path, commands, &fixture, &error), 0);
    ck_assert_int_eq(pthread_create(&fixture.thread, NULL, run_loop, NULL), 0);
}

static void stop(void)
{
    loop_stop(fixture.loop);
    pthread_join(fixture.thread, NULL);
    control_free(fixture.control);
    ck_assert_int_eq(access(fixture.path, F_OK), -1);
    loop_free(fixture.loop);
    sem_destroy(&fixture.arrived);
    remove_folder();
}

/* --- the client's end, byte by byte --- */

static int dial(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 20};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture.path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void put_bytes(int fd, const char *bytes, size_t length)
{
    while (length) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void put(int fd, const char *text)
{
    put_bytes(fd, text, strlen(text));
}

/* The next line without its end; NULL: the connection ended. The caller frees. */
static char *get_line(int fd)
{
    char *line = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&line, &length);
    char byte;
    ssize_t got;
    while ((got = recv(fd, &byte, 1, 0)) == 1 && byte != '\n')
        fputc(byte, file);
    ck_assert_msg(got >= 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
    fclose(file);
    if (got == 1)
        return line;
    ck_assert_msg(length == 0, "half a line came: %s", line);
    free(line);
    return NULL;
}

static void expect(int fd, const char *wanted)
{
    _cleanup_free_ char *line = get_line(fd);
    ck_assert_pstr_eq(line, wanted);
}

static void expect_end(int fd)
{
    _cleanup_free_ char *line = get_line(fd);
    ck_assert_ptr_null(line);
}

/* An error line with this code, and this in its text. */
static void expect_error(int fd, int code, const char *part)
{
    _cleanup_free_ char *line = get_line(fd);
    ck_assert_ptr_nonnull(line);
    json_auto_t *answer = json_loads(line, 0, NULL);
    const json_t *error = json_object_get(answer, "error");
    ck_assert_int_eq(json_integer_value(json_object_get(error, "code")), code);
    ck_assert_msg(strstr(line, part), "\"%s\" is not in %s", part, line);
}

/* --- conversations --- */

/* What may be sent, and the one line that answers it. */
static const struct exchange {
    const char *request, *answer;
} exchanges[] = {
    {"{\"command\":\"echo\",\"arguments\":{\"a\":1}}\n", "{\"result\":{\"a\":1}}"},
    {"{\"command\":\"echo\"}\n", "{\"result\":{}}"},
    {"{\"command\":\"echo\",\"arguments\":{}}\r\n", "{\"result\":{}}"},
    {" {\"arguments\":{\"ü\":[true,null]},\"command\":\"echo\"} \n",
     "{\"result\":{\"ü\":[true,null]}}"},
    {"{\"command\":\"fail\"}\n",
     "{\"error\":{\"code\":78,\"what\":\"It is broken \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
     "\"where\":\"postern.xml:3\",\"cure\":\"mend it\",\"problems\":[\"one\"]}}"},
};

START_TEST(a_request_gets_its_answer)
{
    _cleanup_close_ int fd = dial();
    put(fd, exchanges[_i].request);
    expect(fd, exchanges[_i].answer);
}
END_TEST

START_TEST(a_request_may_come_a_byte_at_a_time)
{
    _cleanup_close_ int fd = dial();
    for (const char *at = exchanges[0].request; *at; at++)
        put_bytes(fd, at, 1);
    expect(fd, exchanges[0].answer);
}
END_TEST

START_TEST(two_requests_follow_each_other_on_one_connection)
{
    _cleanup_close_ int fd = dial();
    for (int i = 1; i <= 2; i++) {
        put(fd, exchanges[0].request);
        expect(fd, exchanges[0].answer);
    }
}
END_TEST

START_TEST(requests_sent_at_once_are_answered_in_order)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"echo\",\"arguments\":{\"n\":1}}\n{\"command\":\"steps\"}\n"
            "{\"command\":\"echo\",\"arguments\":{\"n\":2}}\n");
    expect(fd, "{\"result\":{\"n\":1}}");
    for (int i = 1; i <= 3; i++)
        free(get_line(fd));
    expect(fd, "{\"result\":{\"outcome\":\"passed\"}}");
    expect(fd, "{\"result\":{\"n\":2}}");
}
END_TEST

START_TEST(progress_comes_before_the_answer)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"steps\"}\n");
    expect(fd, "{\"progress\":{\"step\":1}}");
    expect(fd, "{\"progress\":{\"step\":2}}");
    expect(fd, "{\"progress\":{\"step\":3}}");
    expect(fd, "{\"result\":{\"outcome\":\"passed\"}}");
}
END_TEST

START_TEST(an_unknown_command_is_told_the_known_ones_and_may_go_on)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"ecco\"}\n");
    expect_error(fd, EX_USAGE, "echo, hold, release, steps");
    put(fd, exchanges[0].request);
    expect(fd, exchanges[0].answer);
}
END_TEST

START_TEST(a_client_that_sends_no_more_still_gets_its_answer)
{
    _cleanup_close_ int fd = dial();
    put(fd, exchanges[0].request);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect(fd, exchanges[0].answer);
    expect_end(fd);
}
END_TEST

START_TEST(an_answer_that_could_not_be_made_is_an_error)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"nothing\"}\n");
    expect_error(fd, EX_SOFTWARE, "memory is short");
    expect_end(fd);
}
END_TEST

START_TEST(an_answer_past_the_maximum_is_an_error)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"flood\",\"arguments\":{\"length\":4194304}}\n");
    expect_error(fd, EX_SOFTWARE, "too long");
    expect_end(fd);
}
END_TEST

/* --- rubbish --- */

static const struct rubbish {
    const char *bytes;
    size_t length; /* 0: to the NUL */
    const char *part;
} rubbish[] = {
    {"GET / HTTP/1.0\r\n", 0, "not JSON"},
    {"\n", 0, "not JSON"},
    {"{\"command\":\"echo\"\n", 0, "not JSON"},
    {"{\"command\":\"echo\"} x\n", 0, "not JSON"},
    {"{\"command\":\"a\",\"command\":\"echo\"}\n", 0, "not JSON"},
    {"{\"command\":\"\\u0000\"}\n", 0, "not JSON"},
    {"\0\0\0\n", 4, "not JSON"},
    {"{\"command\":\"\xff\"}\n", 0, "not JSON"},
    {"[\"echo\"]\n", 0, "names no command"},
    {"{}\n", 0, "names no command"},
    {"{\"command\":7}\n", 0, "names no command"},
    {"{\"command\":\"echo\",\"arguments\":[]}\n", 0, "not an object"},
    {"{\"command\":\"echo\",\"arguments\":null}\n", 0, "not an object"},
};

/* With a good request behind it in the same bytes, which must not be served. */
START_TEST(what_is_no_request_is_told_so_and_closed)
{
    _cleanup_close_ int fd = dial();
    const struct rubbish *r = &rubbish[_i];
    char bytes[256];
    size_t length = r->length ? r->length : strlen(r->bytes);
    memcpy(bytes, r->bytes, length);
    memcpy(bytes + length, exchanges[0].request, strlen(exchanges[0].request));
    put_bytes(fd, bytes, length + strlen(exchanges[0].request));
    expect_error(fd, EX_DATAERR, r->part);
    expect_end(fd);
}
END_TEST

START_TEST(a_last_line_without_its_end_is_not_obeyed)
{
    _cleanup_close_ int fd = dial();
    put(fd, "{\"command\":\"echo\"}");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect_error(fd, EX_DATAERR, "no line end");
    expect_end(fd);
}
END_TEST

/* A request of exactly `length` bytes with its line end. One that is too long may be refused while
 * its last bytes are still on their way. */
static void put_long_request(int fd, size_t length)
{
    static const char head[] = "{\"command\":\"echo\",\"arguments\":{}";
    char *line = malloc(length);
    ck_assert_ptr_nonnull(line);
    memset(line, ' ', length);
    memcpy(line, head, sizeof head - 1);
    memcpy(line + length - 2, "}\n", 2);
    size_t sent = 0;
    for (ssize_t more = 0; more >= 0 && sent<length; sent += more> 0 ? (size_t)more : 0)
        more = send(fd, line + sent, length - sent, MSG_NOSIGNAL);
    ck_assert(sent == length || errno == EPIPE);
    free(line);
}

START_TEST(a_request_of_the_maximum_is_served)
{
    _cleanup_close_ int fd = dial();
    put_long_request(fd, CONTROL_LINE_MAXIMUM);
    expect(fd, "{\"result\":{}}");
}
END_TEST

START_TEST(a_request_past_the_maximum_is_refused)
{
    _cleanup_close_ int fd = dial();
    put_long_request(fd, CONTROL_LINE_MAXIMUM + 1);
    expect_error(fd, EX_DATAERR, "at most 65536 bytes");
    expect_end(fd);
}
END_TEST

/* --- clients that leave, linger or crowd --- */

static void wait_for_held(void)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 20;
    while (sem_timedwait(&fixture.arrived, &limit) < 0)
        ck_assert_int_eq(errno, EINTR);
}

START_TEST(a_later_answer_comes_while_others_are_served)
{
    _cleanup_close_ int waiting = dial(), other = dial();
    put(waiting, "{\"command\":\"hold\"}\n");
    wait_for_held();
    put(other, "{\"command\":\"release\"}\n");
    expect(waiting, "{\"progress\":{\"step\":\"released\"}}");
    expect(waiting, "{\"result\":{\"released\":true}}");
    expect(other, "{\"result\":{\"wanted\":true}}");
}
END_TEST

/* The loop is told of the client that went before it is told of the echo: once that is answered, it
 * has seen both. */
START_TEST(the_answer_to_a_client_that_left_goes_nowhere)
{
    int leaving = dial();
    _cleanup_close_ int other = dial();
    put(leaving, "{\"command\":\"hold\"}\n{\"command\":\"echo\"}\n");
    wait_for_held();
    close(leaving);
    put(other, exchanges[0].request);
    expect(other, exchanges[0].answer);
    put(other, "{\"command\":\"release\"}\n");
    expect(other, "{\"result\":{\"wanted\":false}}");
    put(other, exchanges[0].request);
    expect(other, exchanges[0].answer);
}
END_TEST

START_TEST(a_request_outlives_the_control)
{
    int leaving = dial();
    put(leaving, "{\"command\":\"hold\"}\n");
    wait_for_held();
    loop_stop(fixture.loop);
    pthread_join(fixture.thread, NULL);
    control_free(fixture.control);
    expect_end(leaving);
    control_progress(fixture.held, json_object());
    control_answer(fixture.held, json_object());
    close(leaving);
    loop_free(fixture.loop);
    remove_folder();
}
END_TEST

START_TEST(a_slow_reader_gets_it_all_and_holds_up_nobody)
{
    _cleanup_close_ int slow = dial(), other = dial();
    put(slow, "{\"command\":\"flood\"}\n{\"command\":\"echo\"}\n");
    put(other, exchanges[0].request);
    expect(other, exchanges[0].answer);
    _cleanup_free_ char *line = malloc(4u << 20);
    size_t length = strlen("{\"result\":{\"text\":\"\"}}\n") + (3u << 20);
    ck_assert_int_eq(recv(slow, line, length, MSG_WAITALL), (ssize_t)length);
    ck_assert_int_eq(line[length - 1], '\n');
    expect(slow, "{\"result\":{}}");
}
END_TEST

START_TEST(a_reader_that_leaves_in_the_middle_of_an_answer_does_no_harm)
{
    int slow = dial();
    _cleanup_close_ int other = dial();
    char byte;
    put(slow, "{\"command\":\"flood\"}\n");
    ck_assert_int_eq(recv(slow, &byte, 1, 0), 1);
    close(slow);
    put(other, exchanges[0].request);
    expect(other, exchanges[0].answer);
}
END_TEST

START_TEST(the_seventeenth_connection_is_told_to_come_back)
{
    int fds[16];
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = dial();
        put(fds[i], exchanges[0].request);
        expect(fds[i], exchanges[0].answer);
    }
    _cleanup_close_ int surplus = dial();
    expect_error(surplus, EX_TEMPFAIL, "16 control connections");
    expect_end(surplus);
    ck_assert_int_eq(shutdown(fds[3], SHUT_WR), 0);
    expect_end(fds[3]);
    _cleanup_close_ int next = dial();
    put(next, exchanges[0].request);
    expect(next, exchanges[0].answer);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
}
END_TEST

/* Each holds a request and leaves; the requests stay. */
START_TEST(requests_without_a_client_are_bounded_too)
{
    struct control_request *held[32];
    _cleanup_close_ int other = dial();
    for (size_t i = 0; i < ARRAY_SIZE(held); i++) {
        int fd = dial();
        put(fd, "{\"command\":\"hold\"}\n");
        wait_for_held();
        held[i] = fixture.held;
        ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
        expect_end(fd);
        close(fd);
    }
    put(other, exchanges[0].request);
    expect_error(other, EX_TEMPFAIL, "too much running");
    put(other, exchanges[0].request); /* the connection has not suffered */
    expect_error(other, EX_TEMPFAIL, "too much running");
    loop_stop(fixture.loop);
    pthread_join(fixture.thread, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(held); i++)
        control_answer(held[i], json_object());
    control_free(fixture.control);
    loop_free(fixture.loop);
    remove_folder();
}
END_TEST

/* --- the file --- */

static int open_socket(struct control_socket *ret, struct error *error)
{
    return control_socket_open(ret, fixture.path, error);
}

/* A socket file as a process leaves it that was killed. */
static void leave_stale_file(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fixture.path);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
}

START_TEST(the_mode_is_0660_whatever_the_umask)
{
    static const mode_t masks[] = {0, 0027, 0777};
    struct control_socket socket;
    struct error error;
    struct stat status;
    mode_t old = umask(masks[_i]);
    ck_assert_int_eq(open_socket(&socket, &error), 0);
    ck_assert_uint_eq(umask(old), masks[_i]);
    ck_assert_int_eq(stat(fixture.path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0660);
    control_socket_close(&socket);
}
END_TEST

START_TEST(a_stale_socket_file_is_replaced)
{
    struct control_socket socket;
    struct error error;
    leave_stale_file();
    ck_assert_int_eq(open_socket(&socket, &error), 0);
    close(dial());
    control_socket_close(&socket);
    ck_assert_int_eq(access(fixture.path, F_OK), -1);
}
END_TEST

START_TEST(a_live_socket_file_is_another_posternd)
{
    struct control_socket first, second;
    struct error error;
    ck_assert_int_eq(open_socket(&first, &error), 0);
    ck_assert_int_eq(open_socket(&second, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "Another posternd"));
    ck_assert_str_ne(error.cure, "");
    close(dial()); /* the first goes on */
    control_socket_close(&first);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
    struct control_socket socket;
    struct error error;
    close(open(fixture.path, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(open_socket(&socket, &error), -EX_CONFIG);
    ck_assert_ptr_nonnull(strstr(error.what, "is no socket"));
    ck_assert_int_eq(access(fixture.path, F_OK), 0);
}
END_TEST

START_TEST(the_file_of_a_successor_is_not_removed)
{
    struct control_socket first, second;
    struct error error;
    ck_assert_int_eq(open_socket(&first, &error), 0);
    ck_assert_int_eq(unlink(fixture.path), 0);
    ck_assert_int_eq(open_socket(&second, &error), 0);
    control_socket_close(&first);
    close(dial());
    control_socket_close(&second);
}
END_TEST

START_TEST(a_path_that_cannot_be_is_a_configuration_error)
{
    static const char *const paths[] = {"", "/nonexistent/postern/control.sock",
                                        "/tmp/"
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaa"};
    struct control_socket socket;
    struct error error;
    ck_assert_int_eq(control_socket_open(&socket, paths[_i], &error), -EX_CONFIG);
    ck_assert_str_ne(error.cure, "");
}
END_TEST

/* --- who may --- */

static const struct {
    uid_t user;
    gid_t group, groups[2];
    bool allowed;
} peers[] = {
    {0, 0, {0, 0}, true},            /* root */
    {0, 5000, {5000, 5000}, true},   /* root, whatever its groups */
    {900, 5000, {5000, 5000}, true}, /* posternd's own user */
    {1000, 901, {5000, 5000}, true}, /* its group is the primary one */
    {1000, 1000, {27, 901}, true},   /* … or a supplementary one */
    {1000, 1000, {27, 900}, false},  /* the number of the user is no group */
    {901, 1000, {27, 28}, false},    /* nor that of the group a user */
    {1000, 0, {0, 0}, false},        /* root's group is not root */
};

START_TEST(root_our_user_and_our_group_may_and_nobody_else)
{
    gid_t groups[2] = {peers[_i].groups[0], peers[_i].groups[1]};
    struct control_peer peer = {1, peers[_i].user, peers[_i].group, groups, 2};
    ck_assert_int_eq(control_peer_allowed(&peer, 900, 901), peers[_i].allowed);
}
END_TEST

START_TEST(the_peer_is_read_from_the_socket_with_all_its_groups)
{
    int fds[2];
    struct control_peer peer;
    struct error error;
    gid_t mine[256];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(control_peer_read(fds[0], &peer, &error), 0);
    ck_assert_int_eq(peer.pid, getpid());
    ck_assert_uint_eq(peer.user, geteuid());
    ck_assert_uint_eq(peer.group, getegid());
    ck_assert_int_eq((int)peer.group_count, getgroups((int)ARRAY_SIZE(mine), mine));
    free(peer.groups);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* --- client.c against control.c --- */

static void count_progress(void *context, json_t *progress)
{
    ck_assert_int_eq(json_integer_value(json_object_get(progress, "step")), ++*(int *)context);
}

START_TEST(the_client_hands_on_progress_and_answer)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    struct error error;
    int steps = 0;
    ck_assert_int_eq(control_client_new(&client, fixture.path, &error), 0);
    for (int i = 0; i < 2; i++) {
        json_auto_t *answer = NULL;
        steps = 0;
        ck_assert_int_eq(
            control_client_ask(client, "steps", NULL, 20, count_progress, &steps, &answer, &error),
            0);
        ck_assert_int_eq(steps, 3);
        ck_assert_ptr_nonnull(json_object_get(answer, "result"));
    }
}
END_TEST

START_TEST(the_client_takes_an_answer_of_megabytes)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    struct error error;
    json_auto_t *answer = NULL;
    ck_assert_int_eq(control_client_new(&client, fixture.path, &error), 0);
    ck_assert_int_eq(control_client_ask(client, "flood", NULL, 20, NULL, NULL, &answer, &error), 0);
    const json_t *text = json_object_get(json_object_get(answer, "result"), "text");
    ck_assert_uint_eq(json_string_length(text), 3u << 20);
}
END_TEST

START_TEST(the_client_reads_an_error_as_it_was_told)
{
    _cleanup_(control_client_freep) struct control_client *client = NULL;
    struct error error;
    json_auto_t *answer = NULL;
    ck_assert_int_eq(control_client_new(&client, fixture.path, &error), 0);
    ck_assert_int_eq(control_client_ask(client, "fail", NULL, 20, NULL, NULL, &answer, &error), 0);
    ck_assert_int_eq(control_error_read(json_object_get(answer, "error"), &error), -EX_CONFIG);
    ck_assert_str_eq(error.where, "postern.xml:3");
    ck_assert_str_eq(error.cure, "mend it");
}
END_TEST

START_TEST(the_client_says_when_nobody_is_there)
{
    struct control_client *client = NULL;
    struct error error;
    if (_i)
        leave_stale_file();
    ck_assert_int_eq(control_client_new(&client, fixture.path, &error), -EX_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.what, "posternd does not seem to run"));
    ck_assert_ptr_nonnull(strstr(error.cure, "systemctl status posternd"));
    ck_assert_ptr_null(client);
}
END_TEST

static Suite *control_suite(void)
{
    Suite *suite = suite_create("control");
    TCase *talk = tcase_create("conversation");
    tcase_add_checked_fixture(talk, start, stop);
    tcase_add_loop_test(talk, a_request_gets_its_answer, 0, ARRAY_SIZE(exchanges));
    tcase_add_test(talk, a_request_may_come_a_byte_at_a_time);
    tcase_add_test(talk, two_requests_follow_each_other_on_one_connection);
    tcase_add_test(talk, requests_sent_at_once_are_answered_in_order);
    tcase_add_test(talk, progress_comes_before_the_answer);
    tcase_add_test(talk, an_unknown_command_is_told_the_known_ones_and_may_go_on);
    tcase_add_test(talk, a_client_that_sends_no_more_still_gets_its_answer);
    tcase_add_test(talk, an_answer_that_could_not_be_made_is_an_error);
    tcase_add_test(talk, an_answer_past_the_maximum_is_an_error);
    tcase_add_loop_test(talk, what_is_no_request_is_told_so_and_closed, 0, ARRAY_SIZE(rubbish));
    tcase_add_test(talk, a_last_line_without_its_end_is_not_obeyed);
    tcase_add_test(talk, a_request_of_the_maximum_is_served);
    tcase_add_test(talk, a_request_past_the_maximum_is_refused);
    tcase_add_test(talk, a_later_answer_comes_while_others_are_served);
    tcase_add_test(talk, the_answer_to_a_client_that_left_goes_nowhere);
    tcase_add_test(talk, a_slow_reader_gets_it_all_and_holds_up_nobody);
    tcase_add_test(talk, a_reader_that_leaves_in_the_middle_of_an_answer_does_no_harm);
    tcase_add_test(talk, the_seventeenth_connection_is_told_to_come_back);
    tcase_add_test(talk, the_client_hands_on_progress_and_answer);
    tcase_add_test(talk, the_client_takes_an_answer_of_megabytes);
    tcase_add_test(talk, the_client_reads_an_error_as_it_was_told);
    tcase_set_timeout(talk, 60);
    suite_add_tcase(suite, talk);
    TCase *ends = tcase_create("ends of its own"); /* these stop the loop themselves */
    tcase_add_checked_fixture(ends, start, NULL);
    tcase_add_test(ends, a_request_outlives_the_control);
    tcase_add_test(ends, requests_without_a_client_are_bounded_too);
    tcase_set_timeout(ends, 60);
    suite_add_tcase(suite, ends);
    TCase *file = tcase_create("file");
    tcase_add_checked_fixture(file, make_folder, remove_folder);
    tcase_add_loop_test(file, the_mode_is_0660_whatever_the_umask, 0, 3);
    tcase_add_test(file, a_stale_socket_file_is_replaced);
    tcase_add_test(file, a_live_socket_file_is_another_posternd);
    tcase_add_test(file, a_file_that_is_no_socket_is_left_alone);
    tcase_add_test(file, the_file_of_a_successor_is_not_removed);
    tcase_add_loop_test(file, a_path_that_cannot_be_is_a_configuration_error, 0, 3);
    tcase_add_loop_test(file, the_client_says_when_nobody_is_there, 0, 2);
    suite_add_tcase(suite, file);
    TCase *peer = tcase_create("peer");
    tcase_add_loop_test(peer, root_our_user_and_our_group_may_and_nobody_else, 0,
                        ARRAY_SIZE(peers));
    tcase_add_test(peer, the_peer_is_read_from_the_socket_with_all_its_groups);
    suite_add_tcase(suite, peer);
    return suite;
}

int main(void)
{
    return run_suite(control_suite());
}
