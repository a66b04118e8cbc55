/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A MessagePack value as JSON, byte for byte as Python's json.dumps(value, sort_keys=True,
 * separators=(",", ":")) writes what Python's msgpack reads from it
 *
 * ASCII with \uXXXX escapes, keys sorted by code point (of equal keys the last one counts), floats as
 * Python's repr. A float32 is widened first. Any thread. Time: bytes times nesting of maps.
 */
#ifndef COMMHUB_WIRE_JSON_TEXT_H
#define COMMHUB_WIRE_JSON_TEXT_H

#include "hub/base/buffer.h"

enum {
    JSON_TEXT_E_NOT_JSON = 1, /* holds a bin, an ext, or a map key that is not a str */
    JSON_TEXT_E_INVALID,      /* not exactly one sound MessagePack value */
};

/* Appends the JSON of @raw_value: 0, JSON_TEXT_E_* or -ENOMEM; @out may hold a part of it unless 0. */
int json_text_append(struct bytes raw_value, struct buffer *out);

/* Appends @text with quotes and escapes: 0, JSON_TEXT_E_INVALID where it is not UTF-8, or -ENOMEM. */
int json_text_append_str(struct bytes text, struct buffer *out);

#define JSON_TEXT_FLOAT 32
/* Python's repr of @value, as JSON has it: "1e+16", "1e-05", "100.0", "NaN", "-Infinity". */
void json_text_float(double value, char out_text[JSON_TEXT_FLOAT]);

#endif
