/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * /metrics in Prometheus' text format
 *
 * Aggregated: labels are states and directions, never names, so the number of lines does not depend on what
 * is connected.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hub/base/buffer.h"
#include "hub/base/cleanup.h"
#include "hub/base/metrics.h"
#include "mgmt/live/keeper.h"
#include "mgmt/rest/resources.h"

static const char *const refusal_names[] = {
#define X(id, name, text) name,
    MESH_REFUSALS(X)
#undef X
};

static void head(struct buffer *out, const char *name, const char *type, const char *text)
{
    buffer_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, text, name, type);
}

static void gauge(struct buffer *out, const char *name, const char *text, uint64_t value)
{
    head(out, name, "gauge", text);
    buffer_append_format(out, "%s %llu\n", name, (unsigned long long)value);
}

static void append_counters(struct buffer *out)
{
    for (enum metrics_counter i = 0; i < METRICS_N_COUNTERS; i++) {
        buffer_append_format(out, "# HELP commhub_%s_total %s\n# TYPE commhub_%s_total counter\n",
                             metrics_name(i), metrics_text(i), metrics_name(i));
        buffer_append_format(out, "commhub_%s_total %llu\n", metrics_name(i),
                             (unsigned long long)metrics_read(i));
    }
}

static void append_links(struct buffer *out, const struct summary *summary)
{
    static const char *const directions[] = {"in", "out"};

    head(out, "commhub_links", "gauge", "Links to other hubs by state and direction");
    for (int state = 0; state < SUMMARY_N_STATES; state++) {
        for (int is_outgoing = 0; is_outgoing < 2; is_outgoing++)
            buffer_append_format(out, "commhub_links{state=\"%s\",direction=\"%s\"} %llu\n",
                                 link_state_name((enum link_state)state), directions[is_outgoing],
                                 (unsigned long long)summary->n_links_by_state[state][is_outgoing]);
    }
}

static void counter(struct buffer *out, const char *name, const char *text, uint64_t value)
{
    head(out, name, "counter", text);
    buffer_append_format(out, "%s %llu\n", name, (unsigned long long)value);
}

/* The reasons are words of ours (mesh_counts.h), so there are no more lines than those. */
static void append_refusals(struct buffer *out, const struct mesh_counts *counts)
{
    head(out, "commhub_mesh_refused_total", "counter", "What links brought and was not taken, by reason");
    for (enum mesh_refusal i = 0; i < MESH_REFUSAL_COUNT; i++)
        buffer_append_format(out, "commhub_mesh_refused_total{reason=\"%s\"} %llu\n", refusal_names[i],
                             (unsigned long long)counts->refused[i]);
}

static void append_link_waits(struct buffer *out, const struct mesh_counts *counts)
{
    const char *name = "commhub_mesh_link_waits_total";

    head(out, name, "counter", "How often producers had to wait for a link, by class of message");
    buffer_append_format(out, "%s{class=\"one\"} %llu\n%s{class=\"many\"} %llu\n", name,
                         (unsigned long long)counts->link_waits[LINK_CLASS_ONE], name,
                         (unsigned long long)counts->link_waits[LINK_CLASS_MANY]);
}

static void append_mesh(struct buffer *out, const struct mesh_counts *counts)
{
    gauge(out, "commhub_mesh_hubs", "Other hubs of the mesh that are known", counts->n_origins);
    gauge(out, "commhub_mesh_routes", "What can be reached through the mesh", counts->n_routes);
    gauge(out, "commhub_mesh_candidates", "Ways to it", counts->n_candidates);
    counter(out, "commhub_mesh_entries_in_total", "Route entries received", counts->entries_in);
    counter(out, "commhub_mesh_entries_out_total", "Route entries sent", counts->entries_out);
    counter(out, "commhub_mesh_updates_held_total",
            "Changes of entries that links were told later, with those after them", counts->updates_held);
    counter(out, "commhub_mesh_digest_mismatches_total",
            "Tables of links that were not what the far side had told, and were told anew",
            counts->digest_mismatches);
    counter(out, "commhub_mesh_relayed_total", "Frames passed on for other hubs", counts->relayed);
    counter(out, "commhub_mesh_delivered_total", "Messages for many that came over the mesh",
            counts->delivered);
    counter(out, "commhub_mesh_resent_total", "Frames sent again over a link that came back", counts->resent);
    counter(out, "commhub_mesh_rerouted_total", "Messages that a cut link kept, sent another way",
            counts->rerouted);
    counter(out, "commhub_mesh_parked_total", "Messages that had no way and waited for one", counts->parked);
    counter(out, "commhub_mesh_answers_held_total", "Parts of streams that came before their turn",
            counts->answers_held);
    counter(out, "commhub_mesh_calls_lost_total", "Calls that the mesh answered with an error",
            counts->calls_lost);
    append_link_waits(out, counts);
    append_refusals(out, counts);
}

/* Of the whole process; 0 where the system does not tell. */
static uint64_t resident_bytes(void)
{
    unsigned long long total = 0;
    unsigned long long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void append_store_faults(struct buffer *out, struct rest *rest)
{
    enum store_watch_fault fault = store_watch_state(rest->options.store_watch).kind;

    head(out, "commhub_store_fault", "gauge", "1 while the store cannot be written, by what is wrong");
    for (enum store_watch_fault kind = STORE_WATCH_NONE + 1; kind < STORE_WATCH_FAULT_COUNT; kind++)
        buffer_append_format(out, "commhub_store_fault{kind=\"%s\"} %d\n", store_watch_name(kind),
                             kind == fault);
}

static void append_records(struct buffer *out, struct rest *rest)
{
    struct keeper_figures figures = keeper_figures(rest->options.keeper);

    gauge(out, "commhub_store_records", "Records of the log in the store", figures.n);
    gauge(out, "commhub_store_records_bytes", "Bytes of these records", figures.bytes);
    gauge(out, "commhub_store_records_oldest_seconds",
          "When the oldest of them was made, as Unix time; 0: none", figures.oldest_ms / 1000);
}

/* Descriptors of the process, as Prometheus' own libraries name them. */
static void append_descriptors(struct buffer *out)
{
    DIR *directory = opendir("/proc/self/fd");
    struct rlimit limit;
    uint64_t n = 0;

    if (directory) {
        while (readdir(directory))
            n++;
        closedir(directory);
        gauge(out, "process_open_fds", "Open file descriptors", n > 3 ? n - 3 : 0); /* ., .. and its own */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        gauge(out, "process_max_fds", "How many there may be", limit.rlim_cur);
}

static void append_gauges(struct buffer *out, const struct summary *summary)
{
    gauge(out, "commhub_up", "1 while the hub's loop answers", summary->is_reachable);
    gauge(out, "commhub_accepting", "1 while the hub takes connections", summary->is_accepting);
    gauge(out, "commhub_clients", "Identified clients", summary->counts.n_clients);
    gauge(out, "commhub_connections", "Connections, identified or not", summary->n_connections);
    gauge(out, "commhub_channels", "Open channels", summary->counts.n_channels);
    gauge(out, "commhub_events", "Events on all channels", summary->counts.n_events);
    gauge(out, "commhub_topics", "Topics on all channels", summary->counts.n_topics);
    gauge(out, "commhub_calls_outstanding", "Calls without an answer yet", summary->counts.n_calls);
    gauge(out, "commhub_bridges", "Configured bridges", summary->n_bridges);
    append_links(out, summary);
    gauge(out, "commhub_link_queued_bytes", "Bytes that wait in all links", summary->link_queued_bytes);
    append_mesh(out, &summary->mesh);
    gauge(out, "process_resident_memory_bytes", "Memory of the process", resident_bytes());
    append_descriptors(out);
}

/* Cumulative, as Prometheus has it; @label is empty or ends with a comma. */
static void append_histogram(struct buffer *out, const char *name, const char *label,
                             struct metrics_histogram *histogram)
{
    uint64_t n = 0;
    size_t label_len = strlen(label);

    for (size_t i = 0; i <= METRICS_N_BOUNDS; i++) {
        n += atomic_load_explicit(&histogram->n[i], memory_order_relaxed);
        buffer_append_format(out, "commhub_%s_bucket{%sle=\"", name, label);
        if (i < METRICS_N_BOUNDS)
            buffer_append_format(out, "%g\"} %llu\n", (double)metrics_bounds_us[i] / 1e6,
                                 (unsigned long long)n);
        else
            buffer_append_format(out, "+Inf\"} %llu\n", (unsigned long long)n);
    }
    for (int is_count = 0; is_count < 2; is_count++) {
        buffer_append_format(out, "commhub_%s_%s", name, is_count ? "count" : "sum");
        if (label_len)
            buffer_append_format(out, "{%.*s}", (int)label_len - 1, label);
        if (is_count)
            buffer_append_format(out, " %llu\n", (unsigned long long)n);
        else
            buffer_append_format(
                out, " %.6f\n", (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) / 1e6);
    }
}

static void append_durations(struct buffer *out)
{
    char name[64];

    for (enum metrics_duration i = 0; i < METRICS_N_DURATIONS; i++) {
        snprintf(name, sizeof name, "commhub_%s", metrics_duration_name(i));
        head(out, name, "histogram", metrics_duration_text(i));
        append_histogram(out, metrics_duration_name(i), "", &metrics_histograms[i]);
    }
}

static void append_http(struct buffer *out, struct http_counts *counts)
{
    char label[32];

    head(out, "commhub_http_requests_total", "counter", "Requests of the management port that were answered");
    for (enum http_counts_class class = 0; class < HTTP_COUNTS_N_CLASSES; class ++) {
        for (unsigned status = 0; status < HTTP_COUNTS_N_STATUSES; status++)
            buffer_append_format(
                out, "commhub_http_requests_total{class=\"%s\",status=\"%uxx\"} %llu\n",
                http_counts_class_name(class), status + 1,
                (unsigned long long)atomic_load_explicit(&counts->n[class][status], memory_order_relaxed));
    }
    head(out, "commhub_http_request_duration_seconds", "histogram",
         "From a request's head to its answer's head");
    for (enum http_counts_class class = 0; class < HTTP_COUNTS_N_CLASSES; class ++) {
        snprintf(label, sizeof label, "class=\"%s\",", http_counts_class_name(class));
        append_histogram(out, "http_request_duration_seconds", label, &counts->took[class]);
    }
}

void rest_metrics_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    cleanup_(buffer_clear) struct buffer out = {0};
    struct summary summary = summary_recent(rest);

    (void)request;
    head(&out, "commhub_build_info", "gauge", "Version of the program");
    buffer_append_format(&out, "commhub_build_info{version=\"%s\"} 1\n", rest->options.version);
    gauge(&out, "commhub_start_time_seconds", "When the hub started, as Unix time",
          rest->started_wall_ms / 1000);
    append_gauges(&out, &summary);
    append_store_faults(&out, rest);
    append_records(&out, rest);
    append_counters(&out);
    append_durations(&out);
    append_http(&out, &rest->http_counts);
    reply_set_text(reply, 200, "text/plain; version=0.0.4; charset=utf-8",
                   out.failed ? NULL : buffer_take_text(&out));
}
