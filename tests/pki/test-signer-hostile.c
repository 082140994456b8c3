/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * Both ends of the protocol against an end that lies: packets that are no messages, messages that
 * nobody asked for or that come out of order, too large, cut off, none at all. The posternd end is
 * this process, the signer end the real program. */
#include <check.h>
#include <errno.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pki/client.h"
#include "tests/pki/test-signer-socket.h"
#include "tests/pki/test-token-setup.h"

TCase *hostile_cases(void);

enum { PACKET_ROOM = PKI_WIRE_MAXIMUM * 3 };

/* --- a signer that lies ----------------------------------------------------------------------- */

static size_t encode(const struct pki_wire_message *message, uint8_t *packet)
{
    int length = pki_wire_encode(message, packet, PKI_WIRE_MAXIMUM);
    ck_assert_int_gt(length, 0);
    return (size_t)length;
}

static void send_message(int socket, const struct pki_wire_message *message)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    size_t length = encode(message, packet);
    send(socket, packet, length, MSG_NOSIGNAL);
}

static bool read_message(int socket, uint8_t *packet, struct pki_wire_message *message)
{
    ssize_t length = recv(socket, packet, PKI_WIRE_MAXIMUM, 0);
    return length > 0 && pki_wire_decode(packet, (size_t)length, message) == 0;
}

/* Each gets the OPEN that was asked, after an honest HELLO. */
static void lie_with_bytes(int socket, const struct pki_wire_message *asked)
{
    (void)asked;
    send(socket, "nonsense", 8, MSG_NOSIGNAL);
}

static void lie_with_nothing(int socket, const struct pki_wire_message *asked)
{
    (void)asked;
    send(socket, "", 0, MSG_NOSIGNAL);
}

static void lie_with_too_much(int socket, const struct pki_wire_message *asked)
{
    static uint8_t packet[PACKET_ROOM];
    (void)asked;
    packet[0] = PKI_WIRE_SIGNED;
    send(socket, packet, sizeof packet, MSG_NOSIGNAL);
}

static void lie_cut_off(int socket, const struct pki_wire_message *asked)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    struct pki_wire_message lie = {
        .type = PKI_WIRE_FAILED, .id = asked->id, .failed = {.code = EX_CONFIG, .what = "a lie"}};
    size_t length = encode(&lie, packet);
    send(socket, packet, length / 2, MSG_NOSIGNAL);
}

static void lie_with_hello(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {.type = PKI_WIRE_HELLO, .hello = {PKI_WIRE_VERSION, 1}};
    (void)asked;
    send_message(socket, &lie);
}

static void lie_with_request(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {.type = PKI_WIRE_CLOSE, .id = asked->id, .close = {1}};
    send_message(socket, &lie);
}

static void lie_with_signature(int socket, const struct pki_wire_message *asked)
{
    static const uint8_t bytes[PKI_SIGNATURE_MAXIMUM];
    struct pki_wire_message lie = {
        .type = PKI_WIRE_SIGNED, .id = asked->id, .signature = {0, 2, {bytes, sizeof bytes}}};
    send_message(socket, &lie);
}

static void lie_with_another_key(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {
        .type = PKI_WIRE_OPENED,
        .id = asked->id,
        .opened = {.key = asked->open.key + 1, .algorithms = 2, .sessions = 1}};
    send_message(socket, &lie);
}

static void lie_with_impossible_algorithms(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {
        .type = PKI_WIRE_OPENED,
        .id = asked->id,
        .opened = {.key = asked->open.key, .algorithms = 1u << PKI_ED25519, .sessions = 1}};
    send_message(socket, &lie);
}

static void lie_with_found(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {.type = PKI_WIRE_FOUND,
                                   .id = asked->id,
                                   .found = {.kind = PKI_FOUND_KEY, .uri = "a", .text = "b"}};
    send_message(socket, &lie);
}

static void lie_with_listed(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {.type = PKI_WIRE_LISTED, .id = asked->id};
    send_message(socket, &lie);
}

static void lie_about_the_id(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {.type = PKI_WIRE_FAILED,
                                   .id = asked->id + CLIENT_REQUESTS,
                                   .failed = {.code = EX_CONFIG, .what = "a lie"}};
    send_message(socket, &lie);
}

static void lie_twice(int socket, const struct pki_wire_message *asked)
{
    struct pki_wire_message lie = {
        .type = PKI_WIRE_FAILED, .id = asked->id, .failed = {.code = EX_TEMPFAIL, .what = "a lie"}};
    send_message(socket, &lie);
    send_message(socket, &lie);
}

static void (*const lies[])(int, const struct pki_wire_message *) = {
    lie_with_bytes,     lie_with_nothing,
    lie_with_too_much,  lie_cut_off,
    lie_with_hello,     lie_with_request,
    lie_with_signature, lie_with_another_key,
    lie_with_found,     lie_with_impossible_algorithms,
    lie_with_listed,    lie_about_the_id,
    lie_twice,
};

static bool say_hello(int socket)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    struct pki_wire_message hello;
    if (!read_message(socket, packet, &hello) || hello.type != PKI_WIRE_HELLO)
        return false;
    send_message(socket, &hello);
    return true;
}

/* Until posternd closes, which it must: else this waits, and Check's time is over. */
static void await_end(int socket)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    while (recv(socket, packet, sizeof packet, 0) > 0)
        ;
}

static void serve_lie(struct stand_in *stand_in, int socket, unsigned number)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    struct pki_wire_message asked;
    (void)number;
    if (say_hello(socket) && read_message(socket, packet, &asked) && asked.type == PKI_WIRE_OPEN) {
        lies[stand_in->argument](socket, &asked);
        await_end(socket);
    }
    close(socket);
}

START_TEST(a_lie_ends_the_connection_and_not_posternd)
{
    struct error error;
    struct pki_key *key = NULL;
    struct stand_in stand_in = {.serve = serve_lie, .argument = (unsigned)_i};
    struct pki_key_source source = {.key = "/key.pem"};
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    ck_assert_int_eq(pki_key_open(signer, &source, test_keys[TEST_RSA], false, &key, &error),
                     -EX_TEMPFAIL);
    /* It comes back for another. */
    while (__atomic_load_n(&stand_in.accepted, __ATOMIC_SEQ_CST) < 2)
        usleep(10000);
    pki_signer_free(signer);
    stand_in_end(&stand_in);
}
END_TEST

static void serve_wrong_hello(struct stand_in *stand_in, int socket, unsigned number)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    struct pki_wire_message hello;
    (void)number;
    if (read_message(socket, packet, &hello)) {
        hello.hello.version += stand_in->argument;
        if (!stand_in->argument)
            hello = (struct pki_wire_message){.type = PKI_WIRE_LISTED, .id = 1};
        send_message(socket, &hello);
        await_end(socket);
    }
    close(socket);
}

START_TEST(a_signer_of_another_version_or_without_hello_is_refused)
{
    struct stand_in stand_in = {.serve = serve_wrong_hello, .argument = (unsigned)_i};
    struct pki_signer *signer = NULL;
    struct error error;
    stand_in_begin(&stand_in);
    struct pki_signer_options options = {.socket = stand_in.path};
    ck_assert_int_eq(pki_signer_new(&signer, &options, &error), -EX_TEMPFAIL);
    ck_assert_ptr_null(signer);
    stand_in_end(&stand_in);
}
END_TEST

/* --- chance ----------------------------------------------------------------------------------- */

static unsigned chance(unsigned *state, unsigned below)
{
    return (unsigned)rand_r(state) % below;
}

/* A message of any kind with numbers that are often right, then mostly a little damage. */
static size_t random_packet(unsigned *state, uint32_t id, uint8_t *packet)
{
    static const uint8_t bytes[512] = {48};
    struct pki_wire_message message = {.type = (enum pki_wire_type)(1 + chance(state, 10)),
                                       .id = chance(state, 4) ? id : chance(state, 3000)};
    const struct pki_wire_message templates[PKI_WIRE_END] = {
        [PKI_WIRE_HELLO] = {.hello = {PKI_WIRE_VERSION, 1}},
        [PKI_WIRE_OPEN] = {.open = {.key = 1 + chance(state, 3),
                                    .sessions = 1,
                                    .timeout = 1000,
                                    .uri = "/nothing",
                                    .public_key = {bytes, 64}}},
        [PKI_WIRE_OPENED] = {.opened = {.key = 1 + chance(state, 3),
                                        .algorithms = 2,
                                        .sessions = 1}},
        [PKI_WIRE_CLOSE] = {.close = {1 + chance(state, 3)}},
        [PKI_WIRE_SIGN] = {.sign = {1 + chance(state, 3), 1 + chance(state, 8), {bytes, 32}}},
        [PKI_WIRE_SIGNED] = {.signature = {0, 2, {bytes, 1 + chance(state, 511)}}},
        [PKI_WIRE_FAILED] = {.failed = {.code = EX_TEMPFAIL,
                                        .lost = chance(state, 2),
                                        .recovery = chance(state, 8),
                                        .what = "x"}},
        [PKI_WIRE_LIST] = {.list = {.sessions = 1,
                                    .timeout = 1000,
                                    .token = "pkcs11:token=none",
                                    .module = "/nonexistent.so"}},
        [PKI_WIRE_FOUND] = {.found = {.kind = 1, .uri = "x", .text = "y"}},
        [PKI_WIRE_LISTED] = {.listed = {1}},
    };
    struct pki_wire_message filled = templates[message.type];
    filled.type = message.type;
    filled.id = message.id;
    size_t length = encode(&filled, packet);
    if (chance(state, 4) == 0)
        packet[chance(state, (unsigned)length)] ^= (uint8_t)(1u << chance(state, 8));
    if (chance(state, 16) == 0)
        length = 1 + chance(state, (unsigned)length);
    if (chance(state, 64) == 0)
        length = PKI_WIRE_MAXIMUM + chance(state, PKI_WIRE_MAXIMUM);
    return length;
}

static void serve_chance(struct stand_in *stand_in, int socket, unsigned number)
{
    static uint8_t packet[PACKET_ROOM];
    uint8_t request[PKI_WIRE_MAXIMUM];
    struct pki_wire_message asked;
    unsigned state = stand_in->argument * 1000 + number;
    bool alive = say_hello(socket);
    while (alive && read_message(socket, request, &asked)) {
        for (unsigned i = 0; alive && i < 1 + number % 3; i++) {
            size_t length = random_packet(&state, asked.id, packet);
            alive = send(socket, packet, length, MSG_NOSIGNAL) > 0;
        }
    }
    close(socket);
}

/* Whatever it says, calls return, and a signature is never taken that is not the key's. */
START_TEST(posternd_bears_any_signer)
{
    struct error error;
    struct stand_in stand_in = {.serve = serve_chance, .argument = (unsigned)_i + 1};
    struct pki_key_source source = {.key = "/key.pem", .timeout = 200};
    stand_in_begin(&stand_in);
    struct pki_signer *signer = stand_in_connect(&stand_in);
    for (int round = 0; round < 4; round++) {
        struct pki_key *key = NULL;
        int result = pki_key_open(signer, &source, test_keys[TEST_RSA], true, &key, &error);
        if (result == 0)
            ck_assert_int_lt(test_sign(key, TEST_RSA, PKI_RSA_PSS_SHA256, &error), 0);
        pki_key_unref(key);
    }
    pki_signer_free(signer);
    stand_in_end(&stand_in);
}
END_TEST

/* --- a posternd that lies --------------------------------------------------------------------- */

static void start_real(int *socket, pid_t *pid)
{
    struct error error;
    ck_assert_int_eq(process_spawn(TEST_SIGNER, 0, socket, pid, &error), 0);
}

static void expect_exit(int socket, pid_t pid, int code)
{
    int status;
    if (code == 0)
        close(socket);
    ck_assert_msg(process_wait(pid, 20000, &status), "the signer stays");
    ck_assert_msg(WIFEXITED(status), "the signer was ended by signal %d", WTERMSIG(status));
    ck_assert_int_eq(WEXITSTATUS(status), code);
    if (code)
        close(socket);
}

/* What no posternd would say, and what the signer answers: a refusal, nothing, or its end. */
static const struct odd {
    struct pki_wire_message message;
    enum { REFUSED, IGNORED, ENDED } outcome;
} odds[] = {
    {{.type = PKI_WIRE_SIGN, .id = 1, .sign = {9, PKI_ED25519, {(const uint8_t *)"x", 1}}},
     REFUSED},
    {{.type = PKI_WIRE_CLOSE, .id = 1, .close = {9}}, IGNORED},
    {{.type = PKI_WIRE_OPEN,
      .id = 1,
      .open = {.key = 1,
               .sessions = 1,
               .timeout = 1,
               .uri = "?",
               .public_key = {(const uint8_t *)"x", 1}}},
     REFUSED},
    {{.type = PKI_WIRE_LIST,
      .id = 1,
      .list = {.sessions = 256, .timeout = 1, .token = "pkcs11:;;"}},
     REFUSED},
    {{.type = PKI_WIRE_LIST, .id = 1, .list = {.sessions = 1, .timeout = 1, .token = "/etc"}},
     REFUSED},
    {{.type = PKI_WIRE_HELLO, .id = 1, .hello = {PKI_WIRE_VERSION + 1, 0}}, ENDED},
    {{.type = PKI_WIRE_OPENED, .id = 1, .opened = {.key = 1, .algorithms = 2, .sessions = 1}},
     ENDED},
    {{.type = PKI_WIRE_FAILED, .id = 1, .failed = {.code = EX_CONFIG, .what = "x"}}, ENDED},
    {{.type = PKI_WIRE_FOUND, .id = 1, .found = {.kind = 1, .uri = "x", .text = "x"}}, ENDED},
    {{.type = PKI_WIRE_LISTED, .id = 1}, ENDED},
};

START_TEST(the_signer_refuses_what_is_out_of_order)
{
    uint8_t packet[PKI_WIRE_MAXIMUM];
    struct pki_wire_message answer;
    int socket;
    pid_t pid;
    start_real(&socket, &pid);
    send_message(socket, &odds[_i].message);
    if (odds[_i].outcome == ENDED) {
        expect_exit(socket, pid, EX_PROTOCOL);
        return;
    }
    if (odds[_i].outcome == REFUSED) {
        ck_assert(read_message(socket, packet, &answer));
        ck_assert_int_eq(answer.type, PKI_WIRE_FAILED);
        ck_assert_uint_eq(answer.id, 1);
    }
    /* And it still says hello. */
    send_message(socket, &(struct pki_wire_message){
                             .type = PKI_WIRE_HELLO, .id = 2, .hello = {PKI_WIRE_VERSION, 0}});
    ck_assert(read_message(socket, packet, &answer));
    ck_assert_int_eq(answer.type, PKI_WIRE_HELLO);
    ck_assert_uint_eq(answer.hello.process, (uint32_t)pid);
    expect_exit(socket, pid, 0);
}
END_TEST

START_TEST(the_signer_ends_on_a_packet_too_large)
{
    static uint8_t packet[PACKET_ROOM] = {PKI_WIRE_SIGN};
    int socket;
    pid_t pid;
    start_real(&socket, &pid);
    ck_assert_int_gt(send(socket, packet, sizeof packet, MSG_NOSIGNAL), 0);
    expect_exit(socket, pid, EX_PROTOCOL);
}
END_TEST

START_TEST(the_signer_takes_an_empty_packet_for_the_end)
{
    int socket;
    pid_t pid;
    start_real(&socket, &pid);
    ck_assert_int_eq(send(socket, "", 0, MSG_NOSIGNAL), 0);
    expect_exit(dup(socket), pid, 0);
    close(socket);
}
END_TEST

/* Answers are read now and then; the end is in order, or the refusal of a packet. */
START_TEST(the_signer_bears_any_posternd)
{
    static uint8_t packet[PACKET_ROOM];
    unsigned state = (unsigned)_i + 1;
    int socket, status;
    pid_t pid;
    start_real(&socket, &pid);
    for (unsigned i = 0; i < 200; i++) {
        size_t length = random_packet(&state, i, packet);
        if (packet[0] > PKI_WIRE_SIGN && packet[0] != PKI_WIRE_LIST && chance(&state, 20))
            continue; /* mostly what a posternd may say, so that it goes on for a while */
        if (send(socket, packet, length, MSG_NOSIGNAL) < 0)
            break;
        while (recv(socket, packet, sizeof packet, MSG_DONTWAIT) > 0)
            ;
    }
    close(socket);
    ck_assert(process_wait(pid, 20000, &status));
    ck_assert_msg(WIFEXITED(status), "the signer was ended by signal %d", WTERMSIG(status));
    ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EX_PROTOCOL);
}
END_TEST

TCase *hostile_cases(void)
{
    TCase *tcase = tcase_create("hostile");
    tcase_add_loop_test(tcase, a_lie_ends_the_connection_and_not_posternd, 0,
                        (int)ARRAY_SIZE(lies));
    tcase_add_loop_test(tcase, a_signer_of_another_version_or_without_hello_is_refused, 0, 2);
    tcase_add_loop_test(tcase, posternd_bears_any_signer, 0, 12);
    tcase_add_loop_test(tcase, the_signer_refuses_what_is_out_of_order, 0, (int)ARRAY_SIZE(odds));
    tcase_add_test(tcase, the_signer_ends_on_a_packet_too_large);
    tcase_add_test(tcase, the_signer_takes_an_empty_packet_for_the_end);
    tcase_add_loop_test(tcase, the_signer_bears_any_posternd, 0, 12);
    return tcase;
}
