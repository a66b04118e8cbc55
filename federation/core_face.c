/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/core_face.h"

#include <errno.h>

#include "federation/route_table.h"
#include "federation/trail.h"
#include "hub/base/metrics.h"

/* --- from the core -------------------------------------------------------------------------------------- */

static void on_service(void *context, struct bytes channel, struct bytes event,
                       const struct peering_service *service)
{
    struct core_face *face = context;

    mesh_local_service(face->mesh, channel, event, service);
}

static void on_topic(void *context, struct bytes channel, struct bytes topic,
                     const struct peering_topic *declared)
{
    struct core_face *face = context;

    mesh_local_topic(face->mesh, channel, topic, declared);
}

static void on_interest(void *context, struct bytes channel, struct bytes topic, bool is_wanted)
{
    struct core_face *face = context;

    mesh_local_interest(face->mesh, channel, topic, is_wanted);
}

static void on_member(void *context, struct bytes channel, struct bytes id, struct bytes mode,
                      bool has_joined)
{
    struct core_face *face = context;

    mesh_local_member(face->mesh, channel, id, mode, has_joined);
}

static void on_multicast(void *context, struct bytes channel, struct bytes topic, struct block *frame)
{
    struct core_face *face = context;

    mesh_local_multicast(face->mesh, channel, topic, frame);
}

static void on_guard(void *context, struct bytes channel, bool is_protected, const uint8_t *secret)
{
    struct core_face *face = context;

    mesh_local_guard(face->mesh, channel, is_protected, secret);
}

static bool has_passed(void *context, struct bytes channel, const struct message *broadcast)
{
    struct core_face *face = context;

    return mesh_local_has_passed(face->mesh, channel, broadcast);
}

static bool may_publish(void *context, struct bytes channel, struct bytes topic, size_t n_bytes)
{
    struct core_face *face = context;

    return mesh_may_publish(face->mesh, channel, topic, n_bytes);
}

static const struct peering_observer observer = {
    .may_publish = may_publish,
    .on_service = on_service,
    .on_topic = on_topic,
    .on_interest = on_interest,
    .on_member = on_member,
    .on_multicast = on_multicast,
    .has_passed = has_passed,
    .on_guard = on_guard,
};

static void port_send(void *owner, struct block *frame, enum frame_class frame_class)
{
    (void)frame_class;
    mesh_peer_send(owner, frame);
}

static void port_pass(void *owner, struct block *frame, const struct outlet_one *one)
{
    mesh_peer_pass(owner, frame, one);
}

static void port_end(void *owner, enum end_reason reason)
{
    mesh_peer_end(owner, reason);
}

static void port_wait(void *owner, struct list *line, bool is_for_many)
{
    mesh_peer_wait(owner, line, is_for_many);
}

static const struct client_port port = {
    .send = port_send, .pass = port_pass, .end = port_end, .wait = port_wait};

/* --- into the core -------------------------------------------------------------------------------------- */

static int add_peer(void *context, struct origin *origin, struct bytes server_id, void **out_peer)
{
    struct core_face *face = context;
    struct client *peer;
    int r = peering_add_peer(face->hub, server_id, &port, origin, mesh_time(face->mesh), &peer);

    if (r == 0)
        *out_peer = peer;
    return r == 0 ? 0 : -ENOMEM;
}

static void peer_gone(void *context, void *peer, enum end_reason reason)
{
    struct core_face *face = context;

    hub_client_gone(face->hub, peer, reason, mesh_time(face->mesh));
}

static int offer_entry(void *context, void *peer, const struct mesh_offer *offer)
{
    struct core_face *face = context;
    struct hub_time time = mesh_time(face->mesh);

    switch ((enum route_kind)offer->kind) {
    case ROUTE_SERVICE:
        return peering_provide(face->hub, peer, offer->channel, offer->name, &offer->service, time);
    case ROUTE_TOPIC:
        return peering_declare(face->hub, peer, offer->channel, offer->name, &offer->topic, time);
    case ROUTE_INTEREST:
        /* Who has a channel open concerns the mesh alone; who subscribes a topic, its owner. */
        return offer->name.len > 0 ? peering_want(face->hub, peer, offer->channel, offer->name, time) : 0;
    case ROUTE_MEMBER:
        return peering_join(face->hub, peer, offer->channel, offer->name, offer->mode, offer->raw_path, time);
    case ROUTE_HUB:
    case ROUTE_PROFILE:
    case ROUTE_KIND_COUNT:
        break;
    }
    return 0;
}

static void retract_entry(void *context, void *peer, const struct mesh_offer *offer)
{
    struct core_face *face = context;
    struct hub_time time = mesh_time(face->mesh);

    switch ((enum route_kind)offer->kind) {
    case ROUTE_SERVICE:
        peering_unprovide(face->hub, peer, offer->channel, offer->name, time);
        break;
    case ROUTE_TOPIC:
        peering_undeclare(face->hub, peer, offer->channel, offer->name, time);
        break;
    case ROUTE_INTEREST:
        if (offer->name.len > 0)
            peering_unwant(face->hub, peer, offer->channel, offer->name, time);
        break;
    case ROUTE_MEMBER:
        peering_leave(face->hub, peer, offer->channel, offer->name, time);
        break;
    case ROUTE_HUB:
    case ROUTE_PROFILE:
    case ROUTE_KIND_COUNT:
        break;
    }
}

static void handle(void *context, void *peer, const struct message *message)
{
    struct core_face *face = context;

    if (message->type != MESSAGE_CALL && message->type != MESSAGE_SEND && message->type != MESSAGE_RESPONSE) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return;
    }
    if (hub_handle(face->hub, peer, message, mesh_time(face->mesh)) < 0)
        metrics_count(METRICS_OUT_OF_MEMORY);
}

static void deliver(void *context, void *peer, const struct link_many *many)
{
    struct core_face *face = context;
    struct message message;
    struct bytes named;
    uint32_t n_hops;

    /* What is let through by one channel's name must not be said under another's. */
    if (message_parse(many->body, &message) != 0 || message_text(&message, KEY_CHANNEL, &named) != 0 ||
        !bytes_equal(named, many->channel) ||
        message_path_has(&message, BYTES_NONE, &n_hops) == MESSAGE_E_WRONG_TYPE) {
        metrics_count(METRICS_PROTOCOL_ERRORS);
        return;
    }
    /* What a topic's subscribers receive has no path to show the trail in. */
    if (many->topic.len == 0)
        trail_show(face->mesh, many->trail, &message);
    if (peering_deliver(face->hub, peer, many->channel, many->topic, &message, mesh_time(face->mesh)) < 0)
        metrics_count(METRICS_OUT_OF_MEMORY);
}

static void hold(void *context, struct list *line, bool is_for_many)
{
    const struct core_face *face = context;

    hub_hold_producer(face->hub, line, is_for_many);
}

static void hold_client(void *context, struct bytes id, struct list *line)
{
    const struct core_face *face = context;

    hub_hold_client(face->hub, id, line);
}

static struct origin *choose(void *context, struct bytes channel, struct bytes event, bool *out_is_local)
{
    struct core_face *face = context;

    return peering_choose(face->hub, channel, event, out_is_local);
}

struct mesh_core core_face_init(struct core_face *face, struct hub *hub)
{
    *face = (struct core_face){.hub = hub};
    return (struct mesh_core){
        .add_peer = add_peer,
        .peer_gone = peer_gone,
        .offer = offer_entry,
        .retract = retract_entry,
        .handle = handle,
        .deliver = deliver,
        .hold = hold,
        .hold_client = hold_client,
        .choose = choose,
        .context = face,
    };
}

void core_face_attach(struct core_face *face, struct mesh *mesh)
{
    face->mesh = mesh;
    peering_observe(face->hub, &observer, face);
}

void core_face_observe_again(struct core_face *face)
{
    peering_observe(face->hub, NULL, NULL);
    peering_observe(face->hub, &observer, face);
}

void core_face_detach(struct core_face *face)
{
    peering_observe(face->hub, NULL, NULL);
    mesh_leave_core(face->mesh);
}
