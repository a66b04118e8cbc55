/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A hub of the Python package, seen as a hub of the mesh
 *
 * The mesh is told by an ordinary link that a hub with these services, topics and members is there, and sends
 * that link what it would send any hub. This is the translator at the far end of that link: it plays the part
 * of the foreign hub towards the mesh, and the part of a client and bridge towards the foreign hub. So
 * routes, choice, filters, duplicates and lost calls are the mesh's business as ever.
 *
 * Pure: no sockets and no clocks. foreign_hear() takes what the foreign hub says, foreign_take() what the
 * mesh says to it; neither is answered at once where that could come back into the caller: what is to be told
 * waits for foreign_settle(), which the shell calls when the outlet's wake() has asked for it.
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_H
#define COMMHUB_FEDERATION_FOREIGN_H

#include "federation/link_wire.h"
#include "federation/mesh_counts.h"
#include "federation/mesh_stamp.h"
#include "hub/base/block.h"
#include "hub/wire/message.h"

struct foreign;

struct foreign_outlet {
    /* Queues a frame for the foreign hub, whose reference passes on. NULL: there was no memory for it, and
     * the link should be ended. */
    void (*say)(void *context, struct block *frame);
    /* A message of the foreign hub to the mesh; may come back by foreign_take(). */
    void (*tell)(void *context, const struct link_message *message);
    /* foreign_settle() has something to do. */
    void (*wake)(void *context);
    /* Whether the bridge lets a channel through, by the name that it has at the foreign hub. */
    bool (*lets)(void *context, struct bytes channel);
    /* Whether the mesh has had this broadcast already. */
    bool (*has_passed)(void *context, struct bytes channel, const struct message *message);
    /* Whether a stamp's hub belongs to the mesh. */
    bool (*knows)(void *context, const struct hub_id *hub);
    /* The name that clients see of a hub; BYTES_NONE: not known. */
    struct bytes (*name_of)(void *context, const struct hub_id *hub);
    /* Something of the mesh is not passed on. */
    void (*refused)(void *context, enum mesh_refusal refusal);
    /* What an operator should know; @event is for machines. */
    void (*warn)(void *context, const char *event, const char *text);
    void *context;
};

struct foreign_options {
    struct bytes client_id; /* ours at the foreign hub */
    struct bytes server_id; /* the foreign hub's */
    struct hub_id hub_id;   /* that the mesh knows it by */
    uint64_t incarnation;   /* of its entries, greater than any before */
    uint64_t session;       /* of the link */
    bool has_members;       /* it tells of members and takes remote ones (from release 0.1.15 on) */
    size_t n_names;         /* channels that the bridge names, without a pattern */
    const char *const *names;
};

/* 0 or -ENOMEM. Texts are copied, names too. Says and tells nothing before the first settle. */
int foreign_new(struct foreign **out_foreign, const struct foreign_options *options,
                const struct foreign_outlet *outlet, uint64_t now_ms);
void foreign_free(struct foreign *foreign);

/* Any message of the foreign hub after the handshake. */
void foreign_hear(struct foreign *foreign, const struct message *message);

/* ENTRIES, AGAIN, ONE and MANY of the mesh; others are passed over. */
void foreign_take(struct foreign *foreign, const struct link_message *message);

/* Asks and tells what has changed. */
void foreign_settle(struct foreign *foreign);

/* About once a second: asks again what was refused, and for news where the foreign hub tells none. */
void foreign_tick(struct foreign *foreign, uint64_t now_ms);

#endif
