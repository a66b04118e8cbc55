/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_handshake.h"

#include <stdio.h>

#include "federation/link_resume.h"
#include "federation/link_state.h"
#include "federation/trial.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"

#define HANDSHAKE_MS 10000U
/* Hellos notice sooner that nothing passes; a reader that pauses may take a while. */
#define STUCK_MS 10000U

void link_handshake_begin(struct link *link)
{
    link->handshake = link->role == LINK_ROLE_DIALER ? LINK_AWAIT_CHALLENGE : LINK_AWAIT_PROOF;
    link->is_ending = false;
    link->was_refused = false;
    link->asked = (struct link_resume){0};
    link->granted = (struct link_resume){0};
    link->rtt_us = -1;
    link->unanswered_ms = 0;
    link->last_hello_us = 0;
    link->heard_ms = link_now_ms(link);
    stream_set_patience(link->stream, STUCK_MS);
    random_fill(link->own_nonce, sizeof link->own_nonce);
    link_arm(link, HANDSHAKE_MS);
}

static struct link_greeting own_greeting(const struct link *link)
{
    const struct federation *federation = link->federation;

    return (struct link_greeting){
        .version = LINK_WIRE_VERSION,
        .hub_id = federation->hub_id,
        .incarnation = federation->incarnation,
        .run = federation->run,
        .max_frame = federation->max_frame_bytes,
        .server_id = bytes_of_text(federation->server_id),
        .nonce = bytes_of(link->own_nonce, sizeof link->own_nonce),
    };
}

void link_handshake_greet(struct link *link)
{
    struct link_message message = {.type = LINK_MESSAGE_GREETING, .greeting = own_greeting(link)};

    link->greeted_us = clock_monotonic_us();
    link_write(link, &message);
}

static bool has_nonce(const struct link *link, struct bytes nonce)
{
    return bytes_equal(bytes_of(link->own_nonce, sizeof link->own_nonce), nonce);
}

/* A copy of our data may run at our own start count; but only a link of ours greets with a nonce of ours. */
static bool is_own_nonce(const struct federation *federation, struct bytes nonce)
{
    list_for_each (at, &federation->links) {
        if (has_nonce(container_of(at, struct link, in_federation), nonce))
            return true;
    }
    list_for_each (at, &federation->trials) {
        const struct link *link = trial_link(at);

        if (link && has_nonce(link, nonce))
            return true;
    }
    return false;
}

/* What is wrong with the hub that has sent this greeting to us; LINK_REFUSAL_COUNT: nothing. */
static enum link_refusal_reason judge_peer(const struct federation *federation,
                                           const struct link_greeting *greeting)
{
    if (greeting->version != LINK_WIRE_VERSION)
        return LINK_REFUSAL_VERSION;
    if (hub_id_equal(&greeting->hub_id, &federation->hub_id))
        return is_own_nonce(federation, greeting->nonce) ? LINK_REFUSAL_ITSELF
                                                         : LINK_REFUSAL_DUPLICATE_HUB_ID;
    if (bytes_equal_text(greeting->server_id, federation->server_id))
        return LINK_REFUSAL_DUPLICATE_SERVER_ID;
    if (mesh_has_other_run(federation->mesh, &greeting->hub_id, greeting->incarnation, greeting->run))
        return LINK_REFUSAL_HUB_ID_IN_MESH;
    return LINK_REFUSAL_COUNT;
}

/* Certificates have proven both sides: an empty secret. What remains of the proofs still binds the session.
 */
static struct bytes secret_of(const struct link *link)
{
    const struct bridge *bridge = link->bridge;

    if (bridge && bridge->secret)
        return bytes_of_text(bridge->secret);
    if (link->is_certified || (bridge && bridge_is_certified(bridge)))
        return BYTES_LITERAL("");
    return bytes_of_text(link->federation->link_secret);
}

static bool has_proof(const struct link *link)
{
    return secret_of(link).len > 0 || link->trust == LINK_TRUST_CERTIFICATE ||
           (link->bridge && bridge_is_certified(link->bridge));
}

void link_handshake_secured(struct link *link)
{
    const char *wanted = link->bridge ? link->bridge->pinned_name : NULL;
    char text[FEDERATION_DETAIL_SIZE];

    if (!wanted || stream_peer_bears(link->stream, wanted)) {
        link_begin_step(link, LINK_STEP_HANDSHAKE);
        link_handshake_greet(link);
        return;
    }
    snprintf(text, sizeof text,
             "the other hub's certificate bears the name %.50s, not the pinned %.50s: correct "
             "tls.pinned_name, or give that hub another certificate",
             stream_peer_name(link->stream), wanted);
    link->was_refused = true;
    link_fail(link, "pinned_name", text);
}

/* Takes in who the far side says it is; false: it was refused. */
static bool meet(struct link *link, const struct link_greeting *greeting)
{
    enum link_refusal_reason fault = judge_peer(link->federation, greeting);

    link->has_peer = true;
    link->peer = greeting->hub_id;
    link->peer_incarnation = greeting->incarnation;
    link->peer_run = greeting->run;
    link->peer_max_frame = greeting->max_frame;
    snprintf(link->peer_server_id, sizeof link->peer_server_id, "%.*s", (int)greeting->server_id.len,
             (const char *)greeting->server_id.ptr);
    memcpy(link->peer_nonce, greeting->nonce.ptr, sizeof link->peer_nonce);
    if (!has_proof(link))
        fault = LINK_REFUSAL_NOT_ENABLED;
    if (fault != LINK_REFUSAL_COUNT)
        link_refuse(link, fault);
    return fault == LINK_REFUSAL_COUNT;
}

static struct link_proof_parties parties_of(const struct link *link)
{
    struct link_greeting own = own_greeting(link);
    struct link_greeting peer = {
        .version = LINK_WIRE_VERSION,
        .hub_id = link->peer,
        .incarnation = link->peer_incarnation,
        .run = link->peer_run,
        .server_id = bytes_of_text(link->peer_server_id),
        .nonce = bytes_of(link->peer_nonce, sizeof link->peer_nonce),
    };
    bool is_dialer = link->role == LINK_ROLE_DIALER;

    return (struct link_proof_parties){
        .dialer = is_dialer ? own : peer,
        .acceptor = is_dialer ? peer : own,
        .cost = link->cost,
        .asked = link->asked,
        .granted = link->granted,
        .is_trial = link->is_tried,
    };
}

static void send_proof(struct link *link)
{
    struct link_proof_parties parties = parties_of(link);
    bool is_dialer = link->role == LINK_ROLE_DIALER;
    struct link_message message = {
        .type = is_dialer ? LINK_MESSAGE_PROOF : LINK_MESSAGE_ACCEPT,
        .proven.is_trial = link->is_tried,
    };
    uint8_t proof[LINK_PROOF_BYTES];

    if (link->is_tried && !is_dialer)
        parties.release = bytes_of_text(link->federation->version);
    if (link_proof_make(secret_of(link), link->role, &parties, proof) < 0) {
        link_refuse(link, LINK_REFUSAL_OUT_OF_MEMORY);
        return;
    }
    message.proven.proof = bytes_of(proof, sizeof proof);
    message.proven.cost = link->cost;
    message.proven.release = parties.release;
    message.proven.resume = is_dialer ? link->asked : link->granted;
    link_write(link, &message);
}

/* LINK_REFUSAL_COUNT: it is right. */
static enum link_refusal_reason judge_proof(const struct link *link, const struct link_proven *given)
{
    struct link_proof_parties parties = parties_of(link);
    enum link_role far = link->role == LINK_ROLE_DIALER ? LINK_ROLE_ACCEPTOR : LINK_ROLE_DIALER;
    uint8_t expected[LINK_PROOF_BYTES];

    parties.release = given->release;
    if (link_proof_make(secret_of(link), far, &parties, expected) < 0)
        return LINK_REFUSAL_OUT_OF_MEMORY;
    return link_proof_matches(expected, given->proof) ? LINK_REFUSAL_COUNT : LINK_REFUSAL_WRONG_SECRET;
}

/* Whether the far side's proof is right; refused if not. */
static bool verify(struct link *link, const struct link_proven *given)
{
    enum link_refusal_reason fault;

    link->is_certified = false;
    fault = judge_proof(link, given);
    /* A hub that is known by its certificate uses a secret only if its operator has given it one. */
    if (fault == LINK_REFUSAL_WRONG_SECRET && link->trust == LINK_TRUST_CERTIFICATE) {
        link->is_certified = true;
        fault = judge_proof(link, given);
    }
    if (fault != LINK_REFUSAL_COUNT)
        link_refuse(link, fault);
    return fault == LINK_REFUSAL_COUNT;
}

static void begin_session(struct link *link)
{
    struct link_proof_parties parties = parties_of(link);
    uint64_t session;

    if (link_proof_session(secret_of(link), &parties, &session) < 0)
        link_refuse(link, LINK_REFUSAL_OUT_OF_MEMORY);
    else
        link_proven(link, session);
}

static void hear_challenge(struct link *link, const struct link_greeting *greeting)
{
    if (!meet(link, greeting))
        return;
    link->cost = link->bridge->cost;
    link->handshake = LINK_AWAIT_ACCEPT;
    link_begin_step(link, LINK_STEP_PROOF);
    link->is_tried = link_trial(link) != NULL;
    link->asked = link_resume_ask(link);
    send_proof(link);
}

static void hear_accept(struct link *link, const struct link_proven *proven)
{
    link->granted = proven->resume;
    if (!verify(link, proven))
        return;
    if (link->is_tried) {
        link->is_ending = true;
        trial_pass(link_trial(link), proven->release);
    } else if (proven->resume.is_wanted)
        link_resume_go_on(link);
    else
        begin_session(link);
}

static void hear_proof(struct link *link, const struct link_proven *proven)
{
    link->step = LINK_STEP_PROOF;
    link->cost = proven->cost;
    link->asked = proven->resume;
    link->is_tried = proven->is_trial;
    if (!verify(link, proven))
        return;
    if (link->is_tried) {
        send_proof(link);
        link_part(link, "tried");
        return;
    }
    link_resume_answer(link);
    send_proof(link);
    if (link->is_ending)
        return;
    if (link->granted.is_wanted)
        link_resume_hand_over(link);
    else
        begin_session(link);
}

void link_handshake_handle(struct link *link, const struct link_message *message)
{
    if (link->handshake == LINK_AWAIT_CHALLENGE || link->handshake == LINK_AWAIT_PROOF)
        link->answered_us = clock_monotonic_us() - link->greeted_us;
    switch (link->handshake) {
    case LINK_AWAIT_CHALLENGE:
        if (message->type != LINK_MESSAGE_CHALLENGE)
            break;
        hear_challenge(link, &message->greeting);
        return;
    case LINK_AWAIT_ACCEPT:
        if (message->type != LINK_MESSAGE_ACCEPT)
            break;
        hear_accept(link, &message->proven);
        return;
    case LINK_AWAIT_PROOF:
        if (message->type != LINK_MESSAGE_PROOF || message->proven.cost < 1 || message->proven.cost > 65535)
            break;
        hear_proof(link, &message->proven);
        return;
    case LINK_PROVEN:
        break;
    }
    link_refuse(link, LINK_REFUSAL_MALFORMED);
}

void link_handshake_challenge(struct link *link, const struct link_greeting *greeting)
{
    struct link_message challenge = {.type = LINK_MESSAGE_CHALLENGE};

    link->step = LINK_STEP_HANDSHAKE;
    if (link->trust == LINK_TRUST_ELSEWHERE) {
        link_refuse(link, LINK_REFUSAL_ELSEWHERE);
        return;
    }
    if (link->trust == LINK_TRUST_NONE) {
        link_refuse(link, LINK_REFUSAL_NAME_NOT_ALLOWED);
        return;
    }
    if (!meet(link, greeting))
        return;
    challenge.greeting = own_greeting(link);
    link->greeted_us = clock_monotonic_us();
    link_write(link, &challenge);
}
