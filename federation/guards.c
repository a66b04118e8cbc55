/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Three tables: the guards by channel, each with the set of links on which it is proven; for each link the
 * proofs that are expected from its far side; and for each link those that were heard. Proven is what is in
 * both of the latter.
 *
 * Whatever changes the answer of guards_let() ends in review(): ways that lead over a link which is not
 * proven any more are dropped, and all routes of the channel are told anew, that is told or withdrawn, link
 * by link, as may be now.
 */
#include "federation/guards.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "federation/advertise.h"
#include "federation/crossing.h"
#include "federation/offering.h"

#define PROOF_BYTES LINK_WIRE_CHANNEL_PROOF_BYTES
/* Proofs in one message: half of what a frame may have before the proof of the link, which is small anyway.
 */
#define MAX_BATCH 1024U
/* Records of channels that a far side does not prove, at one sync; a mesh may guard thousands. */
#define MAX_TOLD 16U

struct guard {
    struct map_node by_channel;
    struct list expected; /* of all links */
    struct link_set proven;
    struct link_set refused;    /* something of it was refused by this link; told once */
    struct link_set wants_tale; /* likewise, and it is to be asked for when the guard is lifted */
    bool has_secret;
    bool has_key;
    bool is_asked; /* for its key */
    bool is_under_review;
    uint8_t secret[MESH_SECRET_BYTES];
    uint8_t key[MESH_SECRET_BYTES];
    struct bytes channel;
    uint8_t channel_bytes[];
};

struct expected_proof {
    struct map_node node;
    struct list in_guard;
    struct mesh_link *link;
    struct guard *guard;
    uint8_t proof[PROOF_BYTES];
};

struct heard_proof {
    struct map_node node;
    uint8_t proof[PROOF_BYTES];
};

static struct guard *find(const struct mesh *mesh, struct bytes channel)
{
    struct map_node *node = mesh->guards.n_nodes ? map_find(&mesh->guards, channel) : NULL;

    return node ? container_of(node, struct guard, by_channel) : NULL;
}

bool guards_has(const struct mesh *mesh, struct bytes channel)
{
    return find(mesh, channel) != NULL;
}

bool guards_let(const struct mesh_link *link, struct bytes channel)
{
    const struct guard *guard = find(link->mesh, channel);

    return guard ? link_set_has(&guard->proven, link->slot) : !link->mesh->lacks_guard;
}

static void tell(const struct mesh_link *link, const struct guard *guard, enum mesh_channel_word word)
{
    const struct mesh_outlet *outlet = &link->mesh->outlet;

    if (outlet->on_channel && !link->lingers)
        outlet->on_channel(outlet->context, link->owner, guard->channel, word);
}

/* A channel that is not proven is told of unless the bridge's filter holds it back anyway. */
static bool tell_why_not(const struct mesh_link *link, const struct guard *guard)
{
    if (!crossing_lets_channel(link, guard->channel))
        return false;
    tell(link, guard, crossing_renames(link, guard->channel) ? MESH_CHANNEL_RENAMED : MESH_CHANNEL_UNPROVEN);
    return true;
}

void guards_refused(struct mesh_link *link, struct bytes channel)
{
    struct guard *guard = find(link->mesh, channel);

    if (!guard)
        return;
    link_set_add(&guard->wants_tale, link->slot);
    if (link_set_has(&guard->refused, link->slot))
        return;
    link_set_add(&guard->refused, link->slot);
    tell(link, guard, MESH_CHANNEL_REFUSED);
}

/* --- proofs --------------------------------------------------------------------------------------------- */

/* Every part has a fixed length, so that no two proofs read alike. */
static bool make_proof(const struct guard *guard, const struct mesh_link *link, bool is_ours,
                       uint8_t out_proof[PROOF_BYTES])
{
    static const char label[] = "commhub channel proof ";
    const struct hub_id *prover = is_ours ? &link->mesh->id : &link->peer;
    const struct hub_id *verifier = is_ours ? &link->peer : &link->mesh->id;
    uint8_t text[sizeof label - 1 + 8 + 2 * HUB_ID_BYTES];
    uint8_t *at = text;

    memcpy(at, label, sizeof label - 1);
    at += sizeof label - 1;
    for (size_t i = 0; i < 8; i++)
        *at++ = (uint8_t)(link->session >> (56 - 8 * i));
    memcpy(at, prover->octets, HUB_ID_BYTES);
    memcpy(at + HUB_ID_BYTES, verifier->octets, HUB_ID_BYTES);
    return HMAC(EVP_sha256(), guard->key, sizeof guard->key, text, sizeof text, out_proof, NULL) != NULL;
}

static void forget_expected(struct expected_proof *expected)
{
    map_remove(&expected->link->expected_proofs, &expected->node);
    list_unlink(&expected->in_guard);
    free(expected);
}

static bool expect(struct mesh_link *link, struct guard *guard)
{
    struct expected_proof *expected = calloc(1, sizeof *expected);

    if (!expected)
        return false;
    expected->link = link;
    expected->guard = guard;
    if (!make_proof(guard, link, false, expected->proof) ||
        map_insert(&link->expected_proofs, &expected->node, bytes_of(expected->proof, PROOF_BYTES)) < 0) {
        free(expected);
        return false;
    }
    list_append(&guard->expected, &expected->in_guard);
    if (map_find(&link->heard_proofs, bytes_of(expected->proof, PROOF_BYTES)))
        link_set_add(&guard->proven, link->slot);
    return true;
}

static void send_proofs(struct mesh_link *link, struct buffer *proofs, enum link_message_type type)
{
    struct link_message message = {.type = type};

    if (proofs->len == 0 || link->is_ending)
        return;
    message.channel_proofs = buffer_bytes(proofs);
    mesh_send(link, &message);
    proofs->len = 0;
}

/* Ours goes out, and theirs is expected; a link that could not be told would stay unproven without a word. */
static void introduce(struct mesh_link *link, struct guard *guard, struct buffer *proofs)
{
    uint8_t proof[PROOF_BYTES];

    if (link->is_ending || !guard->has_key || !crossing_lets_channel(link, guard->channel) ||
        crossing_renames(link, guard->channel))
        return;
    if (!make_proof(guard, link, true, proof) || buffer_append(proofs, proof, PROOF_BYTES) < 0 ||
        !expect(link, guard)) {
        mesh_end_link(link, "out_of_memory");
        return;
    }
    if (proofs->len >= MAX_BATCH * PROOF_BYTES)
        send_proofs(link, proofs, LINK_MESSAGE_PROVE);
}

/* Wherever it was introduced, it is taken back. */
static void take_back(struct guard *guard)
{
    list_for_each (at, &guard->expected) {
        struct expected_proof *expected = container_of(at, struct expected_proof, in_guard);
        struct mesh_link *link = expected->link;
        struct link_message message = {.type = LINK_MESSAGE_UNPROVE};
        uint8_t proof[PROOF_BYTES];

        if (make_proof(guard, link, true, proof)) {
            message.channel_proofs = bytes_of(proof, PROOF_BYTES);
            if (!link->is_ending)
                mesh_send(link, &message);
        } else {
            mesh_end_link(link, "out_of_memory");
        }
        forget_expected(expected);
    }
    guard->proven = (struct link_set){0};
}

/* --- what a change means for the routes ----------------------------------------------------------------- */

static void drop_unproven(struct mesh *mesh, struct guard *guard, struct route *route)
{
    list_for_each (at, &route->candidates) {
        struct candidate *candidate = container_of(at, struct candidate, in_route);

        if (!candidate->link || guards_let(candidate->link, route->channel))
            continue;
        link_set_add(&guard->wants_tale, candidate->link->slot);
        mesh_drop_way(mesh, candidate);
    }
    mesh_route_changed(mesh, route);
}

static void mark_for_review(struct mesh *mesh, struct guard *guard)
{
    guard->is_under_review = true;
    mesh->has_review = true;
}

struct reviewing {
    struct mesh *mesh;
    struct mesh_link *link;
};

static void review_route(struct map_node *node, void *context)
{
    struct reviewing *reviewing = context;
    struct route *route = container_of(node, struct route, by_key);
    struct guard *guard = find(reviewing->mesh, route->channel);

    if (!guard || !guard->is_under_review)
        return;
    drop_unproven(reviewing->mesh, guard, route);
    if (reviewing->link)
        advertise_route(reviewing->link, route);
    else
        mesh_mark_untold(reviewing->mesh, route);
}

static void end_review(struct map_node *node, void *context)
{
    (void)context;
    container_of(node, struct guard, by_channel)->is_under_review = false;
}

/* @link: the only one on which something has changed; NULL: perhaps on all. */
static void review(struct mesh *mesh, struct mesh_link *link)
{
    struct reviewing reviewing = {.mesh = mesh, .link = link};

    if (!mesh->has_review)
        return;
    mesh->has_review = false;
    map_walk(&mesh->table.by_key, review_route, &reviewing);
    map_walk(&mesh->guards, end_review, NULL);
}

/* --- passwords come and go ------------------------------------------------------------------------------ */

static unsigned count_links(const struct mesh *mesh)
{
    unsigned n = 0;

    for (unsigned slot = 0; slot < mesh->n_slots; slot++)
        n += mesh->links[slot] != NULL;
    return n;
}

/* Stretching costs; a hub without links has no use for it. */
static void ask_for_key(struct mesh *mesh, struct guard *guard)
{
    if (guard->has_key || guard->is_asked || !guard->has_secret || count_links(mesh) == 0)
        return;
    guard->is_asked = true;
    mesh->outlet.stretch(mesh->outlet.context, guard->channel, guard->secret);
}

static struct guard *make(struct mesh *mesh, struct bytes channel)
{
    struct guard *guard = calloc(1, sizeof *guard + channel.len);

    if (!guard)
        return NULL;
    memcpy(guard->channel_bytes, channel.ptr, channel.len);
    guard->channel = bytes_of(guard->channel_bytes, channel.len);
    list_init(&guard->expected);
    if (map_insert(&mesh->guards, &guard->by_channel, guard->channel) < 0) {
        free(guard);
        return NULL;
    }
    return guard;
}

static void forget(struct mesh *mesh, struct guard *guard)
{
    map_remove(&mesh->guards, &guard->by_channel);
    explicit_bzero(guard->secret, sizeof guard->secret);
    explicit_bzero(guard->key, sizeof guard->key);
    free(guard);
}

/* A guarded channel that is not known as one would be told to everybody: until it is, nothing is told. */
static void lose(struct mesh *mesh)
{
    mesh->lacks_guard = true;
    mesh->is_incomplete = true;
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        if (mesh->links[slot])
            mesh_end_link(mesh->links[slot], "out_of_memory");
    }
    mesh_wake(mesh);
}

void guards_set(struct mesh *mesh, struct bytes channel, const uint8_t *secret)
{
    struct guard *guard = find(mesh, channel);

    if (!guard)
        guard = make(mesh, channel);
    if (!guard) {
        lose(mesh);
        return;
    }
    /* The core is being observed anew. */
    if (secret && guard->has_secret && memcmp(guard->secret, secret, sizeof guard->secret) == 0)
        return;
    take_back(guard);
    explicit_bzero(guard->key, sizeof guard->key);
    guard->has_key = false;
    guard->is_asked = false;
    guard->has_secret = secret != NULL;
    if (secret)
        memcpy(guard->secret, secret, sizeof guard->secret);
    guard->refused = (struct link_set){0};
    mark_for_review(mesh, guard);
    offering_reconsider_channel(mesh, channel);
    review(mesh, NULL);
    ask_for_key(mesh, guard);
}

static void ask_for_tale(struct mesh *mesh, const struct guard *guard)
{
    struct link_message message = {.type = LINK_MESSAGE_AGAIN, .channel = guard->channel};

    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (link && !link->is_ending && link_set_has(&guard->wants_tale, slot))
            mesh_send(link, &message);
    }
}

void guards_unset(struct mesh *mesh, struct bytes channel)
{
    struct guard *guard = find(mesh, channel);

    if (!guard)
        return;
    take_back(guard);
    mark_for_review(mesh, guard);
    for (unsigned slot = 0; slot < mesh->n_slots; slot++)
        link_set_add(&guard->proven, slot);
    offering_reconsider_channel(mesh, channel);
    review(mesh, NULL);
    ask_for_tale(mesh, guard);
    forget(mesh, guard);
}

void guards_take_key(struct mesh *mesh, struct bytes channel, const uint8_t *secret, const uint8_t *key)
{
    struct guard *guard = find(mesh, channel);
    struct buffer proofs;

    if (!guard || guard->has_key || !guard->has_secret ||
        memcmp(guard->secret, secret, sizeof guard->secret) != 0)
        return;
    memcpy(guard->key, key, sizeof guard->key);
    guard->has_key = true;
    buffer_init(&proofs);
    for (unsigned slot = 0; slot < mesh->n_slots; slot++) {
        struct mesh_link *link = mesh->links[slot];

        if (!link)
            continue;
        introduce(link, guard, &proofs);
        send_proofs(link, &proofs, LINK_MESSAGE_PROVE);
        if (link_set_has(&guard->proven, slot))
            tell(link, guard, MESH_CHANNEL_PROVEN);
        else if (link->is_synced)
            tell_why_not(link, guard);
    }
    buffer_clear(&proofs);
    mark_for_review(mesh, guard);
    review(mesh, NULL);
}

/* --- links ---------------------------------------------------------------------------------------------- */

struct introduction {
    struct mesh_link *link;
    struct buffer proofs;
};

static void introduce_guard(struct map_node *node, void *context)
{
    struct introduction *introduction = context;
    struct guard *guard = container_of(node, struct guard, by_channel);

    ask_for_key(introduction->link->mesh, guard);
    introduce(introduction->link, guard, &introduction->proofs);
}

void guards_link_up(struct mesh_link *link)
{
    struct introduction introduction = {.link = link};

    map_init(&link->expected_proofs);
    map_init(&link->heard_proofs);
    buffer_init(&introduction.proofs);
    map_walk(&link->mesh->guards, introduce_guard, &introduction);
    send_proofs(link, &introduction.proofs, LINK_MESSAGE_PROVE);
    buffer_clear(&introduction.proofs);
}

static void forget_slot(struct map_node *node, void *context)
{
    const struct mesh_link *link = context;
    struct guard *guard = container_of(node, struct guard, by_channel);

    link_set_remove(&guard->proven, link->slot);
    link_set_remove(&guard->refused, link->slot);
    link_set_remove(&guard->wants_tale, link->slot);
}

static void forget_expected_node(struct map_node *node, void *context)
{
    (void)context;
    forget_expected(container_of(node, struct expected_proof, node));
}

static void forget_heard_node(struct map_node *node, void *context)
{
    struct mesh_link *link = context;

    map_remove(&link->heard_proofs, node);
    free(container_of(node, struct heard_proof, node));
}

void guards_link_down(struct mesh_link *link)
{
    map_walk(&link->expected_proofs, forget_expected_node, NULL);
    map_walk(&link->heard_proofs, forget_heard_node, link);
    map_clear(&link->expected_proofs);
    map_clear(&link->heard_proofs);
    map_walk(&link->mesh->guards, forget_slot, link);
}

struct unproven_tale {
    struct mesh_link *link;
    unsigned n_told;
};

static void tell_if_unproven(struct map_node *node, void *context)
{
    struct unproven_tale *tale = context;
    struct guard *guard = container_of(node, struct guard, by_channel);

    if (!guard->has_key || link_set_has(&guard->proven, tale->link->slot) || tale->n_told == MAX_TOLD)
        return;
    if (tell_why_not(tale->link, guard))
        tale->n_told++;
}

void guards_link_synced(struct mesh_link *link)
{
    struct unproven_tale tale = {.link = link};

    if (link->is_synced)
        return;
    link->is_synced = true;
    map_walk(&link->mesh->guards, tell_if_unproven, &tale);
}

static void hear_one(struct mesh_link *link, struct bytes proof)
{
    struct map_node *expected = map_find(&link->expected_proofs, proof);
    struct heard_proof *heard;
    struct guard *guard;

    if (map_find(&link->heard_proofs, proof))
        return;
    if (link->heard_proofs.n_nodes >= GUARDS_MAX_HEARD) {
        mesh_refuse(link->mesh, MESH_REFUSED_OVER_LIMIT);
        return;
    }
    heard = calloc(1, sizeof *heard);
    if (!heard) {
        mesh_end_link(link, "out_of_memory");
        return;
    }
    memcpy(heard->proof, proof.ptr, PROOF_BYTES);
    if (map_insert(&link->heard_proofs, &heard->node, bytes_of(heard->proof, PROOF_BYTES)) < 0) {
        free(heard);
        mesh_end_link(link, "out_of_memory");
        return;
    }
    if (!expected)
        return;
    guard = container_of(expected, struct expected_proof, node)->guard;
    link_set_add(&guard->proven, link->slot);
    mark_for_review(link->mesh, guard);
    tell(link, guard, MESH_CHANNEL_PROVEN);
}

static void unhear_one(struct mesh_link *link, struct bytes proof)
{
    struct map_node *expected = map_find(&link->expected_proofs, proof);
    struct map_node *heard = map_find(&link->heard_proofs, proof);
    struct guard *guard;

    if (!heard)
        return;
    map_remove(&link->heard_proofs, heard);
    free(container_of(heard, struct heard_proof, node));
    if (!expected)
        return;
    guard = container_of(expected, struct expected_proof, node)->guard;
    link_set_remove(&guard->proven, link->slot);
    mark_for_review(link->mesh, guard);
    tell(link, guard, MESH_CHANNEL_UNPROVEN);
}

int guards_hear(struct mesh_link *link, struct bytes proofs, bool is_proven)
{
    if (proofs.len == 0 || proofs.len % PROOF_BYTES != 0 || proofs.len > MAX_BATCH * PROOF_BYTES)
        return MESH_E_BAD_MESSAGE;
    for (size_t at = 0; at < proofs.len; at += PROOF_BYTES) {
        struct bytes proof = bytes_of(proofs.ptr + at, PROOF_BYTES);

        if (is_proven)
            hear_one(link, proof);
        else
            unhear_one(link, proof);
    }
    review(link->mesh, link);
    return 0;
}

struct retelling {
    struct mesh_link *link;
    struct bytes channel;
};

static void tell_route_again(struct map_node *node, void *context)
{
    struct retelling *retelling = context;
    struct route *route = container_of(node, struct route, by_key);

    if (bytes_equal(route->channel, retelling->channel))
        advertise_route(retelling->link, route);
}

void guards_tell_again(struct mesh_link *link, struct bytes channel)
{
    struct retelling retelling = {.link = link, .channel = channel};

    map_walk(&link->mesh->table.by_key, tell_route_again, &retelling);
}

/* --- for the eye ---------------------------------------------------------------------------------------- */

struct guards_counting {
    const struct mesh_link *link;
    struct mesh_link_guards counts;
};

static void count(struct map_node *node, void *context)
{
    struct guards_counting *counting = context;
    const struct guard *guard = container_of(node, struct guard, by_channel);

    if (link_set_has(&guard->proven, counting->link->slot))
        counting->counts.n_proven++;
    else
        counting->counts.n_unproven++;
}

struct mesh_link_guards guards_count(const struct mesh_link *link)
{
    struct guards_counting counting = {.link = link};

    map_walk((struct map *)&link->mesh->guards, count, &counting);
    counting.counts.n_foreign = link->heard_proofs.n_nodes - counting.counts.n_proven;
    return counting.counts;
}

static void forget_node(struct map_node *node, void *context)
{
    forget(context, container_of(node, struct guard, by_channel));
}

void guards_clear(struct mesh *mesh)
{
    map_walk(&mesh->guards, forget_node, mesh);
    map_clear(&mesh->guards);
}
