/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/stream_order.h"

#include <errno.h>
#include <stdlib.h>

struct held {
    struct map_node node;
    uint64_t number;
    struct block *frame;
};

void stream_order_init_all(struct stream_orders *orders)
{
    *orders = (struct stream_orders){0};
    list_init(&orders->waiting);
}

void stream_order_init(struct stream_order *order)
{
    *order = (struct stream_order){0};
    map_init(&order->held);
    list_init(&order->in_waiting);
}

static struct bytes key_of(const uint64_t *number)
{
    return bytes_of((const uint8_t *)number, sizeof *number);
}

static size_t bytes_of_held(const struct block *frame)
{
    return sizeof(struct held) + frame->len;
}

/* The gap before what is held begins now, or there is none. */
static void begin_gap(struct stream_orders *orders, struct stream_order *order, uint64_t now_ms)
{
    list_unlink(&order->in_waiting);
    if (order->held.n_nodes == 0)
        return;
    order->since_ms = now_ms;
    list_append(&orders->waiting, &order->in_waiting);
}

/* The frame's reference passes to the caller. */
static struct block *take_out(struct stream_orders *orders, struct stream_order *order, struct map_node *node)
{
    struct held *held = container_of(node, struct held, node);
    struct block *frame = held->frame;

    map_remove(&order->held, node);
    order->n_bytes -= bytes_of_held(frame);
    orders->n_bytes -= bytes_of_held(frame);
    free(held);
    return frame;
}

void stream_order_clear(struct stream_orders *orders, struct stream_order *order)
{
    struct map_node *node;

    while ((node = map_any(&order->held)))
        block_unref(take_out(orders, order, node));
    map_clear(&order->held);
    list_unlink(&order->in_waiting);
}

bool stream_order_take(struct stream_orders *orders, struct stream_order *order, uint64_t number,
                       uint64_t now_ms)
{
    if (number != order->n_passed + 1)
        return false;
    order->n_passed = number;
    begin_gap(orders, order, now_ms);
    return true;
}

int stream_order_hold(struct stream_orders *orders, struct stream_order *order, uint64_t number,
                      struct block *frame, uint64_t now_ms)
{
    size_t n_bytes = bytes_of_held(frame);
    struct held *held;

    if (number <= order->n_passed || map_find(&order->held, key_of(&number)))
        return STREAM_ORDER_E_TWICE;
    if (order->n_bytes + n_bytes > STREAM_ORDER_MOST_BYTES ||
        orders->n_bytes + n_bytes > STREAM_ORDER_MOST_BYTES_ALL)
        return STREAM_ORDER_E_FULL;
    held = malloc(sizeof *held);
    if (!held)
        return -ENOMEM;
    *held = (struct held){.number = number, .frame = frame};
    if (map_insert(&order->held, &held->node, key_of(&held->number)) < 0) {
        free(held);
        return -ENOMEM;
    }
    block_ref(frame);
    order->n_bytes += n_bytes;
    orders->n_bytes += n_bytes;
    if (list_is_empty(&order->in_waiting))
        begin_gap(orders, order, now_ms);
    return 0;
}

struct block *stream_order_next(struct stream_orders *orders, struct stream_order *order, uint64_t now_ms)
{
    uint64_t number = order->n_passed + 1;
    struct map_node *node = map_find(&order->held, key_of(&number));
    struct block *frame;

    if (!node)
        return NULL;
    frame = take_out(orders, order, node);
    stream_order_take(orders, order, number, now_ms);
    return frame;
}

struct stream_order *stream_order_overdue(const struct stream_orders *orders, uint64_t now_ms)
{
    struct stream_order *oldest;

    if (list_is_empty(&orders->waiting))
        return NULL;
    oldest = list_first_entry(&orders->waiting, struct stream_order, in_waiting);
    return now_ms - oldest->since_ms >= STREAM_ORDER_WAIT_MS ? oldest : NULL;
}
