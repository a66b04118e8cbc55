/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_policy.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/name.h"

static void texts_free(size_t n, char **texts)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

static int texts_copy(size_t n, const char *const *texts, char ***out_texts)
{
    char **copies = NULL;

    if (n > 0 && !(copies = calloc(n, sizeof *copies)))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        copies[i] = strdup(texts[i]);
        if (!copies[i]) {
            texts_free(i, copies);
            return -ENOMEM;
        }
    }
    *out_texts = copies;
    return 0;
}

static int filter_init(struct bridge_policy_filter *filter, const struct bridge_filter *spec)
{
    int r = texts_copy(spec->allow.n, spec->allow.texts, &filter->allow);

    if (r < 0)
        return r;
    filter->n_allow = spec->allow.n;
    r = texts_copy(spec->deny.n, spec->deny.texts, &filter->deny);
    if (r == 0)
        filter->n_deny = spec->deny.n;
    return r;
}

static void filter_clear(struct bridge_policy_filter *filter)
{
    texts_free(filter->n_allow, filter->allow);
    texts_free(filter->n_deny, filter->deny);
}

int bridge_policy_init(struct bridge_policy *policy, const struct bridge_spec *spec)
{
    const struct bridge_durable *durable = &spec->durable;
    int r;

    *policy = (struct bridge_policy){
        .n_refs = 1,
        .classes = spec->classes ? spec->classes : BRIDGE_ALL_CLASSES,
        .limits = spec->limits,
        .durable_bytes = durable->max_bytes ? durable->max_bytes : BRIDGE_DEFAULT_DURABLE_BYTES,
        .durable_age_s = durable->max_age_s ? durable->max_age_s : BRIDGE_DEFAULT_DURABLE_AGE_S,
        .at_bound = durable->at_bound,
    };
    r = filter_init(&policy->both, &spec->channels);
    if (r == 0)
        r = filter_init(&policy->one_way[BRIDGE_IN], &spec->in);
    if (r == 0)
        r = filter_init(&policy->one_way[BRIDGE_OUT], &spec->out);
    if (r == 0)
        r = filter_init(&policy->durable, &(struct bridge_filter){.allow = durable->topics});
    if (r == 0)
        r = bridge_remap_init(&policy->remap, &spec->remap_in, &spec->remap_out);
    if (r < 0)
        bridge_policy_clear(policy);
    return r;
}

void bridge_policy_clear(struct bridge_policy *policy)
{
    filter_clear(&policy->both);
    filter_clear(&policy->one_way[BRIDGE_IN]);
    filter_clear(&policy->one_way[BRIDGE_OUT]);
    filter_clear(&policy->durable);
    bridge_remap_clear(&policy->remap);
    *policy = (struct bridge_policy){0};
}

int bridge_policy_new(struct bridge_policy **out_policy, const struct bridge_spec *spec)
{
    struct bridge_policy *policy = calloc(1, sizeof *policy);
    int r = policy ? bridge_policy_init(policy, spec) : -ENOMEM;

    if (r < 0)
        free(policy);
    else
        *out_policy = policy;
    return r;
}

struct bridge_policy *bridge_policy_ref(struct bridge_policy *policy)
{
    if (policy)
        policy->n_refs++;
    return policy;
}

void bridge_policy_unref(struct bridge_policy *policy)
{
    if (!policy || --policy->n_refs > 0)
        return;
    bridge_policy_clear(policy);
    free(policy);
}

bool bridge_policy_is_durable(const struct bridge_policy *policy, struct bytes topic)
{
    for (size_t i = 0; i < policy->durable.n_allow; i++) {
        if (bridge_policy_matches(policy->durable.allow[i], topic))
            return true;
    }
    return false;
}

bool bridge_policy_pattern_is_valid(const char *pattern)
{
    return name_is_valid(bytes_of_text(pattern));
}

bool bridge_policy_is_system(struct bytes channel)
{
    return bytes_start_with(channel, BYTES_LITERAL("__comm_ipc_"));
}

/*
 * Greedy with one place to come back to: what a `*` has eaten only ever grows, and a later `*` makes an
 * earlier one's choice final, so the cost is at most pattern times name.
 */
bool bridge_policy_matches(const char *pattern, struct bytes channel)
{
    const char *star = NULL;
    size_t star_at = 0;
    size_t at = 0;

    while (at < channel.len) {
        if (*pattern == '*') {
            star = pattern++;
            star_at = at;
        } else if (*pattern != '\0' && (uint8_t)*pattern == channel.ptr[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool any_matches(size_t n, char *const *patterns, struct bytes channel)
{
    for (size_t i = 0; i < n; i++) {
        if (bridge_policy_matches(patterns[i], channel))
            return true;
    }
    return false;
}

static bool filter_lets(const struct bridge_policy_filter *filter, struct bytes channel)
{
    if (any_matches(filter->n_deny, filter->deny, channel))
        return false;
    return filter->n_allow == 0 || any_matches(filter->n_allow, filter->allow, channel);
}

bool bridge_policy_lets(const struct bridge_policy *policy, enum bridge_direction direction, uint32_t classes,
                        struct bytes channel)
{
    if (bridge_policy_is_system(channel))
        return false;
    if (!policy)
        return true;
    return (policy->classes & classes) != 0 && filter_lets(&policy->both, channel) &&
           filter_lets(&policy->one_way[direction], channel);
}
