/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A view of one message
 *
 * message_parse() walks once over the body, checks that all of it is sound MessagePack (lengths, UTF-8,
 * depth, nothing behind the map) and notes where the known keys stand. Nothing is copied: the view borrows
 * the body. A known key that stands twice is refused, for readers differ in which of the two they believe.
 */
#ifndef COMMHUB_WIRE_MESSAGE_H
#define COMMHUB_WIRE_MESSAGE_H

#include "hub/base/bytes.h"

enum message_key {
#define X(id, name) KEY_##id,
#include "hub/wire/message_key.def"
#undef X
    KEY_COUNT
};

enum message_type {
    MESSAGE_UNKNOWN, /* `type` is a str that is none of these */
#define X(id, name) MESSAGE_##id,
#include "hub/wire/message_type.def"
#undef X
    MESSAGE_TYPE_COUNT
};

enum {
    MESSAGE_E_NOT_MSGPACK = 1, /* cut short, invalid, or bytes behind the value */
    MESSAGE_E_TOO_DEEP,
    MESSAGE_E_NOT_A_MAP,
    MESSAGE_E_KEY_NOT_STR,
    MESSAGE_E_KEY_TWICE,
    MESSAGE_E_NO_TYPE, /* no `type`, or not a str */
};

/* Where one known key stands in the body. */
struct message_field {
    uint32_t key_offset;
    uint32_t value_offset;
    uint32_t end_offset;
};

/* Names of hubs: MessagePack strs, one behind the other. */
struct message_hops {
    struct bytes raw;
    uint32_t n;
};

struct message {
    struct bytes body;
    uint32_t n_pairs;
    uint32_t pairs_offset; /* first byte behind the map's head */
    enum message_type type;
    uint64_t present; /* bit per enum message_key; fields[] is defined only where it is set */
    struct message_field fields[KEY_COUNT];
    /* Hubs that the message has passed since its `path` was written, and which belong behind it; borrowed.
     * None, unless who brings the message names them. */
    struct message_hops passed;
};

_Static_assert(KEY_COUNT <= 64, "one bit a key");

/* 0 or MESSAGE_E_*; after a fault only `body` is to be read. The body has at most UINT32_MAX bytes, as frames
 * do; every value in it may nest MSGPACK_MAX_DEPTH deep. */
int message_parse(struct bytes body, struct message *out_message);

/* The same for a map nested in a message (the `reg` of a register); where its `type` is missing or nil it is
 * @type. */
int message_parse_nested(struct bytes raw_map, enum message_type type, struct message *out_message);

static inline bool message_has(const struct message *message, enum message_key key)
{
    return (message->present >> key) & 1U;
}

/* The key's value as it stands, MessagePack; empty where the key is absent. */
static inline struct bytes message_raw(const struct message *message, enum message_key key)
{
    const struct message_field *field = &message->fields[key];

    if (!message_has(message, key))
        return BYTES_NONE;
    return bytes_of(message->body.ptr + field->value_offset, field->end_offset - field->value_offset);
}

enum {
    MESSAGE_E_ABSENT = 1, /* the key is missing or nil */
    MESSAGE_E_WRONG_TYPE,
};

/* A str value: 0 and a view of its text, MESSAGE_E_ABSENT or MESSAGE_E_WRONG_TYPE (out_text is BYTES_NONE
 * then). */
int message_text(const struct message *message, enum message_key key, struct bytes *out_text);

/* A bool value; @otherwise where the key is missing or nil. 0 or MESSAGE_E_WRONG_TYPE. */
int message_bool(const struct message *message, enum message_key key, bool otherwise, bool *out_value);

/* Whether an answer is the last word on its call: an error, or anything but a chunk that says there is more.
 */
bool message_is_last(const struct message *answer);

/*
 * Whether @server_id is an element of `path`: 0 no, 1 yes; MESSAGE_E_WRONG_TYPE where path is there but not
 * an array of at most MESSAGE_MAX_PATH strs. @out_n_hops (may be NULL): its length. `passed` does not count.
 */
#define MESSAGE_MAX_PATH 255
enum { MESSAGE_PATH_HAS = 1 };
int message_path_has(const struct message *message, struct bytes server_id, uint32_t *out_n_hops);

const char *message_type_name(enum message_type type);
const char *message_key_name(enum message_key key);

/* What is wrong with a body, for an `error` message and the log: "body is not valid MessagePack", ... */
const char *message_fault_text(int fault);

#endif
