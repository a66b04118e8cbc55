/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Dialing a bridge's hub, now or after a while
 *
 * The wait doubles from 0.2 s to 30 s, at random below that; it begins anew after 10 s of a link that was up,
 * or when somebody asks for it.
 */
#ifndef COMMHUB_FEDERATION_LINK_DIAL_H
#define COMMHUB_FEDERATION_LINK_DIAL_H

struct link;

void link_dial_now(struct link *link);

/* Waits to dial: BACKOFF, or REFUSED where somebody must act. */
void link_dial_later(struct link *link, const char *reason);

/* Dials now if it waits to. */
void link_dial_retry(struct link *link);

#endif
