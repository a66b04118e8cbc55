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

#include "federation/crossing.h"
#include "federation/guards.h"
#include "federation/origins.h"
#include "federation/outstanding.h"
#include "federation/route_choice.h"
#include "federation/trail.h"
#include "hub/base/metrics.h"
#include "hub/wire/answer.h"
#include "hub/wire/error_text.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

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

/* False: it may not leave by this link. */
static bool send_one(struct mesh *mesh, struct mesh_link *link, const struct link_one *one)
{
    struct link_message message = {.type = LINK_MESSAGE_ONE, .one = *one};
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_OUT, one);
    struct crossing crossing;
    int r;

    if (refusal != MESH_REFUSAL_COUNT) {
        mesh_refuse(mesh, refusal);
        return false;
    }
    r = crossing_rename_one(&crossing, link, BRIDGE_OUT, &message.one);
    if (r == 0)
        mesh->outlet.send(mesh->outlet.context, link->owner, &message);
    else
        mesh_refuse(mesh, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r == 0;
}

/* Answers the way that was taken; NULL: there is none. */
static struct candidate *forward_one(struct mesh *mesh, struct link_one one, const struct route *route)
{
    struct candidate *way = route ? route_choice_best_avoiding(route, one.trail) : NULL;

    if (!way || !way->link || way->link->is_ending || !extend_trail(mesh, one.trail, &one.trail))
        return NULL;
    one.back = BYTES_NONE;
    return send_one(mesh, way->link, &one) ? way : NULL;
}

/* The link to a neighbour that a route would choose of several; an answer that bears the name of a channel
 * does not stray to one on which that is not proven. */
static struct mesh_link *link_to(const struct mesh *mesh, const struct hub_id *peer,
                                 const struct link_one *one)
{
    struct mesh_link *best = NULL;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->is_ending || !hub_id_equal(&link->peer, peer) ||
            (one->channel.len > 0 && !guards_let(link, one->channel)))
            continue;
        if (!best || link->cost < best->cost || (link->cost == best->cost && link->session < best->session))
            best = link;
    }
    return best;
}

/* An answer goes back by the hubs that the call came by, as long as they are there; else by the routes. */
static bool forward_back(struct mesh *mesh, struct link_one one)
{
    struct hub_id next;
    struct mesh_link *link;

    if (one.back.len == 0)
        return false;
    next = hub_id_list_at(one.back, hub_id_list_count(one.back) - 1);
    link = link_to(mesh, &next, &one);
    if (!link || hub_id_list_has(one.trail, &next) || !extend_trail(mesh, one.trail, &one.trail))
        return false;
    one.back.len -= HUB_ID_BYTES;
    return send_one(mesh, link, &one);
}

/* A call goes the way of the service that was chosen, which only leads over links that let its channel
 * through; an answer goes to the hub. */
static struct route *route_of_one(const struct mesh *mesh, const struct link_one *one)
{
    struct route_key key = {.kind = ROUTE_HUB, .origin = one->to};

    if (one->event.len > 0)
        key = (struct route_key){ROUTE_SERVICE, one->channel, one->event, one->to};
    return route_table_find(&mesh->table, &key);
}

/* The error that a caller gets for a call to @to. */
static struct block *failure_of(const struct mesh *mesh, const struct hub_id *to,
                                struct call_failure *failure)
{
    const struct origin *origin = origins_find(mesh, to);
    char hub_text[HUB_ID_TEXT];
    char text[ERROR_TEXT_SIZE];

    hub_id_text(to, hub_text);
    failure->text = error_text_format(
        ERROR_LINK_LOST, bytes_of_text(origin && origin->server_id ? origin->server_id : hub_text),
        BYTES_NONE, text);
    failure->server_id = bytes_of_text(mesh->server_id);
    failure->timestamp_s = mesh->time.wall_s;
    return answer_call_failure(failure);
}

/* NULL where @call is none that wants an answer. */
static struct block *failure_of_message(const struct mesh *mesh, const struct hub_id *to,
                                        const struct message *call)
{
    struct call_failure failure = {.raw_request_id = message_raw(call, KEY_REQUEST_ID)};

    if (call->type != MESSAGE_CALL || failure.raw_request_id.len == 0)
        return NULL;
    message_text(call, KEY_CHANNEL, &failure.channel);
    message_text(call, KEY_EVENT, &failure.event);
    message_text(call, KEY_SENDER_ID, &failure.target_id);
    return failure_of(mesh, to, &failure);
}

/* The answer (whose reference passes to here) waits for mesh_settle(): the core may be at work now. */
static void answer_later(struct origin *to, struct block *answer)
{
    struct mesh *mesh = to->mesh;
    struct lost_call *lost = answer ? malloc(sizeof *lost) : NULL;

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

static void lose_own_call(struct origin *to, const struct message *call)
{
    struct block *answer = failure_of_message(to->mesh, &to->id, call);

    mesh_refuse(to->mesh, MESH_REFUSED_NO_ROUTE);
    if (answer)
        answer_later(to, answer);
}

static void call_from_core(struct origin *to, const struct message *call, const struct link_one *one)
{
    struct mesh *mesh = to->mesh;
    struct candidate *way = forward_one(mesh, *one, route_of_one(mesh, one));

    if (!way) {
        lose_own_call(to, call);
        return;
    }
    mesh->counts.ones_out++;
    if (call->type == MESSAGE_CALL)
        outstanding_add(to, OUTSTANDING_OUT, call, candidate_path(way));
}

static void response_from_core(struct origin *to, const struct message *response, struct link_one *one)
{
    struct mesh *mesh = to->mesh;
    struct outstanding *call = outstanding_find(to, OUTSTANDING_IN, response);

    if (call)
        one->back = call->way;
    if (call && guards_has(mesh, call->channel))
        one->channel = call->channel;
    if (forward_back(mesh, *one) || forward_one(mesh, *one, route_of_one(mesh, one)))
        mesh->counts.ones_out++;
    else
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
    if (call && outstanding_is_final(response))
        outstanding_free(call);
}

void relay_from_core(struct origin *to, struct block *frame)
{
    struct link_one one = {.to = to->id, .from = to->mesh->id, .body = frame_body(frame)};
    struct message message;

    if (message_parse(one.body, &message) != 0)
        return;
    if (message.type == MESSAGE_RESPONSE)
        response_from_core(to, &message, &one);
    else if ((message.type == MESSAGE_CALL || message.type == MESSAGE_SEND) &&
             message_text(&message, KEY_CHANNEL, &one.channel) == 0 &&
             message_text(&message, KEY_EVENT, &one.event) == 0)
        call_from_core(to, &message, &one);
}

static void lose_outstanding(struct map_node *node, void *context)
{
    const uint64_t *session = context;
    struct outstanding *call = container_of(node, struct outstanding, node);
    struct call_failure failure = {
        .channel = call->channel,
        .event = call->event,
        .target_id = call->client_id,
    };
    struct buffer request_id;
    struct origin *to = call->origin;

    if (call->side != OUTSTANDING_OUT || !path_has_session(call->way, *session))
        return;
    buffer_init(&request_id);
    msgpack_write_str(&request_id, call->request_id);
    failure.raw_request_id = buffer_bytes(&request_id);
    answer_later(to, request_id.failed ? NULL : failure_of(to->mesh, &to->id, &failure));
    buffer_clear(&request_id);
    outstanding_free(call);
}

void relay_session_over(struct mesh *mesh, uint64_t session)
{
    map_walk(&mesh->outstanding, lose_outstanding, &session);
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
    answer = failure_of_message(mesh, &lost->to, &message);
    if (!answer)
        return;
    back.body = frame_body(answer);
    if (guards_has(mesh, lost->channel))
        back.channel = lost->channel;
    if (forward_one(mesh, back, route_of_one(mesh, &back)))
        mesh->counts.calls_lost++;
    block_unref(answer);
}

/* What is let through by one channel's name must not be said under another's. */
static bool is_as_addressed(const struct link_one *one, const struct message *message)
{
    struct bytes channel;
    struct bytes event;

    if (message->type != MESSAGE_CALL && message->type != MESSAGE_SEND)
        return one->event.len == 0;
    return message_text(message, KEY_CHANNEL, &channel) == 0 && bytes_equal(channel, one->channel) &&
           message_text(message, KEY_EVENT, &event) == 0 && bytes_equal(event, one->event);
}

static void arrive_one(struct mesh *mesh, const struct link_one *one)
{
    struct origin *from = origins_find(mesh, &one->from);
    struct message message;
    struct block *shown;

    /* Without a way back an answer could not leave; the caller's hub sees this hub gone as well. */
    if (!from || !from->peer) {
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        return;
    }
    if (message_parse(one->body, &message) != 0 || !is_as_addressed(one, &message)) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return;
    }
    if (message.type == MESSAGE_CALL)
        outstanding_add(from, OUTSTANDING_IN, &message, one->trail);
    else if (message.type == MESSAGE_RESPONSE && outstanding_is_final(&message))
        outstanding_free(outstanding_find(from, OUTSTANDING_OUT, &message));
    shown = trail_show(mesh, one->trail, &message);
    mesh->core.handle(mesh->core.context, from->peer, &message);
    block_unref(shown);
}

/* A message under our own names. */
static void take_one(struct mesh_link *link, const struct link_one *one)
{
    struct mesh *mesh = link->mesh;
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_IN, one);

    if (refusal == MESH_REFUSED_UNPROVEN)
        guards_refused(link, one->channel);
    if (refusal != MESH_REFUSAL_COUNT) {
        lose_relayed(mesh, one, refusal);
    } else if (hub_id_list_has(one->trail, &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        lose_relayed(mesh, one, MESH_REFUSED_LOOP);
    } else if (hub_id_equal(&one->to, &mesh->id)) {
        arrive_one(mesh, one);
    } else if (hub_id_list_count(one->trail) >= PATH_MAX_HOPS) {
        lose_relayed(mesh, one, MESH_REFUSED_TOO_LONG);
    } else if (forward_back(mesh, *one) || forward_one(mesh, *one, route_of_one(mesh, one))) {
        mesh->counts.relayed++;
    } else {
        lose_relayed(mesh, one, MESH_REFUSED_NO_ROUTE);
    }
}

int relay_one(struct mesh_link *link, const struct link_one *one)
{
    struct link_one named = *one;
    struct crossing crossing;
    int r;

    if (one->trail.len == 0 || (one->event.len > 0 && one->channel.len == 0))
        return MESH_E_BAD_MESSAGE;
    r = crossing_rename_one(&crossing, link, BRIDGE_IN, &named);
    if (r == 0)
        take_one(link, &named);
    else if (r == CROSSING_E_NAMELESS)
        lose_relayed(link->mesh, one, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r < 0 ? r : 0;
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
    struct message message;

    /* One at a time off the list: the answer enters the core, which may lose another call. */
    while (origin->peer && !list_is_empty(&origin->lost_calls)) {
        struct lost_call *lost = list_first_entry(&origin->lost_calls, struct lost_call, link);

        list_unlink(&lost->link);
        if (message_parse(frame_body(lost->answer), &message) == 0)
            mesh->core.handle(mesh->core.context, origin->peer, &message);
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

/* Sends it to the receivers on the link's list; false: it may not leave by this link. */
static bool send_many(struct mesh *mesh, struct mesh_link *link, const struct link_message *message)
{
    struct link_message named = *message;
    enum mesh_refusal refusal = crossing_judge_many(link, BRIDGE_OUT, &message->many);
    struct crossing crossing;
    int r;

    if (refusal != MESH_REFUSAL_COUNT) {
        mesh_refuse(mesh, refusal);
        return false;
    }
    named.many.to = buffer_bytes(&link->to);
    r = crossing_rename_many(&crossing, link, BRIDGE_OUT, &named.many);
    if (r == 0)
        mesh->outlet.send(mesh->outlet.context, link->owner, &named);
    else
        mesh_refuse(mesh, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r == 0;
}

/* Sends the message over every link that has receivers on its list, and empties the lists. */
static unsigned send_addressed(struct mesh *mesh, const struct link_message *message)
{
    unsigned n_sent = 0;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->to.len == 0)
            continue;
        n_sent += send_many(mesh, link, message);
        link->to.len = 0;
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

/* What a topic's subscribers receive has no path to show the trail in. */
static void arrive_many(struct mesh *mesh, const struct link_many *many)
{
    struct bytes body = many->body;
    struct block *shown = NULL;
    struct message message;

    mesh->counts.delivered++;
    if (many->topic.len == 0 && hub_id_list_count(many->trail) > 1 && message_parse(body, &message) == 0)
        shown = trail_show(mesh, many->trail, &message);
    if (shown)
        body = frame_body(shown);
    mesh->core.deliver(mesh->core.context, many->channel, many->topic, body);
    block_unref(shown);
}

/* A message under our own names. */
static void take_many(struct mesh_link *link, const struct link_many *many)
{
    struct mesh *mesh = link->mesh;
    struct link_message onward = {.type = LINK_MESSAGE_MANY, .many = *many};
    enum mesh_refusal refusal = crossing_judge_many(link, BRIDGE_IN, many);
    bool is_ours;

    if (refusal == MESH_REFUSED_UNPROVEN)
        guards_refused(link, many->channel);
    if (refusal != MESH_REFUSAL_COUNT) {
        mesh_refuse(mesh, refusal);
        return;
    }
    if (hub_id_list_has(many->trail, &mesh->id) || hub_id_equal(&many->origin, &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_LOOP);
        return;
    }
    is_ours = split(mesh, many);
    if (hub_id_list_count(many->trail) < PATH_MAX_HOPS && extend_trail(mesh, many->trail, &onward.many.trail))
        mesh->counts.relayed += send_addressed(mesh, &onward);
    else
        mesh_refuse(mesh, MESH_REFUSED_TOO_LONG);
    if (is_ours && take_first(mesh, many))
        arrive_many(mesh, many);
}

int relay_many(struct mesh_link *link, const struct link_many *many)
{
    struct link_many named = *many;
    struct crossing crossing;
    int r;

    if (many->trail.len == 0 || many->to.len == 0)
        return MESH_E_BAD_MESSAGE;
    r = crossing_rename_many(&crossing, link, BRIDGE_IN, &named);
    if (r == 0)
        take_many(link, &named);
    else if (r == CROSSING_E_NAMELESS)
        mesh_refuse(link->mesh, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r < 0 ? r : 0;
}
