/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which channels a bridge lets through, both ways
 *
 * Patterns are channel names in which `*` stands for any run of characters. A channel crosses if no deny
 * pattern and, where there are allow patterns, one of them matches. System channels (`__comm_ipc_*`) belong
 * to their own hub and never cross.
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_POLICY_H
#define COMMHUB_FEDERATION_BRIDGE_POLICY_H

#include "federation/bridge_spec.h"
#include "hub/base/bytes.h"

struct bridge_policy {
    size_t n_allow;
    char **allow;
    size_t n_deny;
    char **deny;
};

/* Copies what @spec, which must be sound, says of it: 0 or -ENOMEM. */
int bridge_policy_init(struct bridge_policy *policy, const struct bridge_spec *spec);
void bridge_policy_clear(struct bridge_policy *policy);

/* A pattern is 1 to 255 bytes of UTF-8 without control characters. */
bool bridge_policy_pattern_is_valid(const char *pattern);

bool bridge_policy_is_system(struct bytes channel);

/* NULL: the default, all but system channels. */
bool bridge_policy_lets(const struct bridge_policy *policy, struct bytes channel);

bool bridge_policy_matches(const char *pattern, struct bytes channel);

#endif
