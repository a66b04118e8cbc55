/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_pulse.h"

#include "federation/link_state.h"
#include "hub/base/clock.h"

#define SYNC_MS 30000U
#define BEAT_MS 250U
#define HELLO_MS 1000U
#define LATE_MS 1500U
/* Three hellos. */
#define DEAD_MS 3000U
/* While bytes still leave, a hello may wait behind them so long. */
#define BUSY_DEAD_MS 30000U

static void send_hello(struct link *link)
{
    struct link_message message = {.type = LINK_MESSAGE_HELLO};

    link->last_hello_us = clock_monotonic_us();
    link->next_hello_ms = link_now_ms(link) + HELLO_MS;
    if (link->unanswered_ms == 0)
        link->unanswered_ms = link_now_ms(link);
    message.at_us = link->last_hello_us;
    link_write(link, &message);
}

void link_pulse_begin(struct link *link)
{
    link->began_ms = link_now_ms(link);
    link->progress_ms = link->began_ms;
    link->written_bytes = stream_written_bytes(link->stream);
    send_hello(link);
    link_arm(link, BEAT_MS);
}

static void consider_up(struct link *link)
{
    if (link->is_synced && link->rtt_us >= 0 && link->state == LINK_SYNCING) {
        link->step = LINK_STEP_NONE;
        link_set_error(link, "");
        link_enter(link, LINK_UP, link->n_resumes > 0 ? "resumed" : "synced");
    }
}

void link_pulse_synced(struct link *link)
{
    link->is_synced = true;
    consider_up(link);
}

void link_pulse_hear_echo(struct link *link, uint64_t at_us)
{
    uint64_t now_us = clock_monotonic_us();

    /* Not one of ours. */
    if (at_us > link->last_hello_us)
        return;
    link->rtt_us = (int64_t)(now_us - at_us);
    if (link->least_rtt_us < 0 || link->rtt_us < link->least_rtt_us)
        link->least_rtt_us = link->rtt_us;
    link->unanswered_ms = at_us == link->last_hello_us ? 0 : link->unanswered_ms + HELLO_MS;
    if (link->state == LINK_DEGRADED && link->unanswered_ms == 0)
        link_enter(link, LINK_UP, "echo_back");
    consider_up(link);
}

static void watch_progress(struct link *link)
{
    uint64_t written = stream_written_bytes(link->stream);

    if (written != link->written_bytes || stream_outbox_bytes(link->stream) == 0) {
        link->written_bytes = written;
        link->progress_ms = link_now_ms(link);
    }
}

/* How long a hello may stay unanswered: longer while it stands in a queue that moves. */
static uint64_t patience_ms(const struct link *link)
{
    bool is_busy = stream_outbox_bytes(link->stream) > 0 && link_now_ms(link) - link->progress_ms < DEAD_MS;

    return is_busy ? BUSY_DEAD_MS : DEAD_MS;
}

void link_pulse_beat(struct link *link)
{
    uint64_t now = link_now_ms(link);
    uint64_t unanswered = link->unanswered_ms ? now - link->unanswered_ms : 0;

    watch_progress(link);
    link_arm(link, BEAT_MS);
    if (link->is_ack_due)
        link_acknowledge(link);
    if (now - link->heard_ms >= DEAD_MS)
        link_fail(link, "hello_missed", "nothing has come from the other hub for 3 s");
    else if (unanswered >= patience_ms(link))
        link_fail(link, "echo_missed", "the other hub has not answered hellos for 3 s");
    else if (!link->is_synced && now - link->began_ms >= SYNC_MS)
        link_end_session(link, "sync_timed_out", "the other hub has not told all of its table within 30 s");
    else if (unanswered >= LATE_MS && link->state == LINK_UP)
        link_enter(link, LINK_DEGRADED, "echo_late");
    if (!link->is_ending && now >= link->next_hello_ms)
        send_hello(link);
}
