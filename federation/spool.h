/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The disk as federation sees it: where messages of durable topics wait for a far hub
 *
 * The program brings this table of functions; federation knows no files. A message waits in a *lane*: one
 * topic of one channel on one bridge. A lane numbers its messages from 1 and keeps their order. At the far
 * side a *mark* says up to which number a lane of a foreign spool has been delivered there.
 *
 * All functions are called on the loop's thread and do not block: they queue their work, which is done in
 * that order, and answer 0 or -ENOMEM (then nothing is queued). What came of it is told on the loop's thread,
 * too, from the loop, by the functions of struct spool_listener.
 */
#ifndef COMMHUB_FEDERATION_SPOOL_H
#define COMMHUB_FEDERATION_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/base/bytes.h"

#define SPOOL_HUB_ID_BYTES 16
/* What one reading brings at most, the first message whatever its size. */
#define SPOOL_BATCH_MESSAGES 256U
#define SPOOL_BATCH_BYTES (1U << 20)

struct spool_lane {
    uint64_t id; /* chosen by federation, never used again */
    const char *bridge;
    struct bytes channel;
    struct bytes topic;
    /* each_lane() only: the last that was ever given to a message, and what is there. */
    uint64_t last_number;
    uint64_t n_messages;
    uint64_t n_bytes;
};

/* What a lane of a foreign spool has brought here. */
struct spool_mark {
    uint64_t spool;
    uint64_t lane;
    uint64_t number;
};

struct spool_row {
    uint64_t number;
    struct bytes body; /* the `receive` message */
};

/* Messages that left the disk undelivered. */
struct spool_loss {
    bool is_by_age;       /* else for want of room */
    uint64_t asked_bytes; /* evict() */
    uint64_t n_messages;
    uint64_t n_bytes;
};

struct spool_listener {
    /* All up to @number are on disk. */
    void (*on_stored)(void *context, uint64_t lane, uint64_t number);
    /* The messages behind the number that was asked for; views. None: there are none; NULL: the disk failed.
     */
    void (*on_read)(void *context, uint64_t lane, const struct spool_row *rows, size_t n_rows);
    /* These have left the disk: delivered, or lost. */
    void (*on_delivered)(void *context, uint64_t lane, uint64_t n_messages, uint64_t n_bytes);
    void (*on_lost)(void *context, const char *bridge, const struct spool_loss *loss);
    /* A number of 0: it could not be kept. */
    void (*on_marked)(void *context, const struct spool_mark *mark);
    /* The disk refused; @why is for people. What was queued is then told as having come to nothing. */
    void (*on_fault)(void *context, const char *why);
    void (*on_put_failed)(void *context, uint64_t lane, size_t n_bytes);
};

struct spool {
    uint64_t id; /* of this disk, random; lanes of different spools have nothing in common */
    void *context;
    void (*listen)(void *context, const struct spool_listener *listener, void *listener_context);

    /* What is there from before; only before the loop runs. 0 or a negative errno. */
    int (*each_bridge)(void *context, int (*visit)(const char *bridge, const uint8_t *hub_id, void *to),
                       void *to);
    int (*each_lane)(void *context, int (*visit)(const struct spool_lane *lane, void *to), void *to);
    int (*each_mark)(void *context, int (*visit)(const struct spool_mark *mark, void *to), void *to);

    /* The hub at the far end of a bridge is known by this id from now on. */
    int (*know)(void *context, const char *bridge, const uint8_t hub_id[SPOOL_HUB_ID_BYTES]);
    int (*open)(void *context, const struct spool_lane *lane);
    /* @body is copied. */
    int (*put)(void *context, uint64_t lane, uint64_t number, uint64_t wall_s, struct bytes body);
    int (*read)(void *context, uint64_t lane, uint64_t after);
    /* All up to @number has been delivered. */
    int (*drop)(void *context, uint64_t lane, uint64_t number);
    /* The oldest messages of the bridge are lost, as many as have @bytes together. */
    int (*evict)(void *context, const char *bridge, uint64_t bytes);
    int (*expire)(void *context, const char *bridge, uint64_t before_wall_s);
    /* The bridge is gone, and its lanes with it. */
    int (*forget)(void *context, const char *bridge);
    int (*mark)(void *context, const struct spool_mark *mark);
};

#endif
