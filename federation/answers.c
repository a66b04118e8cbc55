/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Where ways change while a stream runs, its chunks take several, and may overtake each other. So the hub of
 * the provider numbers what is answered to a call, and the caller's hub passes on only what comes next; what
 * comes too early is held (stream_order.h). The end of a stream is numbered like its chunks and stays behind
 * them.
 *
 * A caller is never given a stream with a hole in it: where a part stays away for too long, or more would
 * have to be held than may be, the call ends with an error. So it is where the call is not watched any more
 * (outstanding.h): then nobody knows what comes next, and only an answer that is the only one of its call is
 * passed on.
 *
 * What bears no number is no answer of the provider's hub, but the word of a hub on the way that the call
 * can't go on: it ends the call at once.
 */
#include "federation/answers.h"

#include <errno.h>

#include "federation/lost_calls.h"
#include "federation/trail.h"
#include "hub/base/metrics.h"
#include "hub/wire/envelope.h"
#include "hub/wire/frame.h"

void answers_number(struct outstanding *call, struct link_one *one)
{
    if (call)
        one->part = ++call->n_given;
}

/* The last word on a call (which may be NULL) makes us forget it. */
static void hand_over(struct origin *from, struct outstanding *call, const struct message *answer,
                      bool is_last)
{
    if (is_last)
        outstanding_free(call);
    mesh_hand_over(from, answer);
}

static void show_and_hand_over(struct origin *from, struct outstanding *call, const struct link_one *one,
                               struct message *answer, bool is_last)
{
    trail_show(from->mesh, one->trail, answer);
    hand_over(from, call, answer, is_last);
}

/* What was held and comes next. The last one frees the call. */
static void hand_over_held(struct origin *from, struct outstanding *call)
{
    struct mesh *mesh = from->mesh;
    bool is_last = false;

    while (!is_last) {
        struct block *frame = stream_order_next(&mesh->orders, &call->order, mesh->time.now_ms);
        struct message answer;

        if (!frame)
            return;
        if (message_parse(frame_body(frame), &answer) == 0) {
            is_last = message_is_last(&answer);
            hand_over(from, call, &answer, is_last);
        }
        block_unref(frame);
    }
}

static void end_with_gap(struct outstanding *call)
{
    mesh_refuse(call->origin->mesh, MESH_REFUSED_GAP);
    lost_calls_end(call, ERROR_STREAM_BROKEN);
}

/* The answer as it is held, with the hubs that it has passed written into it; NULL: out of memory. */
static struct block *frame_to_hold(struct mesh *mesh, struct bytes trail, struct message *answer)
{
    struct envelope envelope = {.server_id = BYTES_NONE, .timestamp_s = mesh->time.wall_s};

    trail_show(mesh, trail, answer);
    return answer->passed.n > 0 ? envelope_forward(answer, &envelope) : frame_of_body(answer->body);
}

static void hold(struct outstanding *call, const struct link_one *one, struct message *answer)
{
    struct mesh *mesh = call->origin->mesh;
    struct block *frame = frame_to_hold(mesh, one->trail, answer);
    int r =
        frame ? stream_order_hold(&mesh->orders, &call->order, one->part, frame, mesh->time.now_ms) : -ENOMEM;

    block_unref(frame);
    switch (r) {
    case 0:
        mesh->counts.answers_held++;
        break;
    case STREAM_ORDER_E_TWICE:
        mesh_refuse(mesh, MESH_REFUSED_DUPLICATE);
        break;
    default:
        if (r < 0)
            metrics_count(METRICS_OUT_OF_MEMORY);
        end_with_gap(call);
    }
}

void answers_arrive(struct origin *from, const struct link_one *one, const struct outlet_one *known,
                    struct message *answer)
{
    struct mesh *mesh = from->mesh;
    struct outstanding *call = outstanding_find(from, OUTSTANDING_OUT, known->request_id, known->caller);
    bool is_only_one = one->part == 0 || (one->part == 1 && known->is_last);

    if (is_only_one) {
        show_and_hand_over(from, call, one, answer, known->is_last);
    } else if (!call) {
        mesh_refuse(mesh, MESH_REFUSED_GAP);
    } else if (stream_order_take(&mesh->orders, &call->order, one->part, mesh->time.now_ms)) {
        show_and_hand_over(from, call, one, answer, known->is_last);
        if (!known->is_last)
            hand_over_held(from, call);
    } else {
        hold(call, one, answer);
    }
}

void answers_expire(struct mesh *mesh)
{
    struct stream_order *order;

    while ((order = stream_order_overdue(&mesh->orders, mesh->time.now_ms)))
        end_with_gap(container_of(order, struct outstanding, order));
}
