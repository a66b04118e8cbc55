/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/lost_calls.h"

#include "federation/origins.h"
#include "hub/base/metrics.h"
#include "hub/wire/answer.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

struct lost_call {
    struct list link;
    struct block *answer;
};

/* The error that a caller gets for a call to @to. */
static struct block *failure_of(const struct mesh *mesh, const struct hub_id *to, enum error_text error,
                                struct call_failure *failure)
{
    const struct origin *origin = origins_find(mesh, to);
    const char *name = hub_id_equal(to, &mesh->id) ? mesh->server_id : origin ? origin->server_id : NULL;
    char hub_text[HUB_ID_TEXT];
    char text[ERROR_TEXT_SIZE];

    hub_id_text(to, hub_text);
    failure->text = error_text_format(error, bytes_of_text(name ? name : hub_text), BYTES_NONE, text);
    failure->server_id = bytes_of_text(mesh->server_id);
    failure->timestamp_s = mesh->time.wall_s;
    return answer_call_failure(failure);
}

struct block *lost_calls_answer_to(const struct mesh *mesh, const struct hub_id *to,
                                   const struct message *call, enum error_text text)
{
    struct call_failure failure = {.raw_request_id = message_raw(call, KEY_REQUEST_ID)};

    if (call->type != MESSAGE_CALL || failure.raw_request_id.len == 0)
        return NULL;
    message_text(call, KEY_CHANNEL, &failure.channel);
    message_text(call, KEY_EVENT, &failure.event);
    message_text(call, KEY_SENDER_ID, &failure.target_id);
    return failure_of(mesh, to, text, &failure);
}

struct block *lost_calls_answer_instead(const struct mesh *mesh, const struct hub_id *of,
                                        const struct message *answer, enum error_text text)
{
    struct call_failure failure = {.raw_request_id = message_raw(answer, KEY_REQUEST_ID)};

    if (answer->type != MESSAGE_RESPONSE || failure.raw_request_id.len == 0)
        return NULL;
    message_text(answer, KEY_TARGET_ID, &failure.target_id);
    return failure_of(mesh, of, text, &failure);
}

void lost_calls_add(struct origin *to, struct block *answer)
{
    struct mesh *mesh = to->mesh;
    struct lost_call *lost;

    if (!answer)
        return;
    lost = malloc(sizeof *lost);
    if (!lost) {
        block_unref(answer);
        metrics_count(METRICS_OUT_OF_MEMORY);
        return;
    }
    lost->answer = answer;
    list_append(&to->lost_calls, &lost->link);
    mesh->counts.calls_lost++;
    if (list_is_empty(&to->unsettled))
        list_append(&mesh->unsettled, &to->unsettled);
    mesh_wake(mesh);
}

struct loss {
    struct origin *hub;
};

/* The provider's hub does not watch for callers: an answer that has no way is dropped there. */
static bool is_lost_with(const struct outstanding *call, const struct origin *hub)
{
    return call->side == OUTSTANDING_OUT && (call->origin == hub || path_has_hub(call->way, &hub->id));
}

struct block *lost_calls_answer_of(const struct outstanding *call, const struct hub_id *to,
                                   enum error_text text)
{
    struct call_failure failure = {
        .channel = call->channel,
        .event = call->event,
        .target_id = call->client_id,
    };
    struct buffer request_id;
    struct block *answer;

    buffer_init(&request_id);
    msgpack_write_str(&request_id, call->request_id);
    failure.raw_request_id = buffer_bytes(&request_id);
    answer = request_id.failed ? NULL : failure_of(call->origin->mesh, to, text, &failure);
    buffer_clear(&request_id);
    return answer;
}

void lost_calls_end(struct outstanding *call, enum error_text text)
{
    struct origin *to = call->origin;

    lost_calls_add(to, lost_calls_answer_of(call, &to->id, text));
    outstanding_free(call);
}

static void lose_outstanding(struct map_node *node, void *context)
{
    const struct loss *loss = context;
    struct outstanding *call = container_of(node, struct outstanding, node);

    if (is_lost_with(call, loss->hub))
        lost_calls_end(call, ERROR_LINK_LOST);
}

void lost_calls_of_hub(struct origin *origin)
{
    struct loss loss = {origin};

    map_walk(&origin->mesh->outstanding, lose_outstanding, &loss);
}

void lost_calls_settle(struct origin *to, struct block *answer)
{
    struct message message;
    struct bytes request_id;
    struct bytes client_id;

    if (!to) {
        block_unref(answer);
        return;
    }
    if (message_parse(frame_body(answer), &message) == 0 &&
        message_text(&message, KEY_REQUEST_ID, &request_id) == 0 &&
        message_text(&message, KEY_TARGET_ID, &client_id) == 0)
        outstanding_free(outstanding_find(to, OUTSTANDING_OUT, request_id, client_id));
    lost_calls_add(to, answer);
}

void lost_calls_forget(struct origin *origin)
{
    while (!list_is_empty(&origin->lost_calls)) {
        struct lost_call *lost = list_first_entry(&origin->lost_calls, struct lost_call, link);

        list_unlink(&lost->link);
        block_unref(lost->answer);
        free(lost);
    }
}

void lost_calls_answer(struct origin *origin)
{
    struct message message;

    /* One at a time off the list: the answer enters the core, which may lose another call. */
    while (origin->peer && !list_is_empty(&origin->lost_calls)) {
        struct lost_call *lost = list_first_entry(&origin->lost_calls, struct lost_call, link);

        list_unlink(&lost->link);
        if (message_parse(frame_body(lost->answer), &message) == 0)
            mesh_hand_over(origin, &message);
        block_unref(lost->answer);
        free(lost);
    }
    lost_calls_forget(origin);
}
