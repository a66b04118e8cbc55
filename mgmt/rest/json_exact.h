/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * MessagePack as JSON and back, without loss
 *
 * What JSON has no form for is an object whose first member begins with `$`:
 *
 *     {"$bin": "<base64>"}                bytes
 *     {"$ext": "<base64>", "type": 5}     an extension
 *     {"$uint": "18446744073709551615"}   a whole number over 2^63-1
 *     {"$float": "NaN"}                   "NaN", "Infinity", "-Infinity"
 *     {"$map": [[key, value], ...]}       a map with keys that are no text, one key twice, or a key that
 * begins with `$`
 *
 * Numbers with a fraction or an exponent are floats, others are integers (all 64 bits of them). The width of
 * a 32-bit float is the one thing that is lost; its value is not. For messages' data; schemas, whose members
 * begin with `$` by right, are shown by json_value_msgpack().
 */
#ifndef COMMHUB_MGMT_REST_JSON_EXACT_H
#define COMMHUB_MGMT_REST_JSON_EXACT_H

#include <jansson.h>

#include "hub/base/buffer.h"

/* For json_loads() of what json_exact_write() takes. */
#define JSON_EXACT_LOAD (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/*
 * Appends the value as JSON text; nothing is null. 0 or -ENOMEM. @raw is sound MessagePack, as the hub passes
 * it on.
 */
int json_exact_append(struct bytes raw, struct buffer *out);

enum {
    JSON_EXACT_E_WRAPPER = 1, /* an object with a `$` member that is none of the above */
    JSON_EXACT_E_DEEP,
};

/* Appends the value as MessagePack: 0, JSON_EXACT_E_* or -ENOMEM. */
int json_exact_write(const json_t *json, struct buffer *out);

const char *json_exact_fault_text(int fault);

#endif
