/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * See proxy.h. */
#include "gateway/net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n"; /* without its NUL */
enum { FIXED = 16 /* bytes of version 2 before the addresses */ };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* --- version 1 --- */

/* A decimal number up to 65535 without leading zeros; -1: it is none. */
static int parse_port(const char *text)
{
    size_t length = strlen(text);
    if (!length || length > 5 || strspn(text, "0123456789") != length || (*text == '0' && text[1]))
        return -1;
    long port = strtol(text, NULL, 10);
    return port <= 65535 ? (int)port : -1;
}

static enum proxy_result fill_four(const char *address, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &four.sin_addr) != 1)
        return PROXY_WRONG;
    memset(ret, 0, sizeof *ret);
    memcpy(ret, &four, sizeof four);
    return PROXY_ADDRESS;
}

static enum proxy_result fill_six(const char *address, int port, struct sockaddr_storage *ret)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET6, address, &six.sin6_addr) != 1)
        return PROXY_WRONG;
    memset(ret, 0, sizeof *ret);
    memcpy(ret, &six, sizeof six);
    return PROXY_ADDRESS;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.25 56324 25", in pieces parted by exactly one space. */
static enum proxy_result read_line(char *line, struct sockaddr_storage *ret)
{
    char *words[6], *at = line;
    size_t count = 0;
    if (strcmp(line, "PROXY UNKNOWN") == 0 || strncmp(line, "PROXY UNKNOWN ", 14) == 0)
        return PROXY_LOCAL;
    for (char *word; count < 6 && (word = strsep(&at, " "));)
        words[count++] = word;
    if (count != 6 || at || strcmp(words[0], "PROXY") != 0)
        return PROXY_WRONG;
    int port = parse_port(words[4]);
    struct sockaddr_storage ours;
    if (port < 0 || parse_port(words[5]) < 0)
        return PROXY_WRONG;
    if (strcmp(words[1], "TCP4") == 0)
        return fill_four(words[3], 0, &ours) == PROXY_ADDRESS ? fill_four(words[2], port, ret)
                                                              : PROXY_WRONG;
    if (strcmp(words[1], "TCP6") == 0)
        return fill_six(words[3], 0, &ours) == PROXY_ADDRESS ? fill_six(words[2], port, ret)
                                                             : PROXY_WRONG;
    return PROXY_WRONG;
}

static enum proxy_result parse_line(const char *bytes, size_t length, size_t *taken,
                                    struct sockaddr_storage *ret)
{
    char line[PROXY_LINE_MAXIMUM + 1];
    const char *end = memchr(bytes, '\n', least(length, PROXY_LINE_MAXIMUM));
    if (!end)
        return length < PROXY_LINE_MAXIMUM ? PROXY_MORE : PROXY_WRONG;
    size_t size = (size_t)(end - bytes);
    if (!size || bytes[size - 1] != '\r' || memchr(bytes, '\0', size))
        return PROXY_WRONG;
    memcpy(line, bytes, size - 1);
    line[size - 1] = '\0';
    *taken = size + 1;
    return read_line(line, ret);
}

/* --- version 2 --- */

static enum proxy_result read_block(const unsigned char *block, size_t addresses,
                                    struct sockaddr_storage *ret)
{
    unsigned version = block[12] >> 4, command = block[12] & 15, family = block[13];
    if (version != 2 || command > 1)
        return PROXY_WRONG;
    if (command == 0 || family == 0x00) /* LOCAL; UNSPEC */
        return PROXY_LOCAL;
    if (family == 0x11 && addresses >= 12) { /* TCP over IPv4 */
        struct sockaddr_in four = {.sin_family = AF_INET};
        memcpy(&four.sin_addr, block + FIXED, 4);
        memcpy(&four.sin_port, block + FIXED + 8, 2);
        memset(ret, 0, sizeof *ret);
        memcpy(ret, &four, sizeof four);
        return PROXY_ADDRESS;
    }
    if (family == 0x21 && addresses >= 36) { /* TCP over IPv6 */
        struct sockaddr_in6 six = {.sin6_family = AF_INET6};
        memcpy(&six.sin6_addr, block + FIXED, 16);
        memcpy(&six.sin6_port, block + FIXED + 32, 2);
        memset(ret, 0, sizeof *ret);
        memcpy(ret, &six, sizeof six);
        return PROXY_ADDRESS;
    }
    return PROXY_WRONG; /* datagrams and UNIX sockets carry no mail */
}

static enum proxy_result parse_block(const unsigned char *bytes, size_t length, size_t *taken,
                                     struct sockaddr_storage *ret)
{
    if (length < FIXED)
        return PROXY_MORE;
    size_t rest = (size_t)bytes[14] << 8 | bytes[15];
    if (FIXED + rest > PROXY_BLOCK_MAXIMUM)
        return PROXY_WRONG;
    if (length < FIXED + rest)
        return PROXY_MORE;
    *taken = FIXED + rest;
    return read_block(bytes, rest, ret);
}

enum proxy_result proxy_parse(const void *bytes, size_t length, size_t *taken,
                              struct sockaddr_storage *ret)
{
    static const char word[] = "PROXY ";
    struct sockaddr_storage address;
    size_t size = 0;
    enum proxy_result result = PROXY_WRONG;
    if (!length)
        return PROXY_MORE;
    if (memcmp(bytes, signature, least(length, sizeof signature)) == 0)
        result = parse_block(bytes, length, &size, &address);
    else if (memcmp(bytes, word, least(length, sizeof word - 1)) == 0)
        result = parse_line(bytes, length, &size, &address);
    if (result == PROXY_ADDRESS)
        *ret = address;
    if (result == PROXY_ADDRESS || result == PROXY_LOCAL)
        *taken = size;
    return result;
}
