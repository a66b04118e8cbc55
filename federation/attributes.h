/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an entry says about its service, topic, member or hub, as the origin writes it
 *
 * A MessagePack map; keys that are not known are passed over. The hubs between carry it as it stands.
 */
#ifndef COMMHUB_FEDERATION_ATTRIBUTES_H
#define COMMHUB_FEDERATION_ATTRIBUTES_H

#include "hub/base/buffer.h"
#include "hub/core/peering.h"

/* Append the map; a failed allocation stays in the buffer. */
void attributes_write_hub(struct buffer *out, struct bytes server_id, uint64_t run, uint32_t rtt_ms);
void attributes_write_service(struct buffer *out, const struct peering_service *service);
void attributes_write_topic(struct buffer *out, const struct peering_topic *topic);
void attributes_write_member(struct buffer *out, struct bytes mode);
void attributes_write_interest(struct buffer *out);

/* Views into @raw. 0 or ATTRIBUTES_E_BAD. */
enum { ATTRIBUTES_E_BAD = 1 };
int attributes_read_hub(struct bytes raw, struct bytes *out_server_id);

/* The number that the hub has drawn at its start; 0: it tells none. */
uint64_t attributes_read_run(struct bytes raw);

/* What the hub's slowest link takes there and back, as it says. One that does not tell waits as long as for
 * ATTRIBUTES_OLD_RTT_MS. */
#define ATTRIBUTES_OLD_RTT_MS 20U
uint64_t attributes_read_rtt(struct bytes raw);

int attributes_read_service(struct bytes raw, struct peering_service *out_service);
int attributes_read_topic(struct bytes raw, struct peering_topic *out_topic);
int attributes_read_member(struct bytes raw, struct bytes *out_mode);

#endif
