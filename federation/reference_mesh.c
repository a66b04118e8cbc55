/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One hub of the mesh speaks for a foreign hub: if two did, each of its messages would come in twice. Who
 * finds it in the mesh stands by; who finds it gone waits a little, at random, and takes over with a higher
 * incarnation, which is to the mesh what a restart of the foreign hub would be. Two that took it over at
 * once, or in two parts of a mesh that come together, see each other's entries: the lower incarnation steps
 * back, by connecting anew, so that the foreign hub forgets what it had asked.
 */
#include "federation/mesh_state.h"
#include "federation/passage.h"
#include "federation/reference_state.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "hub/wire/frame.h"

#define MOST_TAKEOVER_MS 500U
#define TICK_MS 1000U

/* --- from the mesh -------------------------------------------------------------------------------------- */

/* What is sent has arrived: the translator is part of this program. */
static void port_send(void *owner, struct block *frame)
{
    struct reference_link *link = owner;
    struct link_message message;

    if (!link->foreign || link->is_ending || link_wire_read(frame_body(frame), &message) != 0)
        return;
    foreign_take(link->foreign, &message);
    link_session_acknowledge(mesh_link_frames(link->mesh_link), message.number);
}

static void port_end(void *owner, const char *reason)
{
    reference_link_fail(owner, reason, "the mesh has given the link up");
}

static void port_synced(void *owner)
{
    (void)owner;
}

/* What it says is taken at once. */
static void port_acknowledge(void *owner)
{
    (void)owner;
}

static void port_describe(const void *owner, struct link_status *out_status)
{
    reference_link_describe(owner, out_status);
}

const struct mesh_port reference_mesh_port = {
    .send = port_send,
    .end = port_end,
    .on_synced = port_synced,
    .acknowledge = port_acknowledge,
    .describe = port_describe,
};

/* --- from the translator -------------------------------------------------------------------------------- */

static void outlet_say(void *context, struct block *frame)
{
    reference_link_say(context, frame);
}

static void outlet_tell(void *context, const struct link_message *message)
{
    struct reference_link *link = context;
    int r;

    if (link->is_ending || !link->mesh_link)
        return;
    r = mesh_link_receive(link->mesh_link, message, federation_time(link->federation));
    if (r < 0)
        reference_link_fail(link, "out_of_memory", "no memory for what the other hub told");
    else if (r > 0)
        reference_link_fail(link, "malformed", "what the other hub told breaks the rules of the mesh");
}

static void outlet_wake(void *context)
{
    struct reference_link *link = context;

    loop_defer(link->federation->loop, &link->settled);
}

/* Our name of a channel of the foreign hub; false: it has none and does not cross. */
static bool name_here(const struct reference_link *link, struct bytes there, struct bridge_remap_room *room,
                      struct bytes *out_here)
{
    return bridge_remap_in(&link->bridge->policy->remap, there, room, out_here);
}

static bool outlet_lets(void *context, struct bytes channel)
{
    const struct reference_link *link = context;
    const struct bridge_policy *policy = link->bridge->policy;
    struct bridge_remap_room room;
    struct bytes here;

    return !bridge_policy_is_system(channel) && name_here(link, channel, &room, &here) &&
           (bridge_policy_lets(policy, BRIDGE_IN, BRIDGE_ALL_CLASSES, here) ||
            bridge_policy_lets(policy, BRIDGE_OUT, BRIDGE_ALL_CLASSES, here));
}

static bool outlet_has_passed(void *context, struct bytes channel, const struct message *message)
{
    const struct reference_link *link = context;
    struct bridge_remap_room room;
    struct bytes here;

    return name_here(link, channel, &room, &here) &&
           passage_is_repeated(link->federation->mesh, &link->peer, here, message);
}

static bool outlet_knows(void *context, const struct hub_id *hub)
{
    const struct reference_link *link = context;

    return mesh_reaches(link->federation->mesh, hub, NULL);
}

static struct bytes outlet_name_of(void *context, const struct hub_id *hub)
{
    const struct reference_link *link = context;

    return mesh_name_of(link->federation->mesh, hub);
}

static void outlet_refused(void *context, enum mesh_refusal refusal)
{
    const struct reference_link *link = context;

    mesh_refuse(link->federation->mesh, refusal);
}

static void outlet_warn(void *context, const char *event, const char *text)
{
    const struct reference_link *link = context;

    federation_warn(link->federation, event, text);
}

/* --- taking part ---------------------------------------------------------------------------------------- */

static size_t collect_names(const struct bridge_policy_filter *filter, const char **names, size_t n)
{
    for (size_t i = 0; i < filter->n_allow; i++) {
        if (!strchr(filter->allow[i], '*') && !bridge_policy_is_system(bytes_of_text(filter->allow[i])))
            names[n++] = filter->allow[i];
    }
    return n;
}

static int make_foreign(struct reference_link *link, uint64_t session)
{
    const struct foreign_outlet outlet = {outlet_say,        outlet_tell,  outlet_wake,    outlet_lets,
                                          outlet_has_passed, outlet_knows, outlet_name_of, outlet_refused,
                                          outlet_warn,       link};
    const struct bridge_policy *policy = link->bridge->policy;
    const char *names[3 * BRIDGE_MAX_PATTERNS];
    struct foreign_options options = {
        .client_id = bytes_of_text(link->connection.client_id),
        .server_id = bytes_of_text(link->server_id),
        .hub_id = link->peer,
        .incarnation = link->incarnation,
        .session = session,
        .has_members = link->release != RELEASE_0_1_5,
        .names = names,
    };

    options.n_names = collect_names(&policy->both, names, 0);
    options.n_names = collect_names(&policy->one_way[BRIDGE_IN], names, options.n_names);
    options.n_names = collect_names(&policy->one_way[BRIDGE_OUT], names, options.n_names);
    return foreign_new(&link->foreign, &options, &outlet, reference_link_now_ms(link));
}

/* Grows from one taking over to the next, on whatever hub: by the clock, and over what is known. */
static uint64_t next_incarnation(uint64_t known)
{
    uint64_t by_clock = clock_wall_ms() << 16 | (random_u64() & 0xffff);

    return by_clock > known ? by_clock : known + 1;
}

static void take_over(struct reference_link *link, uint64_t known_incarnation)
{
    struct mesh_link_options options = {
        .owner = link,
        .peer = link->peer,
        .peer_incarnation = link->incarnation,
        .session = random_u64() | 1,
        .cost = link->bridge->cost,
        .policy = link->bridge->policy,
    };
    int r;

    link->takeover_ms = 0;
    link->incarnation = next_incarnation(known_incarnation);
    r = make_foreign(link, options.session);
    if (r == 0)
        r = mesh_link_up(link->federation->mesh, &options, federation_time(link->federation),
                         &link->mesh_link);
    if (r != 0) {
        link->mesh_link = NULL;
        reference_link_fail(link, r > 0 ? "full" : "out_of_memory", "the hub has no room for another link");
        return;
    }
    if (link->state == LINK_UP || link->state == LINK_DEGRADED)
        reference_link_enter(link, link->state, "synced");
}

static void watch_for_other(struct reference_link *link)
{
    uint64_t incarnation;
    uint64_t now = reference_link_now_ms(link);

    mesh_reaches(link->federation->mesh, &link->peer, &incarnation);
    if (incarnation > link->incarnation) {
        reference_link_fail(link, "standby", "another hub of the mesh speaks for the same hub");
    } else if (now >= link->tick_ms) {
        link->tick_ms = now + TICK_MS;
        foreign_tick(link->foreign, now);
    }
}

void reference_mesh_begin(struct reference_link *link)
{
    uint64_t incarnation;

    if (!mesh_reaches(link->federation->mesh, &link->peer, &incarnation))
        take_over(link, incarnation);
}

void reference_mesh_consider(struct reference_link *link)
{
    uint64_t now = reference_link_now_ms(link);
    uint64_t incarnation;

    if (link->is_ending || !link->has_connection)
        return;
    if (link->foreign) {
        watch_for_other(link);
    } else if (mesh_reaches(link->federation->mesh, &link->peer, &incarnation)) {
        link->takeover_ms = 0;
    } else if (link->takeover_ms == 0) {
        link->takeover_ms = now + random_u64() % MOST_TAKEOVER_MS;
    } else if (now >= link->takeover_ms) {
        take_over(link, incarnation);
    }
}

void reference_mesh_settle(struct reference_link *link)
{
    if (link->foreign)
        foreign_settle(link->foreign);
}

void reference_mesh_leave(struct reference_link *link)
{
    struct mesh_link *mesh_link = link->mesh_link;
    struct foreign *foreign = link->foreign;

    link->mesh_link = NULL;
    link->foreign = NULL;
    link->takeover_ms = 0;
    if (mesh_link)
        mesh_link_down(mesh_link, federation_time(link->federation));
    foreign_free(foreign);
}
