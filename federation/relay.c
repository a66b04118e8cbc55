/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Why a list of receivers and not a tree that children announce to their parents: what may cross a link is a
 * matter of each link's filter, so the tree differs from channel to channel, and interest would have to be
 * kept for each origin and channel along it. The route to a hub's interest already is that tree: it exists
 * only where every filter on the way lets the channel through, and it has one next hop. All next hops are
 * chosen by the same ladder with costs that both ends of a link agree on, so the ways to all receivers share
 * their beginnings and no hub is reached twice. Sixteen bytes a receiver is the price.
 *
 * Routes change while messages are under way, so three rules stand whatever the tables say: a hub that is in
 * the trail already drops the frame; nothing is sent to a hub in the trail while there is another way; and
 * the window of seen message ids decides what is delivered.
 */
#include "federation/relay.h"

#include "federation/origins.h"
#include "federation/route_choice.h"
#include "hub/base/metrics.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"

struct lost_call {
    struct list link;
    struct block *answer;
};

/* @before with ourselves behind it, in the mesh's one place for it; false: out of memory. */
static bool extend_trail(struct mesh *mesh, struct bytes before, struct bytes *out_trail)
{
    struct buffer *trail = &mesh->trail;

    trail->len = 0;
    if (buffer_append_bytes(trail, before) < 0 || buffer_append_bytes(trail, hub_id_bytes(&mesh->id)) < 0) {
        buffer_clear(trail);
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    *out_trail = buffer_bytes(trail);
    return true;
}

/* --- to one --------------------------------------------------------------------------------------------- */

static bool forward_one(struct mesh *mesh, struct link_one one, const struct route *route)
{
    struct candidate *way = route ? route_choice_best_avoiding(route, one.trail) : NULL;
    struct link_message message = {.type = LINK_MESSAGE_ONE};

    if (!way || !way->link || way->link->is_ending || !extend_trail(mesh, one.trail, &one.trail))
        return false;
    message.one = one;
    mesh->outlet.send(mesh->outlet.context, way->link->owner, &message);
    return true;
}

/* A call goes the way of the service that was chosen, which only leads over links that let its channel
 * through; an answer goes to the hub. */
static struct route *route_of_one(const struct mesh *mesh, const struct link_one *one)
{
    struct route_key key = {.kind = ROUTE_HUB, .origin = one->to};

    if (one->channel.len > 0)
        key = (struct route_key){ROUTE_SERVICE, one->channel, one->event, one->to};
    return route_table_find(&mesh->table, &key);
}

/* The error that a caller gets for a call to @to; NULL where @call is none that wants an answer. */
static struct block *failure_of(const struct mesh *mesh, const struct hub_id *to, const struct message *call)
{
    const struct origin *origin = origins_find(mesh, to);
    struct call_failure failure = {
        .raw_request_id = message_raw(call, KEY_REQUEST_ID),
        .server_id = bytes_of_text(mesh->server_id),
        .timestamp_s = mesh->time.wall_s,
    };
    char hub_text[HUB_ID_TEXT];
    char text[ERROR_TEXT_SIZE];

    if (call->type != MESSAGE_CALL)
        return NULL;
    hub_id_text(to, hub_text);
    failure.text = error_text_format(
        ERROR_LINK_LOST, bytes_of_text(origin && origin->server_id ? origin->server_id : hub_text),
        BYTES_NONE, text);
    message_text(call, KEY_CHANNEL, &failure.channel);
    message_text(call, KEY_EVENT, &failure.event);
    message_text(call, KEY_SENDER_ID, &failure.target_id);
    return answer_call_failure(&failure);
}

/* The answer waits for mesh_settle(): here the core is in the middle of making the call. */
static void lose_own_call(struct origin *to, const struct message *call)
{
    struct mesh *mesh = to->mesh;
    struct block *answer = failure_of(mesh, &to->id, call);
    struct lost_call *lost;

    mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
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

void relay_from_core(struct origin *to, struct block *frame)
{
    struct mesh *mesh = to->mesh;
    struct link_one one = {.to = to->id, .from = mesh->id, .body = frame_body(frame)};
    struct message message;

    if (message_parse(one.body, &message) != 0)
        return;
    if (message.type == MESSAGE_CALL || message.type == MESSAGE_SEND) {
        if (message_text(&message, KEY_CHANNEL, &one.channel) != 0 ||
            message_text(&message, KEY_EVENT, &one.event) != 0)
            return;
    }
    if (forward_one(mesh, one, route_of_one(mesh, &one)))
        mesh->counts.ones_out++;
    else
        lose_own_call(to, &message);
}

/* Tells the caller's hub, in the name of the hub that was asked, so that its core knows the call again. */
static void lose_relayed(struct mesh *mesh, const struct link_one *lost, enum mesh_refusal refusal)
{
    struct link_one back = {.to = lost->from, .from = lost->to};
    struct message message;
    struct block *answer;

    mesh_refuse(mesh, refusal);
    if (message_parse(lost->body, &message) != 0)
        return;
    answer = failure_of(mesh, &lost->to, &message);
    if (!answer)
        return;
    back.body = frame_body(answer);
    if (forward_one(mesh, back, route_of_one(mesh, &back)))
        mesh->counts.calls_lost++;
    block_unref(answer);
}

static void arrive_one(struct mesh *mesh, const struct link_one *one)
{
    struct origin *from = origins_find(mesh, &one->from);

    /* Without a way back an answer could not leave; the caller's hub sees this hub gone as well. */
    if (!from || !from->peer) {
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        return;
    }
    mesh->core.handle(mesh->core.context, from->peer, one->body);
}

int relay_one(struct mesh_link *link, const struct link_one *one)
{
    struct mesh *mesh = link->mesh;

    if (one->trail.len == 0 || (one->channel.len > 0) != (one->event.len > 0))
        return MESH_E_BAD_MESSAGE;
    if (one->channel.len > 0 && !bridge_policy_lets(link->policy, one->channel)) {
        lose_relayed(mesh, one, MESH_REFUSED_FILTERED);
    } else if (hub_id_list_has(one->trail, &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        lose_relayed(mesh, one, MESH_REFUSED_LOOP);
    } else if (hub_id_equal(&one->to, &mesh->id)) {
        arrive_one(mesh, one);
    } else if (hub_id_list_count(one->trail) >= PATH_MAX_HOPS) {
        lose_relayed(mesh, one, MESH_REFUSED_TOO_LONG);
    } else if (forward_one(mesh, *one, route_of_one(mesh, one))) {
        mesh->counts.relayed++;
    } else {
        lose_relayed(mesh, one, MESH_REFUSED_NO_ROUTE);
    }
    return 0;
}

void relay_forget_lost_calls(struct origin *origin)
{
    while (!list_is_empty(&origin->lost_calls)) {
        struct lost_call *lost = list_first_entry(&origin->lost_calls, struct lost_call, link);

        list_unlink(&lost->link);
        block_unref(lost->answer);
        free(lost);
    }
}

void relay_answer_lost_calls(struct origin *origin)
{
    struct mesh *mesh = origin->mesh;

    /* One at a time off the list: the answer enters the core, which may lose another call. */
    while (origin->peer && !list_is_empty(&origin->lost_calls)) {
        struct lost_call *lost = list_first_entry(&origin->lost_calls, struct lost_call, link);

        list_unlink(&lost->link);
        mesh->core.handle(mesh->core.context, origin->peer, frame_body(lost->answer));
        block_unref(lost->answer);
        free(lost);
    }
    relay_forget_lost_calls(origin);
}

/* --- to many -------------------------------------------------------------------------------------------- */

/* Puts the receiver on the list of the link that leads to it; false where none does. */
static bool address(const struct route *route, struct bytes trail)
{
    struct candidate *way = route_choice_best_avoiding(route, trail);

    if (!way || !way->link || way->link->is_ending)
        return false;
    if (buffer_append_bytes(&way->link->to, hub_id_bytes(&route->origin->id)) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    return true;
}

/* Sends the message over every link that has receivers on its list, and empties the lists. */
static unsigned send_addressed(struct mesh *mesh, struct link_message *message)
{
    unsigned n_sent = 0;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->to.len == 0)
            continue;
        message->many.to = buffer_bytes(&link->to);
        mesh->outlet.send(mesh->outlet.context, link->owner, message);
        link->to.len = 0;
        n_sent++;
    }
    return n_sent;
}

void relay_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};
    struct route *route = route_table_first_named(&mesh->table, ROUTE_INTEREST, channel, topic);
    bool has_receivers = false;

    for (; route; route = route_table_next_named(route)) {
        if (route->origin != mesh->self && route->best && address(route, BYTES_NONE))
            has_receivers = true;
    }
    if (!has_receivers)
        return;
    message.many = (struct link_many){
        .origin = mesh->id,
        .incarnation = mesh->incarnation,
        .seq = ++mesh->sequence,
        .trail = hub_id_bytes(&mesh->id),
        .channel = channel,
        .topic = topic,
        .body = frame_body(frame),
    };
    send_addressed(mesh, &message);
    mesh->counts.manys_out++;
}

static bool take_first(struct mesh *mesh, const struct link_many *many)
{
    struct origin *origin = origins_find(mesh, &many->origin);

    if (!origin) {
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        return false;
    }
    if (!origin->window) {
        origin->window = malloc(sizeof *origin->window);
        if (!origin->window) {
            metrics_count(METRICS_OUT_OF_MEMORY);
            return false;
        }
        seen_window_init(origin->window);
    }
    switch (seen_window_take(origin->window, many->incarnation, many->seq)) {
    case SEEN_NEVER:
        return true;
    case SEEN_BEFORE:
        metrics_count(METRICS_DUPLICATES_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_DUPLICATE);
        return false;
    case SEEN_LATE:
        mesh_refuse(mesh, MESH_REFUSED_LATE);
        return false;
    }
    return false;
}

/* The receivers that are not us go on; answers whether we are one. */
static bool split(struct mesh *mesh, const struct link_many *many)
{
    struct route_key key = {.kind = ROUTE_INTEREST, .channel = many->channel, .name = many->topic};
    bool is_ours = false;

    for (size_t i = 0; i < hub_id_list_count(many->to); i++) {
        struct route *route;

        key.origin = hub_id_list_at(many->to, i);
        if (hub_id_equal(&key.origin, &mesh->id)) {
            is_ours = true;
            continue;
        }
        route = route_table_find(&mesh->table, &key);
        if (!route || !address(route, many->trail))
            mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
    }
    return is_ours;
}

int relay_many(struct mesh_link *link, const struct link_many *many)
{
    struct mesh *mesh = link->mesh;
    struct link_message onward = {.type = LINK_MESSAGE_MANY, .many = *many};
    bool is_ours;

    if (many->trail.len == 0 || many->to.len == 0)
        return MESH_E_BAD_MESSAGE;
    if (!bridge_policy_lets(link->policy, many->channel)) {
        mesh_refuse(mesh, MESH_REFUSED_FILTERED);
        return 0;
    }
    if (hub_id_list_has(many->trail, &mesh->id) || hub_id_equal(&many->origin, &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_LOOP);
        return 0;
    }
    is_ours = split(mesh, many);
    if (hub_id_list_count(many->trail) < PATH_MAX_HOPS && extend_trail(mesh, many->trail, &onward.many.trail))
        mesh->counts.relayed += send_addressed(mesh, &onward);
    else
        mesh_refuse(mesh, MESH_REFUSED_TOO_LONG);
    if (is_ours && take_first(mesh, many)) {
        mesh->counts.delivered++;
        mesh->core.deliver(mesh->core.context, many->channel, many->topic, many->body);
    }
    return 0;
}
