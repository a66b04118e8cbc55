/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The answers to one call, put in order at the caller's hub
 *
 * The provider's hub numbers them from 1. What comes before its turn is held until those before it have
 * come; the bounds are in bytes for each call and for all of them, and in time. Single thread.
 */
#ifndef COMMHUB_FEDERATION_STREAM_ORDER_H
#define COMMHUB_FEDERATION_STREAM_ORDER_H

#include "hub/base/block.h"
#include "hub/base/list.h"
#include "hub/base/map.h"

/* Of one call, and of all of a hub, counted in bytes of memory. */
#define STREAM_ORDER_MOST_BYTES (8U << 20)
#define STREAM_ORDER_MOST_BYTES_ALL (32U << 20)

/* A gap that stays for so long is not filled any more: callers wait no longer for a link that is cut. */
#define STREAM_ORDER_WAIT_MS 10000U

/* All of a hub. */
struct stream_orders {
    struct list waiting; /* those that hold something; the one whose gap is the oldest first */
    uint64_t n_bytes;
};

struct stream_order {
    uint64_t n_passed; /* answers whose turn has come */
    struct map held;   /* keyed by number */
    size_t n_bytes;
    struct list in_waiting;
    uint64_t since_ms; /* the present gap */
};

void stream_order_init_all(struct stream_orders *orders);

void stream_order_init(struct stream_order *order);

/* Lets go of what is held; may be done again. */
void stream_order_clear(struct stream_orders *orders, struct stream_order *order);

/* Its turn has come: true, and it is to be passed on now. */
bool stream_order_take(struct stream_orders *orders, struct stream_order *order, uint64_t number,
                       uint64_t now_ms);

enum {
    STREAM_ORDER_E_FULL = 1, /* one of the bounds of bytes */
    STREAM_ORDER_E_TWICE,    /* one of that number has been passed on, or is held */
};

/* Holds an answer that comes too early; the frame is borrowed. 0, STREAM_ORDER_E_* or -ENOMEM. */
int stream_order_hold(struct stream_orders *orders, struct stream_order *order, uint64_t number,
                      struct block *frame, uint64_t now_ms);

/* The held one whose turn it is: taken, and the caller's; NULL: none. */
struct block *stream_order_next(struct stream_orders *orders, struct stream_order *order, uint64_t now_ms);

/* One whose gap has stayed for too long; NULL: none. */
struct stream_order *stream_order_overdue(const struct stream_orders *orders, uint64_t now_ms);

#endif
