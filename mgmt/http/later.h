/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * An answer that is not there yet, or comes bit by bit
 *
 * A handler that has to wait sets reply->later instead of a status. The server asks fill() at once and then
 * after each wake; meanwhile the connection sleeps and no thread waits. A fill() that has set
 * reply->is_streamed is followed by read() until LATER_END.
 *
 * fill() and read() run on the HTTP thread that has the request at the moment, one at a time; later_wake() is
 * for any thread. What fill() and read() look at must be set before the wake.
 */
#ifndef COMMHUB_MGMT_HTTP_LATER_H
#define COMMHUB_MGMT_HTTP_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct later;
struct reply;
struct request;

#define LATER_NOTHING 0 /* of read(): wait for a wake */
#define LATER_END (-1)

struct later_source {
    /* True: @reply is filled. */
    bool (*fill)(void *state, const struct request *request, struct reply *reply);
    /* How many bytes of the body were put into @room; LATER_NOTHING; LATER_END. May be NULL. */
    long (*read)(void *state, char *room, size_t size);
    /* Asked every quarter of a second while the connection sleeps, on another thread: whether to wake it. May
     * be NULL. */
    bool (*is_due)(void *state, uint64_t now_ms);
    /* The request is over, one way or the other. */
    void (*end)(void *state);
};

/* NULL: out of memory, and @state is still the caller's. */
struct later *later_new(const struct later_source *source, void *state);

struct later *later_ref(struct later *later);
void later_unref(struct later *later);

/* Any thread, any time. */
void later_wake(struct later *later);

/* ---- for the server ---- */

const struct later_source *later_source_of(const struct later *later);
void *later_state(const struct later *later);

/* The connection that sleeps; both are called with @connection under a lock of the later's. */
void later_attach(struct later *later, void *connection, void (*put_to_sleep)(void *connection),
                  void (*wake_up)(void *connection));

/* Puts the connection to sleep; false: a wake has come meanwhile, look again. */
bool later_sleep(struct later *later);

/* Asks is_due() if the connection sleeps, and wakes it if it is. */
void later_wake_if_due(struct later *later, uint64_t now_ms);

/* Detaches, ends the state and gives up the server's reference. NULL is fine. */
void later_end(struct later *later);

#endif
