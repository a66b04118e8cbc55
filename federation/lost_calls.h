/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls of local clients that the mesh can't bring to an answer, and the error that their callers get
 *
 * The core must not be entered from inside itself, so answers wait at the hub that was asked until
 * mesh_settle(). Whether a lost call was carried out is not known; it is not tried again.
 */
#ifndef COMMHUB_FEDERATION_LOST_CALLS_H
#define COMMHUB_FEDERATION_LOST_CALLS_H

#include "federation/outstanding.h"
#include "hub/wire/error_text.h"

/* The error for a call to hub @to, which is %1 of the text; NULL where @call is none that wants an answer, or
 * without memory. */
struct block *lost_calls_answer_to(const struct mesh *mesh, const struct hub_id *to,
                                   const struct message *call, enum error_text text);

/* The error in the place of an answer of hub @of; NULL where @answer is none, or without memory. */
struct block *lost_calls_answer_instead(const struct mesh *mesh, const struct hub_id *of,
                                        const struct message *answer, enum error_text text);

/* The same for a call that is being watched; %1 of the text is hub @to. NULL: without memory. */
struct block *lost_calls_answer_of(const struct outstanding *call, const struct hub_id *to,
                                   enum error_text text);

/* The core gets the answer (whose reference passes to here; NULL is fine) soon. */
void lost_calls_add(struct origin *to, struct block *answer);

/* The same for a call that had left and was being watched. */
void lost_calls_settle(struct origin *to, struct block *answer);

/* A call of a local client that had left and was being watched ends with the error, and is forgotten. %1 of
 * the text is the hub. */
void lost_calls_end(struct outstanding *call, enum error_text text);

/* All calls of local clients to the hub, and those whose way led through it. */
void lost_calls_of_hub(struct origin *origin);

/* Gives the core the answers of @origin. Enters the core. */
void lost_calls_answer(struct origin *origin);

/* Forgets them: the core has answered them itself. */
void lost_calls_forget(struct origin *origin);

#endif
