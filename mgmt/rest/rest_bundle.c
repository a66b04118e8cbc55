/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The support bundle: what somebody who helps from afar has to see, in one file
 *
 * Each part is the answer that the asker gets at that address himself, so that a bundle shows nothing which
 * REST does not: no secret can be read there. A part is as long as a page of its list; one over
 * MOST_PART_BYTES is left out, and its place says so. The records are the log, of all levels, as far as the
 * ring reaches; those of the audit log need a right of their own and are left out.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/clock.h"
#include "mgmt/live/live_session.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/tar.h"

#define MOST_PART_BYTES ((size_t)4 << 20)
#define MOST_RECORDS 2000

#define FOLDER "commhub-support/"

static const struct {
    const char *name;
    const char *target;
} parts[] = {
    {FOLDER "hub.json", "/api/v1/hub"},
    {FOLDER "settings.json", "/api/v1/hub/settings"},
    {FOLDER "mesh.json", "/api/v1/mesh?limit=1000"},
    {FOLDER "links.json", "/api/v1/links?limit=1000"},
    {FOLDER "bridges.json", "/api/v1/bridges?limit=1000"},
    {FOLDER "routes.json", "/api/v1/routes?limit=1000"},
    {FOLDER "clients.json", "/api/v1/clients?limit=1000"},
    {FOLDER "history.json", "/api/v1/events/history?limit=1000"},
};

struct bundle {
    struct rest *rest;
    const struct request *request; /* whose asker all is asked for */
    uint64_t time_s;
    struct buffer tar;
};

static void add(struct bundle *bundle, const char *name, struct bytes content)
{
    char instead[64];

    if (content.len > MOST_PART_BYTES) {
        snprintf(instead, sizeof instead, "left out: %zu bytes\n", content.len);
        content = bytes_of_text(instead);
    }
    tar_add(&bundle->tar, name, content, bundle->time_s);
}

static void add_part(struct bundle *bundle, const char *name, const char *target)
{
    struct request request = {.method = "GET", .target = target, .by = bundle->request->by};
    struct reply reply = {0};

    memcpy(request.id, bundle->request->id, sizeof request.id);
    memcpy(request.peer, bundle->request->peer, sizeof request.peer);
    rest_carry_out(bundle->rest, &request, &reply);
    add(bundle, name, reply.body);
    reply_clear(&reply);
    request_clear(&request);
}

static void add_metrics(struct bundle *bundle)
{
    struct reply reply = {0};

    rest_metrics_get(bundle->rest, bundle->request, &reply);
    add(bundle, FOLDER "metrics.txt", reply.body);
    reply_clear(&reply);
}

static void add_build(struct bundle *bundle)
{
    char text[256];
    char time[CLOCK_RFC3339_TEXT];

    clock_rfc3339(bundle->time_s * 1000, time);
    snprintf(text, sizeof text, "{\"version\":\"%s\",\"compiler\":\"%s\",\"taken\":\"%s\"}\n",
             bundle->rest->options.version, __VERSION__, time);
    add(bundle, FOLDER "build.json", bytes_of_text(text));
}

/* A record a line, the newest last. */
static void add_records(struct bundle *bundle)
{
    cleanup_(buffer_clear) struct buffer lines = {0};
    struct log *log = bundle->rest->options.log;
    struct live_source source = {.log = log, .epoch = bundle->rest->options.epoch};
    struct live_session session = {.streams = ((1u << LOG_N_STREAMS) - 1) & ~(1u << LOG_AUDIT)};
    struct log_range range = log_range(log);

    session.position = range.oldest - 1;
    if (range.latest > MOST_RECORDS && session.position < range.latest - MOST_RECORDS)
        session.position = range.latest - MOST_RECORDS;
    while (session.position < range.latest && lines.len < MOST_PART_BYTES / 2) {
        int r = live_session_next(&session, &source, &lines);

        if (r < 0)
            break;
        if (r > 0)
            buffer_append_text(&lines, "\n");
    }
    add(bundle, FOLDER "records.jsonl", buffer_bytes(&lines));
}

void rest_bundle_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct bundle bundle = {.rest = rest, .request = request, .time_s = clock_wall_ms() / 1000};

    add_build(&bundle);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add_part(&bundle, parts[i].name, parts[i].target);
    add_metrics(&bundle);
    add_records(&bundle);
    tar_end(&bundle.tar);
    if (bundle.tar.failed) {
        problem_reply(reply, request, 500, "out of memory");
        buffer_clear(&bundle.tar);
        return;
    }
    reply_set_static(reply, 200, "application/x-tar", buffer_bytes(&bundle.tar));
    reply->own_body = (char *)bundle.tar.ptr; /* the reply's now */
    rest_log(rest, LOG_INFO, request, "A support bundle was taken: %zu bytes", bundle.tar.len);
}
