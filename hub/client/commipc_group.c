/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hub/base/name.h"
#include "hub/client/client_state.h"

/* "<group>.<event>": -EINVAL where that is too long for a name. */
static int join(const char *group, const char *event, char out_name[NAME_MAX_BYTES + 1])
{
    int len;

    if (!group || !*group || !event || !*event)
        return -EINVAL;
    len = snprintf(out_name, NAME_MAX_BYTES + 1, "%s.%s", group, event);
    return len <= NAME_MAX_BYTES ? 0 : -EINVAL;
}

int commipc_group_provide(struct commipc_channel *channel, const char *group,
                          const struct commipc_event *event)
{
    struct commipc_event shared = {0};
    char name[NAME_MAX_BYTES + 1];

    if (!event || event->size < sizeof event->size)
        return -EINVAL;
    memcpy(&shared, event, event->size < sizeof shared ? event->size : sizeof shared);
    if (join(group, shared.name, name) < 0)
        return -EINVAL;
    shared.size = sizeof shared;
    shared.name = name;
    shared.is_group = true;
    return commipc_channel_provide(channel, &shared);
}

int commipc_group_call(struct commipc_channel *channel, const char *group, const char *event,
                       struct commipc_value data, uint32_t timeout_ms, commipc_answer_fn *on_answer,
                       void *user, uint64_t *out_call)
{
    char name[NAME_MAX_BYTES + 1];
    int r = join(group, event, name);

    return r ? r : commipc_channel_call(channel, name, data, timeout_ms, on_answer, user, out_call);
}

int commipc_group_stream(struct commipc_channel *channel, const char *group, const char *event,
                         struct commipc_value data, uint32_t timeout_ms, commipc_answer_fn *on_answer,
                         void *user, uint64_t *out_call)
{
    char name[NAME_MAX_BYTES + 1];
    int r = join(group, event, name);

    return r ? r : commipc_channel_stream(channel, name, data, timeout_ms, on_answer, user, out_call);
}
