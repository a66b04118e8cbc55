/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/bench/bench_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_A_US 1000.0
#define NS_A_SECOND 1e9

struct bench_report {
    const struct dialect *dialect;
    const struct bench_options *options;
    uint64_t n_operations; /* while it was measured */
    uint64_t n_verified;
    uint64_t n_connections;
    double seconds;
    double own_cpu_s;
    double hub_cpu_s; /* of all that are known */
    double each_cpu_s[BENCH_MAX_HUBS];
    double hub_user_share; /* of the processor time; by ticks */
    struct server_usage empty;
    struct server_usage joined;
    struct server_usage end;
    struct histogram latency_ns;
};

static struct server_usage sum_of(const struct server_usage usages[BENCH_MAX_HUBS])
{
    struct server_usage sum = {0};

    for (uint32_t i = 0; i < BENCH_MAX_HUBS; i++) {
        sum.cpu_ns += usages[i].cpu_ns;
        sum.system_ticks += usages[i].system_ticks;
        sum.user_ticks += usages[i].user_ticks;
        sum.resident_bytes += usages[i].resident_bytes;
        sum.anonymous_bytes += usages[i].anonymous_bytes;
    }
    return sum;
}

static double seconds_between(const struct server_usage *begin, const struct server_usage *end)
{
    return (double)(end->cpu_ns - begin->cpu_ns) / NS_A_SECOND;
}

static void sum_up_hubs(struct bench_report *report, const struct run_tally *first)
{
    struct server_usage begin = sum_of(first->begin.servers);
    struct server_usage end = sum_of(first->end.servers);
    uint64_t user = end.user_ticks - begin.user_ticks;
    uint64_t kernel = end.system_ticks - begin.system_ticks;

    for (uint32_t i = 0; i < report->options->n_hubs; i++)
        report->each_cpu_s[i] = seconds_between(&first->begin.servers[i], &first->end.servers[i]);
    report->hub_cpu_s = seconds_between(&begin, &end);
    report->hub_user_share = user + kernel > 0 ? (double)user / (double)(user + kernel) : 0.0;
    report->empty = sum_of(first->empty);
    report->joined = sum_of(first->joined);
    report->end = end;
}

static void sum_up(struct bench_report *report, const struct run_tally *tallies)
{
    const struct run_tally *first = &tallies[0];

    for (uint32_t i = 0; i < report->options->n_processes; i++) {
        const struct run_tally *tally = &tallies[i];

        report->n_operations += tally->end.n_done - tally->begin.n_done;
        report->n_verified += tally->n_verified;
        report->n_connections += tally->n_connections;
        report->own_cpu_s += (double)(tally->end.own_cpu_ns - tally->begin.own_cpu_ns) / NS_A_SECOND;
        histogram_add(&report->latency_ns, &tally->latency_ns);
    }
    report->seconds = (double)(first->end.at_ns - first->begin.at_ns) / NS_A_SECOND;
    sum_up_hubs(report, first);
}

struct bench_report *bench_report_new(const struct dialect *dialect, const struct bench_options *options,
                                      const struct run_tally *tallies)
{
    struct bench_report *report = (struct bench_report *)calloc(1, sizeof *report);

    if (!report)
        return NULL;
    report->dialect = dialect;
    report->options = options;
    histogram_init(&report->latency_ns);
    sum_up(report, tallies);
    return report;
}

void bench_report_free(struct bench_report *report)
{
    free(report);
}

static double latency_us(const struct bench_report *report, double share)
{
    return (double)histogram_percentile(&report->latency_ns, share) / NS_A_US;
}

static double per_operation_us(const struct bench_report *report, double seconds)
{
    return report->n_operations > 0 ? seconds * 1e6 / (double)report->n_operations : 0.0;
}

/* Growth from the first to the last connection; what a server gives back makes it no less than nothing. */
static double per_connection(const struct bench_report *report, uint64_t empty_bytes, uint64_t joined_bytes)
{
    if (report->n_connections == 0 || joined_bytes < empty_bytes)
        return 0.0;
    return (double)(joined_bytes - empty_bytes) / (double)report->n_connections;
}

/* --- JSON --- */

static void json_text(FILE *out, const char *name, const char *text)
{
    fprintf(out, "  \"%s\": \"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, out);
    }
    fputs("\",\n", out);
}

static void json_count(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, "  \"%s\": %llu,\n", name, (unsigned long long)value);
}

static void json_number(FILE *out, const char *name, double value)
{
    fprintf(out, "  \"%s\": %.6g,\n", name, value);
}

static void json_options(const struct bench_report *report, FILE *out)
{
    const struct bench_options *options = report->options;
    char text[ADDRESS_TEXT_SIZE];

    address_text(&options->address, text);
    json_text(out, "mode", bench_options_mode_name(options->mode));
    json_text(out, "server", report->dialect->server);
    json_text(out, "address", text);
    json_count(out, "clients", options->n_clients);
    json_count(out, "inflight", options->n_inflight);
    json_count(out, "group", options->n_group);
    json_count(out, "chunks", options->n_chunks);
    json_count(out, "payload_bytes", options->payload_bytes);
    json_text(out, "envelope", options->envelope == BENCH_ENVELOPE_LEAN ? "lean" : "client");
    json_count(out, "rate", options->rate);
    json_count(out, "processes", options->n_processes);
}

static void json_latency(const struct bench_report *report, FILE *out)
{
    const struct histogram *latency = &report->latency_ns;

    if (latency->n_values == 0) {
        fputs("  \"latency_us\": null,\n", out);
        return;
    }
    fprintf(
        out,
        "  \"latency_us\": {\"values\": %llu, \"min\": %.3f, \"mean\": %.3f, \"p50\": %.3f, \"p90\": %.3f, "
        "\"p99\": %.3f, \"p999\": %.3f, \"max\": %.3f},\n",
        (unsigned long long)latency->n_values, (double)latency->least / NS_A_US,
        histogram_mean(latency) / NS_A_US, latency_us(report, 0.5), latency_us(report, 0.9),
        latency_us(report, 0.99), latency_us(report, 0.999), (double)latency->most / NS_A_US);
}

static void json_each_hub(const struct bench_report *report, FILE *out)
{
    fputs("  \"each_hub\": [", out);
    for (uint32_t i = 0; i < report->options->n_hubs; i++)
        fprintf(out, "%s{\"pid\": %d, \"cpu_us_per_operation\": %.4f}", i > 0 ? ", " : "",
                (int)report->options->hub_pids[i], per_operation_us(report, report->each_cpu_s[i]));
    fputs("],\n", out);
}

static void json_hub(const struct bench_report *report, FILE *out)
{
    if (report->options->n_hubs == 0) {
        fputs("  \"hub\": null,\n", out);
        return;
    }
    json_each_hub(report, out);
    fprintf(out,
            "  \"hub\": {\"cpu_s\": %.6f, \"cpu_us_per_operation\": %.4f, \"cpu_cores\": %.3f, "
            "\"user_share\": %.3f,\n"
            "          \"resident_bytes\": %llu, \"anonymous_bytes\": %llu, "
            "\"resident_bytes_per_connection\": %.1f, \"anonymous_bytes_per_connection\": %.1f},\n",
            report->hub_cpu_s, per_operation_us(report, report->hub_cpu_s),
            report->hub_cpu_s / report->seconds, report->hub_user_share,
            (unsigned long long)report->end.resident_bytes, (unsigned long long)report->end.anonymous_bytes,
            per_connection(report, report->empty.resident_bytes, report->joined.resident_bytes),
            per_connection(report, report->empty.anonymous_bytes, report->joined.anonymous_bytes));
}

static void write_json(const struct bench_report *report, FILE *out)
{
    fputs("{\n", out);
    json_options(report, out);
    json_count(out, "connections", report->n_connections);
    json_count(out, "operations", report->n_operations);
    json_count(out, "operations_verified", report->n_verified);
    json_number(out, "seconds", report->seconds);
    json_number(out, "operations_per_second", (double)report->n_operations / report->seconds);
    json_latency(report, out);
    json_hub(report, out);
    fprintf(out, "  \"generator\": {\"cpu_s\": %.6f, \"cpu_us_per_operation\": %.4f}\n}\n", report->own_cpu_s,
            per_operation_us(report, report->own_cpu_s));
}

/* --- table --- */

static const char *operation_name(enum mode mode)
{
    switch (mode) {
    case MODE_RPC:
        return "calls";
    case MODE_PUBSUB:
    case MODE_BROADCAST:
        return "deliveries";
    case MODE_STREAM:
        return "chunks";
    case MODE_IDLE:
    case N_MODES:
        break;
    }
    return "connections";
}

static void write_hub_table(const struct bench_report *report, FILE *out)
{
    bool is_idle = report->options->mode == MODE_IDLE;

    if (report->options->n_hubs == 0)
        return;
    fprintf(out, "  %-22s %.3f s, %.0f %% of a core (%.0f %% of it in user space)\n", "hub CPU",
            report->hub_cpu_s, report->hub_cpu_s / report->seconds * 100.0, report->hub_user_share * 100.0);
    if (!is_idle)
        fprintf(out, "  %-22s %.3f us\n", "hub CPU an operation",
                per_operation_us(report, report->hub_cpu_s));
    for (uint32_t i = 0; report->options->n_hubs > 1 && i < report->options->n_hubs; i++)
        fprintf(out, "  %-22s %.3f us, process %d\n", "", per_operation_us(report, report->each_cpu_s[i]),
                (int)report->options->hub_pids[i]);
    fprintf(out, "  %-22s %.1f MiB resident\n", "hub memory", (double)report->end.resident_bytes / 1048576.0);
    if (is_idle)
        fprintf(out, "  %-22s %.0f bytes (%.0f of them anonymous)\n", "hub memory each",
                per_connection(report, report->empty.resident_bytes, report->joined.resident_bytes),
                per_connection(report, report->empty.anonymous_bytes, report->joined.anonymous_bytes));
}

static void write_table(const struct bench_report *report, FILE *out)
{
    const struct bench_options *options = report->options;
    const char *operations = operation_name(options->mode);
    char text[ADDRESS_TEXT_SIZE];

    address_text(&options->address, text);
    fprintf(out, "%s: %s, %llu connections, %u in flight, %zu bytes\n",
            bench_options_mode_name(options->mode), text, (unsigned long long)report->n_connections,
            options->n_inflight, options->payload_bytes);
    if (options->mode == MODE_IDLE) {
        fprintf(out, "  %-22s %llu, all answered after %.3g s\n", operations,
                (unsigned long long)report->n_verified, report->seconds);
    } else {
        fprintf(out, "  %-22s %llu in %.3g s (%llu with warm-up, all arrived once)\n", operations,
                (unsigned long long)report->n_operations, report->seconds,
                (unsigned long long)report->n_verified);
        fprintf(out, "  %-22s %.0f\n", "a second", (double)report->n_operations / report->seconds);
        fprintf(out, "  %-22s p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f us\n", "latency",
                latency_us(report, 0.5), latency_us(report, 0.9), latency_us(report, 0.99),
                latency_us(report, 0.999), (double)report->latency_ns.most / NS_A_US);
    }
    write_hub_table(report, out);
    if (options->mode != MODE_IDLE)
        fprintf(out, "  %-22s %.3f us an operation\n", "generator CPU",
                per_operation_us(report, report->own_cpu_s));
}

int bench_report_write(const struct bench_report *report)
{
    const char *path = report->options->json;
    bool is_json_only = path && strcmp(path, "-") == 0;
    FILE *out;
    int r;

    if (is_json_only)
        write_json(report, stdout);
    else
        write_table(report, stdout);
    if (fflush(stdout) != 0)
        return -errno;
    if (!path || is_json_only)
        return 0;
    out = fopen(path, "we");
    if (!out)
        return -errno;
    write_json(report, out);
    r = ferror(out) ? -EIO : 0;
    return fclose(out) != 0 ? -errno : r;
}
