/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The body of a probe is its id at the hub where it began, and the steps behind it, each an array. Only the
 * hub that wrote a step reads the time in it again.
 */
#include "federation/probe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation/crossing.h"
#include "federation/mesh_state.h"
#include "federation/origins.h"
#include "federation/route_choice.h"
#include "hub/base/name.h"
#include "hub/wire/msgpack_write.h"

#define STEP_ITEMS 9
#define STEP_MOST_ITEMS 16 /* a later release may say more */
#define SENT_ON "sent_on"
#define ARRIVED "arrived"
#define HANDED_OVER "handed_over" /* to a hub that knows no probes */

struct probe {
    struct list in_mesh;
    uint64_t id;
    uint64_t since_ms;
    uint64_t began_us;
    struct trace_asker asker;
    struct buffer body; /* as it left, for when no answer comes */
};

/* One hub's step as it stands in the body. */
struct step {
    struct hub_id hub;
    struct bytes server_id;
    struct bytes decision; /* SENT_ON, ARRIVED, or why not: mesh_refusal_name() */
    struct bytes via;      /* the next hub's name */
    uint64_t sent_us;      /* by the clock of the hub alone */
    uint64_t elapsed_us;   /* until the answer came by; 0: it has not */
    uint64_t queued_bytes;
    uint64_t rtt_us;
    uint64_t queue_wait_ms;
};

/* --- the body ------------------------------------------------------------------------------------------- */

static void write_step(struct buffer *out, const struct step *step)
{
    msgpack_write_array(out, STEP_ITEMS);
    msgpack_write_bin(out, hub_id_bytes(&step->hub));
    msgpack_write_str(out, step->server_id);
    msgpack_write_str(out, step->decision);
    msgpack_write_str(out, step->via);
    msgpack_write_u64(out, step->sent_us);
    msgpack_write_u64(out, step->elapsed_us);
    msgpack_write_u64(out, step->queued_bytes);
    msgpack_write_u64(out, step->rtt_us);
    msgpack_write_u64(out, step->queue_wait_ms);
}

static bool next_value(struct msgpack_reader *reader, enum msgpack_type type, struct msgpack_value *out_value)
{
    return msgpack_read(reader, out_value) == 0 && out_value->type == type;
}

static bool next_text(struct msgpack_reader *reader, struct bytes *out_text)
{
    struct msgpack_value value;

    if (!next_value(reader, MSGPACK_STR, &value) || value.raw.len > NAME_MAX_BYTES)
        return false;
    *out_text = value.raw;
    return true;
}

static bool next_number(struct msgpack_reader *reader, uint64_t *out_number)
{
    struct msgpack_value value;

    if (!next_value(reader, MSGPACK_UINT, &value))
        return false;
    *out_number = value.u64;
    return true;
}

static bool pass_over(struct msgpack_reader *reader, uint32_t n)
{
    struct bytes raw;

    while (n > 0 && msgpack_skip(reader, &raw) == 0)
        n--;
    return n == 0;
}

static bool next_step(struct msgpack_reader *reader, struct step *out_step)
{
    struct msgpack_value value;
    uint32_t n_items;

    if (!next_value(reader, MSGPACK_ARRAY, &value))
        return false;
    n_items = value.n_items;
    if (n_items < STEP_ITEMS || n_items > STEP_MOST_ITEMS || !next_value(reader, MSGPACK_BIN, &value) ||
        value.raw.len != HUB_ID_BYTES)
        return false;
    memcpy(out_step->hub.octets, value.raw.ptr, HUB_ID_BYTES);
    return next_text(reader, &out_step->server_id) && next_text(reader, &out_step->decision) &&
           next_text(reader, &out_step->via) && next_number(reader, &out_step->sent_us) &&
           next_number(reader, &out_step->elapsed_us) && next_number(reader, &out_step->queued_bytes) &&
           next_number(reader, &out_step->rtt_us) && next_number(reader, &out_step->queue_wait_ms) &&
           pass_over(reader, n_items - STEP_ITEMS);
}

/* The id, and the reader before the first step. */
static bool begin_reading(struct bytes body, struct msgpack_reader *out_reader, uint64_t *out_id)
{
    *out_reader = msgpack_reader_of(body);
    return next_number(out_reader, out_id);
}

/* An honest body has at most one step for each hub of the longest way. */
static bool is_sound(struct bytes body)
{
    struct msgpack_reader reader;
    struct step step;
    uint64_t id;
    size_t n = 0;

    if (!begin_reading(body, &reader, &id))
        return false;
    while (!msgpack_reader_is_at_end(&reader)) {
        if (++n > TRACE_REPORT_MAX_STEPS || !next_step(&reader, &step))
            return false;
    }
    return true;
}

/* --- reports -------------------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, struct bytes text)
{
    size_t len = text.len < size ? text.len : size - 1;

    if (len > 0)
        memcpy(out, text.ptr, len);
    out[len] = '\0';
}

static void report_step(const struct step *step, struct trace_step *out_step)
{
    hub_id_text(&step->hub, out_step->hub.id);
    copy_text(out_step->hub.name, sizeof out_step->hub.name, step->server_id);
    copy_text(out_step->decision, sizeof out_step->decision, step->decision);
    copy_text(out_step->via, sizeof out_step->via, step->via);
    out_step->elapsed_us = step->elapsed_us;
    out_step->queued_bytes = step->queued_bytes;
    out_step->rtt_us = step->rtt_us;
    out_step->queue_wait_ms = step->queue_wait_ms;
}

/* What the last step means. */
static void conclude(struct trace_report *report)
{
    const struct trace_step *last = report->n_steps > 0 ? &report->steps[report->n_steps - 1] : NULL;

    if (!last)
        snprintf(report->verdict, sizeof report->verdict, "nothing is known");
    else if (strcmp(last->decision, ARRIVED) == 0)
        snprintf(report->verdict, sizeof report->verdict, "a call is carried out at %s", last->hub.name);
    else if (strcmp(last->decision, HANDED_OVER) == 0)
        snprintf(report->verdict, sizeof report->verdict, "a call leaves the mesh at %s for a Python hub",
                 last->hub.name);
    else if (strcmp(last->decision, SENT_ON) == 0)
        snprintf(report->verdict, sizeof report->verdict,
                 "no answer came within %u s: the probe was lost behind %s, on the way to %s or further on",
                 PROBE_WAIT_MS / 1000, last->hub.name, last->via);
    else
        snprintf(report->verdict, sizeof report->verdict, "a call ends at %s: %s", last->hub.name,
                 last->decision);
    report->has_arrived =
        last && (strcmp(last->decision, ARRIVED) == 0 || strcmp(last->decision, HANDED_OVER) == 0);
}

static struct trace_report *report_of(struct bytes body)
{
    struct trace_report *report = calloc(1, sizeof *report);
    struct msgpack_reader reader;
    struct step step;
    uint64_t id;

    if (!report || !begin_reading(body, &reader, &id))
        return report;
    while (report->n_steps < TRACE_REPORT_MAX_STEPS && !msgpack_reader_is_at_end(&reader) &&
           next_step(&reader, &step))
        report_step(&step, &report->steps[report->n_steps++]);
    conclude(report);
    return report;
}

static void drop(struct mesh *mesh, struct probe *probe)
{
    list_unlink(&probe->in_mesh);
    mesh->n_probes--;
    buffer_clear(&probe->body);
    free(probe);
}

static void finish(struct mesh *mesh, struct probe *probe, struct bytes body)
{
    struct trace_report *report = report_of(body);
    struct trace_asker asker = probe->asker;

    if (report)
        report->elapsed_us = mesh_facts(mesh, NULL).now_us - probe->began_us;
    drop(mesh, probe);
    asker.on_report(asker.context, report);
}

static struct probe *find(struct mesh *mesh, uint64_t id)
{
    for (struct list *at = mesh->probes.next; at != &mesh->probes; at = at->next) {
        struct probe *probe = container_of(at, struct probe, in_mesh);

        if (probe->id == id)
            return probe;
    }
    return NULL;
}

/* --- back ----------------------------------------------------------------------------------------------- */

static struct mesh_link *link_to(const struct mesh *mesh, const struct hub_id *peer)
{
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (link && !link->is_ending && hub_id_equal(&link->peer, peer))
            return link;
    }
    return NULL;
}

/* To the hub before us in @back; where it is gone the probe is lost, which its beginning finds out. */
static void send_back(struct mesh *mesh, const struct hub_id *to, struct bytes back, struct bytes body)
{
    struct link_message message = {.type = LINK_MESSAGE_PROBED};
    struct mesh_link *link;
    struct hub_id next;

    if (back.len == 0)
        return;
    next = hub_id_list_at(back, hub_id_list_count(back) - 1);
    link = link_to(mesh, &next);
    if (!link)
        return;
    message.one = (struct link_one){
        .to = *to,
        .from = mesh->id,
        .trail = hub_id_bytes(&mesh->id),
        .back = bytes_of(back.ptr, back.len - HUB_ID_BYTES),
        .body = body,
    };
    mesh_send(link, &message);
}

/* The body with our own step completed. */
static void complete_step(struct mesh *mesh, struct bytes body, struct buffer *out)
{
    struct msgpack_reader reader;
    struct step step;
    uint64_t id;

    if (!begin_reading(body, &reader, &id))
        return;
    msgpack_write_u64(out, id);
    while (!msgpack_reader_is_at_end(&reader) && next_step(&reader, &step)) {
        if (hub_id_equal(&step.hub, &mesh->id) && step.elapsed_us == 0 && step.sent_us > 0)
            step.elapsed_us = mesh_facts(mesh, NULL).now_us - step.sent_us;
        write_step(out, &step);
    }
}

static void arrive_back(struct mesh *mesh, struct bytes body)
{
    struct msgpack_reader reader;
    struct probe *probe;
    uint64_t id;

    probe = begin_reading(body, &reader, &id) ? find(mesh, id) : NULL;
    if (probe)
        finish(mesh, probe, body);
}

int probe_take_back(struct mesh_link *link, const struct link_one *one)
{
    struct mesh *mesh = link->mesh;
    struct buffer body = {0};

    if (!is_sound(one->body) || one->channel.len > 0)
        return MESH_E_BAD_MESSAGE;
    complete_step(mesh, one->body, &body);
    if (body.failed) {
        buffer_clear(&body);
        return -ENOMEM;
    }
    if (hub_id_equal(&one->to, &mesh->id))
        arrive_back(mesh, buffer_bytes(&body));
    else
        send_back(mesh, &one->to, one->back, buffer_bytes(&body));
    buffer_clear(&body);
    return 0;
}

/* --- onward --------------------------------------------------------------------------------------------- */

static struct step own_step(const struct mesh *mesh, const char *decision)
{
    return (struct step){
        .hub = mesh->id,
        .server_id = bytes_of_text(mesh->server_id),
        .decision = bytes_of_text(decision),
    };
}

/* The probe is over here: @one.trail is how it came. */
static void end_here(struct mesh *mesh, const struct link_one *one, struct buffer *body, const char *decision)
{
    struct step step = own_step(mesh, decision);

    write_step(body, &step);
    if (body->failed)
        return;
    if (hub_id_equal(&one->from, &mesh->id))
        arrive_back(mesh, buffer_bytes(body));
    else
        send_back(mesh, &one->from, one->trail, buffer_bytes(body));
}

/* NULL: it may leave by @link, else why not. */
static const char *send_by(struct mesh_link *link, const struct link_one *one)
{
    struct link_message message = {.type = LINK_MESSAGE_PROBE, .one = *one};
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_OUT, one);
    struct crossing crossing;
    int r;

    if (refusal != MESH_REFUSAL_COUNT)
        return mesh_refusal_name(refusal);
    r = crossing_rename_one(&crossing, link, BRIDGE_OUT, &message.one);
    if (r == 0)
        mesh_send(link, &message);
    crossing_clear(&crossing);
    return r == 0 ? NULL : mesh_refusal_name(MESH_REFUSED_RENAMED);
}

/* The step that is written before it is known whether the link takes the probe, and taken back if not. */
static void append_sent_step(struct mesh *mesh, const struct mesh_link *link, struct buffer *body)
{
    const struct origin *peer = origins_find(mesh, &link->peer);
    struct mesh_link_facts facts = mesh_facts(mesh, link);
    struct step step = own_step(mesh, SENT_ON);

    step.via = bytes_of_text(peer && peer->server_id ? peer->server_id : "");
    step.sent_us = facts.now_us;
    step.queued_bytes = facts.queued_bytes;
    step.rtt_us = facts.rtt_us;
    step.queue_wait_ms = facts.queue_wait_ms;
    write_step(body, &step);
}

/* Sends it on, or ends it here. @body grows by our step. */
static void go_on(struct mesh *mesh, const struct link_one *one, struct buffer *body)
{
    struct route_key key = {ROUTE_SERVICE, one->channel, one->event, one->to};
    const struct route *route = route_table_find(&mesh->table, &key);
    struct candidate *way = route ? route_choice_for(route, 1U << BRIDGE_CALLS, one->trail) : NULL;
    struct link_one onward = *one;
    struct buffer trail = {0};
    const char *why = mesh_refusal_name(MESH_REFUSED_NO_ROUTE);
    size_t len = body->len;

    if (way && way->link && mesh_facts(mesh, way->link).is_foreign) {
        why = HANDED_OVER;
    } else if (way && way->link && !way->link->is_ending) {
        append_sent_step(mesh, way->link, body);
        buffer_append_bytes(&trail, one->trail);
        buffer_append_bytes(&trail, hub_id_bytes(&mesh->id));
        onward.trail = buffer_bytes(&trail);
        onward.body = buffer_bytes(body);
        if (body->failed || trail.failed)
            why = NULL;
        else
            why = send_by(way->link, &onward);
        buffer_clear(&trail);
    }
    if (!why)
        return;
    body->len = len;
    end_here(mesh, one, body, why);
}

/* A probe under our own names. */
static void take_named(struct mesh_link *link, const struct link_one *one, struct buffer *body)
{
    struct mesh *mesh = link->mesh;
    enum mesh_refusal refusal = crossing_judge_one(link, BRIDGE_IN, one);

    if (refusal != MESH_REFUSAL_COUNT)
        end_here(mesh, one, body, mesh_refusal_name(refusal));
    else if (hub_id_list_has(one->trail, &mesh->id))
        end_here(mesh, one, body, mesh_refusal_name(MESH_REFUSED_LOOP));
    else if (hub_id_equal(&one->to, &mesh->id))
        end_here(mesh, one, body, ARRIVED);
    else if (hub_id_list_count(one->trail) >= PATH_MAX_HOPS)
        end_here(mesh, one, body, mesh_refusal_name(MESH_REFUSED_TOO_LONG));
    else
        go_on(mesh, one, body);
}

int probe_take(struct mesh_link *link, const struct link_one *one)
{
    struct link_one named = *one;
    struct crossing crossing;
    struct buffer body = {0};
    int r;

    if (!is_sound(one->body) || one->channel.len == 0 || one->event.len == 0 || one->trail.len == 0)
        return MESH_E_BAD_MESSAGE;
    r = crossing_rename_one(&crossing, link, BRIDGE_IN, &named);
    buffer_append_bytes(&body, one->body);
    if (r == 0)
        take_named(link, &named, &body);
    else if (r == CROSSING_E_NAMELESS)
        end_here(link->mesh, one, &body, mesh_refusal_name(MESH_REFUSED_RENAMED));
    crossing_clear(&crossing);
    r = body.failed ? -ENOMEM : r;
    buffer_clear(&body);
    return r < 0 ? r : 0;
}

/* --- the beginning -------------------------------------------------------------------------------------- */

/* The core's choice, then as at every hub. */
static void set_out(struct mesh *mesh, struct probe *probe, struct bytes channel, struct bytes event)
{
    bool is_local = false;
    const struct origin *to = mesh->core.choose(mesh->core.context, channel, event, &is_local);
    struct link_one one = {.from = mesh->id, .channel = channel, .event = event};
    uint64_t id = probe->id;
    struct buffer body = {0};

    buffer_append_bytes(&body, buffer_bytes(&probe->body));
    if (to) {
        one.to = to->id;
        go_on(mesh, &one, &body);
    } else {
        end_here(mesh, &one, &body, is_local ? ARRIVED : "no_provider");
    }
    /* It is under way: this is all that is known until the answer comes. */
    if (find(mesh, id) && !body.failed) {
        buffer_clear(&probe->body);
        probe->body = body;
        return;
    }
    buffer_clear(&body);
}

int probe_begin(struct mesh *mesh, struct bytes channel, struct bytes event, const struct trace_asker *asker,
                uint64_t *out_id)
{
    struct probe *probe;

    if (mesh->n_probes >= PROBE_MOST_WAITING)
        return PROBE_E_TOO_MANY;
    probe = calloc(1, sizeof *probe);
    if (!probe)
        return -ENOMEM;
    *probe = (struct probe){
        .id = ++mesh->last_probe,
        .since_ms = mesh->time.now_ms,
        .began_us = mesh_facts(mesh, NULL).now_us,
        .asker = *asker,
    };
    msgpack_write_u64(&probe->body, probe->id);
    if (probe->body.failed) {
        free(probe);
        return -ENOMEM;
    }
    *out_id = probe->id;
    mesh->n_probes++;
    list_append(&mesh->probes, &probe->in_mesh);
    set_out(mesh, probe, channel, event);
    return 0;
}

bool probe_forget(struct mesh *mesh, uint64_t id)
{
    struct probe *probe = find(mesh, id);

    if (probe)
        drop(mesh, probe);
    return probe != NULL;
}

void probe_expire(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->probes)) {
        struct probe *probe = list_first_entry(&mesh->probes, struct probe, in_mesh);
        struct buffer body = probe->body;

        if (mesh->time.now_ms - probe->since_ms < PROBE_WAIT_MS)
            return;
        probe->body = (struct buffer){0};
        finish(mesh, probe, buffer_bytes(&body));
        buffer_clear(&body);
    }
}

void probe_clear(struct mesh *mesh)
{
    while (!list_is_empty(&mesh->probes)) {
        struct probe *probe = list_first_entry(&mesh->probes, struct probe, in_mesh);
        struct trace_asker asker = probe->asker;

        drop(mesh, probe);
        asker.on_report(asker.context, NULL);
    }
}
