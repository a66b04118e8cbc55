/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_dial.h"

#include <stdio.h>

#include "federation/link_handshake.h"
#include "federation/link_state.h"
#include "federation/link_step.h"
#include "federation/trial.h"
#include "hub/base/random.h"
#include "hub/io/dialer.h"

#define DIAL_TIMEOUT_MS 10000U
#define FIRST_BACKOFF_MS 200U
#define MOST_BACKOFF_MS 30000U
#define STABLE_MS 10000U
/* A refusal does not mend itself in milliseconds. */
#define REFUSED_BACKOFF_MS 5000U

static uint64_t backoff_ms(struct link *link)
{
    uint64_t most = FIRST_BACKOFF_MS << link->n_attempts;

    if (link->was_refused)
        return REFUSED_BACKOFF_MS + random_u64() % REFUSED_BACKOFF_MS;
    if (most > MOST_BACKOFF_MS)
        most = MOST_BACKOFF_MS;
    else
        link->n_attempts++;
    /* Full jitter: hubs that lost the same hub do not come back in step. */
    return 1 + random_u64() % most;
}

void link_dial_later(struct link *link, const char *reason)
{
    char copy[sizeof link->reason];

    if (link_trial(link)) {
        trial_fail(link_trial(link), reason);
        return;
    }
    snprintf(copy, sizeof copy, "%s", reason);
    if (link->up_ms != 0 && link_now_ms(link) - link->up_ms >= STABLE_MS)
        link->n_attempts = 0;
    link->up_ms = 0;
    link_arm(link, backoff_ms(link));
    link_enter(link, link->was_refused ? LINK_REFUSED : LINK_BACKOFF, copy);
}

static void on_resolved(void *owner)
{
    link_begin_step(owner, LINK_STEP_CONNECT);
}

static void on_connected(void *owner, int fd)
{
    struct link *link = owner;
    int r;

    dialer_free(link->dialer);
    link->dialer = NULL;
    r = stream_new(&link->stream, link->federation->loop, fd, link->bridge->tls, &link_stream_events,
                   &link_stream_marks, link);
    if (r < 0) {
        link->stream = NULL;
        link_set_error(link, "no memory for a connection");
        link_dial_later(link, "out_of_memory");
        return;
    }
    link_begin_step(link, link->bridge->tls ? LINK_STEP_TLS : LINK_STEP_HANDSHAKE);
    link_enter(link, LINK_HANDSHAKE, "connected");
    link_handshake_begin(link);
    if (!link->bridge->tls)
        link_handshake_greet(link);
}

static void on_failed(void *owner, enum dialer_step step, int error, const char *detail)
{
    struct link *link = owner;
    char text[FEDERATION_DETAIL_SIZE];

    (void)step;
    (void)error;
    dialer_free(link->dialer);
    link->dialer = NULL;
    link_step_explain(BRIDGE_NATIVE, link->step, detail, text, sizeof text);
    link_set_error(link, text);
    link_dial_later(link, link->step == LINK_STEP_RESOLVE ? "not_resolved" : "not_connected");
}

static const struct dialer_events dialer_events = {on_resolved, on_connected, on_failed};

void link_dial_now(struct link *link)
{
    struct federation *federation = link->federation;
    int r;

    link->was_refused = false;
    link_begin_step(link, LINK_STEP_RESOLVE);
    link_enter(link, LINK_DIALING, link->last_error[0] ? "retry" : "configured");
    r = dialer_new(&link->dialer, federation->loop, federation->mailbox, &link->bridge->address,
                   DIAL_TIMEOUT_MS, &dialer_events, link);
    if (r < 0) {
        link->dialer = NULL;
        link_set_error(link, strerrordesc_np(-r));
        link_dial_later(link, "not_connected");
    }
}

void link_dial_retry(struct link *link)
{
    if (link->state != LINK_BACKOFF && link->state != LINK_REFUSED)
        return;
    loop_timer_disarm(link->federation->loop, &link->timer);
    link->n_attempts = 0;
    link_dial_now(link);
}
