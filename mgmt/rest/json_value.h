/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Making JSON of what the hub says
 *
 * Each function answers a new value, or NULL when out of memory. jansson's functions that steal a value take
 * NULL and fail, so a caller checks once, at the end.
 */
#ifndef COMMHUB_MGMT_REST_JSON_VALUE_H
#define COMMHUB_MGMT_REST_JSON_VALUE_H

#include <jansson.h>

#include "hub/base/bytes.h"
#include "mgmt/http/reply.h"

/* Text that is not UTF-8 (it may come from a stranger and be cut anywhere) is escaped. */
json_t *json_value_text(const char *text);
json_t *json_value_bytes(struct bytes text);

/* null for NULL and for "". */
json_t *json_value_text_or_null(const char *text);

json_t *json_value_time(uint64_t wall_ms);
json_t *json_value_texts(const char *const *texts, size_t n);

/*
 * A MessagePack value, to be shown: a schema that a provider gave. Nothing, and what JSON has no form for
 * (bin, ext, no number, nested deeper than 64), is null; keys that are no text are left out with their
 * values.
 *
 * json_exact.h is the other way from MessagePack to JSON, and both must be: that one loses nothing and can be
 * read back, but has to wrap what begins with `$`, and a JSON Schema's "$ref" and "$defs" must come as such.
 */
json_t *json_value_msgpack(struct bytes raw);

/* Makes @json, which it takes, the body of the reply; NULL makes it a 500. */
void json_value_reply(struct reply *reply, unsigned status, json_t *json);

/* {items, next}: takes both; @next may be NULL for null. */
json_t *json_value_page(json_t *items, json_t *next);

#endif
