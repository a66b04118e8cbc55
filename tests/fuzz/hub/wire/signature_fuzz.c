/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Any message is signed, or refused for what JSON cannot hold. The signed text is ASCII without control
 * characters; signing again gives the same; numbers read back as what they were.
 */
#include <stdlib.h>

#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/wire/json_text.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[SIGNATURE_KEY_BYTES];

static void check_text(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        check(text.ptr[i] >= ' ' && text.ptr[i] <= '~');
}

static void check_float(double value)
{
    char text[JSON_TEXT_FLOAT];

    json_text_float(value, text);
    if (value == value) /* NaN is not itself */
        check(strtod(text, NULL) == value);
}

static void check_json(struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct buffer text = {0};
    struct msgpack_value value;
    int r = json_text_append(raw, &text);

    check(r >= 0);
    if (r == 0)
        check_text(buffer_bytes(&text));
    if (msgpack_read(&reader, &value) == 0 && value.type == MSGPACK_FLOAT64)
        check_float(value.float64);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char first[SIGNATURE_TEXT];
    char second[SIGNATURE_TEXT];
    struct buffer text = {0};
    struct message message;
    int r;

    check_json(bytes_of(data, size));
    if (message_parse(bytes_of(data, size), &message) != 0)
        return 0;
    r = signature_text(&message, &text);
    check(r == 0 || r == SIGNATURE_E_NOT_JSON);
    check(signature_make(key, &message, first) == r);
    if (r == 0) {
        check_text(buffer_bytes(&text));
        check(signature_make(key, &message, second) == 0);
        check(memcmp(first, second, sizeof first) == 0);
    }
    buffer_clear(&text);
    return 0;
}
