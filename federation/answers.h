/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Answers that have arrived for our callers, in the order in which their providers gave them
 *
 * The essay is in answers.c.
 */
#ifndef COMMHUB_FEDERATION_ANSWERS_H
#define COMMHUB_FEDERATION_ANSWERS_H

#include "federation/mesh_state.h"
#include "federation/outstanding.h"

/* Writes down in @one which answer of its call @response is: at the hub that gives it. @call may be NULL. */
void answers_number(struct outstanding *call, struct link_one *one);

/* An answer of hub @from is here, for the first time; @known is what was read of it. Enters the core. */
void answers_arrive(struct origin *from, const struct link_one *one, const struct outlet_one *known,
                    struct message *answer);

/* Ends the calls that have waited for too long for a part of their stream. */
void answers_expire(struct mesh *mesh);

#endif
