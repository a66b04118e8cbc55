/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls that clients of the foreign hub make to the mesh, and the answers to them
 *
 * This hub is the callers' hub: it gives them their answers in the order in which the provider's hub has
 * numbered them, and ends their calls where no answer can come any more. The rules are those of answers.c,
 * the bounds those of stream_order.h, for each foreign hub by itself.
 *
 * A call is known by its caller's client id and the request id; one whose names are no texts of at most 255
 * bytes is not watched.
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_CALL_H
#define COMMHUB_FEDERATION_FOREIGN_CALL_H

#include "federation/foreign_table.h"
#include "federation/link_wire.h"
#include "federation/stream_order.h"
#include "hub/wire/message.h"

/* Beyond it the oldest is not watched any more: the foreign hub does not tell which ones were given up. */
#define FOREIGN_CALL_MAX 100000U

/* Unanswered ones of one caller, beyond which it is refused. The package's bridge programs give a call that
 * they pass on a new request id and take off whatever could tell it again, so calls that they carry round a
 * circle look like new ones of the program: this is what ends them. */
#define FOREIGN_CALL_MAX_OF_CALLER 1024U

struct foreign;

struct foreign_calls {
    struct map by_name;
    struct map callers;
    struct list by_age; /* oldest first */
    struct stream_orders orders;
};

void foreign_call_init(struct foreign_calls *calls);
void foreign_call_clear(struct foreign_calls *calls);

/* Whether its caller has as many unanswered calls as it may have. */
bool foreign_call_is_one_too_many(const struct foreign *foreign, const struct message *call);

/* The call goes to @hub; without memory it is not watched. */
void foreign_call_add(struct foreign *foreign, const struct message *call, const struct hub_id *hub,
                      uint64_t life);

/* An answer of the mesh has come, for the first time. */
void foreign_call_answer(struct foreign *foreign, const struct link_one *one, const struct message *response);

/* The hub can't be reached any more, or has started anew with incarnation @life: its calls end with an error.
 */
void foreign_call_lose(struct foreign *foreign, const struct hub_id *hub, uint64_t life);

/* Ends the calls that have waited for too long for a part of their stream. */
void foreign_call_expire(struct foreign *foreign);

#endif
