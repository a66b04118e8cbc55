/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A hub tells a neighbour no way while its best one leads through that neighbour. So two hubs can each have
 * taken the other for the way onward, and a third between them, who hears that both ways are gone, has none
 * until they have found out: for a moment as a rule, for seconds where a link between them carries nothing
 * and nobody has noticed. What comes for the hub behind meanwhile is not refused, as long as nobody says that
 * the hub has withdrawn what the message is for, or has started anew: it waits here, and goes on when a way
 * comes up.
 *
 * The order of one sender's messages on one channel stays, for they go by one route: once something waits
 * for a route, what comes later for it waits behind. What a link had in custody is older and goes first.
 *
 * A message for many waits once for each receiver that has no way; the others get theirs at once.
 *
 * What has come for the third time is in a circle of hubs that each take the other for the way onward, and
 * would have passed as many hubs as it may before they know better. It waits here as well, and is tried again
 * with every look.
 */
#include "federation/parked.h"

#include "federation/relay.h"
#include "hub/base/metrics.h"
#include "hub/wire/frame.h"

struct parked {
    struct list in_list;
    struct route *route; /* not freed as long as something waits for it */
    struct block *frame;
    uint64_t incarnation; /* of the hub that it is for */
    uint64_t since_ms;
};

bool parked_holds(const struct route *route)
{
    return route->n_parked > 0 || route->is_missed;
}

static enum mesh_refusal add(struct mesh *mesh, struct route *route, const struct link_message *message)
{
    struct block *frame = link_wire_write(message, 0);
    struct parked *parked = frame ? malloc(sizeof *parked) : NULL;

    if (!parked) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        block_unref(frame);
        return MESH_REFUSED_NO_ROUTE;
    }
    if (mesh->parked.n_bytes + frame->len > PARKED_MOST_BYTES) {
        block_unref(frame);
        free(parked);
        return MESH_REFUSED_HELD_TOO_MUCH;
    }
    *parked = (struct parked){
        .route = route,
        .frame = frame,
        .incarnation = route->origin->incarnation,
        .since_ms = mesh->time.now_ms,
    };
    list_append(&mesh->parked.messages, &parked->in_list);
    mesh->parked.n_bytes += frame->len;
    route->n_parked++;
    mesh->counts.parked++;
    return MESH_REFUSAL_COUNT;
}

enum mesh_refusal parked_add_one(struct mesh *mesh, struct route *route, const struct link_one *one)
{
    return add(mesh, route, &(struct link_message){.type = LINK_MESSAGE_ONE, .one = *one});
}

enum mesh_refusal parked_add_many(struct mesh *mesh, struct route *route, const struct link_many *many)
{
    struct link_message message = {.type = LINK_MESSAGE_MANY, .many = *many};

    message.many.to = hub_id_bytes(&route->origin->id);
    return add(mesh, route, &message);
}

/* Off the list: the frame is handed over. */
static struct block *unpark(struct mesh *mesh, struct parked *parked)
{
    struct block *frame = parked->frame;

    list_unlink(&parked->in_list);
    mesh->parked.n_bytes -= frame->len;
    parked->route->n_parked--;
    free(parked);
    return frame;
}

static void send(struct mesh *mesh, struct parked *parked)
{
    struct route *route = parked->route;
    bool has_restarted = parked->incarnation != route->origin->incarnation;
    struct block *frame = unpark(mesh, parked);
    struct link_message message;

    if (has_restarted)
        mesh_refuse(mesh, MESH_REFUSED_RESTARTED);
    else if (!route->best)
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
    else if (link_wire_read(frame_body(frame), &message) == 0)
        relay_parked(mesh, route, &message);
    block_unref(frame);
    route_table_release(&mesh->table, route);
}

void parked_send(struct mesh *mesh)
{
    if (!mesh->parked.is_due)
        return;
    mesh->parked.is_due = false;
    list_for_each (at, &mesh->parked.messages) {
        struct parked *parked = container_of(at, struct parked, in_list);

        if (!parked->route->is_missed)
            send(mesh, parked);
    }
}

void parked_expire(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->parked.messages)) {
        struct parked *parked = list_first_entry(&mesh->parked.messages, struct parked, in_list);
        struct route *route = parked->route;

        if (mesh->time.now_ms - parked->since_ms < ROUTE_TABLE_MISSED_MS)
            return;
        block_unref(unpark(mesh, parked));
        mesh_refuse(mesh, MESH_REFUSED_NO_ROUTE);
        route_table_release(&mesh->table, route);
    }
}

void parked_clear(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->parked.messages))
        block_unref(unpark(mesh, list_first_entry(&mesh->parked.messages, struct parked, in_list)));
}
