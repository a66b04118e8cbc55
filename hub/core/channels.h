/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Channels and their members
 *
 * A channel exists as long as anything hangs on it: a member, an event, a topic, a remote member or a
 * configured password. Its owner is the first member that is not a bridge.
 */
#ifndef COMMHUB_CORE_CHANNELS_H
#define COMMHUB_CORE_CHANNELS_H

#include "hub/core/channel_counters.h"
#include "hub/core/clients.h"

struct channel {
    struct map_node by_name;
    struct list all;
    uint64_t serial;
    bool is_system;

    struct bytes password; /* owned; ptr NULL: not protected */
    enum password_origin password_origin;
    struct bytes configured_password; /* owned; what the channel has again when it ends */
    enum password_origin configured_origin;
    bool has_signing_key;
    uint8_t signing_key[SIGNATURE_KEY_BYTES];

    struct list members; /* in order of joining */
    struct roll members_by_serial;
    uint32_t n_members;
    uint32_t n_openers; /* members that receive broadcasts */

    struct map events_by_name;
    struct list events;
    struct roll events_by_serial;
    struct map topics_by_name;
    struct list topics;
    struct roll topics_by_serial;
    struct map remotes_by_id; /* several bridges may know the same id */
    struct list remotes;
    struct roll remotes_by_serial;
    uint32_t n_remote_ids; /* how many of them are shown: one of each id */
    struct list challenges;

    struct channel_counters counters;

    struct bytes name;
    uint8_t name_bytes[];
};

struct member {
    struct map_node by_pair;
    struct pair pair;
    struct list in_channel;
    struct list in_client;
    uint64_t serial;
    struct channel *channel;
    struct client *client;
    bool has_opened;
    bool is_authenticated; /* has proven the channel's present password */
};

/* What the protocol keeps for itself. */
#define CHANNELS_RESERVED_NAME BYTES_LITERAL("subscription")
#define CHANNELS_RESERVED_PREFIX BYTES_LITERAL("subscription.") /* of events and topics */

bool channels_is_system_name(struct bytes name);

struct channel *channels_find(const struct hub *hub, struct bytes name);

/* 0 or -ENOMEM. Follow it with channels_release() where nothing came to hang on the channel. */
int channels_get(struct hub *hub, struct bytes name, struct channel **out_channel);

/* Ends the channel if nothing hangs on it any more. */
void channels_release(struct hub *hub, struct channel *channel);

static inline bool channel_is_protected(const struct channel *channel)
{
    return channel && channel->password.ptr;
}

/* Replaces the present password by a copy (empty: none). 0 or -ENOMEM and nothing is changed. */
int channels_set_password(struct channel *channel, struct bytes password, enum password_origin origin);

struct member *channels_member(const struct hub *hub, const struct client *client,
                               const struct channel *channel);

/* The member, new or standing: 0, CHANNELS_E_TOO_MANY or -ENOMEM. Others are told of a new one by
 * channels_tell_membership(). */
enum { CHANNELS_E_TOO_MANY = 1 };
int channels_join(struct hub *hub, struct channel *channel, struct client *client, struct member **out_member,
                  bool *out_is_new);

/* From now on the member receives broadcasts. */
void channels_open(struct hub *hub, struct member *member);

/* The member receives no broadcasts any more. */
void channels_close(struct hub *hub, struct member *member);

/* Takes the membership away, silently. The channel stays until channels_release(). */
void channels_leave(struct hub *hub, struct member *member);

struct client *channels_owner(const struct channel *channel);

/* Sends a borrowed frame to every opener but @except (may be NULL). Answers how many there were. */
size_t channels_send(struct channel *channel, const struct client *except, struct block *frame,
                     enum frame_class frame_class);

/* So many clients have been given a broadcast or a publish of the channel. */
void channels_note_deliveries(struct channel *channel, size_t n);

/* metadata_update of a membership to the openers (but the member itself), and to federation. */
void channels_tell_membership(struct hub *hub, struct channel *channel, struct client *client,
                              bool has_joined);

#endif
