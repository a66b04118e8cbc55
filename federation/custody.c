/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A message is in the custody of one hub at a time for each of its receivers: that of the last hub which sent
 * it and has not heard that it came. When its link is cut, the message is sent by another way to those
 * receivers that have a fresh one, and they are taken off what the link keeps; so what goes out when the link
 * returns is for the others. Nobody knows whether the frames under way at the cut had come before it: these
 * may go out twice, and the receivers' windows drop one of the two.
 *
 * It is done at once when a link is cut, and again whenever a route has found a fresh way, before any newer
 * message can take it. So messages of one sender overtake each other no more than the ways themselves differ.
 *
 * The other way may lead back through hubs that had the message before (in a ring it always does): the trail
 * is kept, but counts anew from here on.
 *
 * A hub that has started anew gets nothing that was meant for it before: it may have been carried out, or
 * delivered, in the life that is over.
 */
#include "federation/custody.h"

#include "federation/credit.h"
#include "federation/crossing.h"
#include "federation/origins.h"
#include "federation/parked.h"
#include "federation/relay.h"
#include "hub/base/metrics.h"
#include "hub/wire/frame.h"

/* The frame of that number now says @message. */
static void replace(struct mesh_link *link, uint64_t number, const struct link_message *message)
{
    struct block *frame = link_wire_write(message, number);

    /* Without memory the old one stays; what comes twice is dropped. */
    if (frame)
        link_session_replace(&link->frames, number, frame, link_wire_class(message));
    else
        metrics_count(METRICS_OUT_OF_MEMORY);
    block_unref(frame);
}

static void count_rerouted(struct mesh_link *from, unsigned n)
{
    from->mesh->counts.rerouted += n;
    from->counts.rerouted += n;
}

static void take_out(struct mesh_link *link, uint64_t number)
{
    replace(link, number, &(struct link_message){.type = LINK_MESSAGE_VOID});
}

/* The link to give it to; NULL: none yet, or (@is_over) none. */
static struct mesh_link *way_out(const struct mesh_link *from, const struct candidate *best, bool is_over)
{
    if (!best || !best->link || best->link == from || (candidate_is_stale(best) && !is_over))
        return NULL;
    return best->link;
}

/* --- to one --------------------------------------------------------------------------------------------- */

static bool has_restarted(const struct mesh *mesh, const struct link_one *one)
{
    const struct origin *to = origins_find(mesh, &one->to);

    return one->life != 0 && to && to->incarnation > one->life;
}

/* The link is over, and it waits for a way. Who calls does not. */
static enum mesh_refusal park_one(struct mesh *mesh, const struct link_one *one)
{
    struct route *route = relay_route_of(mesh, one);

    if (!route || !parked_holds(route) || !relay_may_be_parked(one))
        return MESH_REFUSED_NO_ROUTE;
    return parked_add_one(mesh, route, one);
}

/* MESH_REFUSAL_COUNT: another link has it, or it waits for one. */
static enum mesh_refusal hand_on(struct mesh_link *from, struct link_one *one, bool is_over)
{
    const struct route *route = relay_route_of(from->mesh, one);
    struct mesh_link *link = way_out(from, route ? relay_way_of(route, one) : NULL, is_over);
    enum mesh_refusal refusal;

    if (has_restarted(from->mesh, one))
        return MESH_REFUSED_RESTARTED;
    if (!link)
        return is_over ? park_one(from->mesh, one) : MESH_REFUSED_NO_ROUTE;
    refusal = credit_judge(link, LINK_CLASS_ONE, one->body.len);
    if (refusal != MESH_REFUSAL_COUNT)
        return refusal;
    one->back = BYTES_NONE;
    one->detour = hub_id_list_count(one->trail) - 1;
    return relay_send_one(link, one);
}

static void reroute_one(struct mesh_link *from, uint64_t number, struct link_one *one, bool is_over)
{
    enum mesh_refusal refusal = hand_on(from, one, is_over);

    if (refusal == MESH_REFUSAL_COUNT)
        count_rerouted(from, 1);
    else if (is_over || refusal == MESH_REFUSED_RESTARTED)
        relay_lose(from->mesh, one, refusal);
    else
        return;
    take_out(from, number);
}

/* --- to many -------------------------------------------------------------------------------------------- */

static enum mesh_refusal park_many(struct mesh *mesh, const struct link_many *many, struct route *route)
{
    if (!route || !parked_holds(route) || many->stamp.len > 0)
        return MESH_REFUSED_NO_ROUTE;
    return parked_add_many(mesh, route, many);
}

/* MESH_REFUSAL_COUNT: the receiver is on the list of another link, or the message waits for a way to it. */
static enum mesh_refusal readdress(struct mesh_link *from, const struct link_many *many,
                                   const struct hub_id *receiver, bool is_over)
{
    struct mesh *mesh = from->mesh;
    struct route_key key = {ROUTE_INTEREST, many->channel, many->topic, *receiver};
    struct route *route = route_table_find(&mesh->table, &key);
    const struct origin *origin = origins_find(mesh, receiver);
    struct mesh_link *link = way_out(from, route ? route->best : NULL, is_over);

    if (hub_id_equal(receiver, &from->peer) && origin && origin->incarnation > from->peer_incarnation)
        return MESH_REFUSED_RESTARTED;
    if (!link)
        return is_over ? park_many(mesh, many, route) : MESH_REFUSED_NO_ROUTE;
    return relay_address(route, link, many->body.len);
}

/* Those that are given to no other link are put on the list of @from, which gets nothing else now. */
static bool split(struct mesh_link *from, const struct link_many *many, bool is_over)
{
    for (size_t i = 0; i < hub_id_list_count(many->to); i++) {
        struct hub_id receiver = hub_id_list_at(many->to, i);
        enum mesh_refusal refusal = readdress(from, many, &receiver, is_over);

        if (refusal == MESH_REFUSAL_COUNT)
            continue;
        if (is_over || refusal == MESH_REFUSED_RESTARTED)
            mesh_refuse(from->mesh, refusal);
        else if (buffer_append_bytes(&from->to, hub_id_bytes(&receiver)) < 0)
            return false;
    }
    return true;
}

/* @kept is the frame as it stands, @many the same under our names. */
static void reroute_many(struct mesh_link *from, struct link_message *kept, const struct link_many *many,
                         bool is_over)
{
    struct link_message detour = {.type = LINK_MESSAGE_MANY, .many = *many};
    struct bytes rest;

    from->to.len = 0;
    /* Without memory for the rest it goes out twice. */
    rest = split(from, many, is_over) ? buffer_bytes(&from->to) : many->to;
    detour.many.detour = hub_id_list_count(many->trail) - 1;
    from->to.len = 0;
    count_rerouted(from, relay_send_addressed(from->mesh, &detour));
    kept->many.to = rest;
    if (rest.len == 0)
        take_out(from, kept->number);
    else if (rest.len < many->to.len)
        replace(from, kept->number, kept);
}

/* --- what a link keeps ---------------------------------------------------------------------------------- */

/* Frames stand under the names of the far side. */
static void reroute_named(struct mesh_link *from, struct link_message *kept, bool is_over)
{
    struct link_message named = *kept;
    struct crossing crossing;

    if (kept->type == LINK_MESSAGE_ONE) {
        if (crossing_rename_one(&crossing, from, BRIDGE_IN, &named.one) == 0)
            reroute_one(from, kept->number, &named.one, is_over);
        crossing_clear(&crossing);
    } else if (kept->type == LINK_MESSAGE_MANY) {
        if (crossing_rename_many(&crossing, from, BRIDGE_IN, &named.many) == 0)
            reroute_many(from, kept, &named.many, is_over);
        crossing_clear(&crossing);
    }
}

static void reroute_frame(struct mesh_link *from, uint64_t number, bool is_over)
{
    const struct link_kept *kept = link_session_frame(&from->frames, number);
    struct link_message message;
    struct block *frame;

    if (kept->class == LINK_CLASS_CONTROL)
        return;
    frame = block_ref(kept->frame);
    if (link_wire_read(frame_body(frame), &message) == 0)
        reroute_named(from, &message, is_over);
    block_unref(frame);
}

static void reroute_all(struct mesh_link *from, bool is_over)
{
    for (uint64_t number = from->frames.acknowledged + 1;
         number <= from->frames.sent && from->frames.n_messages > 0; number++)
        reroute_frame(from, number, is_over);
    credit_earned(from);
}

void custody_reroute(struct mesh *mesh)
{
    if (!mesh->is_reroute_due)
        return;
    mesh->is_reroute_due = false;
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot] && mesh->links[slot]->is_stale)
            reroute_all(mesh->links[slot], false);
    }
}

void custody_end(struct mesh_link *link)
{
    reroute_all(link, true);
}
