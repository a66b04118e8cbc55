/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages' data as JSON and back. The first byte chooses what the rest is: MessagePack, whose JSON must be
 * read back as what is written the same again; or JSON, whose MessagePack must be sound and come back the
 * same. The one thing that may be lost is the width of a 32-bit float, hence the second round.
 */
#include "hub/base/check.h"
#include "hub/wire/msgpack_read.h"
#include "mgmt/rest/json_exact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_one_value(struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);

    return msgpack_skip(&reader, NULL) == 0 && msgpack_reader_is_at_end(&reader);
}

/* JSON of ours to MessagePack. */
static void read_back(const struct buffer *text, struct buffer *out)
{
    json_t *json = json_loadb((const char *)text->ptr, text->len, JSON_EXACT_LOAD, NULL);

    check(json);
    check(json_exact_write(json, out) == 0);
    check(is_one_value(buffer_bytes(out)));
    json_decref(json);
}

static void check_raw(struct bytes raw)
{
    struct buffer text = {0}, back = {0}, again = {0};

    check(json_exact_append(raw, &text) == 0);
    read_back(&text, &back);
    check(json_exact_append(buffer_bytes(&back), &again) == 0);
    check(bytes_equal(buffer_bytes(&text), buffer_bytes(&again)));
    buffer_clear(&text);
    buffer_clear(&back);
    buffer_clear(&again);
}

static void check_json(struct bytes text)
{
    json_t *json = json_loadb((const char *)text.ptr, text.len, JSON_EXACT_LOAD, NULL);
    struct buffer raw = {0};

    if (json && json_exact_write(json, &raw) == 0) {
        check(is_one_value(buffer_bytes(&raw)));
        check_raw(buffer_bytes(&raw));
    }
    json_decref(json);
    buffer_clear(&raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = size ? bytes_of(data + 1, size - 1) : BYTES_NONE;

    if (size && data[0] & 1)
        check_json(rest);
    else if (size && is_one_value(rest))
        check_raw(rest);
    return 0;
}
