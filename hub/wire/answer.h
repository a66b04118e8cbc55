/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Frames that the hub itself writes
 *
 * Each function builds one frame with one reference for the caller; NULL: out of memory. Texts are views, raw
 * values are MessagePack; where a request had no request_id its raw value is empty and the answer bears nil.
 */
#ifndef COMMHUB_WIRE_ANSWER_H
#define COMMHUB_WIRE_ANSWER_H

#include "hub/base/block.h"
#include "hub/wire/message.h"

struct block *answer_pong(void);
struct block *answer_identified(struct bytes client_id, struct bytes server_id);
struct block *answer_conn_challenge(struct bytes challenge, struct bytes server_id);
struct block *answer_auth_challenge(struct bytes channel, struct bytes challenge, struct bytes challenge_id,
                                    struct bytes raw_request_id);

/* error {message}; with a request_id where @raw_request_id is not empty */
struct block *answer_error(struct bytes text, struct bytes raw_request_id);

/* response {request_id, error} and, where not empty, channel and event */
struct block *answer_failure(struct bytes raw_request_id, struct bytes text, struct bytes channel,
                             struct bytes event);

/* response {request_id, success: true, data: {success: true}} */
struct block *answer_success(struct bytes raw_request_id);

/* response {request_id, success: true, channel, event, data: {channel, event, authenticated}}; the event is
 * nil where BYTES_NONE: an open */
struct block *answer_registered(struct bytes raw_request_id, struct bytes channel, struct bytes event,
                                bool is_authenticated);

/* response {request_id, data: @raw_data} */
struct block *answer_data(struct bytes raw_request_id, struct bytes raw_data);

/* The error response to a call that could not be carried out, with all the fields of docs/protocol.md, "No
 * provider". */
struct call_failure {
    struct bytes raw_request_id;
    struct bytes text;
    struct bytes channel; /* nil where BYTES_NONE, as the next and target_id */
    struct bytes event;
    struct bytes server_id;
    struct bytes target_id;
    uint64_t timestamp_s;
};
struct block *answer_call_failure(const struct call_failure *failure);

/* receive {channel, event, data, sender_id, server_id, timestamp[, signature]} */
struct receive {
    struct bytes channel;
    struct bytes event;
    struct bytes raw_data;
    struct bytes sender_id; /* left out where BYTES_NONE */
    struct bytes server_id;
    struct bytes signature; /* left out where BYTES_NONE */
    uint64_t timestamp_s;
};
struct block *answer_receive(const struct receive *receive);

/* metadata_update of an event or a subscription */
struct metadata_update {
    struct bytes channel;
    struct bytes name;
    struct bytes owner;
    bool is_event; /* else a subscription, which has no is_stream and is_group */
    bool is_stream;
    bool is_group;
    struct bytes raw_param_schema; /* nil where empty */
    struct bytes raw_return_schema;
};
struct block *answer_metadata_update(const struct metadata_update *update);

/* metadata_update with stype "membership"; an empty @raw_path is an empty array */
struct membership_update {
    struct bytes channel;
    struct bytes client_id; /* name and owner */
    struct bytes mode;
    bool has_joined; /* else has left */
    bool is_local;   /* else is_local: false and path are written */
    struct bytes raw_path;
};
struct block *answer_membership_update(const struct membership_update *update);

#endif
