/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/errand_desk.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/errand.h"
#include "federation/federation_state.h"

struct waiting {
    struct list in_desk;
    struct hub_id hub;
    uint64_t serial;
    uint64_t until_ms;
    federation_answer_handler *handle;
    void *context;
};

void errand_desk_init(struct errand_desk *desk)
{
    *desk = (struct errand_desk){0};
    list_init(&desk->waiting);
}

static void end(struct errand_desk *desk, struct waiting *waiting, enum federation_outcome outcome,
                struct bytes body)
{
    list_unlink(&waiting->in_desk);
    desk->n_waiting--;
    waiting->handle(waiting->context, outcome, body);
    free(waiting);
}

void errand_desk_clear(struct errand_desk *desk)
{
    while (!list_is_empty(&desk->waiting))
        end(desk, list_first_entry(&desk->waiting, struct waiting, in_desk), FEDERATION_UNANSWERED,
            BYTES_NONE);
}

static struct waiting *find(const struct errand_desk *desk, const struct link_errand *answer)
{
    for (struct list *at = desk->waiting.next; at != &desk->waiting; at = at->next) {
        struct waiting *waiting = container_of(at, struct waiting, in_desk);

        if (waiting->serial == answer->serial)
            return waiting;
    }
    return NULL;
}

/* A refusal may come from any hub on the way, an answer only from the hub that was asked. */
static void take_answer(struct errand_desk *desk, const struct link_errand *answer)
{
    struct waiting *waiting = find(desk, answer);
    bool is_refusal = answer->kind == ERRAND_REFUSED;

    if (!waiting || (!is_refusal && !hub_id_equal(&waiting->hub, &answer->from)))
        return;
    end(desk, waiting, is_refusal ? FEDERATION_REFUSED : FEDERATION_ANSWERED, answer->body);
}

void errand_desk_take(struct errand_desk *desk, const struct link_errand *errand)
{
    struct federation_errand request = {
        .may_write = errand->kind == ERRAND_WRITE, .serial = errand->serial, .body = errand->body};

    if (errand->kind == ERRAND_ANSWER || errand->kind == ERRAND_REFUSED) {
        take_answer(desk, errand);
        return;
    }
    hub_id_text(&errand->from, request.from);
    if (desk->serve)
        desk->serve(desk->serve_context, &request);
}

void errand_desk_tick(struct errand_desk *desk, uint64_t now_ms)
{
    while (!list_is_empty(&desk->waiting)) {
        struct waiting *waiting = list_first_entry(&desk->waiting, struct waiting, in_desk);

        if (waiting->until_ms > now_ms)
            return;
        end(desk, waiting, FEDERATION_UNANSWERED, BYTES_NONE);
    }
}

/* --- what the management plane calls -----------------------------------------------------------------------
 */

int errand_desk_ask(struct federation *federation, const char *hub_id, bool may_write, struct bytes body,
                    federation_answer_handler *handle, void *context)
{
    struct errand_desk *desk = &federation->errands;
    struct hub_time time = federation_time(federation);
    struct waiting *waiting;
    struct hub_id hub;
    int r;

    if (hub_id_parse(bytes_of_text(hub_id), &hub) < 0 || hub_id_equal(&hub, &federation->hub_id))
        return FEDERATION_E_UNKNOWN;
    if (desk->n_waiting >= ERRAND_DESK_MOST)
        return FEDERATION_E_BUSY;
    waiting = malloc(sizeof *waiting);
    if (!waiting)
        return -ENOMEM;
    *waiting = (struct waiting){.hub = hub, .serial = ++desk->serial, .handle = handle, .context = context};
    waiting->until_ms = time.now_ms + ERRAND_DESK_WAIT_MS;
    list_init(&waiting->in_desk);
    r = errand_send(federation->mesh, &hub, may_write ? ERRAND_WRITE : ERRAND_READ, waiting->serial, body,
                    time);
    if (r != 0) {
        free(waiting);
        return r == ERRAND_E_NO_WAY ? FEDERATION_E_UNKNOWN : r;
    }
    list_append(&desk->waiting, &waiting->in_desk);
    desk->n_waiting++;
    return 0;
}

int errand_desk_answer(struct federation *federation, const char *hub_id, uint64_t serial, struct bytes body)
{
    struct hub_id hub;
    int r = hub_id_parse(bytes_of_text(hub_id), &hub);

    if (r == 0)
        r = errand_send(federation->mesh, &hub, ERRAND_ANSWER, serial, body, federation_time(federation));
    return r == 0 ? 0 : r == -ENOMEM ? r : FEDERATION_E_UNKNOWN;
}
