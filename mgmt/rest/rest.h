/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The REST interface: its state, and its way into the hub
 *
 * Handlers run on HTTP threads. They touch the hub only inside rest_ask(), and the store directly. Writes
 * hold the write lock from reading the old wish to telling the hub the new one, so that store and hub agree
 * on the last.
 */
#ifndef COMMHUB_MGMT_REST_REST_H
#define COMMHUB_MGMT_REST_REST_H

#include <pthread.h>
#include <stdatomic.h>

#include "federation/federation_control.h"
#include "hub/base/log.h"
#include "hub/io/mailbox.h"
#include "hub/server/server_control.h"
#include "mgmt/auth/login.h"
#include "mgmt/auth/rate_limit.h"
#include "mgmt/auth/sessions.h"
#include "mgmt/auth/throttle.h"
#include "mgmt/auth/tickets.h"
#include "mgmt/auth/tokens.h"
#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"
#include "mgmt/rest/http_counts.h"
#include "mgmt/rest/summary.h"
#include "mgmt/store/store.h"
#include "mgmt/store/store_watch.h"

#define REST_COOKIE_SIZE 32
#define REST_WRITE_UNITS 10 /* of a rate limit; anything else takes 1 */

struct settings_face; /* settings_face.h */

struct rest_setting {
    const char *name;
    const char *value;
};

/* Everything is borrowed for the life of the interface. */
struct rest_options {
    struct mailbox *mailbox;
    struct server *server;
    struct federation *federation;
    struct log *log;
    struct store *store;
    struct store_watch *store_watch;
    struct keeper *keeper; /* NULL: there is none */
    struct tokens *tokens;
    struct sessions *sessions;
    bool is_secure; /* the port speaks TLS */
    const char *server_id;
    const char *version;
    const char *epoch; /* of the log's record ids */
    const struct settings_face *settings_face;
    const struct rest_setting *settings; /* the loop's: they change with the hub's */
    size_t n_settings;
    uint64_t requests_per_s; /* of one address, and of one credential; a write counts as REST_WRITE_UNITS */
    bool (*live_has_room)(void *context); /* for one more live socket; any thread */
    void *live_context;
};

struct rest {
    struct rest_options options;
    uint64_t started_wall_ms;
    uint64_t started_ms;
    pthread_mutex_t write_mutex;
    struct summary_cache summaries;
    struct http_counts http_counts;
    struct rate_limit rates;
    struct throttle guesses;        /* wrong tokens and passwords by address */
    struct rate_limit strangers;    /* refusals of nobody known that the audit log takes */
    atomic_uint_fast64_t n_omitted; /* and that it has not taken since the last row */
    struct login login;
    struct tickets tickets;
    char cookie[REST_COOKIE_SIZE]; /* its name; another one for each hub, since ports of one host share
                                      cookies */
};

void rest_init(struct rest *rest, const struct rest_options *options);
void rest_clear(struct rest *rest);

/* Runs @run on the loop's thread: true; or false with the reply filled (503), and @run was not run. */
bool rest_ask(struct rest *rest, void (*run)(void *argument), void *argument, const struct request *request,
              struct reply *reply);

/* The same in steps, as long as @step answers true: the loop goes on between them (mailbox.h). */
bool rest_walk(struct rest *rest, bool (*step)(void *argument), void *argument, const struct request *request,
               struct reply *reply);

/* A store's fault as a reply: 507 where the disk is full, else 500. */
void rest_reply_store_fault(struct reply *reply, const struct request *request, int r, const char *why);

/* A line about what an operator did: "alice@192.0.2.1 ..." in time; now the address and what. */
void rest_log(struct rest *rest, enum log_level level, const struct request *request, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A line about the hub itself. Any thread. */
void rest_announce(struct rest *rest, enum log_level level, const char *text);

/* Whether it is there to change something. */
bool rest_is_write(const struct request *request);

/* Whether it asks what would be changed: everything is checked, nothing is done. */
bool rest_is_dry_run(const struct request *request);

/* The server's handlers (mgmt/http/http_server.h), @context being the rest. */
bool rest_on_brief(void *context, struct request *request, struct reply *reply);
bool rest_on_head(void *context, struct request *request, struct reply *reply);
void rest_on_request(void *context, struct request *request, struct reply *reply);
/*
 * Carries out a request that has come another way than by HTTP: method, target, headers, body, id, peer and
 * @request->by are the caller's word. Where reply->later is set the answer is still to come (later.h), and
 * following it is the caller's. Any thread but the loop's. The caller calls request_clear().
 */
void rest_carry_out(struct rest *rest, struct request *request, struct reply *reply);

void rest_on_too_long(void *context, struct request *request, struct reply *reply);
void rest_on_malformed(void *context, const struct request *request, unsigned status, const char *why,
                       struct reply *reply);
void rest_on_answered(void *context, const struct request *request, unsigned status, uint64_t took_us);

#endif
