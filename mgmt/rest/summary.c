/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/summary.h"

#include <stdlib.h>

#include "hub/base/clock.h"
#include "hub/base/metrics.h"
#include "mgmt/rest/rest.h"

static void count_links(struct summary *summary, const struct link_status *links, size_t n)
{
    summary->n_links = n;
    for (size_t i = 0; i < n; i++) {
        summary->n_links_by_state[links[i].state][links[i].is_outgoing]++;
        summary->n_bridges += links[i].is_outgoing;
        summary->link_queued_bytes += links[i].queued_bytes;
    }
}

void summary_take(const struct rest *rest, struct summary *summary)
{
    struct server_status status = {0};
    struct link_status *links = NULL;
    size_t n_links = 0;

    *summary = (struct summary){0};
    if (server_control_status(rest->options.server, &status) < 0)
        return;
    summary->is_reachable = true;
    summary->is_accepting = status.is_accepting;
    summary->counts = status.counts;
    summary->n_connections = status.n_connections;
    free(status.listeners);
    if (federation_control_links(rest->options.federation, &links, &n_links) == 0)
        count_links(summary, links, n_links);
    free(links);
    summary->mesh = federation_control_counts(rest->options.federation);
}

void summary_cache_init(struct summary_cache *cache)
{
    *cache = (struct summary_cache){0};
    pthread_mutex_init(&cache->mutex, NULL);
}

void summary_cache_clear(struct summary_cache *cache)
{
    pthread_mutex_destroy(&cache->mutex);
}

static void run_take(void *argument)
{
    struct rest *rest = argument;

    summary_take(rest, &rest->summaries.summary);
}

/* The lock is held while the loop is asked: who comes meanwhile gets the same answer. */
struct summary summary_recent(struct rest *rest)
{
    struct summary_cache *cache = &rest->summaries;
    struct summary summary;

    pthread_mutex_lock(&cache->mutex);
    if (cache->taken_ms == 0 || clock_monotonic_ms() >= cache->taken_ms + SUMMARY_MS) {
        cache->summary = (struct summary){0};
        (void)mailbox_run(rest->options.mailbox, run_take, rest); /* where it is not run, it stays so */
        cache->taken_ms = clock_monotonic_ms();
    }
    summary = cache->summary;
    pthread_mutex_unlock(&cache->mutex);
    return summary;
}

json_t *summary_counts_json(const struct summary *summary)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "clients",
                     (json_int_t)summary->counts.n_clients, "channels",
                     (json_int_t)summary->counts.n_channels, "events", (json_int_t)summary->counts.n_events,
                     "topics", (json_int_t)summary->counts.n_topics, "calls_outstanding",
                     (json_int_t)summary->counts.n_calls, "connections", (json_int_t)summary->n_connections,
                     "bridges", (json_int_t)summary->n_bridges, "links", (json_int_t)summary->n_links);
}

json_t *summary_counters_json(void)
{
    json_t *counters = json_object();

    for (enum metrics_counter i = 0; i < METRICS_N_COUNTERS; i++) {
        if (json_object_set_new(counters, metrics_name(i), json_integer((json_int_t)metrics_read(i)))) {
            json_decref(counters);
            return NULL;
        }
    }
    return counters;
}
