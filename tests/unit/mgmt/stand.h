/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A running management plane over fake_controls.h, and clients that speak to it over loopback
 */
#ifndef COMMHUB_TESTS_UNIT_MGMT_STAND_H
#define COMMHUB_TESTS_UNIT_MGMT_STAND_H

#include <jansson.h>
#include <pthread.h>

#include "hub/base/buffer.h"
#include "hub/base/log.h"
#include "hub/io/loop.h"
#include "hub/io/mailbox.h"
#include "mgmt/mgmt.h"
#include "mgmt/store/store.h"
#include "tests/unit/mgmt/fake_controls.h"

#define STAND_TOKEN "correct-horse-battery"

struct stand {
    char data_dir[64];
    char token_file[96]; /* "": none, from the next start on */
    struct loop *loop;
    struct mailbox *mailbox;
    pthread_t loop_thread;
    struct log *log;
    struct store *store;
    struct mgmt *mgmt;
};

/* Starts everything in a fresh directory; @options (may be NULL) says limits, the rest is filled in. */
void stand_start(struct stand *stand, const struct mgmt_options *options);
void stand_stop(struct stand *stand);

/* Stops and starts all but the directory. */
void stand_restart(struct stand *stand);

void stand_remove(const char *data_dir);
void stand_log(struct stand *stand, const char *message);

/* A blocking connection that gives up after 10 s; fails the test where there is none. */
int stand_connect(struct stand *stand);

/* False if the other side closed before it had read all. */
bool stand_send(int fd, const char *text);

/* Reads until the end of file (or until nothing comes for @quiet_ms, if not 0). */
void stand_read_all(int fd, struct buffer *out, int quiet_ms);

struct stand_answer {
    int status;
    char *head; /* with the status line */
    char *body;
    size_t body_len;
    json_t *json; /* of the body, if it is JSON */
};

void stand_answer_clear(struct stand_answer *answer);

/* Reads one answer from a connection, which stays usable; status 0: the connection ended. */
void stand_read_answer(int fd, bool has_body, struct stand_answer *out_answer);

/* One request on a connection of its own. @token: NULL for none; @body: JSON, or NULL. */
struct stand_answer stand_ask(struct stand *stand, const char *method, const char *target, const char *token,
                              const char *body);

/* The same with headers of the test's own, each ended by \r\n. */
struct stand_answer stand_ask_with(struct stand *stand, const char *method, const char *target,
                                   const char *headers, const char *body);

/* The value of a header, for free(); NULL: none. */
char *stand_header(const struct stand_answer *answer, const char *name);

/* A live socket: -1 if it was refused, and @out_answer (may be NULL) says how. */
int stand_open_live(struct stand *stand, const char *protocols, const char *more_headers,
                    struct stand_answer *out_answer);
void stand_send_live(int fd, const char *text);

/* The next text message as JSON; NULL: it was closed, and @out_close is the code (0: cut). */
json_t *stand_next_live(int fd, int *out_close);

#endif
