/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the files of the library share: the client, and how its callbacks are called
 *
 * Each entry from the loop is made between commipc_client_enter() and commipc_client_leave(). Between them
 * nothing that a program may hold on to is freed: a client that is freed there is only closed, is_freed is
 * set, and whoever has called a callback looks at it before touching anything of the client but its memory.
 * The memory goes at the end of the turn.
 */
#ifndef COMMHUB_CLIENT_CLIENT_STATE_H
#define COMMHUB_CLIENT_CLIENT_STATE_H

#include "hub/base/list.h"
#include "hub/base/map.h"
#include "hub/client/commipc.h"
#include "hub/client/connection.h"
#include "hub/client/draft.h"

struct commipc_client {
    struct connection connection;
    struct loop *loop;
    bool owns_loop;
    char *mode;
    char *secret;
    uint32_t call_timeout_ms;
    uint32_t max_pending;
    uint32_t max_held;
    void (*on_state)(void *user, enum commipc_state state, const char *detail);
    void (*on_error)(void *user, const char *text);
    void (*on_drained)(void *user);
    void *user;

    struct list pendings;
    struct map pending_by_id;
    uint32_t n_pending;
    char id_front[16]; /* random digits in the request_ids of this client */
    char id_middle[8];
    uint64_t last_number;

    struct list channels;
    struct map channel_by_name;
    struct list calls; /* incoming, not yet answered */
    uint32_t n_held;

    uint32_t n_entered;
    uint32_t n_turns;
    bool is_freed;
    bool has_gone_wishes;
    struct loop_deferred release;
};

void commipc_client_enter(struct commipc_client *client);
void commipc_client_leave(struct commipc_client *client);

/* on_error(), if there is one. The text is cut at 1 KiB. */
void commipc_client_complain(struct commipc_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline struct commipc_text client_text(struct bytes bytes)
{
    return (struct commipc_text){.ptr = bytes.ptr ? (const char *)bytes.ptr : "", .len = bytes.len};
}

static inline struct commipc_value client_value(struct bytes raw)
{
    return (struct commipc_value){.ptr = raw.ptr, .len = raw.len};
}

static inline struct bytes client_raw(struct commipc_value value)
{
    return bytes_of(value.ptr, value.len);
}

/* Whether the value is one that can be sent. */
static inline bool client_is_sound(struct commipc_value value)
{
    return value.len <= UINT32_MAX / 4 && commipc_value_type(value) != COMMIPC_INVALID;
}

#endif
