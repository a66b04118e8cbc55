/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_session.h"

#include <errno.h>

#include "hub/base/check.h"

#define FIRST_PLACES 64U

void link_session_init(struct link_session *session)
{
    *session = (struct link_session){0};
}

static struct link_kept *place_of(const struct link_session *session, uint64_t number)
{
    return &session->kept[number & (session->n_places - 1)];
}

/* Counts a frame that comes to stand in @place, which has none. */
static void fill(struct link_session *session, struct link_kept *place, struct block *frame,
                 enum link_class class)
{
    session->kept_bytes += frame->len;
    session->kept_bytes_of[class] += frame->len;
    session->n_messages += class != LINK_CLASS_CONTROL;
    *place = (struct link_kept){block_ref(frame), class};
}

static void empty(struct link_session *session, struct link_kept *place)
{
    session->kept_bytes -= place->frame->len;
    session->kept_bytes_of[place->class] -= place->frame->len;
    session->n_messages -= place->class != LINK_CLASS_CONTROL;
    block_unref(place->frame);
}

/* Frees what is kept up to @number. */
static void let_go(struct link_session *session, uint64_t number)
{
    while (session->acknowledged < number)
        empty(session, place_of(session, ++session->acknowledged));
}

void link_session_clear(struct link_session *session)
{
    let_go(session, session->sent);
    free(session->kept);
    link_session_init(session);
}

static int grow(struct link_session *session)
{
    size_t n_places = session->n_places ? 2 * session->n_places : FIRST_PLACES;
    struct link_kept *kept = calloc(n_places, sizeof *kept);

    if (!kept)
        return -ENOMEM;
    for (uint64_t number = session->acknowledged + 1; number <= session->sent; number++)
        kept[number & (n_places - 1)] = *place_of(session, number);
    free(session->kept);
    session->kept = kept;
    session->n_places = n_places;
    return 0;
}

int link_session_keep(struct link_session *session, struct block *frame, enum link_class class)
{
    if (session->sent - session->acknowledged == session->n_places && grow(session) < 0)
        return -ENOMEM;
    session->sent++;
    fill(session, place_of(session, session->sent), frame, class);
    return 0;
}

const struct link_kept *link_session_frame(const struct link_session *session, uint64_t number)
{
    if (number <= session->acknowledged || number > session->sent)
        return NULL;
    return place_of(session, number);
}

void link_session_replace(struct link_session *session, uint64_t number, struct block *frame,
                          enum link_class class)
{
    struct link_kept *place = place_of(session, number);
    struct link_kept before = *place;

    check(number > session->acknowledged && number <= session->sent);
    fill(session, place, frame, class);
    empty(session, &before);
}

bool link_session_acknowledge(struct link_session *session, uint64_t number)
{
    if (number > session->sent)
        return false;
    let_go(session, number);
    return true;
}

bool link_session_may_resume(const struct link_session *session, uint64_t received)
{
    return received >= session->acknowledged && received <= session->sent;
}

void link_session_take(struct link_session *session, size_t bytes)
{
    session->received++;
    session->untold_bytes += bytes;
}

bool link_session_owes(const struct link_session *session)
{
    return session->received != session->told;
}

bool link_session_owes_much(const struct link_session *session)
{
    return session->received - session->told >= LINK_SESSION_EAGER_FRAMES ||
           session->untold_bytes >= LINK_SESSION_EAGER_BYTES;
}

uint64_t link_session_tell(struct link_session *session)
{
    session->told = session->received;
    session->untold_bytes = 0;
    return session->told;
}
