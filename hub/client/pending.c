/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/pending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/client/channel.h"
#include "hub/wire/authenticity.h"

#define TEXT_SIZE 512

/* Written as a UUID: the client's 18 random digits, and the request's number. */
static void write_id(const struct commipc_client *client, uint64_t number, char out_id[PENDING_ID_SIZE])
{
    snprintf(out_id, PENDING_ID_SIZE, "%.8s-%.4s-4%.3s-8%.3s-%012" PRIx64, client->id_front,
             client->id_front + 8, client->id_middle, client->id_middle + 3, number & 0xffffffffffffU);
}

static void unlink_pending(struct pending *pending)
{
    struct commipc_client *client = pending->client;

    loop_timer_disarm(client->loop, &pending->timer);
    map_remove(&client->pending_by_id, &pending->node);
    list_unlink(&pending->link);
    client->n_pending--;
}

static void on_due(struct loop_timer *timer)
{
    struct pending *pending = container_of(timer, struct pending, timer);
    struct commipc_client *client = pending->client;

    commipc_client_enter(client);
    pending_fail(pending, COMMIPC_E_TIMEOUT, "no answer within the time for it");
    commipc_client_leave(client);
}

static int arm(struct pending *pending)
{
    if (pending->timeout_ms == COMMIPC_NO_TIMEOUT)
        return 0;
    return loop_timer_arm(pending->client->loop, &pending->timer, clock_monotonic_ms() + pending->timeout_ms);
}

int pending_new(struct commipc_client *client, struct commipc_channel *channel, uint32_t timeout_ms,
                struct pending **out_pending)
{
    struct pending *pending;

    if (client->n_pending >= client->max_pending)
        return COMMIPC_E_TOO_MANY;
    pending = calloc(1, sizeof *pending);
    if (!pending)
        return -ENOMEM;
    pending->client = client;
    pending->channel = channel;
    pending->timeout_ms = timeout_ms ? timeout_ms : client->call_timeout_ms;
    pending->number = ++client->last_number;
    write_id(client, pending->number, pending->id);
    loop_timer_init(&pending->timer, on_due);
    if (arm(pending) < 0) {
        free(pending);
        return -ENOMEM;
    }
    if (map_insert(&client->pending_by_id, &pending->node, bytes_of_text(pending->id)) < 0) {
        loop_timer_disarm(client->loop, &pending->timer);
        free(pending);
        return -ENOMEM;
    }
    list_append(&client->pendings, &pending->link);
    client->n_pending++;
    *out_pending = pending;
    return 0;
}

void pending_cancel(struct pending *pending)
{
    if (!pending)
        return;
    unlink_pending(pending);
    free(pending);
}

struct pending *pending_find(const struct commipc_client *client, struct bytes id)
{
    struct map_node *node = map_find(&client->pending_by_id, id);

    return node ? container_of(node, struct pending, node) : NULL;
}

struct pending *pending_find_number(const struct commipc_client *client, uint64_t number)
{
    char id[PENDING_ID_SIZE];

    write_id(client, number, id);
    return pending_find(client, bytes_of_text(id));
}

static void settle_last(struct pending *pending, struct settlement *settlement)
{
    settlement->is_final = true;
    unlink_pending(pending);
    pending->settle(pending, settlement);
    free(pending);
}

void pending_fail(struct pending *pending, int outcome, const char *text)
{
    struct settlement settlement = {.outcome = outcome, .text = text};

    settle_last(pending, &settlement);
}

static void fail_with(struct pending *pending, const struct message *message, struct bytes text)
{
    struct settlement settlement = {.outcome = COMMIPC_E_REFUSED, .message = message};
    char cut[TEXT_SIZE];
    char *whole = text.len < sizeof cut ? NULL : bytes_to_text(text);

    snprintf(cut, sizeof cut, "%.*s", text.len < sizeof cut ? (int)text.len : (int)sizeof cut - 1,
             text.len ? (const char *)text.ptr : "");
    settlement.text = whole ? whole : cut;
    settle_last(pending, &settlement);
    free(whole);
}

/* An error is any `error` but nil; one that is no text still is one. */
static bool read_error(const struct message *message, struct bytes *out_text)
{
    enum message_key key = message->type == MESSAGE_ERROR ? KEY_MESSAGE : KEY_ERROR;

    switch (message_text(message, key, out_text)) {
    case 0:
        return true;
    case MESSAGE_E_ABSENT:
        *out_text = BYTES_LITERAL("unknown error");
        return message->type == MESSAGE_ERROR;
    default:
        *out_text = BYTES_LITERAL("an error that is no text");
        return true;
    }
}

static bool is_nil(struct bytes raw)
{
    return raw.len == 0 || raw.ptr[0] == 0xc0;
}

/* Chunks are signed by this library only: one without a signature is what other providers send. */
static bool is_forged(struct pending *pending, const struct message *message)
{
    const struct commipc_channel *channel = pending->channel;
    struct bytes signature;

    return channel && channel->has_key && message_text(message, KEY_SIGNATURE, &signature) == 0 &&
           authenticity_check(message, channel->key, clock_wall_ms() / 1000) != 0;
}

/* A provider that does not stream answers a stream call with all there is. */
static void answer_stream(struct pending *pending, const struct message *message)
{
    struct settlement settlement = {.text = "", .message = message};
    struct commipc_client *client = pending->client;
    uint64_t number = pending->number;
    struct bytes raw = message_raw(message, KEY_DATA);
    bool is_stream = false;
    bool is_final = true;

    message_bool(message, KEY_IS_STREAM, false, &is_stream);
    message_bool(message, KEY_IS_FINAL, !is_stream, &is_final);
    if (is_forged(pending, message)) {
        pending_fail(pending, COMMIPC_E_FORGED, "the signature of a chunk is wrong");
        return;
    }
    /* An armed timer is armed anew without memory. */
    check(arm(pending) == 0);
    if (!is_nil(raw)) {
        settlement.raw_data = raw;
        pending->settle(pending, &settlement);
    }
    /* The callback may have cancelled it, or freed the client. */
    if (!is_final || client->is_freed || pending_find_number(client, number) != pending)
        return;
    settlement.raw_data = BYTES_NONE;
    settle_last(pending, &settlement);
}

void pending_answer(struct pending *pending, const struct message *message)
{
    struct settlement settlement = {.text = "", .message = message};
    struct bytes text;

    if (read_error(message, &text)) {
        fail_with(pending, message, text);
        return;
    }
    if (pending->is_stream) {
        answer_stream(pending, message);
        return;
    }
    settlement.raw_data = message_raw(message, KEY_DATA);
    settle_last(pending, &settlement);
}

void pending_fail_all(struct commipc_client *client, int outcome, const char *text)
{
    struct pending *pending;

    while (!client->is_freed && (pending = list_first_entry(&client->pendings, struct pending, link)))
        pending_fail(pending, outcome, text);
}

int pending_send(struct pending *pending, struct draft *draft, bool is_urgent)
{
    int r = connection_send(&pending->client->connection, draft_finish(draft), is_urgent);

    if (r)
        pending_cancel(pending);
    return r;
}

void pending_settle_answer(struct pending *pending, const struct settlement *settlement)
{
    struct commipc_answer answer = {.outcome = settlement->outcome,
                                    .text = settlement->text,
                                    .data = client_value(settlement->raw_data),
                                    .is_final = settlement->is_final};

    if (pending->on_answer)
        pending->on_answer(pending->user, &answer);
}

void pending_settle_done(struct pending *pending, const struct settlement *settlement)
{
    if (pending->on_done)
        pending->on_done(pending->user, settlement->outcome, settlement->text);
}
