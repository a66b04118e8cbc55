/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Asking a running hub over its REST API, for the commands of an operator
 *
 * Blocking, one connection for each request. The hub is named by --api or COMMHUB_API, the token is in the
 * file that --token-file or COMMHUB_TOKEN_FILE names.
 */
#ifndef COMMHUB_PROGRAM_API_CLIENT_H
#define COMMHUB_PROGRAM_API_CLIENT_H

#include <jansson.h>

#include "hub/base/buffer.h"
#include "hub/base/cleanup.h"
#include "hub/program/options.h"

#define API_CLIENT_DEFAULT_URL "http://127.0.0.1:8080"
#define API_CLIENT_WHY_SIZE 512

/* Exit statuses of commands that ask a hub. */
enum api_client_status {
    API_STATUS_DONE,
    API_STATUS_FAILED, /* the hub said no */
    API_STATUS_USAGE,
    API_STATUS_TIMEOUT,
    API_STATUS_NO_CONNECTION,
};

/* What a command line says of it; NULL: the environment, then the default. */
struct api_client_options {
    const char *url; /* http://HOST:PORT or https://HOST:PORT */
    const char *token_file;
    const char *tls_ca; /* PEM; of https: trusted instead of the system's */
};

/* The lines of a command's help. */
#define API_CLIENT_HELP                                                                                      \
    "  --api URL          the management port of the hub (COMMHUB_API; " API_CLIENT_DEFAULT_URL ")\n"        \
    "  --token-file FILE  file with the token (COMMHUB_TOKEN_FILE)\n"                                        \
    "  --tls-ca FILE      certificates to trust for https:// (COMMHUB_API_CA)\n"

/* Their rows in a command's table. */
#define API_CLIENT_OPTIONS(api)                                                                              \
    {.name = "--api", .value = &(api)->url}, {.name = "--token-file", .value = &(api)->token_file},          \
    {                                                                                                        \
        .name = "--tls-ca", .value = &(api)->tls_ca                                                          \
    }

/* Takes a command's arguments: 0, or API_STATUS_USAGE and a sentence on standard error. */
int api_client_read_arguments(const char *command, const struct option *rows, size_t n, int argc, char **argv,
                              bool *out_wants_help);

struct api_client;

/* 0, or API_STATUS_USAGE with a sentence (an address that is none, a token that can't be read). */
int api_client_new(struct api_client **out_client, const struct api_client_options *options,
                   char out_why[API_CLIENT_WHY_SIZE]);
void api_client_free(struct api_client *client);

DEFINE_CLEANUP(struct api_client *, api_client_free)

struct api_answer {
    unsigned status;
    struct buffer body; /* closed by a zero behind its end */
    json_t *json;       /* of the body, if it is JSON */
};

void api_client_answer_clear(struct api_answer *answer);

/*
 * @path begins with /; @body (may be NULL) is borrowed. Any answer is API_STATUS_DONE, also one that says no:
 * see answer.status. Else API_STATUS_NO_CONNECTION or API_STATUS_TIMEOUT and a sentence. The answer is to be
 * cleared in any case.
 */
int api_client_ask(struct api_client *client, const char *method, const char *path, const json_t *body,
                   struct api_answer *out_answer, char out_why[API_CLIENT_WHY_SIZE]);

/* How many days the certificate is good for that the hub has shown last; false: it speaks no TLS. */
bool api_client_certificate_days(const struct api_client *client, int *out_days);

/* Appends @text as one segment of a path, or as a value of the query. */
void api_client_escape(struct buffer *out, const char *text);

/* Prints what is wrong of an answer that says no to stderr, behind "commhub @command: ". */
void api_client_complain(const char *command, const struct api_answer *answer);

#endif
