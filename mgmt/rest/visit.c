/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages wait as MessagePack, in an array each, so that the loop only copies: JSON is made of them, and
 * signatures are checked, on the HTTP thread. The guest keeps a reference of its own, for the hub may outlive
 * the management plane.
 */
#include "mgmt/rest/visit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "hub/wire/authenticity.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "mgmt/rest/problem.h"

#define MOST_NAME_BYTES 200 /* of the asker in the guest's id, which has 255 at most */
#define ID_SIZE 256
#define N_ITEMS 7 /* of an array that waits */

struct visit {
    atomic_uint n_refs;
    struct rest *rest;
    struct later *later;
    struct guest *guest; /* the loop's */
    char id[ID_SIZE];
    bool has_key;
    uint8_t key[SIGNATURE_KEY_BYTES];

    pthread_mutex_t mutex; /* of what follows */
    struct buffer waiting;
    bool is_held; /* whoever sends was told to wait */
    bool is_too_slow;
    bool is_out_of_memory;
    bool is_over;
    enum guest_end end;
    char text[VISIT_TEXT_SIZE];

    struct buffer taken; /* the HTTP thread's: what it took from waiting, */
    size_t n_read;       /* and how far it has read */
};

static void unref(struct visit *visit)
{
    if (atomic_fetch_sub(&visit->n_refs, 1) != 1)
        return;
    buffer_clear(&visit->waiting);
    buffer_clear(&visit->taken);
    later_unref(visit->later);
    pthread_mutex_destroy(&visit->mutex);
    explicit_bzero(visit->key, sizeof visit->key);
    free(visit);
}

/* ---- on the loop ---- */

static enum guest_verdict on_data(void *owner, const struct guest_data *data)
{
    struct visit *visit = owner;
    struct buffer *waiting = &visit->waiting;
    enum guest_verdict verdict = GUEST_GO_ON;

    pthread_mutex_lock(&visit->mutex);
    visit->is_too_slow =
        waiting->len && waiting->len + data->raw_data.len + data->signed_body.len > VISIT_MOST_BYTES;
    if (!visit->is_too_slow) {
        msgpack_write_array(waiting, N_ITEMS);
        msgpack_write_str(waiting, data->event);
        msgpack_write_raw_or_nil(waiting, data->raw_data);
        msgpack_write_str(waiting, data->sender_id);
        msgpack_write_str(waiting, data->server_id);
        msgpack_write_raw_or_nil(waiting, data->raw_timestamp);
        msgpack_write_bool(waiting, data->is_chunk);
        msgpack_write_raw_or_nil(waiting, data->signed_body);
    }
    visit->is_out_of_memory = waiting->failed;
    if (visit->is_too_slow || waiting->failed)
        verdict = GUEST_ENOUGH;
    else if (waiting->len > VISIT_HIGH_BYTES)
        verdict = GUEST_HOLD;
    visit->is_held = visit->is_held || verdict == GUEST_HOLD;
    pthread_mutex_unlock(&visit->mutex);
    later_wake(visit->later);
    return verdict;
}

static void on_end(void *owner, enum guest_end end, struct bytes text)
{
    struct visit *visit = owner;

    pthread_mutex_lock(&visit->mutex);
    visit->is_over = true;
    visit->end = end;
    text_escape(text, visit->text, sizeof visit->text);
    pthread_mutex_unlock(&visit->mutex);
    later_wake(visit->later);
}

static void on_gone(void *owner)
{
    struct visit *visit = owner;

    visit->guest = NULL;
    unref(visit);
}

static void run_go_on(void *argument)
{
    struct visit *visit = argument;

    if (visit->guest)
        guest_control_go_on(visit->guest);
    unref(visit);
}

struct beginning {
    struct visit *visit;
    struct guest_wish wish;
    int result;
};

static void run_begin(void *argument)
{
    static const struct guest_events events = {on_data, on_end, on_gone};
    struct beginning *beginning = argument;
    struct visit *visit = beginning->visit;

    beginning->result =
        guest_control_begin(visit->rest->options.server, &beginning->wish, &events, visit, &visit->guest);
    if (beginning->result == 0)
        atomic_fetch_add(&visit->n_refs, 1);
}

static void run_leave(void *argument)
{
    struct visit *visit = argument;

    if (visit->guest)
        guest_control_free(visit->guest);
}

/* ---- on the HTTP thread ---- */

/* Others see who asked: "http:alice:6f1c..." */
static void make_id(struct visit *visit, const struct request *request)
{
    struct bytes name = bytes_of_text(request->by.name);
    char number[17];

    if (name.len > MOST_NAME_BYTES) {
        name.len = MOST_NAME_BYTES;
        while (name.len && !text_is_utf8(name))
            name.len--;
    }
    random_hex(number, 8);
    snprintf(visit->id, sizeof visit->id, "http:%.*s:%s", (int)name.len, (const char *)name.ptr, number);
}

int visit_begin(struct visit **out_visit, struct rest *rest, const struct guest_wish *wish,
                struct later *later, const struct request *request, struct reply *reply)
{
    struct visit *visit = calloc(1, sizeof *visit);
    struct beginning beginning = {.visit = visit, .wish = *wish};

    if (!visit) {
        problem_reply(reply, request, 500, "out of memory");
        return -1;
    }
    atomic_init(&visit->n_refs, 1);
    pthread_mutex_init(&visit->mutex, NULL);
    visit->rest = rest;
    visit->later = later_ref(later);
    visit->has_key = wish->signing_key != NULL;
    if (visit->has_key)
        memcpy(visit->key, wish->signing_key, sizeof visit->key);
    make_id(visit, request);
    beginning.wish.id = bytes_of_text(visit->id);
    if (!rest_ask(rest, run_begin, &beginning, request, reply)) {
        unref(visit);
        return -1;
    }
    if (beginning.result != 0) {
        unref(visit);
        problem_reply(reply, request, 500, "The hub is out of memory.");
        return -1;
    }
    *out_visit = visit;
    return 0;
}

/* Where the mailbox is closed the guest goes with the server. */
void visit_leave(struct visit *visit)
{
    if (!visit)
        return;
    (void)mailbox_run(visit->rest->options.mailbox, run_leave, visit);
    unref(visit);
}

static struct bytes read_str(struct msgpack_reader *reader)
{
    struct msgpack_value value;

    check(msgpack_read(reader, &value) == 0 && value.type == MSGPACK_STR);
    return value.raw;
}

/* Without memory nothing is vouched for. */
static enum visit_signature judge_signature(const struct visit *visit, struct bytes body)
{
    struct message message;
    int r;

    if (!visit->has_key)
        return VISIT_UNASKED;
    check(message_parse(body, &message) == 0); /* the hub has read it */
    r = authenticity_check(&message, visit->key, clock_wall_ms() / 1000);
    return r == 0 ? VISIT_SIGNED : r == AUTHENTICITY_E_UNSIGNED ? VISIT_UNSIGNED : VISIT_FORGED;
}

static void read_message(struct visit *visit, struct visit_message *out)
{
    struct msgpack_reader reader = msgpack_reader_of(buffer_bytes(&visit->taken));
    struct msgpack_value value;
    struct bytes body;

    reader.offset = visit->n_read;
    check(msgpack_read(&reader, &value) == 0 && value.n_items == N_ITEMS);
    out->event = read_str(&reader);
    check(msgpack_skip(&reader, &out->raw_data) == 0);
    out->sender_id = read_str(&reader);
    out->server_id = read_str(&reader);
    check(msgpack_skip(&reader, &out->raw_timestamp) == 0);
    check(msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_BOOL);
    out->is_chunk = value.boolean;
    check(msgpack_skip(&reader, &body) == 0);
    out->signature = judge_signature(visit, body);
    visit->n_read = reader.offset;
}

/* With the lock held: all that waits is the reader's now. */
static enum visit_news take_waiting(struct visit *visit)
{
    if (visit->is_out_of_memory) {
        visit->is_over = true;
        visit->end = GUEST_OUT_OF_MEMORY;
        return VISIT_OVER;
    }
    if (!visit->waiting.len)
        return visit->is_too_slow ? VISIT_TOO_SLOW : visit->is_over ? VISIT_OVER : VISIT_NOTHING;
    buffer_clear(&visit->taken);
    visit->taken = visit->waiting;
    visit->waiting = (struct buffer){0};
    visit->n_read = 0;
    return VISIT_MESSAGE;
}

/* All that waited is the reader's: there is room again. */
static void go_on(struct visit *visit)
{
    atomic_fetch_add(&visit->n_refs, 1);
    if (mailbox_post(visit->rest->options.mailbox, run_go_on, visit) != 0)
        unref(visit);
}

enum visit_news visit_next(struct visit *visit, struct visit_message *out_message)
{
    enum visit_news news = VISIT_MESSAGE;
    bool was_held = false;

    if (visit->n_read == visit->taken.len) {
        pthread_mutex_lock(&visit->mutex);
        news = take_waiting(visit);
        was_held = visit->is_held;
        visit->is_held = false;
        pthread_mutex_unlock(&visit->mutex);
    }
    if (was_held)
        go_on(visit);
    if (news == VISIT_MESSAGE)
        read_message(visit, out_message);
    return news;
}

enum guest_end visit_end_of(const struct visit *visit, const char **out_text)
{
    *out_text = visit->text;
    return visit->end;
}
