/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The way into the loop from other threads
 *
 * Letters are run on the loop's thread in the order in which they came. The mailbox wakes the loop by an
 * eventfd.
 *
 * However many letters there are, a turn of the loop is held up by them for MAILBOX_TURN_US and the one that
 * is being run then: the others have to wait for the next turn. What takes longer than some tens of
 * microseconds is cut into steps.
 */
#ifndef COMMHUB_IO_MAILBOX_H
#define COMMHUB_IO_MAILBOX_H

#include "hub/io/loop.h"

#define MAILBOX_TURN_US 250

struct mailbox;

/* Loop thread. 0 or a negative errno. */
int mailbox_new(struct mailbox **out_mailbox, struct loop *loop);

/* Loop thread, when no other thread uses it any more; letters still there are run. */
void mailbox_free(struct mailbox *mailbox);

/* Any thread but the loop's: runs @run on the loop's thread and returns when it is done. */
enum { MAILBOX_E_CLOSED = 1 };
int mailbox_run(struct mailbox *mailbox, void (*run)(void *argument), void *argument);

/* The same with @step, which is run again as long as it answers true; between two steps other letters, and
 * turns of the loop, may come. */
int mailbox_walk(struct mailbox *mailbox, bool (*step)(void *argument), void *argument);

/* Any thread: runs it some time later; 0, -ENOMEM or MAILBOX_E_CLOSED (then it is not run). */
int mailbox_post(struct mailbox *mailbox, void (*run)(void *argument), void *argument);

/* Loop thread: from now on letters are refused with MAILBOX_E_CLOSED, waiting ones are run. For shutting
 * down. */
void mailbox_close(struct mailbox *mailbox);

#endif
