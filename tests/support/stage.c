/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/stage.h"

#include <jansson.h>

#include "hub/core/hub_view.h"
#include "hub/core/peering.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define MAX_ACTORS 16
#define MAX_FRAMES 256

struct actor {
    char name[300];
    struct client *client;
    json_t *heard[MAX_FRAMES];
    size_t n_heard;
    size_t next;
    int end_reason;
};

struct stage {
    struct hub *hub;
    struct hub_time time;
    struct actor actors[MAX_ACTORS];
    size_t n_actors;
    unsigned notes[LOG_N_STREAMS];
};

/* --- JSON and MessagePack --- */

static json_t *read_value(struct msgpack_reader *reader);

static json_t *read_map(struct msgpack_reader *reader, uint32_t n)
{
    json_t *object = json_object();

    for (uint32_t i = 0; i < n; i++) {
        struct msgpack_value key;
        char text[256];

        assert_int_equal(msgpack_read(reader, &key), 0);
        assert_int_equal(key.type, MSGPACK_STR);
        snprintf(text, sizeof text, "%.*s", (int)key.raw.len, (const char *)key.raw.ptr);
        json_object_set_new(object, text, read_value(reader));
    }
    return object;
}

static json_t *read_array(struct msgpack_reader *reader, uint32_t n)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < n; i++)
        json_array_append_new(array, read_value(reader));
    return array;
}

static json_t *read_value(struct msgpack_reader *reader)
{
    struct msgpack_value value;

    assert_int_equal(msgpack_read(reader, &value), 0);
    switch (value.type) {
    case MSGPACK_NIL:
        return json_null();
    case MSGPACK_BOOL:
        return json_boolean(value.boolean);
    case MSGPACK_UINT:
        return json_integer((json_int_t)value.u64);
    case MSGPACK_INT:
        return json_integer(value.i64);
    case MSGPACK_FLOAT32:
    case MSGPACK_FLOAT64:
        return json_real(value.float64);
    case MSGPACK_STR:
    case MSGPACK_BIN:
    case MSGPACK_EXT:
        return json_stringn((const char *)value.raw.ptr, value.raw.len);
    case MSGPACK_ARRAY:
        return read_array(reader, value.n_items);
    case MSGPACK_MAP:
        return read_map(reader, value.n_items);
    }
    fail();
    return NULL;
}

static void write_value(struct buffer *out, const json_t *value)
{
    const char *key;
    json_t *item;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        msgpack_write_map(out, (uint32_t)json_object_size(value));
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
        {
            msgpack_write_str(out, bytes_of_text(key));
            write_value(out, item);
        }
        return;
    case JSON_ARRAY:
        msgpack_write_array(out, (uint32_t)json_array_size(value));
        json_array_foreach(value, i, item) write_value(out, item);
        return;
    case JSON_STRING:
        msgpack_write_str(out, bytes_of(json_string_value(value), json_string_length(value)));
        return;
    case JSON_INTEGER:
        msgpack_write_i64(out, json_integer_value(value));
        return;
    case JSON_REAL:
        msgpack_write_double(out, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
        msgpack_write_bool(out, json_is_true(value));
        return;
    case JSON_NULL:
        msgpack_write_nil(out);
        return;
    }
}

static json_t *parse_json(const char *text)
{
    size_t len = strlen(text);
    char *copy = strdup(text);
    json_error_t error;
    json_t *value;

    assert_non_null(copy);
    for (size_t i = 0; i < len; i++)
        if (copy[i] == '\'')
            copy[i] = '"';
    value = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!value)
        fail_msg("not JSON: %s: %s", text, error.text);
    free(copy);
    return value;
}

/* --- ports --- */

static void hear_frame(void *owner, struct block *frame, enum frame_class frame_class)
{
    struct actor *actor = owner;
    struct msgpack_reader reader = msgpack_reader_of(frame_body(frame));

    (void)frame_class;
    if (actor->n_heard == MAX_FRAMES)
        fail_msg("%s heard more than %d frames", actor->name, MAX_FRAMES);
    actor->heard[actor->n_heard++] = read_value(&reader);
    assert_true(msgpack_reader_is_at_end(&reader));
}

static void hear_end(void *owner, enum end_reason reason)
{
    ((struct actor *)owner)->end_reason = (int)reason;
}

static const struct client_port port = {.send = hear_frame, .end = hear_end};

static void count_note(void *context, enum log_level level, enum log_stream stream, const char *event,
                       const struct log_field *fields, size_t n_fields)
{
    struct stage *stage = context;

    (void)level;
    (void)fields;
    assert_non_null(event);
    assert_true(n_fields > 0);
    stage->notes[stream]++;
}

/* --- the stage --- */

struct stage *stage_new(const struct hub_options *options)
{
    struct hub_options chosen = {.server_id = BYTES_LITERAL("hub"), .call_deadline_ms = 3600000};
    struct stage *stage = calloc(1, sizeof *stage);
    struct outlet outlet = {.note = count_note, .context = stage};

    assert_non_null(stage);
    if (options)
        chosen = *options;
    if (!chosen.server_id.ptr)
        chosen.server_id = BYTES_LITERAL("hub");
    stage->time = (struct hub_time){.now_ms = 1000, .wall_s = 1700000000};
    assert_int_equal(hub_new(&stage->hub, &chosen, &outlet), 0);
    return stage;
}

static struct actor *find_actor(struct stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->n_actors; i++)
        if (strcmp(stage->actors[i].name, name) == 0)
            return &stage->actors[i];
    fail_msg("nobody on stage is called %s", name);
    return NULL;
}

void stage_forget(struct stage *stage, const char *name)
{
    struct actor *actor = find_actor(stage, name);

    for (; actor->next < actor->n_heard; actor->next++)
        json_decref(actor->heard[actor->next]);
    actor->next = actor->n_heard = 0;
}

void stage_free(struct stage *stage)
{
    struct view_counts counts;

    for (size_t i = 0; i < stage->n_actors; i++) {
        if (stage->actors[i].client)
            stage_leave(stage, stage->actors[i].name);
        stage_forget(stage, stage->actors[i].name);
    }
    counts = hub_view_counts(stage->hub);
    assert_int_equal(counts.n_clients, 0);
    assert_int_equal(counts.n_calls, 0);
    assert_int_equal(counts.n_events, 0);
    assert_int_equal(counts.n_topics, 0);
    hub_free(stage->hub);
    free(stage);
}

struct hub *stage_hub(struct stage *stage)
{
    return stage->hub;
}

static struct actor *add_actor(struct stage *stage, const char *name)
{
    struct actor *actor = &stage->actors[stage->n_actors];

    for (size_t i = 0; i < stage->n_actors; i++) {
        if (strcmp(stage->actors[i].name, name) != 0)
            continue;
        actor = &stage->actors[i]; /* comes back */
        assert_null(actor->client);
        stage_forget(stage, name);
        actor->end_reason = -1;
        return actor;
    }
    assert_true(stage->n_actors < MAX_ACTORS);
    stage->n_actors++;
    snprintf(actor->name, sizeof actor->name, "%s", name);
    actor->end_reason = -1;
    return actor;
}

static void enter(struct stage *stage, const char *name, enum client_kind kind)
{
    struct actor *actor = add_actor(stage, name);

    assert_int_equal(
        hub_client_add(stage->hub, bytes_of_text(name), kind, &port, actor, stage->time, &actor->client), 0);
}

void stage_enter(struct stage *stage, const char *name)
{
    enter(stage, name, CLIENT_LOCAL);
}

void stage_enter_bridge(struct stage *stage, const char *name)
{
    enter(stage, name, CLIENT_BRIDGE);
}

void stage_enter_peer(struct stage *stage, const char *name)
{
    struct actor *actor = add_actor(stage, name);

    assert_int_equal(
        peering_add_peer(stage->hub, bytes_of_text(name), &port, actor, stage->time, &actor->client), 0);
}

struct client *stage_client(struct stage *stage, const char *name)
{
    return find_actor(stage, name)->client;
}

void stage_leave(struct stage *stage, const char *name)
{
    struct actor *actor = find_actor(stage, name);

    hub_client_gone(stage->hub, actor->client, END_CLOSED_BY_CLIENT, stage->time);
    actor->client = NULL;
}

static void write_message(const char *json, struct buffer *body, struct message *message)
{
    json_t *value = parse_json(json);

    buffer_init(body);
    write_value(body, value);
    json_decref(value);
    assert_int_equal(message_parse(buffer_bytes(body), message), 0);
}

int stage_try(struct stage *stage, const char *name, const char *json)
{
    struct message message;
    struct buffer body;
    int r;

    write_message(json, &body, &message);
    r = hub_handle(stage->hub, find_actor(stage, name)->client, &message, stage->time);
    buffer_clear(&body);
    return r;
}

bool stage_try_without_memory(struct stage *stage, const char *name, const char *json, unsigned n, int *out_r,
                              bool *out_has_failed)
{
    struct client *client = find_actor(stage, name)->client;
    struct message message;
    struct buffer body;

    write_message(json, &body, &message);
    if (n == 1)
        allocation_count_from_here();
    allocation_fail_at(n);
    *out_r = hub_handle(stage->hub, client, &message, stage->time);
    *out_has_failed = allocation_has_failed();
    allocation_fail_never();
    buffer_clear(&body);
    return *out_has_failed;
}

void stage_say(struct stage *stage, const char *name, const char *json)
{
    assert_int_equal(stage_try(stage, name, json), 0);
}

void stage_wait(struct stage *stage, uint64_t ms)
{
    stage->time.now_ms += ms;
    stage->time.wall_s += ms / 1000;
    hub_tick(stage->hub, stage->time);
}

struct hub_time stage_time(const struct stage *stage)
{
    return stage->time;
}

static void show(const char *what, const json_t *value)
{
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY);

    print_error("%s %s\n", what, text);
    free(text);
}

void stage_hear_at(struct stage *stage, const char *name, const char *json, const char *file, int line)
{
    struct actor *actor = find_actor(stage, name);
    json_t *expected = parse_json(json);
    json_t *got;
    const char *key;
    json_t *value;
    bool is_equal = true;

    if (actor->next == actor->n_heard) {
        print_error("%s heard nothing, expected %s\n", name, json);
        _fail(file, line);
    }
    got = actor->heard[actor->next];
    json_object_foreach(expected, key, value)
    {
        json_t *present = json_object_get(got, key);

        is_equal = is_equal && present && json_equal(present, value);
    }
    if (!is_equal) {
        print_error("%s\n", name);
        show("heard   ", got);
        show("expected", expected);
        _fail(file, line);
    }
    json_decref(expected);
    json_decref(got);
    actor->next++;
    if (actor->next == actor->n_heard)
        actor->next = actor->n_heard = 0;
}

void stage_hear_nothing_at(struct stage *stage, const char *name, const char *file, int line)
{
    struct actor *actor = find_actor(stage, name);

    if (actor->next == actor->n_heard)
        return;
    print_error("%s should hear nothing\n", name);
    show("heard", actor->heard[actor->next]);
    _fail(file, line);
}

static json_t *next_frame(struct stage *stage, const char *name)
{
    struct actor *actor = find_actor(stage, name);

    return actor->next < actor->n_heard ? actor->heard[actor->next] : NULL;
}

const char *stage_peek(struct stage *stage, const char *name, const char *key)
{
    return json_string_value(json_object_get(next_frame(stage, name), key));
}

bool stage_peek_has(struct stage *stage, const char *name, const char *key)
{
    return json_object_get(next_frame(stage, name), key) != NULL;
}

int stage_end_reason(struct stage *stage, const char *name)
{
    return find_actor(stage, name)->end_reason;
}

unsigned stage_notes(struct stage *stage, enum log_stream stream)
{
    return stage->notes[stream];
}
