/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Trying a bridge without making it
 *
 * A bridge that is known to nobody else gets a link of the usual kind, which dials, secures, greets and
 * proves as any other, but stands on no list, is told to nobody, and ends where the hubs have proven
 * themselves: no session begins, no route is told. A hub of the Python package takes us as its client for
 * that long. What each step took is noted on the way.
 *
 * A link on trial never dials twice: where another one would wait to dial again, the trial is over.
 */
#ifndef COMMHUB_FEDERATION_TRIAL_H
#define COMMHUB_FEDERATION_TRIAL_H

#include "federation/federation_control.h"
#include "hub/base/bytes.h"
#include "hub/base/list.h"

#define TRIAL_WAIT_MS 9000U
#define TRIAL_MOST_AT_ONCE 8U

struct bridge;
struct link;
struct trial;

enum { TRIAL_E_TOO_MANY = 1 };

/* Takes @bridge over (also where it fails) and dials. 0 and the trial's id; TRIAL_E_TOO_MANY; or -ENOMEM.
 * Only with 0 is the asker called, and later. */
int trial_begin(struct federation *federation, struct bridge *bridge, const struct trial_asker *asker,
                uint64_t *out_id);

/* The asker is not called any more. False: it has been. */
bool trial_forget(struct federation *federation, uint64_t id);

/* The hub is ending: calls all askers. */
void trial_end_all(struct federation *federation);

/* Of an element of the federation's list of trials: its link; NULL: it has none, or one to a Python hub. */
const struct link *trial_link(struct list *in_federation);

/* --- what a link on trial tells; NULL: it is on none --- */

/* A step is begun, and the one before is done. */
void trial_note(struct trial *trial, enum link_step step);

/* Another kind of link takes up the trial: the steps are told from the start. */
void trial_start_over(struct trial *trial);

/* It is over, the link says how; it is freed at the end of the turn. Only the first word counts. */
void trial_pass(struct trial *trial, struct bytes release);
void trial_fail(struct trial *trial, const char *reason);

#endif
