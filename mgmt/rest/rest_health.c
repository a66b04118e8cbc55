/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Probes. livez: the program answers. startupz: the hub's loop answered. readyz: it also takes connections,
 * which it does not while it drains.
 */
#include <stdio.h>

#include "mgmt/rest/resources.h"

#define PLAIN "text/plain; charset=utf-8"

void rest_health_livez(struct rest *rest, const struct request *request, struct reply *reply)
{
    (void)rest;
    (void)request;
    reply_set_static(reply, 200, PLAIN, BYTES_LITERAL("ok\n"));
}

/* A hub that cannot store goes on with its messages, so it is ready; but it is told. */
static void reply_ready(enum store_watch_fault fault, struct reply *reply)
{
    char *text = NULL;

    if (fault == STORE_WATCH_NONE) {
        reply_set_static(reply, 200, PLAIN, BYTES_LITERAL("ok\n"));
        return;
    }
    if (asprintf(&text, "ok\nthe store cannot be written: %s\n", store_watch_text(fault)) < 0)
        text = NULL;
    reply_set_text(reply, 200, PLAIN, text);
}

void rest_health_readyz(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct summary summary = summary_recent(rest);

    (void)request;
    if (summary.is_accepting)
        reply_ready(store_watch_state(rest->options.store_watch).kind, reply);
    else
        reply_set_static(reply, 503, PLAIN,
                         summary.is_reachable ? BYTES_LITERAL("the hub takes no connections: it is ending\n")
                                              : BYTES_LITERAL("the hub does not answer\n"));
}

void rest_health_startupz(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct summary summary = summary_recent(rest);

    (void)request;
    if (summary.is_reachable)
        reply_set_static(reply, 200, PLAIN, BYTES_LITERAL("ok\n"));
    else
        reply_set_static(reply, 503, PLAIN, BYTES_LITERAL("the hub does not answer\n"));
}
