/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A session goes on by another connection
 *
 * In its proof the dialer says which session the link had before and how much of it has come; the acceptor's
 * proof says whether it is still known there, and how much of it has come to that side. Both say how often it
 * has been cut, and go on with the higher number. Where either side has given it up, a new session begins.
 *
 * An incoming link whose connection is lost stays for a while without one. The connection that asks for its
 * session is a link of its own until it is proven; then the old link takes the connection over, also where it
 * has not noticed yet that its own is lost.
 */
#ifndef COMMHUB_FEDERATION_LINK_RESUME_H
#define COMMHUB_FEDERATION_LINK_RESUME_H

#include "federation/link_wire.h"
#include "hub/io/loop.h"

struct link;

/* Dialer: what to ask for. */
struct link_resume link_resume_ask(const struct link *link);

/* Dialer: the acceptor agrees. */
void link_resume_go_on(struct link *link);

/* Acceptor: sets `granted`, and `heir` where that is wanted. An old link whose session is over ends. */
void link_resume_answer(struct link *link);

/* Acceptor: the heir has the connection now; @link has none any more and is to be freed. */
void link_resume_hand_over(struct link *link);

/* The session of the link is cut and waits; where that can't be timed it is over. */
void link_resume_wait(struct link *link);

/* The wait has been long enough. For the link's window timer. */
void link_resume_give_up(struct loop_timer *window);

#endif
