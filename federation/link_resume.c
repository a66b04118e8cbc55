/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_resume.h"

#include <stdio.h>

#include "federation/link_state.h"

struct link_resume link_resume_ask(const struct link *link)
{
    struct link_resume asked = {.session = link->session};

    if (link->mesh_link && !link->is_over)
        asked = mesh_link_offer(link->mesh_link);
    asked.window_s = link->bridge->resume_window_s;
    return asked;
}

/* Both ends wait as long as the dialer's bridge says. */
static uint64_t window_ms(const struct link *link)
{
    uint64_t window_s = link->bridge ? link->bridge->resume_window_s : link->asked.window_s;

    if (window_s > BRIDGE_MAX_RESUME_WINDOW_S)
        window_s = BRIDGE_MAX_RESUME_WINDOW_S;
    return window_s > 0 ? window_s * 1000 : link->federation->resume_window_ms;
}

void link_resume_go_on(struct link *link)
{
    /* It may have been given up while the answer was under way. */
    if (!link->mesh_link || link->is_over ||
        !link_session_may_resume(mesh_link_frames(link->mesh_link), link->granted.received)) {
        link_leave_mesh(link);
        link_fail(link, "not_resumed", "the session is not known any more: a new one begins");
        return;
    }
    link_resumed(link, &link->granted);
}

/* The link that had the session which the far side speaks of. */
static struct link *find_old(const struct link *link)
{
    list_for_each (at, &link->federation->links) {
        struct link *other = container_of(at, struct link, in_federation);

        if (other != link && other->role == LINK_ROLE_ACCEPTOR && other->mesh_link && !other->is_over &&
            other->session == link->asked.session && hub_id_equal(&other->peer, &link->peer) &&
            other->peer_incarnation == link->peer_incarnation)
            return other;
    }
    return NULL;
}

void link_resume_answer(struct link *link)
{
    struct link *old = link->asked.session ? find_old(link) : NULL;

    if (!old)
        return;
    if (!link->asked.is_wanted ||
        !link_session_may_resume(mesh_link_frames(old->mesh_link), link->asked.received)) {
        link_end_session(old, "given_up_by_peer", "the other hub has begun a new session");
        return;
    }
    link_let_go(old);
    link->heir = old;
    link->granted = mesh_link_offer(old->mesh_link);
    link->granted.session = 0;
    if (link->granted.cuts < link->asked.cuts)
        link->granted.cuts = link->asked.cuts;
}

void link_resume_hand_over(struct link *link)
{
    struct link *heir = link->heir;

    heir->stream = link->stream;
    link->stream = NULL;
    stream_set_owner(heir->stream, &link_stream_events, &link_stream_marks, heir);
    snprintf(heir->address, sizeof heir->address, "%s", link->address);
    heir->messages_in += link->messages_in;
    heir->messages_out += link->messages_out;
    heir->asked = link->asked;
    heir->heard_ms = link->heard_ms;
    heir->rtt_us = -1;
    heir->unanswered_ms = 0;
    link_resumed(heir, &link->asked);
}

void link_resume_wait(struct link *link)
{
    uint64_t until_ms = link_now_ms(link) + window_ms(link);

    if (loop_timer_arm(link->federation->loop, &link->window, until_ms) < 0)
        link_leave_mesh(link);
}

void link_resume_give_up(struct loop_timer *window)
{
    struct link *link = container_of(window, struct link, window);
    const char *reason = link->is_over ? "session_over" : "not_resumed";

    link_leave_mesh(link);
    if (link->bridge)
        return;
    if (!link->is_over)
        link_set_error(link, "the other hub has not called again in time");
    link_enter(link, LINK_ENDED, reason);
    link_free(link);
}
