/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The package's own ping, once a second, in the same queue as everything else. A Python hub works off one
 * message after the other in one thread: under load its answer may well take seconds, so a late one shows,
 * and only a long silence ends the link.
 */
#include "federation/reference_state.h"
#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/client/draft.h"

#define BEAT_MS 250U
#define PING_MS 1000U
#define LATE_MS 1500U
#define DEAD_MS 10000U
/* With fewer messages than this before it, the answer has nothing to be slow about. */
#define FEW_MESSAGES 1000U
#define IDLE_DEAD_MS 3000U

static void send_ping(struct reference_link *link)
{
    struct draft draft;

    link->ping_us = clock_monotonic_us();
    link->next_ping_ms = reference_link_now_ms(link) + PING_MS;
    link->unanswered_ms = reference_link_now_ms(link);
    draft_begin(&draft, "ping");
    reference_link_say(link, draft_finish(&draft));
}

static void arm(struct reference_link *link)
{
    check(loop_timer_arm(link->federation->loop, &link->timer, reference_link_now_ms(link) + BEAT_MS) == 0);
}

void reference_pulse_begin(struct reference_link *link)
{
    send_ping(link);
    arm(link);
}

void reference_pulse_beat(struct reference_link *link)
{
    uint64_t now = reference_link_now_ms(link);
    uint64_t unanswered = link->unanswered_ms ? now - link->unanswered_ms : 0;
    bool is_idle = link->messages_out - link->messages_at_pong < FEW_MESSAGES;

    arm(link);
    if (unanswered >= DEAD_MS || (is_idle && unanswered >= IDLE_DEAD_MS))
        reference_link_fail(link, "echo_missed", "the other hub does not answer pings");
    else if (unanswered >= LATE_MS && link->state == LINK_UP)
        reference_link_enter(link, LINK_DEGRADED, "echo_late");
    else if (unanswered == 0 && now >= link->next_ping_ms)
        send_ping(link);
}

void reference_pulse_hear_pong(struct reference_link *link)
{
    if (link->unanswered_ms == 0)
        return;
    link->unanswered_ms = 0;
    link->messages_at_pong = link->messages_out;
    link->rtt_us = (int64_t)(clock_monotonic_us() - link->ping_us);
    if (link->state == LINK_DEGRADED)
        reference_link_enter(link, LINK_UP, "echo_back");
    if (link->state != LINK_SYNCING)
        return;
    link->last_error[0] = '\0';
    link->step = LINK_STEP_NONE;
    link->failed_step = LINK_STEP_NONE;
    reference_link_enter(link, LINK_UP, link->foreign ? "synced" : "standby");
}
