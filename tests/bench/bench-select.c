/* SPDX-FileCopyrightText: 2026 The Postern developers
 * SPDX-License-Identifier: Apache-2.0
 *
 * How long it takes to load many connectors, and to choose one: with 10 connectors, and with 10,000
 * and 100,000 domains. Ends with 1 when choosing among many takes more than RATIO times as long as
 * among few, or any choice more than MICROSECONDS, or loading more than LOAD_SECONDS. See
 * README.md. */
#include <arpa/inet.h>
#include <errno.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "connectors/load.h"
#include "connectors/select.h"

enum {
    FEW = 10,
    MANY = 10000,
    DOMAINS = 10 /* of each outbound connector */,
    CHOICES = 200000,
    RUNS = 5
};
static const double LOAD_SECONDS = 2, RATIO = 4, MICROSECONDS = 20;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static FILE *begin(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void make_folder(const char *parent, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s%s%s", parent, *name ? "/" : "", name);
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* Each inbound connector has a network, an address within the one before it, and a certificate
 * name; every third is known by that name alone. */
static void write_inbound(const char *folder, unsigned i)
{
    char name[40];
    snprintf(name, sizeof name, "in-%05u.xml", i);
    FILE *file = begin(folder, name);
    fprintf(file, "<InboundConnector xmlns=\"urn:postern:1\" Name=\"in-%u\">\n", i);
    if (i % 3)
        fprintf(
            file,
            "<SenderIPAddresses><Range>10.%u.%u.0/24</Range><Range>10.%u.%u.7-10.%u.%u.9</Range>"
            "</SenderIPAddresses><RequireTls>false</RequireTls>\n",
            i >> 8, i & 255, (i + 1) >> 8, (i + 1) & 255, (i + 1) >> 8, (i + 1) & 255);
    else
        fprintf(file,
                "<RequireTls>true</RequireTls><TlsSenderCertificateName>mail.peer-%u.example"
                "</TlsSenderCertificateName><TrustAnchors>all</TrustAnchors>\n",
                i);
    fputs("</InboundConnector>\n", file);
    fclose(file);
}

static void write_outbound(const char *folder, unsigned i)
{
    char name[40];
    snprintf(name, sizeof name, "out-%05u.xml", i);
    FILE *file = begin(folder, name);
    fprintf(file,
            "<OutboundConnector xmlns=\"urn:postern:1\" Name=\"out-%u\">\n"
            "<InboundConnectors><Name>in-%u</Name></InboundConnectors>\n<RecipientDomains>",
            i, i);
    for (unsigned j = 0; j < DOMAINS; j++)
        fprintf(file, "<Domain>%s%u.contoso-%u.example</Domain>", j % 2 ? "*." : "", j, i);
    fprintf(file, "%s</RecipientDomains>\n<SmartHosts><Host>192.0.2.1</Host></SmartHosts>\n",
            i ? "" : "<Domain>*</Domain>");
    fputs("<TlsSettings>EncryptionOnly</TlsSettings></OutboundConnector>\n", file);
    fclose(file);
}

static void write_config(const char *directory, const char *data, unsigned count)
{
    char inbound[400], outbound[400];
    make_folder(directory, "", inbound, sizeof inbound);
    make_folder(directory, "inbound", inbound, sizeof inbound);
    make_folder(directory, "outbound", outbound, sizeof outbound);
    FILE *file = begin(directory, "postern.xml");
    fprintf(
        file,
        "<Gateway xmlns=\"urn:postern:1\" HostName=\"gw.contoso.com\">\n"
        "<Listener Address=\"127.0.0.1:2525\"/>\n"
        "<Certificate Name=\"own\"><Chain>%s/chain.pem</Chain><Key>own.key</Key></Certificate>\n"
        "<TrustAnchors Name=\"all\">%s/anchors.pem</TrustAnchors>\n</Gateway>\n",
        data, data);
    fclose(file);
    for (unsigned i = 0; i < count; i++) {
        write_inbound(inbound, i);
        write_outbound(outbound, i);
    }
}

static struct conn_config *load(const char *directory, double *seconds)
{
    struct conn_config *config = NULL;
    struct conn_problems problems;
    double start = now();
    int result = conn_load(directory, &config, &problems);
    *seconds = now() - start;
    for (size_t i = 0; result < 0 && i < problems.count; i++)
        fprintf(stderr, "%s:%d: %s\n", problems.items[i].file, problems.items[i].line,
                problems.items[i].what);
    conn_problems_clear(&problems);
    if (result < 0)
        exit(EXIT_FAILURE);
    return config;
}

static const struct pki_peer_verdict *judge(const void *context, const struct conn_inbound *inbound)
{
    static const struct pki_peer_verdict good = {.accepted = true};
    return strcmp(inbound->sender_certificate_names.items[0], context) == 0 ? &good : NULL;
}

/* Which connectors are asked for: `different` ones, spread over `count`. */
struct load {
    unsigned count, different;
};

static unsigned scatter(unsigned i, const struct load *load)
{
    unsigned one = (unsigned)((unsigned long long)i * 2654435761u % load->different);
    return one * (load->count / load->different);
}

/* Microseconds of one choice; `wrong` counts those that were not as they should be. */
typedef double measure(const struct conn_config *config, const struct load *load, unsigned *wrong);

static double by_address(const struct conn_config *config, const struct load *load, unsigned *wrong)
{
    static const struct conn_names none;
    double start = now();
    for (unsigned i = 0; i < CHOICES; i++) {
        unsigned number = scatter(i, load);
        number -= number % 3 == 0 && number ? 1 : 0;
        number = number ? number : 1;
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(10u << 24 | number << 8 | 200);
        struct conn_client client = {
            .address = (struct sockaddr *)&address, .names = &none, .sender_domain = "contoso.com"};
        const struct conn_inbound *chosen = conn_inbound_choose(config, &client, NULL, NULL);
        *wrong += !chosen || chosen->index != number;
    }
    return (now() - start) / CHOICES * 1e6;
}

static double by_certificate(const struct conn_config *config, const struct load *load,
                             unsigned *wrong)
{
    double start = now();
    for (unsigned i = 0; i < CHOICES; i++) {
        unsigned number = scatter(i, load) / 3 * 3;
        char name[60], *items[] = {name};
        struct conn_names names = {items, 1};
        snprintf(name, sizeof name, "mail.peer-%u.example", number);
        struct sockaddr_in address = {.sin_family = AF_INET};
        address.sin_addr.s_addr = htonl(192u << 24 | 7);
        struct conn_client client = {.address = (struct sockaddr *)&address,
                                     .tls = true,
                                     .tls_version = CONN_TLS_1_3,
                                     .cipher_unknown = true,
                                     .verdict = judge,
                                     .context = name,
                                     .names = &names,
                                     .sender_domain = "contoso.com"};
        const struct conn_inbound *chosen = conn_inbound_choose(config, &client, NULL, NULL);
        *wrong += !chosen || chosen->index != number;
    }
    return (now() - start) / CHOICES * 1e6;
}

static double by_nobody(const struct conn_config *config, const struct load *load, unsigned *wrong)
{
    static const struct conn_names none;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(192u << 24 | 7)};
    double start = now();
    (void)load;
    for (unsigned i = 0; i < CHOICES; i++) {
        struct conn_client client = {
            .address = (struct sockaddr *)&address, .names = &none, .sender_domain = "contoso.com"};
        *wrong += conn_inbound_choose(config, &client, NULL, NULL) != NULL;
    }
    return (now() - start) / CHOICES * 1e6;
}

static double outbound(const struct conn_config *config, const struct load *load, unsigned *wrong)
{
    double start = now();
    for (unsigned i = 0; i < CHOICES; i++) {
        unsigned number = scatter(i, load);
        char domain[80];
        snprintf(domain, sizeof domain, "%s%u.contoso-%u.example", i % 2 ? "deep.down." : "",
                 i % DOMAINS, number);
        const struct conn_outbound *chosen =
            conn_outbound_choose(config, &config->inbound[number], domain);
        *wrong += !chosen || chosen->index != number;
    }
    return (now() - start) / CHOICES * 1e6;
}

static const struct {
    const char *what;
    measure *measure;
} measures[] = {
    {"inbound, by address", by_address},
    {"inbound, by certificate", by_certificate},
    {"inbound, nobody", by_nobody},
    {"outbound", outbound},
};

/* The best of a few runs: what else the machine does only ever adds. */
static double best_of(measure *take, const struct conn_config *config, const struct load *load,
                      unsigned *wrong)
{
    double best = take(config, load, wrong);
    for (unsigned i = 1; i < RUNS; i++) {
        double other = take(config, load, wrong);
        best = other < best ? other : best;
    }
    return best;
}

/* Growth is what the same ten questions cost among many. Ten thousand different ones in turn find
 * nothing in the processor's caches, which is no growth, and must be quick all the same. */
static bool compare(const struct conn_config *few, const struct conn_config *many)
{
    static const struct load small = {FEW, FEW}, large = {MANY, FEW}, cold = {MANY, MANY};
    bool good = true;
    printf("%-26s %10s %10s %8s %14s\n", "choosing, in us", "of 10", "of 10,000", "ratio",
           "each in turn");
    for (size_t i = 0; i < ARRAY_SIZE(measures); i++) {
        unsigned wrong = 0;
        double first = best_of(measures[i].measure, few, &small, &wrong);
        double second = best_of(measures[i].measure, many, &large, &wrong);
        double third = best_of(measures[i].measure, many, &cold, &wrong);
        printf("%-26s %10.3f %10.3f %8.2f %14.3f%s\n", measures[i].what, first, second,
               second / first, third, wrong ? "  WRONG CHOICES" : "");
        good = good && !wrong && second < first * RATIO && third < MICROSECONDS;
    }
    return good;
}

int main(int argc, char **argv)
{
    char few[300], many[300];
    double seconds;
    if (argc != 3) {
        fputs("Usage: bench-select FOLDER DATA\n", stderr);
        return EXIT_FAILURE;
    }
    snprintf(few, sizeof few, "%s/few", argv[1]);
    snprintf(many, sizeof many, "%s/many", argv[1]);
    write_config(few, argv[2], FEW);
    write_config(many, argv[2], MANY);
    struct conn_config *small = load(few, &seconds);
    struct conn_config *large = load(many, &seconds);
    printf("loading %d inbound and %d outbound connectors with %d domains: %.2f s\n\n", MANY, MANY,
           MANY * DOMAINS, seconds);
    bool good = compare(small, large);
    conn_config_free(small);
    conn_config_free(large);
    xmlCleanupParser();
    if (seconds > LOAD_SECONDS)
        puts("\nLoading took too long.");
    if (!good)
        puts("\nChoosing is wrong, or grows with the number of connectors.");
    return good && seconds <= LOAD_SECONDS ? EXIT_SUCCESS : EXIT_FAILURE;
}
