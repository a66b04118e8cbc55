/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The order in everything here: change the table, choose anew, tell the links, then (when it is allowed) the
 * core. A dead session is told before the routes that change by it, so that the far side has already thrown
 * out the ways that would otherwise look like alternatives.
 */
#include "federation/mesh.h"

#include <errno.h>
#include <stdio.h>

#include "federation/advertise.h"
#include "federation/answers.h"
#include "federation/attributes.h"
#include "federation/credit.h"
#include "federation/guards.h"
#include "federation/holds.h"
#include "federation/hop_time.h"
#include "federation/intake.h"
#include "federation/lost_calls.h"
#include "federation/mesh_session.h"
#include "federation/mesh_state.h"
#include "federation/offering.h"
#include "federation/origins.h"
#include "federation/parked.h"
#include "federation/outstanding.h"
#include "federation/probe.h"
#include "federation/relay.h"
#include "federation/route_choice.h"
#include "hub/base/check.h"
#include "hub/base/metrics.h"

/* How often it is looked whether a link has lingered, or a call waited, for long enough. */
#define LOOK_MS 250U

const char *mesh_refusal_name(enum mesh_refusal refusal)
{
    static const char *const names[MESH_REFUSAL_COUNT] = {
#define X(id, name, text) [MESH_REFUSED_##id] = name,
        MESH_REFUSALS(X)
#undef X
    };

    check(refusal < MESH_REFUSAL_COUNT);
    return names[refusal];
}

const char *mesh_refusal_text(enum mesh_refusal refusal)
{
    static const char *const texts[MESH_REFUSAL_COUNT] = {
#define X(id, name, text) [MESH_REFUSED_##id] = text,
        MESH_REFUSALS(X)
#undef X
    };

    check(refusal < MESH_REFUSAL_COUNT);
    return texts[refusal];
}

void mesh_drop_way(struct mesh *mesh, struct candidate *candidate)
{
    struct mesh_link *link = candidate->link;

    if (link) {
        link->n_candidates--;
        link->digests.absent += candidate->digest;
    }
    route_table_drop(&mesh->table, candidate);
}

void mesh_refuse(struct mesh *mesh, enum mesh_refusal refusal)
{
    mesh->counts.refused[refusal]++;
}

void mesh_wake(struct mesh *mesh)
{
    if (mesh->is_awake)
        return;
    mesh->is_awake = true;
    mesh->outlet.wake(mesh->outlet.context);
}

void mesh_end_link(struct mesh_link *link, const char *reason)
{
    if (link->is_ending)
        return;
    link->is_ending = true;
    link->mesh->outlet.end_link(link->mesh->outlet.context, link->owner, reason);
}

struct mesh_link_facts mesh_facts(const struct mesh *mesh, const struct mesh_link *link)
{
    struct mesh_link_facts facts = {0};

    if (mesh->outlet.facts)
        mesh->outlet.facts(mesh->outlet.context, link ? link->owner : NULL, &facts);
    return facts;
}

void mesh_warn_of_link(const struct mesh_link *link, const char *event, const char *text)
{
    const struct origin *peer = origins_find(link->mesh, &link->peer);
    char sentence[1024];
    char id[HUB_ID_TEXT];

    hub_id_text(&link->peer, id);
    snprintf(sentence, sizeof sentence, "link to %s: %s", peer && peer->server_id ? peer->server_id : id,
             text);
    link->mesh->outlet.warn(link->mesh->outlet.context, event, sentence);
}

void mesh_mark_untold(struct mesh *mesh, struct route *route)
{
    if (list_is_empty(&route->untold))
        list_append(&mesh->untold, &route->untold);
}

void mesh_mark_unoffered(struct mesh *mesh, struct route *route)
{
    /* A refused route hangs on the list of the refused by the same link. */
    if (route->was_refused)
        list_unlink(&route->unoffered);
    route->was_refused = false;
    if (list_is_empty(&route->unoffered))
        list_append(&mesh->unoffered, &route->unoffered);
    mesh_wake(mesh);
}

static void mark_unsettled(struct mesh *mesh, struct origin *origin)
{
    if (list_is_empty(&origin->unsettled))
        list_append(&mesh->unsettled, &origin->unsettled);
    mesh_wake(mesh);
}

/* Whether what the neighbours believe of the route, who go by us, has become doubtful. */
static bool has_broken(const struct mesh *mesh, const struct route *route, const struct candidate *before)
{
    if (route->origin == mesh->self || link_set_is_empty(&route->told))
        return false;
    return !before || candidate_is_stale(before) || !route->best || candidate_is_stale(route->best);
}

/* What was lost without a word of its origin may find another way, unless the origin has started anew. */
static void watch_missed(struct mesh *mesh, struct route *route)
{
    bool is_missed = !route->best && !route->is_dead && route->seq.incarnation >= route->origin->incarnation;

    if (is_missed)
        route_table_miss(&mesh->table, route, mesh->time.now_ms);
    else
        route_table_found(&mesh->table, route);
    if (!is_missed && route->n_parked > 0)
        mesh->parked.is_due = true;
}

void mesh_route_changed(struct mesh *mesh, struct route *route)
{
    struct candidate *before = route->best;

    route->best = route_choice_best(route);
    route->is_broken |= has_broken(mesh, route, before);
    if (before && route->best == before)
        return;
    watch_missed(mesh, route);
    if (route->best && !candidate_is_stale(route->best) && (!before || candidate_is_stale(before)))
        mesh->is_reroute_due = true;
    mesh_mark_untold(mesh, route);
    if (route->origin == mesh->self)
        return;
    if (route->kind == ROUTE_HUB) {
        hop_time_heard(mesh);
        mark_unsettled(mesh, route->origin);
    }
    if (route_kind_has_channel(route->kind))
        mesh_mark_unoffered(mesh, route);
}

/* --- sending -------------------------------------------------------------------------------------------- */

void mesh_send(struct mesh_link *link, const struct link_message *message)
{
    struct mesh *mesh = link->mesh;
    struct block *frame;
    int r;

    /* Messages are kept to the end, for then they go another way. */
    if (link->is_ending && link_wire_class(message) == LINK_CLASS_CONTROL)
        return;
    frame = link_wire_write(message, link->frames.sent + 1);
    r = frame ? link_session_keep(&link->frames, frame, link_wire_class(message)) : -ENOMEM;
    if (r < 0) {
        metrics_count(METRICS_OUT_OF_MEMORY);
        mesh_end_link(link, "out_of_memory");
    } else if (credit_is_overrun(link)) {
        mesh_end_link(link, "queue_full");
    } else {
        if (!link->is_cut && !link->is_ending)
            mesh->outlet.send(mesh->outlet.context, link->owner, frame);
        credit_spent(link, message);
    }
    block_unref(frame);
}

/* --- making and unmaking -------------------------------------------------------------------------------- */

static int begin(struct mesh *mesh, const struct mesh_options *options)
{
    int r;

    mesh->server_id = bytes_to_text(options->server_id);
    if (!mesh->server_id)
        return -ENOMEM;
    r = origins_get(mesh, &mesh->id, &mesh->self);
    if (r < 0)
        return r;
    mesh->self->incarnation = mesh->incarnation;
    return mesh_local_hub(mesh);
}

static void ignore_wake(void *context)
{
    (void)context;
}

int mesh_new(struct mesh **out_mesh, const struct mesh_options *options, const struct mesh_outlet *outlet,
             const struct mesh_core *core, struct hub_time time)
{
    struct mesh *mesh = calloc(1, sizeof *mesh);
    int r;

    if (!mesh)
        return -ENOMEM;
    mesh->id = options->hub_id;
    mesh->incarnation = options->incarnation;
    mesh->run = options->run;
    mesh->hop_time = (struct hop_time){.told_ms = HOP_TIME_LEAST_MS, .true_ms = time.now_ms};
    mesh->outlet = *outlet;
    mesh->core = *core;
    mesh->outlet.wake = ignore_wake;
    mesh->time = time;
    route_table_init(&mesh->table);
    map_init(&mesh->guards);
    map_init(&mesh->origins);
    map_init(&mesh->outstanding);
    list_init(&mesh->outstanding_by_age);
    list_init(&mesh->untold);
    pacer_init(&mesh->pacer);
    list_init(&mesh->unoffered);
    list_init(&mesh->refused);
    list_init(&mesh->unsettled);
    list_init(&mesh->probes);
    list_init(&mesh->parked.messages);
    stream_order_init_all(&mesh->orders);
    holds_init(&mesh->holds);
    r = begin(mesh, options);
    if (r < 0) {
        mesh_free(mesh);
        return r;
    }
    advertise_flush(mesh);
    mesh->outlet.wake = outlet->wake;
    mesh->is_awake = false;
    *out_mesh = mesh;
    return 0;
}

static void forget_lost_calls(struct map_node *node, void *context)
{
    (void)context;
    lost_calls_forget(container_of(node, struct origin, node));
    outstanding_forget(container_of(node, struct origin, node));
}

void mesh_set_durable(struct mesh *mesh, const struct mesh_durable *durable)
{
    mesh->durable = *durable;
}

bool mesh_may_publish(const struct mesh *mesh, struct bytes channel, struct bytes topic, size_t n_bytes)
{
    const struct mesh_durable *durable = &mesh->durable;

    return !durable->refuses || !durable->refuses(durable->context, channel, topic, n_bytes);
}

bool mesh_wants(const struct mesh *mesh, const struct hub_id *hub, struct bytes channel, struct bytes topic)
{
    struct route_key key = {ROUTE_INTEREST, channel, topic, *hub};
    const struct route *route = route_table_find(&mesh->table, &key);

    return route && route->best;
}

void mesh_free(struct mesh *mesh)
{
    if (!mesh)
        return;
    parked_clear(mesh);
    holds_clear(&mesh->holds);
    route_table_clear(&mesh->table);
    map_walk(&mesh->origins, forget_lost_calls, NULL);
    origins_clear(mesh);
    map_clear(&mesh->outstanding);
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot])
            mesh_link_free(mesh->links[slot]);
    }
    guards_clear(mesh);
    refusal_log_clear(&mesh->refusals);
    probe_clear(mesh);
    buffer_clear(&mesh->trail);
    buffer_clear(&mesh->shown);
    free(mesh->server_id);
    free(mesh);
}

void mesh_meet(struct mesh *mesh, const struct hub_id *hub, uint64_t incarnation, struct hub_time time)
{
    struct origin *origin = origins_find(mesh, hub);

    mesh->time = time;
    if (origin && incarnation > origin->incarnation)
        intake_renew(mesh, origin, incarnation);
}

bool mesh_has_other_run(const struct mesh *mesh, const struct hub_id *hub, uint64_t incarnation, uint64_t run)
{
    const struct origin *origin = origins_find(mesh, hub);
    uint64_t known;

    if (!origin || !origin_is_reachable(origin) || incarnation > origin->incarnation)
        return false;
    known = attributes_read_run(block_bytes(origin->hub_route->attributes));
    return known != 0 && run != 0 && known != run;
}

/* --- the core ------------------------------------------------------------------------------------------- */

void mesh_channel_key(struct mesh *mesh, struct bytes channel, const uint8_t secret[MESH_SECRET_BYTES],
                      const uint8_t key[MESH_SECRET_BYTES], struct hub_time time)
{
    mesh->time = time;
    guards_take_key(mesh, channel, secret, key);
    advertise_flush(mesh);
    mesh_settle(mesh, time);
}

void mesh_peer_send(struct origin *peer, struct block *frame)
{
    relay_from_core(peer, frame);
}

void mesh_peer_pass(struct origin *peer, struct block *frame, const struct outlet_one *one)
{
    relay_pass(peer, frame, one);
}

void mesh_hand_over(struct origin *from, const struct message *message)
{
    struct mesh *mesh = from->mesh;

    mesh->delivering = message->body;
    mesh->core.handle(mesh->core.context, from->peer, message);
    mesh->delivering = BYTES_NONE;
}

void mesh_peer_end(struct origin *peer, enum end_reason reason)
{
    if (peer->wants_end)
        return;
    peer->wants_end = true;
    peer->end_reason = reason;
    mark_unsettled(peer->mesh, peer);
}

void mesh_peer_wait(struct origin *peer, struct list *line, bool is_for_many)
{
    holds_add(peer->mesh, &peer->id, peer->mesh->delivering, line, is_for_many);
}

/* A hub to which only a stale way has led for a while is gone for our clients; its routes stay, for what is
 * kept for it still gets through when the link returns. */
static void give_up(struct map_node *node, void *context)
{
    struct mesh *mesh = context;
    struct origin *origin = container_of(node, struct origin, node);
    uint64_t since_ms;
    bool is_given_up = origin_is_reachable(origin) && candidate_is_stale(origin->hub_route->best) &&
                       mesh_session_makes_stale(mesh, candidate_path(origin->hub_route->best), &since_ms) &&
                       mesh->time.now_ms - since_ms >= MESH_STALE_HOLD_MS;

    if (is_given_up != origin->is_given_up)
        mark_unsettled(mesh, origin);
    origin->is_given_up = is_given_up;
    mesh->has_given_up |= is_given_up;
}

static void give_up_waiting(struct mesh *mesh)
{
    if (mesh->table.paths.n_stale == 0 && !mesh->has_given_up)
        return;
    mesh->has_given_up = false;
    map_walk(&mesh->origins, give_up, mesh);
}

static void look_at_what_waits(struct mesh *mesh)
{
    if (mesh->time.now_ms < mesh->look_ms)
        return;
    mesh->look_ms = mesh->time.now_ms + LOOK_MS;
    mesh->parked.is_due |= !list_is_empty(&mesh->parked.messages);
    mesh_link_finish_lingering(mesh);
    give_up_waiting(mesh);
    parked_expire(mesh);
    answers_expire(mesh);
    credit_look(mesh);
    hop_time_look(mesh);
    holds_look(mesh);
}

void mesh_settle(struct mesh *mesh, struct hub_time time)
{
    mesh->time = time;
    /* Changes that come up from here on are done in this very call. */
    mesh->is_awake = true;
    look_at_what_waits(mesh);
    offering_settle(mesh);
    advertise_flush(mesh);
    digest_tell_due(mesh);
    route_table_clear_graves(&mesh->table, time.now_ms);
    route_table_forget_missed(&mesh->table, time.now_ms);
    probe_expire(mesh);
    mesh->is_awake = false;
    if (mesh->is_incomplete)
        mesh_wake(mesh);
}

void mesh_leave_core(struct mesh *mesh)
{
    offering_end_all(mesh);
}

static void mark_peerless(struct map_node *node, void *context)
{
    struct origin *origin = container_of(node, struct origin, node);

    if (origin_is_reachable(origin) && !origin->peer)
        mark_unsettled(context, origin);
}

bool mesh_take_incomplete(struct mesh *mesh)
{
    bool is_incomplete = mesh->is_incomplete;

    mesh->is_incomplete = false;
    mesh->lacks_guard = false;
    if (is_incomplete)
        map_walk(&mesh->origins, mark_peerless, mesh);
    return is_incomplete;
}

/* --- for links to foreign hubs -------------------------------------------------------------------------- */

/* Whether a way leads to the hub that is not just the memory of a link of ours. */
static bool has_living_way(const struct origin *origin)
{
    list_for_each (at, &origin->hub_route->candidates) {
        const struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (candidate->link && !candidate->link->lingers)
            return true;
    }
    return false;
}

bool mesh_reaches(const struct mesh *mesh, const struct hub_id *hub, uint64_t *out_incarnation)
{
    const struct origin *origin = origins_find(mesh, hub);

    if (out_incarnation)
        *out_incarnation = origin ? origin->incarnation : 0;
    return origin && (origin == mesh->self || (origin_is_reachable(origin) && has_living_way(origin)));
}

static struct bytes name_of_origin(const struct mesh *mesh, const struct origin *origin)
{
    struct bytes name = BYTES_NONE;

    if (origin == mesh->self)
        return bytes_of_text(mesh->server_id);
    if (origin_is_reachable(origin))
        (void)attributes_read_hub(block_bytes(origin->hub_route->attributes), &name);
    return name;
}

struct bytes mesh_name_of(const struct mesh *mesh, const struct hub_id *hub)
{
    const struct origin *origin = origins_find(mesh, hub);

    return origin ? name_of_origin(mesh, origin) : BYTES_NONE;
}

struct name_search {
    const struct mesh *mesh;
    struct bytes name;
    const struct hub_id *except;
    bool is_found;
};

static void compare_name(struct map_node *node, void *context)
{
    struct name_search *search = context;
    const struct origin *origin = container_of(node, struct origin, node);

    if (!hub_id_equal(&origin->id, search->except) &&
        bytes_equal(name_of_origin(search->mesh, origin), search->name))
        search->is_found = true;
}

bool mesh_has_name(const struct mesh *mesh, struct bytes server_id, const struct hub_id *except)
{
    struct name_search search = {.mesh = mesh, .name = server_id, .except = except};

    map_walk((struct map *)&mesh->origins, compare_name, &search);
    return search.is_found;
}

struct hub_time mesh_time(const struct mesh *mesh)
{
    return mesh->time;
}

static void count_reachable(struct map_node *node, void *context)
{
    struct mesh_counts *counts = context;
    const struct origin *origin = container_of(node, struct origin, node);

    if (origin != origin->mesh->self && origin_is_reachable(origin))
        counts->n_origins++;
}

struct mesh_counts mesh_counts(const struct mesh *mesh)
{
    struct mesh_counts counts = mesh->counts;

    counts.n_routes = mesh->table.by_key.n_nodes;
    counts.n_candidates = mesh->table.n_candidates;
    map_walk((struct map *)&mesh->origins, count_reachable, &counts);
    return counts;
}
