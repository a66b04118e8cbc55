/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/credit.h"

#include "federation/holds.h"

/* What the far side grants is believed up to a quarter of what may be kept at all. */
#define CREDIT_SHARE 4U
#define WARN_AGAIN_MS 60000U
/* How a link's pace is measured: over so long at least, and forgotten by so much a time when it falls. */
#define PACE_MS 8U
#define PACE_DECAY 8U

static const uint32_t patience_ms[LINK_CLASS_COUNT] = {
    [LINK_CLASS_ONE] = CREDIT_ONE_PATIENCE_MS,
    [LINK_CLASS_MANY] = CREDIT_MANY_PATIENCE_MS,
};

/* Tells the far side of @link what it is granted now. */
static void tell(struct mesh_link *link)
{
    if (link->mesh->outlet.acknowledge && !link->is_cut && !link->is_ending)
        link->mesh->outlet.acknowledge(link->mesh->outlet.context, link->owner);
}

static void overdraft_is_over(struct waiter *waiter)
{
    list_unlink(&waiter->in_line);
    tell(container_of(waiter, struct mesh_link, overdraft));
}

void credit_begin(struct mesh_link *link)
{
    for (unsigned i = 0; i < LINK_CLASS_COUNT; i++) {
        link->credits[i].granted = UINT64_MAX;
        list_init(&link->credits[i].line);
    }
    list_init(&link->overdraft.in_line);
    link->overdraft.go = overdraft_is_over;
}

/* --- bounds --------------------------------------------------------------------------------------------- */

static uint64_t bound_of(const struct mesh_link *link)
{
    uint64_t limit = link->policy ? link->policy->limits.queue_bytes : 0;

    return limit > 0 ? limit : BRIDGE_DEFAULT_QUEUE_BYTES;
}

bool credit_is_overrun(const struct mesh_link *link)
{
    return link->frames.kept_bytes > bound_of(link);
}

/* What may be under way: a link with a low bound holds before it refuses, and so does one that is cut. */
static uint64_t credit_of(const struct mesh_link *link, enum link_class class)
{
    uint64_t most = bound_of(link) / CREDIT_SHARE;

    if (link->is_cut && most > CREDIT_LEAST_BYTES)
        most = CREDIT_LEAST_BYTES;
    return link->credits[class].granted < most ? link->credits[class].granted : most;
}

/* Whether it carries something, but less than its producers bring. */
static bool is_slow(const struct mesh_link *link)
{
    return !link->is_cut && link->credits[LINK_CLASS_MANY].is_stalled &&
           link->mesh->time.now_ms - link->progress_ms < CREDIT_MANY_PATIENCE_MS;
}

/* An eighth is left to control; messages for many leave half to those for one. */
static bool has_room(const struct mesh_link *link, enum link_class class, size_t bytes)
{
    uint64_t bound = bound_of(link);
    uint64_t most_for_many = is_slow(link) ? credit_of(link, LINK_CLASS_MANY) : bound / 2;

    return link->frames.kept_bytes + bytes <= bound - bound / 8 &&
           (class != LINK_CLASS_MANY || link->frames.kept_bytes_of[class] + bytes <= most_for_many);
}

static bool has_room_while_cut(const struct mesh_link *link, size_t bytes)
{
    uint64_t limit = link->policy ? link->policy->limits.resend_bytes : 0;

    if (limit == 0)
        limit = BRIDGE_DEFAULT_RESEND_BYTES;
    return link->frames.kept_bytes + bytes <= link->cut_bytes + limit;
}

/* Tells it once, and again when there has been room for a while. */
static void become_full(struct mesh_link *link, enum link_class class)
{
    struct credit *credit = &link->credits[class];
    uint64_t now_ms = link->mesh->time.now_ms;
    static const char *const texts[LINK_CLASS_COUNT] = {
        [LINK_CLASS_ONE] =
            "the other hub does not keep up: calls, sends and answers to it are refused until it does",
        [LINK_CLASS_MANY] =
            "the other hub does not keep up: broadcasts and publishes to it are dropped until it does",
    };

    if (credit->full_ms == 0 || now_ms - credit->full_ms > WARN_AGAIN_MS)
        mesh_warn_of_link(link, "link_full", texts[class]);
    credit->full_ms = now_ms;
}

enum mesh_refusal credit_judge(struct mesh_link *link, enum link_class class, size_t bytes)
{
    enum mesh_refusal refusal = MESH_REFUSAL_COUNT;

    if (!has_room(link, class, bytes))
        refusal = MESH_REFUSED_LINK_FULL;
    else if (link->is_cut && !has_room_while_cut(link, bytes))
        refusal = MESH_REFUSED_HELD_TOO_MUCH;
    if (refusal == MESH_REFUSED_LINK_FULL)
        become_full(link, class);
    link->credits[class].n_refused += refusal != MESH_REFUSAL_COUNT;
    return refusal;
}

/* --- spending ------------------------------------------------------------------------------------------- */

/* The link that has brought it grants nothing more. */
static void overdraw(struct mesh_link *by, struct mesh_link *link)
{
    if (!list_is_empty(&by->overdraft.in_line))
        return;
    list_append(&link->credits[LINK_CLASS_ONE].line, &by->overdraft.in_line);
    tell(by);
}

void credit_spent(struct mesh_link *link, const struct link_message *message)
{
    enum link_class class = link_wire_class(message);
    struct credit *credit = &link->credits[class];
    struct mesh_link *by = link->mesh->bringing;
    uint64_t under_way = link->frames.kept_bytes_of[class];
    bool is_first = list_is_empty(&credit->line);

    if (class == LINK_CLASS_CONTROL || under_way <= credit_of(link, class) || credit->is_stalled)
        return;
    if (is_first)
        credit->since_ms = link->mesh->time.now_ms;
    holds_producer(link->mesh, &credit->line, message);
    if (is_first && !list_is_empty(&credit->line)) {
        credit->n_waits++;
        link->mesh->counts.link_waits[class]++;
    }
    if (class == LINK_CLASS_ONE && by && by != link && under_way / CREDIT_OVERDRAFT > credit_of(link, class))
        overdraw(by, link);
}

/* --- earning -------------------------------------------------------------------------------------------- */

static void earn(struct mesh_link *link, enum link_class class)
{
    struct credit *credit = &link->credits[class];

    if (link->frames.kept_bytes_of[class] > credit_of(link, class) / 2)
        return;
    credit->is_stalled = false;
    waiters_go(&credit->line);
}

void credit_earned(struct mesh_link *link)
{
    earn(link, LINK_CLASS_ONE);
    earn(link, LINK_CLASS_MANY);
}

/* For one nobody gives up a link that is slow. */
static uint64_t waits_since_ms(const struct mesh_link *link, enum link_class class)
{
    uint64_t since_ms = link->credits[class].since_ms;

    return class == LINK_CLASS_ONE && link->progress_ms > since_ms ? link->progress_ms : since_ms;
}

static void look_at(struct mesh_link *link, enum link_class class)
{
    struct credit *credit = &link->credits[class];

    if (list_is_empty(&credit->line) ||
        link->mesh->time.now_ms - waits_since_ms(link, class) < patience_ms[class])
        return;
    credit->is_stalled = true;
    waiters_go(&credit->line);
}

void credit_look(struct mesh *mesh)
{
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (!mesh->links[slot])
            continue;
        look_at(mesh->links[slot], LINK_CLASS_ONE);
        look_at(mesh->links[slot], LINK_CLASS_MANY);
    }
}

void credit_forgo(struct mesh_link *link)
{
    waiters_go(&link->credits[LINK_CLASS_ONE].line);
    waiters_go(&link->credits[LINK_CLASS_MANY].line);
    list_unlink(&link->overdraft.in_line);
}

struct link_flow credit_flow(const struct mesh_link *link, enum link_class class)
{
    const struct credit *credit = &link->credits[class];
    struct link_flow flow = {
        .credit_bytes = credit_of(link, class),
        .under_way_bytes = link->frames.kept_bytes_of[class],
        .is_stalled = credit->is_stalled,
        .n_waits = credit->n_waits,
        .n_refused = credit->n_refused,
    };

    for (const struct list *at = credit->line.next; at != &credit->line; at = at->next)
        flow.n_waiting++;
    return flow;
}

/* --- granting ------------------------------------------------------------------------------------------- */

void credit_measure(struct mesh_link *link)
{
    struct link_pace *pace = &link->pace;
    uint64_t elapsed_ms = link->mesh->time.now_ms - pace->since_ms;
    uint64_t bytes_per_ms;

    pace->bytes += link->frames.untold_bytes;
    if (elapsed_ms < PACE_MS)
        return;
    bytes_per_ms = pace->bytes / elapsed_ms;
    pace->bytes_per_ms -= pace->bytes_per_ms / PACE_DECAY;
    if (bytes_per_ms > pace->bytes_per_ms)
        pace->bytes_per_ms = bytes_per_ms;
    pace->since_ms = link->mesh->time.now_ms;
    pace->bytes = 0;
}

uint64_t credit_grant(const struct mesh_link *link, enum link_class class, uint64_t rtt_us)
{
    uint64_t bytes = CREDIT_LEAST_BYTES + rtt_us / 1000 * CREDIT_BYTES_PER_MS;

    if (class == LINK_CLASS_ONE && !list_is_empty(&link->overdraft.in_line))
        return 0;
    if (bytes < link->pace.bytes_per_ms * CREDIT_AHEAD_MS)
        bytes = link->pace.bytes_per_ms * CREDIT_AHEAD_MS;
    return bytes < CREDIT_MOST_BYTES ? bytes : CREDIT_MOST_BYTES;
}
