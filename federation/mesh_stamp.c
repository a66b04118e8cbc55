/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/mesh_stamp.h"

#include <stdio.h>

#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

#define STAMP_KEY "_mesh"

/* Hub id, two numbers in hex, two colons between them. */
#define STAMP_TEXT (HUB_ID_TEXT + 2 * 17)

/* A map's pairs but the stamp, as they stand. False: no sound map. */
static bool split(struct bytes raw, struct buffer *out_rest, uint32_t *out_n_rest, struct bytes *out_stamp)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value head;

    *out_n_rest = 0;
    *out_stamp = BYTES_NONE;
    if (msgpack_read(&reader, &head) != 0 || head.type != MSGPACK_MAP)
        return false;
    for (uint32_t i = 0; i < head.n_items; i++) {
        size_t begin = reader.offset;
        struct bytes key;
        struct bytes value;

        if (msgpack_skip(&reader, &key) != 0 || msgpack_skip(&reader, &value) != 0)
            return false;
        if (bytes_equal(key, BYTES_LITERAL("\xa5" STAMP_KEY))) {
            *out_stamp = value;
            continue;
        }
        (*out_n_rest)++;
        if (out_rest)
            msgpack_write_raw(out_rest, bytes_of(raw.ptr + begin, reader.offset - begin));
    }
    return true;
}

/* Up to 16 hex digits, then @end; moves @text behind that. */
static bool read_number(struct bytes *text, const char *end, uint64_t *out_number)
{
    size_t n_digits = 0;

    *out_number = 0;
    while (n_digits < text->len && n_digits < 16) {
        uint8_t digit = text->ptr[n_digits];

        if (digit >= '0' && digit <= '9')
            digit = (uint8_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            digit = (uint8_t)(digit - 'a' + 10);
        else
            break;
        *out_number = *out_number << 4 | digit;
        n_digits++;
    }
    *text = bytes_from(*text, n_digits);
    if (n_digits == 0 || !bytes_start_with(*text, bytes_of_text(end)))
        return false;
    *text = bytes_from(*text, strlen(end));
    return true;
}

static bool read_text(struct bytes text, struct mesh_stamp *out_stamp)
{
    size_t id_len = HUB_ID_TEXT - 1;

    if (text.len <= id_len || text.ptr[id_len] != ':' ||
        hub_id_parse(bytes_of(text.ptr, id_len), &out_stamp->origin) < 0)
        return false;
    text = bytes_from(text, id_len + 1);
    return read_number(&text, ":", &out_stamp->incarnation) && read_number(&text, "", &out_stamp->seq) &&
           text.len == 0 && out_stamp->incarnation > 0 && out_stamp->seq > 0;
}

bool mesh_stamp_read(struct bytes raw_metadata, struct mesh_stamp *out_stamp)
{
    struct msgpack_reader reader;
    struct msgpack_value value;
    struct bytes raw_stamp;
    uint32_t n_rest;

    if (!split(raw_metadata, NULL, &n_rest, &raw_stamp) || raw_stamp.len == 0)
        return false;
    reader = msgpack_reader_of(raw_stamp);
    return msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_STR && read_text(value.raw, out_stamp);
}

static bool is_nil(struct bytes raw)
{
    return raw.len == 0 || (raw.len == 1 && raw.ptr[0] == 0xc0);
}

void mesh_stamp_write(struct buffer *out, struct bytes raw_metadata, const struct mesh_stamp *stamp)
{
    char id[HUB_ID_TEXT];
    char text[STAMP_TEXT];
    struct buffer rest = {0};
    struct bytes previous;
    uint32_t n_rest = 0;

    if (!is_nil(raw_metadata) && !split(raw_metadata, &rest, &n_rest, &previous)) {
        msgpack_write_raw(out, raw_metadata);
        buffer_clear(&rest);
        return;
    }
    hub_id_text(&stamp->origin, id);
    snprintf(text, sizeof text, "%s:%llx:%llx", id, (unsigned long long)stamp->incarnation,
             (unsigned long long)stamp->seq);
    msgpack_write_map(out, n_rest + 1);
    msgpack_write_raw(out, buffer_bytes(&rest));
    msgpack_write_str(out, BYTES_LITERAL(STAMP_KEY));
    msgpack_write_str(out, bytes_of_text(text));
    out->failed = out->failed || rest.failed;
    buffer_clear(&rest);
}

void mesh_stamp_strip(struct buffer *out, struct bytes raw_metadata)
{
    struct buffer rest = {0};
    struct bytes stamp;
    uint32_t n_rest;

    if (!split(raw_metadata, &rest, &n_rest, &stamp)) {
        msgpack_write_raw(out, raw_metadata);
    } else if (n_rest > 0) {
        msgpack_write_map(out, n_rest);
        msgpack_write_raw(out, buffer_bytes(&rest));
        out->failed = out->failed || rest.failed;
    }
    buffer_clear(&rest);
}
