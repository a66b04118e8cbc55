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
 * the trail already drops the frame; nothing is sent to a hub in the trail while there is another way that is
 * not stale; and the window of seen message ids decides what is delivered.
 *
 * Where the only way leads back (a link further on has broken) a detour begins: from there on the trail
 * counts anew for the first two rules. Each hub has told the next one what it knows before it sends a frame,
 * so a detour follows later knowledge than the way that it leaves; and no frame passes more than 32 hubs.
 */
#include "federation/relay.h"

#include "federation/answers.h"
#include "federation/credit.h"
#include "federation/crossing.h"
#include "federation/guards.h"
#include "federation/lost_calls.h"
#include "federation/mesh_session.h"
#include "federation/origins.h"
#include "federation/outstanding.h"
#include "federation/parked.h"
#include "federation/route_choice.h"
#include "federation/trail.h"
#include "hub/base/metrics.h"
#include "hub/wire/frame.h"

/* On a detour a hub is passed on the way out and on the way back. */
#define MOST_PASSAGES 2U

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

/* Whether a message that has come by that trail was here too often: hubs that have not heard the same yet
 * hand it round. */
static bool goes_round(const struct mesh *mesh, struct bytes trail)
{
    unsigned n_passages = 0;

    for (size_t i = 0; i < hub_id_list_count(trail); i++) {
        struct hub_id hub = hub_id_list_at(trail, i);

        n_passages += hub_id_equal(&hub, &mesh->id);
    }
    return n_passages >= MOST_PASSAGES;
}

/* The hubs of a trail to which a frame may not come again. */
static struct bytes closed_part(struct bytes trail, uint64_t detour)
{
    return bytes_from(trail, detour * HUB_ID_BYTES);
}

/* A fresh way onward, a fresh way back, a stale way onward, a stale way back; first those for @classes. */
static struct candidate *choose(const struct route *route, uint32_t classes, struct bytes closed)
{
    struct candidate *onward = route_choice_for(route, classes, closed);
    struct candidate *any = classes ? route_choice_for(route, classes, BYTES_NONE) : route->best;

    if (!onward || (classes && route_choice_carries(onward, classes) != route_choice_carries(any, classes)))
        return any;
    return !candidate_is_stale(onward) || candidate_is_stale(any) ? onward : any;
}

/* What its way must carry; 0: any does. */
static uint32_t classes_of(const struct route *route, const struct link_one *one)
{
    return route->has_held_back ? crossing_classes_of(one) : 0;
}

static struct candidate *choose_for_one(const struct route *route, const struct link_one *one)
{
    return choose(route, classes_of(route, one), closed_part(one->trail, one->detour));
}

static struct candidate *choose_for_many(const struct route *route, const struct link_many *many)
{
    return choose(route, 0, closed_part(many->trail, many->detour));
}

struct candidate *relay_way_of(const struct route *route, const struct link_one *one)
{
    return choose(route, classes_of(route, one), BYTES_NONE);
}

/* Where the closed part of the trail begins for a frame that goes to @link; we are its last hub. */
static uint64_t detour_by(const struct mesh_link *link, struct bytes trail, uint64_t detour)
{
    bool leads_back = hub_id_list_has(closed_part(trail, detour), &link->peer);

    return leads_back ? hub_id_list_count(trail) - 1 : detour;
}

/* --- to one --------------------------------------------------------------------------------------------- */

enum mesh_refusal relay_send_one(struct mesh_link *link, const struct link_one *one)
{
    struct link_message message = {.type = LINK_MESSAGE_ONE, .one = *one};
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_OUT, one);
    struct crossing crossing;

    if (refusal != MESH_REFUSAL_COUNT)
        return refusal;
    if (crossing_rename_one(&crossing, link, BRIDGE_OUT, &message.one) == 0)
        mesh_send(link, &message);
    else
        refusal = MESH_REFUSED_RENAMED;
    crossing_clear(&crossing);
    return refusal;
}

/* Who calls waits no longer for a link to come back. */
static bool is_patient(const struct mesh *mesh, const struct candidate *way, const struct link_one *one)
{
    uint64_t since_ms;

    return one->event.len == 0 || !candidate_is_stale(way) ||
           !mesh_session_makes_stale(mesh, candidate_path(way), &since_ms) ||
           mesh->time.now_ms - since_ms < MESH_STALE_HOLD_MS;
}

/* Sends what has a trail that ends with us. */
static enum mesh_refusal send_by(const struct candidate *way, struct link_one one)
{
    enum mesh_refusal refusal = credit_judge(way->link, LINK_CLASS_ONE, one.body.len);

    if (refusal != MESH_REFUSAL_COUNT)
        return refusal;
    one.detour = detour_by(way->link, one.trail, one.detour);
    one.back = BYTES_NONE;
    return relay_send_one(way->link, &one);
}

/* Sends it by the best way: MESH_REFUSAL_COUNT and the way, or why not. */
static enum mesh_refusal forward_one(struct mesh *mesh, struct link_one one, const struct route *route,
                                     struct candidate **out_way)
{
    struct candidate *way = route ? choose_for_one(route, &one) : NULL;

    if (!way || !way->link || !is_patient(mesh, way, &one) || !extend_trail(mesh, one.trail, &one.trail))
        return MESH_REFUSED_NO_ROUTE;
    *out_way = way;
    return send_by(way, one);
}

/* The link to a neighbour that a route would choose of several; an answer that bears the name of a channel
 * does not stray to one on which that is not proven. */
static struct mesh_link *link_to(const struct mesh *mesh, const struct hub_id *peer,
                                 const struct link_one *one)
{
    struct mesh_link *best = NULL;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link || link->is_ending || link->is_stale || !hub_id_equal(&link->peer, peer) ||
            (one->channel.len > 0 && !guards_let(link, one->channel)))
            continue;
        if (!best || link->cost < best->cost || (link->cost == best->cost && link->session < best->session))
            best = link;
    }
    return best;
}

/* An answer goes back by the hubs that the call came by, as long as their links stand; else by the routes. It
 * is not refused for want of room on a link, for then the call would hang or its stream have a hole. */
static bool forward_back(struct mesh *mesh, struct link_one one)
{
    struct hub_id next;
    struct mesh_link *link;

    if (one.back.len == 0)
        return false;
    next = hub_id_list_at(one.back, hub_id_list_count(one.back) - 1);
    link = link_to(mesh, &next, &one);
    if (!link || hub_id_list_has(closed_part(one.trail, one.detour), &next) ||
        !extend_trail(mesh, one.trail, &one.trail))
        return false;
    one.back.len -= HUB_ID_BYTES;
    return relay_send_one(link, &one) == MESH_REFUSAL_COUNT;
}

/* A call goes the way of the service that was chosen, which only leads over links that let its channel
 * through; an answer goes to the hub. */
struct route *relay_route_of(const struct mesh *mesh, const struct link_one *one)
{
    struct route_key key = {.kind = ROUTE_HUB, .origin = one->to};

    if (one->event.len > 0)
        key = (struct route_key){ROUTE_SERVICE, one->channel, one->event, one->to};
    return route_table_find(&mesh->table, &key);
}

bool relay_may_be_parked(const struct link_one *one)
{
    struct message message;

    return one->taken.len == 0 && message_parse(one->body, &message) == 0 && message.type != MESSAGE_CALL;
}

static enum mesh_refusal park_one(struct mesh *mesh, struct link_one one, struct route *route)
{
    if (!extend_trail(mesh, one.trail, &one.trail))
        return MESH_REFUSED_NO_ROUTE;
    return parked_add_one(mesh, route, &one);
}

/* MESH_REFUSAL_COUNT: it has been sent, or waits for a way behind those that do. */
static enum mesh_refusal send_on(struct mesh *mesh, const struct link_one *one)
{
    struct route *route = relay_route_of(mesh, one);
    struct candidate *way;

    if (route && (parked_holds(route) || goes_round(mesh, one->trail)) && relay_may_be_parked(one))
        return park_one(mesh, *one, route);
    if (forward_back(mesh, *one))
        return MESH_REFUSAL_COUNT;
    return forward_one(mesh, *one, route, &way);
}

/* What a caller is told of a call or an answer that was refused so. */
static enum error_text text_of(enum mesh_refusal refusal)
{
    return refusal == MESH_REFUSED_TOO_LARGE ? ERROR_TOO_LARGE : ERROR_LINK_LOST;
}

/* An answer that no link takes, however long it waited: its caller gets the error in its place, in the name
 * of the hub that was asked. */
static void answer_instead(struct mesh *mesh, const struct link_one *lost, const struct message *response)
{
    struct block *answer =
        lost_calls_answer_instead(mesh, &lost->from, response, text_of(MESH_REFUSED_TOO_LARGE));
    struct link_one instead = *lost;
    enum mesh_refusal refusal;

    if (!answer)
        return;
    instead.seq = 0;
    instead.part = 0;
    instead.body = frame_body(answer);
    refusal = send_on(mesh, &instead);
    if (refusal != MESH_REFUSAL_COUNT)
        mesh_refuse(mesh, refusal);
    block_unref(answer);
}

static void call_from_core(struct origin *to, const struct outlet_one *call, const struct link_one *one)
{
    struct mesh *mesh = to->mesh;
    struct candidate *way;
    enum mesh_refusal refusal = call->type == MESSAGE_CALL
                                    ? forward_one(mesh, *one, relay_route_of(mesh, one), &way)
                                    : send_on(mesh, one);

    if (refusal != MESH_REFUSAL_COUNT) {
        relay_lose(mesh, one, refusal);
        return;
    }
    mesh->counts.ones_out++;
    if (call->type == MESSAGE_CALL)
        outstanding_add(to, OUTSTANDING_OUT, call, candidate_path(way));
}

static void response_from_core(struct origin *to, const struct outlet_one *response, struct link_one *one)
{
    struct mesh *mesh = to->mesh;
    struct outstanding *call = outstanding_find(to, OUTSTANDING_IN, response->request_id, response->caller);
    enum mesh_refusal refusal;

    answers_number(call, one);
    if (call)
        one->back = call->way;
    if (call && guards_has(mesh, call->channel))
        one->channel = call->channel;
    refusal = send_on(mesh, one);
    if (refusal == MESH_REFUSAL_COUNT)
        mesh->counts.ones_out++;
    else
        relay_lose(mesh, one, refusal);
    if (call && response->is_last)
        outstanding_free(call);
}

void relay_pass(struct origin *to, struct block *frame, const struct outlet_one *known)
{
    struct mesh *mesh = to->mesh;
    struct link_one one = {
        .to = to->id,
        .life = to->incarnation,
        .from = mesh->id,
        .incarnation = mesh->incarnation,
        .seq = ++mesh->sequence,
        .channel = known->channel,
        .event = known->event,
        .body = frame_body(frame),
    };

    if (known->type == MESSAGE_RESPONSE)
        response_from_core(to, known, &one);
    else
        call_from_core(to, known, &one);
}

static struct outlet_one read_one(const struct message *message)
{
    struct outlet_one one = {.type = message->type};

    if (message->type == MESSAGE_RESPONSE) {
        message_text(message, KEY_TARGET_ID, &one.caller);
        one.is_last = message_is_last(message);
    } else {
        message_text(message, KEY_CHANNEL, &one.channel);
        message_text(message, KEY_EVENT, &one.event);
        message_text(message, KEY_SENDER_ID, &one.caller);
    }
    message_text(message, KEY_REQUEST_ID, &one.request_id);
    return one;
}

void relay_from_core(struct origin *to, struct block *frame)
{
    struct message message;
    struct outlet_one known;

    if (message_parse(frame_body(frame), &message) != 0 || message.type != MESSAGE_RESPONSE)
        return;
    known = read_one(&message);
    relay_pass(to, frame, &known);
}

/* Tells the caller's hub, in the name of the hub that was asked, so that its core knows the call again. */
static void answer_for(struct mesh *mesh, const struct link_one *lost, struct block *answer)
{
    struct link_one back = {
        .to = lost->from,
        .life = lost->incarnation,
        .from = lost->to,
        .body = frame_body(answer),
    };
    enum mesh_refusal refusal;

    if (guards_has(mesh, lost->channel))
        back.channel = lost->channel;
    refusal = send_on(mesh, &back);
    if (refusal == MESH_REFUSAL_COUNT)
        mesh->counts.calls_lost++;
    else
        mesh_refuse(mesh, refusal);
    block_unref(answer);
}

void relay_lose(struct mesh *mesh, const struct link_one *lost, enum mesh_refusal refusal)
{
    struct message message;
    struct block *answer;

    mesh_refuse(mesh, refusal);
    if (message_parse(lost->body, &message) != 0)
        return;
    if (refusal == MESH_REFUSED_TOO_LARGE && message.type == MESSAGE_RESPONSE)
        answer_instead(mesh, lost, &message);
    answer = lost_calls_answer_to(mesh, &lost->to, &message, text_of(refusal));
    if (!answer)
        return;
    if (hub_id_equal(&lost->from, &mesh->id))
        lost_calls_settle(origins_find(mesh, &lost->to), answer);
    else
        answer_for(mesh, lost, answer);
}

/* Answers a call of @from in our own name. */
static void give_back(struct origin *from, const struct outstanding *call)
{
    struct mesh *mesh = from->mesh;
    struct block *answer = lost_calls_answer_of(call, &mesh->id, ERROR_LINK_LOST);
    struct link_one back = {
        .to = from->id,
        .life = from->incarnation,
        .from = mesh->id,
        .incarnation = mesh->incarnation,
        .seq = ++mesh->sequence,
    };
    enum mesh_refusal refusal;

    if (!answer)
        return;
    back.body = frame_body(answer);
    if (guards_has(mesh, call->channel))
        back.channel = call->channel;
    refusal = send_on(mesh, &back);
    if (refusal != MESH_REFUSAL_COUNT)
        mesh_refuse(mesh, refusal);
    block_unref(answer);
}

void relay_give_back(struct origin *from)
{
    list_for_each (at, &from->outstanding) {
        struct outstanding *call = container_of(at, struct outstanding, in_origin);

        if (call->side == OUTSTANDING_IN)
            give_back(from, call);
    }
}

/* Whether it has not been here yet. */
static bool take_first(struct mesh_link *link, struct origin *origin, uint64_t incarnation, uint64_t seq)
{
    struct mesh *mesh = link->mesh;

    if (!origin->window)
        origin->window = calloc(1, sizeof *origin->window);
    if (!origin->window) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    switch (seen_window_take(origin->window, incarnation, seq)) {
    case SEEN_NEVER:
        return true;
    case SEEN_BEFORE:
        metrics_count(METRICS_DUPLICATES_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_DUPLICATE);
        link->counts.duplicates++;
        return false;
    case SEEN_LATE:
        mesh_refuse(mesh, MESH_REFUSED_LATE);
        return false;
    case SEEN_UNNOTED:
        metrics_count(METRICS_OUT_OF_MEMORY);
        return false;
    }
    return false;
}

/* What is let through by one channel's name must not be said under another's. */
static bool is_as_addressed(const struct link_one *one, const struct outlet_one *message)
{
    if (message->type != MESSAGE_CALL && message->type != MESSAGE_SEND)
        return one->event.len == 0;
    return one->event.len > 0 && bytes_equal(message->channel, one->channel) &&
           bytes_equal(message->event, one->event);
}

/* MESH_REFUSAL_COUNT: it has arrived, or is nothing to answer. */
static enum mesh_refusal arrive_one(struct mesh_link *link, const struct link_one *one)
{
    struct mesh *mesh = link->mesh;
    struct origin *from = origins_find(mesh, &one->from);
    struct outlet_one known;
    struct message message;

    if (one->taken.len > 0) {
        struct spool_stamp taken = spool_stamp_read(one->taken);

        if (mesh->durable.on_taken)
            mesh->durable.on_taken(mesh->durable.context, &taken);
        return MESH_REFUSAL_COUNT;
    }
    if (!from)
        return MESH_REFUSED_NO_ROUTE;
    if (message_parse(one->body, &message) != 0) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return MESH_REFUSAL_COUNT;
    }
    known = read_one(&message);
    if (!is_as_addressed(one, &known)) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return MESH_REFUSAL_COUNT;
    }
    if (one->seq != 0 && !take_first(link, from, one->incarnation, one->seq))
        return MESH_REFUSAL_COUNT;
    /* Its answer would have no way back now; the word that it was not carried out waits for one. */
    if (!from->peer)
        return MESH_REFUSED_NO_ROUTE;
    if (message.type == MESSAGE_RESPONSE) {
        answers_arrive(from, one, &known, &message);
        return MESH_REFUSAL_COUNT;
    }
    if (message.type == MESSAGE_CALL)
        outstanding_add(from, OUTSTANDING_IN, &known, one->trail);
    trail_show(mesh, one->trail, &message);
    mesh_hand_over(from, &message);
    return MESH_REFUSAL_COUNT;
}

/* MESH_REFUSAL_COUNT: it has arrived, or been sent on. */
static enum mesh_refusal take_in(struct mesh_link *link, const struct link_one *one)
{
    struct mesh *mesh = link->mesh;
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_IN, one);

    if (refusal == MESH_REFUSED_UNPROVEN)
        guards_refused(link, one->channel);
    if (refusal != MESH_REFUSAL_COUNT)
        return refusal;
    if (hub_id_list_has(closed_part(one->trail, one->detour), &mesh->id)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        return MESH_REFUSED_LOOP;
    }
    if (hub_id_equal(&one->to, &mesh->id)) {
        if (one->life != 0 && one->life != mesh->incarnation)
            return MESH_REFUSED_RESTARTED;
        return arrive_one(link, one);
    }
    if (hub_id_list_count(one->trail) >= PATH_MAX_HOPS)
        return MESH_REFUSED_TOO_LONG;
    refusal = send_on(mesh, one);
    mesh->counts.relayed += refusal == MESH_REFUSAL_COUNT;
    return refusal;
}

/* A message under our own names. */
static void take_one(struct mesh_link *link, const struct link_one *one)
{
    enum mesh_refusal refusal = take_in(link, one);

    if (refusal != MESH_REFUSAL_COUNT)
        relay_lose(link->mesh, one, refusal);
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
        relay_lose(link->mesh, one, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r < 0 ? r : 0;
}

/* --- to many -------------------------------------------------------------------------------------------- */

enum mesh_refusal relay_address(const struct route *route, struct mesh_link *link, size_t bytes)
{
    enum mesh_refusal refusal = credit_judge(link, LINK_CLASS_MANY, bytes);

    if (refusal != MESH_REFUSAL_COUNT)
        return refusal;
    if (buffer_append_bytes(&link->to, hub_id_bytes(&route->origin->id)) < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        return MESH_REFUSED_NO_ROUTE;
    }
    return MESH_REFUSAL_COUNT;
}

/* A trail that ends with us, as it came here. */
static struct bytes trail_to_us(struct bytes trail)
{
    return bytes_of(trail.ptr, trail.len - HUB_ID_BYTES);
}

/* Puts the receiver on the list of the link that leads to it, or has the message, whose trail ends with us,
 * wait for a way; false where neither can be. */
static bool address(struct mesh *mesh, struct route *route, const struct link_many *many)
{
    struct candidate *way = choose_for_many(route, many);
    enum mesh_refusal refusal = MESH_REFUSED_NO_ROUTE;

    if ((parked_holds(route) || goes_round(mesh, trail_to_us(many->trail))) && many->stamp.len == 0)
        refusal = parked_add_many(mesh, route, many);
    else if (way && way->link)
        refusal = relay_address(route, way->link, many->body.len);
    if (refusal != MESH_REFUSAL_COUNT)
        mesh_refuse(mesh, refusal);
    return refusal == MESH_REFUSAL_COUNT;
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
    named.many.detour = detour_by(link, message->many.trail, message->many.detour);
    r = crossing_rename_many(&crossing, link, BRIDGE_OUT, &named.many);
    if (r == 0)
        mesh_send(link, &named);
    else
        mesh_refuse(mesh, MESH_REFUSED_RENAMED);
    crossing_clear(&crossing);
    return r == 0;
}

unsigned relay_send_addressed(struct mesh *mesh, const struct link_message *message)
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

/* Whether messages of the topic may have to wait. What belongs into a protected channel is not put on disk.
 */
static bool is_durable(const struct mesh *mesh, struct bytes channel, struct bytes topic)
{
    return topic.len > 0 && mesh->durable.keep && !guards_has(mesh, channel);
}

bool relay_durable(struct mesh *mesh, const struct hub_id *to, struct bytes channel, struct bytes topic,
                   struct bytes body, const struct spool_stamp *stamp)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};
    struct route_key key = {ROUTE_INTEREST, channel, topic, *to};
    struct route *route = route_table_find(&mesh->table, &key);
    uint8_t packed[SPOOL_STAMP_BYTES];

    if (!route || !route->best)
        return false;
    spool_stamp_write(stamp, packed);
    message.many = (struct link_many){
        .origin = mesh->id,
        .incarnation = mesh->incarnation,
        .seq = mesh->sequence + 1,
        .trail = hub_id_bytes(&mesh->id),
        .channel = channel,
        .topic = topic,
        .stamp = bytes_of(packed, sizeof packed),
        .body = body,
    };
    if (!address(mesh, route, &message.many))
        return false;
    mesh->sequence++;
    return relay_send_addressed(mesh, &message) > 0;
}

void relay_taken(struct mesh *mesh, const struct hub_id *to, const struct spool_stamp *taken)
{
    uint8_t packed[SPOOL_STAMP_BYTES] = {0};
    struct link_one one = {
        .to = *to,
        .from = mesh->id,
        .incarnation = mesh->incarnation,
        .taken = bytes_of(packed, sizeof packed),
        .body = BYTES_LITERAL("\xc0"), /* nil: there is nothing to read */
    };
    enum mesh_refusal refusal;

    spool_stamp_write(taken, packed);
    refusal = send_on(mesh, &one);
    if (refusal != MESH_REFUSAL_COUNT)
        mesh_refuse(mesh, refusal);
}

void relay_parked(struct mesh *mesh, const struct route *route, const struct link_message *message)
{
    bool is_many = message->type == LINK_MESSAGE_MANY;
    struct candidate *way =
        is_many ? choose_for_many(route, &message->many) : choose_for_one(route, &message->one);
    enum mesh_refusal refusal = MESH_REFUSED_NO_ROUTE;

    if (way && way->link && is_many)
        refusal = relay_address(route, way->link, message->many.body.len);
    else if (way && way->link)
        refusal = send_by(way, message->one);
    if (refusal != MESH_REFUSAL_COUNT)
        mesh_refuse(mesh, refusal);
    else if (is_many)
        relay_send_addressed(mesh, message);
}

void relay_multicast(struct mesh *mesh, struct bytes channel, struct bytes topic, struct block *frame)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY};
    struct route *route = route_table_first_named(&mesh->table, ROUTE_INTEREST, channel, topic);
    bool is_kept = is_durable(mesh, channel, topic);
    bool has_receivers = false;

    if (is_kept)
        mesh->durable.keep(mesh->durable.context, channel, topic, frame_body(frame));
    message.many = (struct link_many){
        .origin = mesh->id,
        .incarnation = mesh->incarnation,
        .seq = mesh->sequence + 1,
        .trail = hub_id_bytes(&mesh->id),
        .channel = channel,
        .topic = topic,
        .body = frame_body(frame),
    };
    for (; route; route = route_table_next_named(route)) {
        if (is_kept && mesh->durable.keeps_for(mesh->durable.context, &route->origin->id, channel, topic))
            continue;
        if (route->origin != mesh->self && (route->best || parked_holds(route)) &&
            address(mesh, route, &message.many))
            has_receivers = true;
    }
    if (!has_receivers)
        return;
    mesh->sequence++;
    relay_send_addressed(mesh, &message);
    mesh->counts.manys_out++;
}

/* The receivers that are not us go on; answers whether we are one. The trail ends with us. */
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
        if (!route)
            mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        else
            address(mesh, route, many);
    }
    return is_ours;
}

static void arrive_many(struct mesh *mesh, const struct origin *origin, const struct link_many *many)
{
    mesh->counts.delivered++;
    mesh->delivering = many->body;
    mesh->core.deliver(mesh->core.context, origin->peer, many);
    mesh->delivering = BYTES_NONE;
}

/* Sends on what is not for us; answers whether it is for us as well. */
static bool send_on_to_others(struct mesh *mesh, const struct link_many *many)
{
    struct link_message onward = {.type = LINK_MESSAGE_MANY, .many = *many};
    bool is_ours;

    if (hub_id_list_count(many->trail) >= PATH_MAX_HOPS ||
        !extend_trail(mesh, many->trail, &onward.many.trail)) {
        mesh_refuse(mesh, MESH_REFUSED_TOO_LONG);
        return hub_id_list_has(many->to, &mesh->id);
    }
    is_ours = split(mesh, &onward.many);
    mesh->counts.relayed += relay_send_addressed(mesh, &onward);
    return is_ours;
}

/* A message of ours that comes back from outside of the mesh; a detour may pass here, for others. */
static bool is_our_own(const struct mesh *mesh, const struct link_many *many)
{
    return hub_id_equal(&many->origin, &mesh->id) &&
           (!hub_id_list_has(many->trail, &mesh->id) || hub_id_list_has(many->to, &mesh->id));
}

/* It has a number of its own, which outlasts restarts. */
static bool take_spooled(const struct mesh *mesh, const struct link_many *many)
{
    struct spool_stamp stamp = spool_stamp_read(many->stamp);

    return mesh->durable.is_new && mesh->durable.is_new(mesh->durable.context, &many->origin, &stamp);
}

/* It may be faster than the news of the hub that it is from, which are told in turn. */
static void take_ours(struct mesh_link *link, const struct link_many *many)
{
    struct mesh *mesh = link->mesh;
    struct origin *origin;
    int r = origins_get(mesh, &many->origin, &origin);

    if (r == ORIGINS_E_FULL)
        mesh_refuse(mesh, MESH_REFUSED_OVER_LIMIT);
    else if (r < 0)
        metrics_count(METRICS_OUT_OF_MEMORY);
    else if (many->stamp.len > 0 ? take_spooled(mesh, many)
                                 : take_first(link, origin, many->incarnation, many->seq))
        arrive_many(mesh, origin, many);
}

/* A message under our own names. */
static void take_many(struct mesh_link *link, const struct link_many *many)
{
    struct mesh *mesh = link->mesh;
    enum mesh_refusal refusal = crossing_judge_many(link, BRIDGE_IN, many);

    if (refusal == MESH_REFUSED_UNPROVEN)
        guards_refused(link, many->channel);
    if (refusal != MESH_REFUSAL_COUNT) {
        mesh_refuse(mesh, refusal);
        return;
    }
    if (hub_id_list_has(closed_part(many->trail, many->detour), &mesh->id) || is_our_own(mesh, many)) {
        metrics_count(METRICS_LOOPS_DROPPED);
        mesh_refuse(mesh, MESH_REFUSED_LOOP);
    } else if (send_on_to_others(mesh, many)) {
        take_ours(link, many);
    }
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
