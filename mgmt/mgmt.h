/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The management plane: REST, live socket and page on one port
 *
 * Its threads reach the hub only through the mailbox, and read the log's ring and the counters. The map of
 * the folder: http/ carries bytes and requests, auth/ knows tokens, rest/ answers, live/ streams, store/
 * remembers.
 */
#ifndef COMMHUB_MGMT_MGMT_H
#define COMMHUB_MGMT_MGMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mgmt;
struct mailbox;
struct server;
struct federation;
struct log;
struct store;
struct keeper;
struct tls_context;
struct settings_face;

#define MGMT_WHY_SIZE 1024

/* A line of GET /hub's settings. Secrets have no place in it. */
struct mgmt_setting {
    const char *name;
    const char *value;
};

/* All is borrowed for the life of the management plane. Numbers: 0 is the default. */
struct mgmt_options {
    struct mailbox *mailbox;
    struct server *server;
    struct federation *federation;
    struct log *log;
    struct store *store;
    struct keeper *keeper;           /* of the log's records; NULL: there is none */
    const char *listen;              /* "127.0.0.1:8080", "[::1]:0"; port 0: any free one */
    struct tls_context *tls;         /* the port speaks HTTPS by it; a reference is taken. NULL: HTTP */
    const char *token_file;          /* NULL: the first-run token */
    const char *admin_password_file; /* of the first administrator, where there is none yet; NULL: none */
    const char *server_id;           /* the hub's own */
    const char *version;
    const struct settings_face *settings_face; /* mgmt/rest/settings_face.h */
    const struct mgmt_setting *settings;
    size_t n_settings;

    size_t most_connections;  /* 2048; each takes three descriptors */
    size_t most_live_sockets; /* 1536 of them; a client of the hub's protocol takes two more descriptors */
    uint64_t head_ms;         /* until a request's head is whole: 10000 */
    unsigned idle_s;          /* until an idle connection is closed: 30 */
    uint64_t requests_per_s;  /* of one address, of one credential: 5000; a write counts as 10 */
    uint64_t slow_live_ms;    /* until a browser that takes nothing is cut: 30000 */
};

/*
 * Starts its threads; it answers when this returns. RLIMIT_NOFILE must be raised before. 0, or a negative
 * errno and a sentence for people. The loop need not run yet: requests wait for it.
 */
int mgmt_start(struct mgmt **out_mgmt, const struct mgmt_options *options, char out_why[MGMT_WHY_SIZE]);

/*
 * What can be known to be wrong with the settings before anything is touched: @listen as in the options,
 * @token_file may be NULL. 0, or -EINVAL or another negative errno and a sentence.
 */
int mgmt_check_settings(const char *listen, const char *token_file, char out_why[MGMT_WHY_SIZE]);

/* Where it listens, with the real port: "127.0.0.1:41087". */
const char *mgmt_address(const struct mgmt *mgmt);

/* GET /hub shows these from now on: as many as at the start. On the loop's thread. */
void mgmt_show_settings(struct mgmt *mgmt, const struct mgmt_setting *settings);

/* New connections get the certificate of @tls; those that stand are left alone. Only where the port speaks
 * HTTPS. Any thread. */
void mgmt_renew_tls(struct mgmt *mgmt, struct tls_context *tls);

/* The path of the first-run token where this start has made one, else NULL. */
const char *mgmt_first_run_token_file(const struct mgmt *mgmt);

/*
 * Cuts all connections and ends the threads. A request that waits for the loop holds it up: on the loop's
 * thread, call mailbox_close() first. NULL is fine.
 */
void mgmt_stop(struct mgmt *mgmt);

#endif
