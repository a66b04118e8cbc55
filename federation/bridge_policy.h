/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a bridge lets through: which channels, in which direction, which classes of messages, how much
 *
 * Patterns are names of channels as this hub knows them, in which `*` stands for any run of characters. A
 * filter lets a channel through if no deny pattern and, where there are allow patterns, one of them matches;
 * one filter holds for both directions, one more for each. The direction is that of the messages: a call goes
 * out where its caller is on this side, whichever way its answer goes. System channels (`__comm_ipc_*`)
 * belong to their own hub and never cross.
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_POLICY_H
#define COMMHUB_FEDERATION_BRIDGE_POLICY_H

#include "federation/bridge_remap.h"
#include "federation/bridge_spec.h"
#include "hub/base/bytes.h"

enum bridge_direction {
    BRIDGE_IN, /* messages from the far side */
    BRIDGE_OUT,
    BRIDGE_DIRECTION_COUNT
};

struct bridge_policy_filter {
    size_t n_allow;
    char **allow;
    size_t n_deny;
    char **deny;
};

struct bridge_policy {
    uint32_t n_refs;
    struct bridge_policy_filter both;
    struct bridge_policy_filter one_way[BRIDGE_DIRECTION_COUNT];
    uint32_t classes; /* set of 1 << enum bridge_class */
    struct bridge_limits limits;
    struct bridge_remap remap;
    /* Topics whose messages wait on disk, and how long and how much. */
    struct bridge_policy_filter durable;
    uint64_t durable_bytes;
    uint32_t durable_age_s;
    enum bridge_at_bound at_bound;
};

/* Copies what @spec, which must be sound, says of it: 0 or -ENOMEM. */
int bridge_policy_init(struct bridge_policy *policy, const struct bridge_spec *spec);
void bridge_policy_clear(struct bridge_policy *policy);

/* The same on the heap with one reference, for a link may outlast its bridge. NULL is fine for both. */
int bridge_policy_new(struct bridge_policy **out_policy, const struct bridge_spec *spec);
struct bridge_policy *bridge_policy_ref(struct bridge_policy *policy);
void bridge_policy_unref(struct bridge_policy *policy);

/* A pattern is 1 to 255 bytes of UTF-8 without control characters. */
bool bridge_policy_pattern_is_valid(const char *pattern);

bool bridge_policy_is_system(struct bytes channel);

/* Whether messages of one of @classes at least may cross. @policy NULL: the default, all but system channels.
 */
bool bridge_policy_lets(const struct bridge_policy *policy, enum bridge_direction direction, uint32_t classes,
                        struct bytes channel);

/* Whether messages of the topic wait on disk until they can cross. */
bool bridge_policy_is_durable(const struct bridge_policy *policy, struct bytes topic);

bool bridge_policy_matches(const char *pattern, struct bytes channel);

#endif
