/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The errands that this hub has sent out and that have not come back, and where those of other hubs are
 * handed in
 */
#ifndef COMMHUB_FEDERATION_ERRAND_DESK_H
#define COMMHUB_FEDERATION_ERRAND_DESK_H

#include "federation/federation_control.h"
#include "federation/link_wire.h"
#include "hub/base/list.h"

/* An asker is an HTTP request that somebody waits for: beyond this the hub asked, or a way to it, is gone. */
#define ERRAND_DESK_WAIT_MS 10000U
#define ERRAND_DESK_MOST 256U

struct errand_desk {
    struct list waiting; /* oldest first */
    size_t n_waiting;
    uint64_t serial;
    federation_errand_handler *serve;
    void *serve_context;
};

void errand_desk_init(struct errand_desk *desk);

/* All that wait are told that it is over. */
void errand_desk_clear(struct errand_desk *desk);

/* What has arrived for this hub. */
void errand_desk_take(struct errand_desk *desk, const struct link_errand *errand);

/* See federation_control_ask() and federation_control_answer(). */
int errand_desk_ask(struct federation *federation, const char *hub_id, bool may_write, struct bytes body,
                    federation_answer_handler *handle, void *context);
int errand_desk_answer(struct federation *federation, const char *hub_id, uint64_t serial, struct bytes body);

/* Ends what has waited too long. */
void errand_desk_tick(struct errand_desk *desk, uint64_t now_ms);

#endif
