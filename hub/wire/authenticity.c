/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/wire/authenticity.h"

#include <errno.h>

#include "hub/base/check.h"
#include "hub/wire/msgpack_write.h"

enum absent {
    ABSENT_NIL,
    ABSENT_EMPTY_TEXT, /* and nil counts as absent */
    ABSENT_FALSE,
    ABSENT_TRUE,
    ABSENT_NOW,
};

static const struct {
    enum message_key key;
    enum absent absent;
} signed_fields[] = {
    {KEY_SENDER_ID, ABSENT_EMPTY_TEXT}, {KEY_CHANNEL, ABSENT_EMPTY_TEXT},
    {KEY_EVENT, ABSENT_EMPTY_TEXT},     {KEY_DATA, ABSENT_NIL},
    {KEY_TIMESTAMP, ABSENT_NOW},        {KEY_REQUEST_ID, ABSENT_NIL},
    {KEY_TARGET_ID, ABSENT_NIL},        {KEY_IS_STREAM, ABSENT_FALSE},
    {KEY_IS_FINAL, ABSENT_TRUE},        {KEY_ORIGIN_SERVER_ID, ABSENT_NIL},
    {KEY_SUB_NAME, ABSENT_NIL},
};

#define N_FIELDS (sizeof signed_fields / sizeof signed_fields[0])

static void write_default(struct buffer *out, enum absent absent, uint64_t now_s)
{
    switch (absent) {
    case ABSENT_NIL:
        msgpack_write_nil(out);
        return;
    case ABSENT_EMPTY_TEXT:
        msgpack_write_str(out, BYTES_LITERAL(""));
        return;
    case ABSENT_FALSE:
        msgpack_write_bool(out, false);
        return;
    case ABSENT_TRUE:
        msgpack_write_bool(out, true);
        return;
    case ABSENT_NOW:
        msgpack_write_u64(out, now_s);
        return;
    }
}

static void write_field(struct buffer *out, const struct message *message, size_t i, uint64_t now_s)
{
    enum message_key key = signed_fields[i].key;
    enum absent absent = signed_fields[i].absent;
    struct bytes text;

    msgpack_write_str(out, bytes_of_text(message_key_name(key)));
    if (!message_has(message, key) ||
        (absent == ABSENT_EMPTY_TEXT && message_text(message, key, &text) == MESSAGE_E_ABSENT))
        write_default(out, absent, now_s);
    else
        msgpack_write_raw(out, message_raw(message, key));
}

int authenticity_check(const struct message *message, const uint8_t key[SIGNATURE_KEY_BYTES], uint64_t now_s)
{
    char expected[SIGNATURE_TEXT];
    struct buffer full = {0};
    struct message parsed;
    struct bytes given;
    int r = -ENOMEM;

    if (message_text(message, KEY_SIGNATURE, &given) != 0)
        return message_text(message, KEY_SIGNATURE, &given) == MESSAGE_E_ABSENT ? AUTHENTICITY_E_UNSIGNED
                                                                                : AUTHENTICITY_E_FORGED;
    msgpack_write_map(&full, N_FIELDS);
    for (size_t i = 0; i < N_FIELDS; i++)
        write_field(&full, message, i, now_s);
    if (!full.failed) {
        check(message_parse_nested(buffer_bytes(&full), message->type, &parsed) == 0);
        r = signature_make(key, &parsed, expected);
    }
    buffer_clear(&full);
    if (r < 0)
        return r;
    if (r > 0 || !bytes_equal_secret(bytes_of(expected, SIGNATURE_TEXT - 1), given))
        return AUTHENTICITY_E_FORGED;
    return 0;
}
