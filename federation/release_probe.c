/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/release_probe.h"

#include "hub/base/check.h"
#include "hub/client/draft.h"

#define SYSTEM_CHANNEL BYTES_LITERAL("__comm_ipc_system")

static const struct {
    const char *type;
    const char *request_id;
} questions[RELEASE_PROBE_QUESTIONS] = {
    {"list_members", "probe-members"},
    {"link_probe", "probe-type"},
    /* Of a topic that nobody has: it changes nothing. */
    {"unsubscribe", "probe-end"},
};

struct block *release_probe_question(unsigned which)
{
    struct draft draft;

    check(which < RELEASE_PROBE_QUESTIONS);
    draft_begin(&draft, questions[which].type);
    draft_text(&draft, "channel", SYSTEM_CHANNEL);
    draft_text(&draft, "sub_name", BYTES_LITERAL("probe"));
    draft_text(&draft, "request_id", bytes_of_text(questions[which].request_id));
    return draft_finish(&draft);
}

void release_probe_hear(struct release_probe *probe, const struct message *message)
{
    struct bytes id;

    if (message->type != MESSAGE_RESPONSE || message_text(message, KEY_REQUEST_ID, &id) != 0)
        return;
    if (bytes_equal_text(id, questions[0].request_id))
        probe->knows_members = true;
    else if (bytes_equal_text(id, questions[1].request_id))
        probe->is_commhub = true;
    else if (bytes_equal_text(id, questions[2].request_id))
        probe->is_over = true;
}

enum release release_probe_result(const struct release_probe *probe)
{
    if (!probe->is_over)
        return RELEASE_UNKNOWN;
    if (probe->is_commhub)
        return RELEASE_COMMHUB;
    return probe->knows_members ? RELEASE_0_1_15 : RELEASE_0_1_5;
}

const char *release_probe_name(enum release release)
{
    switch (release) {
    case RELEASE_UNKNOWN:
        return "";
    case RELEASE_0_1_5:
        return "0.1.5";
    case RELEASE_0_1_15:
        return "0.1.15";
    case RELEASE_COMMHUB:
        return "commhub";
    }
    unreachable();
}
