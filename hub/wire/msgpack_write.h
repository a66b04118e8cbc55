/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Writing MessagePack
 *
 * A writer appends to a growing buffer and remembers a failed allocation, so that a message is written
 * straight down and checked once, at its end. Integers and lengths take their shortest form, as Python's
 * msgpack writes them. Arrays and maps announce how many items follow; keeping that word is the caller's
 * business.
 */
#ifndef COMMHUB_WIRE_MSGPACK_WRITE_H
#define COMMHUB_WIRE_MSGPACK_WRITE_H

#include "hub/base/buffer.h"

void msgpack_write_nil(struct buffer *out);
void msgpack_write_bool(struct buffer *out, bool value);
void msgpack_write_u64(struct buffer *out, uint64_t value);
void msgpack_write_i64(struct buffer *out, int64_t value);
void msgpack_write_double(struct buffer *out, double value);
void msgpack_write_str(struct buffer *out, struct bytes text);
void msgpack_write_bin(struct buffer *out, struct bytes bytes);
void msgpack_write_array(struct buffer *out, uint32_t n_items);
void msgpack_write_map(struct buffer *out, uint32_t n_pairs);

/* A value that is MessagePack already. */
void msgpack_write_raw(struct buffer *out, struct bytes raw);

/* nil where @text.ptr is NULL */
void msgpack_write_str_or_nil(struct buffer *out, struct bytes text);

/* nil where @raw is empty */
void msgpack_write_raw_or_nil(struct buffer *out, struct bytes raw);

#endif
