/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Between MessagePack values and JSON as jansson holds it
 *
 * What JSON does not have: bytes become {"$bytes": "<hex>"}, extensions {"$extension": null}, NaN and
 * infinities null, whole numbers over 63 bits their digits as text, keys that are no text their JSON as text.
 */
#ifndef COMMHUB_PROGRAM_VALUE_JSON_H
#define COMMHUB_PROGRAM_VALUE_JSON_H

#include <jansson.h>

#include "hub/client/commipc.h"

/* A new reference; NULL: out of memory, or the value is nested deeper than 512. */
json_t *value_json_read(struct commipc_value value);

void value_json_write(const json_t *json, struct commipc_writer *writer);

#endif
