/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Keys and types are recognised by length first: within one length there are a few names at most, which the
 * compiler compares as words. The rows of the .def files are the only list of the names.
 */
#include "hub/wire/message.h"

#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"

static const char *const key_names[] = {
#define X(id, name) [KEY_##id] = name,
#include "hub/wire/message_key.def"
#undef X
};

static const char *const type_names[] = {
    [MESSAGE_UNKNOWN] = "unknown",
#define X(id, name) [MESSAGE_##id] = name,
#include "hub/wire/message_type.def"
#undef X
};

/* Inlined with a constant @len, so that only the names of that length are left. */
static inline __attribute__((always_inline)) enum message_key key_of_length(const uint8_t *ptr, size_t len)
{
#define X(id, name)                                                                                          \
    if (sizeof(name) - 1 == len && memcmp(ptr, name, sizeof(name) - 1) == 0)                                 \
        return KEY_##id;
#include "hub/wire/message_key.def"
#undef X
    return KEY_COUNT;
}

static inline __attribute__((always_inline)) enum message_type type_of_length(const uint8_t *ptr, size_t len)
{
#define X(id, name)                                                                                          \
    if (sizeof(name) - 1 == len && memcmp(ptr, name, sizeof(name) - 1) == 0)                                 \
        return MESSAGE_##id;
#include "hub/wire/message_type.def"
#undef X
    return MESSAGE_UNKNOWN;
}

/* One case for each length that a name may have. */
#define MAX_NAME_BYTES 19
#define FOR_EACH_LENGTH(X)                                                                                   \
    X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19)

#define X(id, name) _Static_assert(sizeof(name) - 1 >= 2 && sizeof(name) - 1 <= MAX_NAME_BYTES, name);
#include "hub/wire/message_key.def"
#include "hub/wire/message_type.def"
#undef X

/* KEY_COUNT where the text is no known key. */
static enum message_key key_of(struct bytes text)
{
    switch (text.len) {
#define LENGTH(n)                                                                                            \
    case n:                                                                                                  \
        return key_of_length(text.ptr, n);
        FOR_EACH_LENGTH(LENGTH)
#undef LENGTH
    default:
        return KEY_COUNT;
    }
}

static enum message_type type_of(struct bytes text)
{
    switch (text.len) {
#define LENGTH(n)                                                                                            \
    case n:                                                                                                  \
        return type_of_length(text.ptr, n);
        FOR_EACH_LENGTH(LENGTH)
#undef LENGTH
    default:
        return MESSAGE_UNKNOWN;
    }
}

static int fault_of(int msgpack_fault)
{
    return msgpack_fault == MSGPACK_E_DEEP ? MESSAGE_E_TOO_DEEP : MESSAGE_E_NOT_MSGPACK;
}

static int read_long_key(struct msgpack_reader *reader, struct bytes *out_text)
{
    struct msgpack_value key;
    int r = msgpack_read(reader, &key);

    if (r)
        return fault_of(r);
    if (key.type != MSGPACK_STR)
        return MESSAGE_E_KEY_NOT_STR;
    *out_text = key.raw;
    return 0;
}

static inline int parse_key(struct msgpack_reader *reader, enum message_key *out_key)
{
    struct bytes text;

    if (!msgpack_read_short_str(reader, &text)) {
        int r = read_long_key(reader, &text);

        if (r)
            return r;
    }
    *out_key = key_of(text);
    if (*out_key == KEY_COUNT && !text_is_ascii(text) && !text_is_utf8(text))
        return MESSAGE_E_NOT_MSGPACK;
    return 0;
}

/* One key and its value. */
static inline int parse_pair(struct msgpack_reader *reader, struct message *message)
{
    size_t key_offset = reader->offset;
    size_t value_offset;
    enum message_key key;
    int r = parse_key(reader, &key);

    if (r)
        return r;
    value_offset = reader->offset;
    r = msgpack_skip(reader, NULL);
    if (r)
        return fault_of(r);
    if (key == KEY_COUNT)
        return 0;
    if (message_has(message, key))
        return MESSAGE_E_KEY_TWICE;
    message->present |= UINT64_C(1) << key;
    message->fields[key] =
        (struct message_field){(uint32_t)key_offset, (uint32_t)value_offset, (uint32_t)reader->offset};
    return 0;
}

/* All but the type; that is MESSAGE_UNKNOWN. */
static int parse_map(struct bytes body, struct message *out_message)
{
    struct msgpack_reader reader = msgpack_reader_of(body);
    struct msgpack_value map;
    int r;

    check(body.len <= UINT32_MAX);
    out_message->body = body;
    out_message->n_pairs = 0;
    out_message->type = MESSAGE_UNKNOWN;
    out_message->present = 0;
    out_message->passed = (struct message_hops){0};
    r = msgpack_read(&reader, &map);
    if (r)
        return fault_of(r);
    if (map.type != MSGPACK_MAP)
        return MESSAGE_E_NOT_A_MAP;
    out_message->n_pairs = map.n_items;
    out_message->pairs_offset = (uint32_t)reader.offset;
    for (uint32_t i = 0; i < map.n_items; i++) {
        r = parse_pair(&reader, out_message);
        if (r)
            return r;
    }
    return msgpack_reader_is_at_end(&reader) ? 0 : MESSAGE_E_NOT_MSGPACK;
}

int message_parse(struct bytes body, struct message *out_message)
{
    struct bytes type;
    int r = parse_map(body, out_message);

    if (r)
        return r;
    if (message_text(out_message, KEY_TYPE, &type))
        return MESSAGE_E_NO_TYPE;
    out_message->type = type_of(type);
    return 0;
}

int message_parse_nested(struct bytes raw_map, enum message_type type, struct message *out_message)
{
    struct bytes own_type;
    int r = parse_map(raw_map, out_message);

    if (r)
        return r;
    r = message_text(out_message, KEY_TYPE, &own_type);
    if (r == MESSAGE_E_WRONG_TYPE)
        return MESSAGE_E_NO_TYPE;
    out_message->type = r == MESSAGE_E_ABSENT ? type : type_of(own_type);
    return 0;
}

/* The head of a value, MSGPACK_NIL where the key is absent. The body is known to be sound. */
static struct msgpack_value head_of(const struct message *message, enum message_key key,
                                    struct msgpack_reader *out_reader)
{
    struct msgpack_value value = {.type = MSGPACK_NIL};

    *out_reader = msgpack_reader_of(message_raw(message, key));
    if (message_has(message, key))
        check(msgpack_read(out_reader, &value) == 0);
    return value;
}

int message_text(const struct message *message, enum message_key key, struct bytes *out_text)
{
    struct msgpack_reader reader = msgpack_reader_of(message_raw(message, key));
    struct msgpack_value value;

    if (msgpack_read_short_str(&reader, out_text))
        return 0;
    *out_text = BYTES_NONE;
    if (!message_has(message, key))
        return MESSAGE_E_ABSENT;
    check(msgpack_read(&reader, &value) == 0);
    if (value.type != MSGPACK_STR)
        return value.type == MSGPACK_NIL ? MESSAGE_E_ABSENT : MESSAGE_E_WRONG_TYPE;
    *out_text = value.raw;
    return 0;
}

int message_bool(const struct message *message, enum message_key key, bool otherwise, bool *out_value)
{
    struct msgpack_reader reader;
    struct msgpack_value value = head_of(message, key, &reader);

    *out_value = otherwise;
    if (value.type == MSGPACK_NIL)
        return 0;
    if (value.type != MSGPACK_BOOL)
        return MESSAGE_E_WRONG_TYPE;
    *out_value = value.boolean;
    return 0;
}

bool message_is_last(const struct message *answer)
{
    bool is_stream = false;
    bool is_last = true;
    struct bytes error;

    if (message_text(answer, KEY_ERROR, &error) != MESSAGE_E_ABSENT)
        return true;
    message_bool(answer, KEY_IS_STREAM, false, &is_stream);
    message_bool(answer, KEY_IS_FINAL, true, &is_last);
    return !is_stream || is_last;
}

int message_path_has(const struct message *message, struct bytes server_id, uint32_t *out_n_hops)
{
    struct msgpack_reader reader;
    struct msgpack_value path = head_of(message, KEY_PATH, &reader);
    int found = 0;

    if (out_n_hops)
        *out_n_hops = 0;
    if (path.type == MSGPACK_NIL)
        return 0;
    if (path.type != MSGPACK_ARRAY || path.n_items > MESSAGE_MAX_PATH)
        return MESSAGE_E_WRONG_TYPE;
    for (uint32_t i = 0; i < path.n_items; i++) {
        struct msgpack_value hop;

        check(msgpack_read(&reader, &hop) == 0);
        if (hop.type != MSGPACK_STR)
            return MESSAGE_E_WRONG_TYPE;
        if (bytes_equal(hop.raw, server_id))
            found = MESSAGE_PATH_HAS;
    }
    if (out_n_hops)
        *out_n_hops = path.n_items;
    return found;
}

const char *message_type_name(enum message_type type)
{
    check(type < MESSAGE_TYPE_COUNT);
    return type_names[type];
}

const char *message_key_name(enum message_key key)
{
    check(key < KEY_COUNT);
    return key_names[key];
}

const char *message_fault_text(int fault)
{
    switch (fault) {
    case MESSAGE_E_NOT_MSGPACK:
        return "body is not valid MessagePack";
    case MESSAGE_E_TOO_DEEP:
        return "body is nested too deep";
    case MESSAGE_E_NOT_A_MAP:
        return "body is not a map";
    case MESSAGE_E_KEY_NOT_STR:
        return "a key is not a str";
    case MESSAGE_E_KEY_TWICE:
        return "a known key stands twice";
    case MESSAGE_E_NO_TYPE:
        return "type is missing or not a str";
    default:
        unreachable();
    }
}
