/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a link in the tables: up, cut, resumed, down, and what comes over it
 */
#include "federation/mesh.h"

#include <errno.h>
#include <stdlib.h>

#include "federation/advertise.h"
#include "federation/credit.h"
#include "federation/custody.h"
#include "federation/errand.h"
#include "federation/guards.h"
#include "federation/holds.h"
#include "federation/hop_time.h"
#include "federation/intake.h"
#include "federation/mesh_session.h"
#include "federation/mesh_state.h"
#include "federation/parked.h"
#include "federation/probe.h"
#include "federation/relay.h"
#include "hub/base/check.h"

static bool find_slot(const struct mesh *mesh, unsigned *out_slot)
{
    for (unsigned slot = 0; slot < MESH_MAX_LINKS; slot++) {
        if (!mesh->links[slot]) {
            *out_slot = slot;
            return true;
        }
    }
    return false;
}

int mesh_link_up(struct mesh *mesh, const struct mesh_link_options *options, struct hub_time time,
                 struct mesh_link **out_link)
{
    struct mesh_link *link;
    unsigned slot;

    mesh->time = time;
    if (!find_slot(mesh, &slot))
        return MESH_E_FULL;
    link = calloc(1, sizeof *link);
    if (!link)
        return -ENOMEM;
    *link = (struct mesh_link){
        .mesh = mesh,
        .owner = options->owner,
        .slot = slot,
        .peer = options->peer,
        .peer_run = options->peer_run,
        .peer_max_frame = options->peer_max_frame,
        .peer_incarnation = options->peer_incarnation,
        .session = options->session,
        .cost = options->cost,
        .policy = bridge_policy_ref(options->policy),
        .management = options->management,
        .progress_ms = time.now_ms,
    };
    list_init(&link->candidates);
    link->digests.due_ms = time.now_ms + DIGEST_EVERY_MS;
    link_session_init(&link->frames);
    credit_begin(link);
    hop_time_measured(link, options->rtt_us);
    advertise_held(mesh);
    mesh->joined_ms = time.now_ms;
    mesh->links[slot] = link;
    if (slot >= mesh->n_slots)
        mesh->n_slots = slot + 1;
    *out_link = link;
    mesh_session_tell_all(link);
    guards_link_up(link);
    advertise_all(link);
    return 0;
}

void mesh_link_free(struct mesh_link *link)
{
    credit_forgo(link);
    guards_link_down(link);
    link_wire_clear_entries(&link->entries);
    buffer_clear(&link->to);
    link_session_clear(&link->frames);
    bridge_policy_unref(link->policy);
    link->mesh->links[link->slot] = NULL;
    free(link);
}

static void forget_told(struct map_node *node, void *context)
{
    struct mesh_link *link = context;
    struct route *route = container_of(node, struct route, by_key);

    link_set_remove(&route->told, link->slot);
    /* What only this link held on to goes with the next flush. */
    if (!route->best && !route->is_dead)
        mesh_mark_untold(link->mesh, route);
}

static void report(struct mesh_link *link, enum link_session_state state)
{
    struct session_report report = {.session = link->session, .cuts = link->cuts, .state = state};

    mesh_session_hear(link->mesh, &report, NULL);
}

/* The end of everything that may have changed routes. Messages that were on their way go before any newer one
 * takes the same way, and after the news that explain it. */
static void conclude(struct mesh *mesh, struct hub_time time)
{
    advertise_flush(mesh);
    custody_reroute(mesh);
    parked_send(mesh);
    mesh_settle(mesh, time);
}

static void become_stale(struct mesh_link *link)
{
    link->is_cut = true;
    link->cut_bytes = link->frames.kept_bytes;
    /* The far side may have told of it already. */
    if (!link->is_stale) {
        link->cuts++;
        report(link, LINK_SESSION_STALE);
    }
    link->mesh->is_reroute_due = true;
}

void mesh_link_cut(struct mesh_link *link, struct hub_time time)
{
    link->mesh->time = time;
    check(!link->is_cut);
    become_stale(link);
    conclude(link->mesh, time);
}

struct link_resume mesh_link_offer(const struct mesh_link *link)
{
    return (struct link_resume){
        .session = link->session,
        .is_wanted = true,
        .received = link->frames.received,
        .cuts = link->cuts,
    };
}

static void send_again(struct mesh_link *link)
{
    struct mesh *mesh = link->mesh;

    for (uint64_t number = link->frames.acknowledged + 1; number <= link->frames.sent; number++) {
        mesh->outlet.send(mesh->outlet.context, link->owner,
                          link_session_frame(&link->frames, number)->frame);
        mesh->counts.resent++;
        link->counts.resent++;
    }
}

void mesh_link_resume(struct mesh_link *link, const struct link_resume *far, struct hub_time time)
{
    link->mesh->time = time;
    check(link->is_cut && link_session_may_resume(&link->frames, far->received));
    link_session_acknowledge(&link->frames, far->received);
    link_session_tell(&link->frames);
    link->is_cut = false;
    link->progress_ms = time.now_ms;
    send_again(link);
    credit_earned(link);
    if (far->cuts > link->cuts)
        link->cuts = far->cuts;
    report(link, LINK_SESSION_FRESH);
    conclude(link->mesh, time);
}

/* The end of a link that has been stale for long enough. */
static void finish(struct mesh_link *link)
{
    struct mesh *mesh = link->mesh;

    map_walk(&mesh->table.by_key, forget_told, link);
    mesh->links[link->slot] = NULL;
    report(link, LINK_SESSION_OVER);
    check(list_is_empty(&link->candidates));
    advertise_flush(mesh);
    custody_end(link);
    mesh_link_free(link);
}

static bool has_lingered(const struct mesh_link *link)
{
    const struct session_entry *entry = session_table_find(&link->mesh->sessions, link->session);

    return !entry || entry->state == LINK_SESSION_FRESH ||
           link->mesh->time.now_ms - entry->since_ms >= MESH_LINGER_MS;
}

void mesh_link_finish_lingering(struct mesh *mesh)
{
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot] && mesh->links[slot]->lingers && has_lingered(mesh->links[slot]))
            finish(mesh->links[slot]);
    }
    custody_reroute(mesh);
    parked_send(mesh);
}

void mesh_link_down(struct mesh_link *link, struct hub_time time)
{
    struct mesh *mesh = link->mesh;

    mesh->time = time;
    link->owner = NULL;
    link->lingers = true;
    link->is_ending = true;
    if (!link->is_cut)
        become_stale(link);
    if (has_lingered(link))
        finish(link);
    conclude(mesh, time);
}

bool mesh_link_acknowledged(struct mesh_link *link, const struct link_ack *ack, struct hub_time time)
{
    uint64_t before = link->frames.acknowledged;

    link->mesh->time = time;
    if (!link_session_acknowledge(&link->frames, ack->received))
        return false;
    if (link->frames.acknowledged > before)
        link->progress_ms = time.now_ms;
    link->credits[LINK_CLASS_ONE].granted = ack->one;
    link->credits[LINK_CLASS_MANY].granted = ack->many;
    credit_earned(link);
    return true;
}

struct link_ack mesh_link_acknowledge(struct mesh_link *link, uint64_t rtt_us)
{
    credit_measure(link);
    hop_time_measured(link, rtt_us);
    return (struct link_ack){
        .received = link_session_tell(&link->frames),
        .one = credit_grant(link, LINK_CLASS_ONE, rtt_us),
        .many = credit_grant(link, LINK_CLASS_MANY, rtt_us),
    };
}

struct link_session *mesh_link_frames(struct mesh_link *link)
{
    return &link->frames;
}

struct mesh_link_counts mesh_link_counts(const struct mesh_link *link)
{
    struct mesh_link_counts counts = link->counts;

    counts.cuts = link->cuts;
    counts.kept_bytes = link->frames.kept_bytes;
    return counts;
}

struct link_flow mesh_link_flow(const struct mesh_link *link, enum link_class class)
{
    return credit_flow(link, class);
}

struct mesh_link_guards mesh_link_guards(const struct mesh_link *link)
{
    return guards_count(link);
}

static void hear_of_end(struct mesh_link *link)
{
    digest_end(link);
    if (!link->is_synced)
        link->mesh->outlet.on_synced(link->mesh->outlet.context, link->owner);
    guards_link_synced(link);
}

static int hear_of_session(struct mesh_link *link, const struct link_message *message)
{
    struct session_report report = {
        .session = message->session.number,
        .cuts = message->session.cuts,
        .age_us = hop_time_age_us(link, message->session.age_us),
        .state = message->session.state,
    };

    if (report.session == 0)
        return MESH_E_BAD_MESSAGE;
    mesh_session_hear(link->mesh, &report, link);
    return 0;
}

int mesh_link_receive(struct mesh_link *link, const struct link_message *message, struct hub_time time)
{
    struct mesh *mesh = link->mesh;
    int r = MESH_E_BAD_MESSAGE;

    mesh->time = time;
    switch (message->type) {
    case LINK_MESSAGE_ENTRIES:
        r = intake_entries(link, message->entries.n, message->entries.raw);
        break;
    case LINK_MESSAGE_END:
        hear_of_end(link);
        r = 0;
        break;
    case LINK_MESSAGE_DIGEST:
        digest_hear(link, message->digest);
        return 0;
    case LINK_MESSAGE_TELL_ALL:
        return digest_asked(link);
    case LINK_MESSAGE_BEGIN:
        return digest_begin(link);
    case LINK_MESSAGE_SESSION:
        r = hear_of_session(link, message);
        break;
    case LINK_MESSAGE_VOID:
        return 0;
    case LINK_MESSAGE_PROVE:
    case LINK_MESSAGE_UNPROVE:
        r = guards_hear(link, message->channel_proofs, message->type == LINK_MESSAGE_PROVE);
        break;
    case LINK_MESSAGE_AGAIN:
        guards_tell_again(link, message->channel);
        r = 0;
        break;
    case LINK_MESSAGE_ONE:
        mesh->bringing = link;
        r = relay_one(link, &message->one);
        mesh->bringing = NULL;
        return r;
    case LINK_MESSAGE_PROBE:
        return probe_take(link, &message->one);
    case LINK_MESSAGE_PROBED:
        return probe_take_back(link, &message->one);
    case LINK_MESSAGE_MANY:
        return relay_many(link, &message->many);
    case LINK_MESSAGE_HOLD:
        return holds_receive(link, &message->hold);
    case LINK_MESSAGE_ERRAND:
        return errand_receive(link, &message->errand);
    case LINK_MESSAGE_GREETING:
    case LINK_MESSAGE_CHALLENGE:
    case LINK_MESSAGE_PROOF:
    case LINK_MESSAGE_ACCEPT:
    case LINK_MESSAGE_REFUSE:
    case LINK_MESSAGE_HELLO:
    case LINK_MESSAGE_ECHO:
    case LINK_MESSAGE_ACK:
    case LINK_MESSAGE_TYPE_COUNT:
        return MESH_E_BAD_MESSAGE;
    }
    conclude(mesh, time);
    return r;
}
