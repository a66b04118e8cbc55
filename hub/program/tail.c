/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The store has each record as the ring has it, by epoch and id, at most a second later: reading on in the
 * ring behind the last one that the store gave shows none twice and leaves none out. Records of debug level
 * are only in the ring.
 */
#include "hub/program/tail.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/program/api_client.h"

#define WAIT_S 15 /* the client of the API gives up after more */
#define EPOCH_SIZE 128
#define TEXT_SIZE 1200

struct tail {
    struct api_client_options api;
    struct api_client *client;
    const char *streams;
    const char *level;
    const char *text;
    const char *since;
    const char *until;
    uint64_t since_ms; /* wall clock */
    uint64_t until_ms;
    bool has_history;
    bool is_once;
    bool is_json;
    bool wants_help;

    char epoch[EPOCH_SIZE]; /* where to go on: behind the record @id of it; "": at the first there is */
    json_int_t id;
};

/* ---- arguments ---- */

static bool read_output(void *context, const char *form)
{
    struct tail *tail = context;

    tail->is_json = strcmp(form, "table") != 0;
    return !tail->is_json || strcmp(form, "json") == 0 || strcmp(form, "jsonl") == 0;
}

static int read_arguments(struct tail *tail, int argc, char **argv)
{
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&tail->api),         {"--output", "-o", .read = read_output, .context = tail},
        {"--streams", .value = &tail->streams}, {"--level", .value = &tail->level},
        {"--text", .value = &tail->text},       {"--since", .value = &tail->since},
        {"--until", .value = &tail->until},     {"--history", .is_given = &tail->has_history},
        {"--once", .is_given = &tail->is_once},
    };

    return api_client_read_arguments("tail", rows, sizeof rows / sizeof *rows, argc, argv, &tail->wants_help);
}

/* "90s", "15m", "2h", "7d": so long ago. */
static bool read_ago(const char *text, uint64_t *out_wall_ms)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    size_t len = strlen(text);
    uint64_t now_ms = clock_wall_ms(), n;
    char number[8];

    if (len < 2 || len > sizeof number)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)len - 1, text);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[len - 1] == units[i].unit && text_to_u64(number, 0, 999999, &n) == 0) {
            *out_wall_ms = now_ms > n * units[i].ms ? now_ms - n * units[i].ms : 0;
            return true;
        }
    }
    return false;
}

static int read_time(const char *flag, const char *text, uint64_t *out_wall_ms)
{
    char shown[64];

    if (!text || read_ago(text, out_wall_ms) || clock_read_rfc3339(text, out_wall_ms) == 0)
        return API_STATUS_DONE;
    text_escape(bytes_of_text(text), shown, sizeof shown);
    fprintf(
        stderr,
        "commhub tail: %s must be a time such as 2026-01-31T12:34:56Z, or how long ago: 90s, 15m, 2h, 7d; "
        "not %s\n",
        flag, shown);
    return API_STATUS_USAGE;
}

static int read_times(struct tail *tail)
{
    int status = read_time("--since", tail->since, &tail->since_ms);

    if (status == API_STATUS_DONE)
        status = read_time("--until", tail->until, &tail->until_ms);
    tail->has_history = tail->has_history || tail->since || tail->until;
    return status;
}

/* ---- output ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* What people want to read first of a record. */
static const char *message_of(const json_t *data)
{
    static const char *const names[] = {"message", "error", "state", "event"};
    const char *text = "";

    for (size_t i = 0; !*text && i < sizeof names / sizeof *names; i++)
        text = text_of(data, names[i]);
    return text;
}

static void print_record(const struct tail *tail, const json_t *record)
{
    const json_t *data = json_object_get(record, "data");
    const char *level = text_of(json_object_get(record, "level") ? record : data, "level");
    char text[TEXT_SIZE];

    if (tail->is_json) {
        json_dumpf(record, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    if (json_object_get(record, "count")) {
        printf("... %lld records are gone\n",
               (long long)json_integer_value(json_object_get(record, "count")));
        return;
    }
    text_escape(bytes_of_text(message_of(data)), text, sizeof text);
    printf("%s %-7s %-7s %s\n", text_of(record, "time"), text_of(record, "stream"), level, text);
}

/* A record of the ring may be older than what was asked for. */
static bool is_wanted(const struct tail *tail, const json_t *record)
{
    uint64_t wall_ms;

    return !tail->since_ms || clock_read_rfc3339(text_of(record, "time"), &wall_ms) < 0 ||
           wall_ms >= tail->since_ms;
}

/* ---- asking ---- */

/* The JSON of an answer that says yes, or a status, and why was said. */
static int ask(const struct tail *tail, struct buffer *path, json_t **out_json)
{
    char why[API_CLIENT_WHY_SIZE];
    struct api_answer answer = {0};
    int status;

    *out_json = NULL;
    buffer_append(path, "", 1);
    if (path->failed) {
        fputs("commhub tail: out of memory\n", stderr);
        return API_STATUS_FAILED;
    }
    status = api_client_ask(tail->client, "GET", (const char *)path->ptr, NULL, &answer, why);
    if (status != API_STATUS_DONE) {
        fprintf(stderr, "commhub tail: %s\n", why);
    } else if (answer.status >= 400) {
        api_client_complain("tail", &answer);
        status = API_STATUS_FAILED;
    } else {
        *out_json = json_incref(answer.json);
    }
    api_client_answer_clear(&answer);
    return status;
}

static void append_argument(struct buffer *path, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buffer_append_format(path, "&%s=", name);
    api_client_escape(path, value);
}

static void append_time(struct buffer *path, const char *name, uint64_t wall_ms)
{
    char time[CLOCK_RFC3339_TEXT];

    clock_rfc3339(wall_ms, time);
    append_argument(path, name, wall_ms ? time : NULL);
}

static void append_filter(const struct tail *tail, struct buffer *path)
{
    append_argument(path, "streams", tail->streams);
    append_argument(path, "level", tail->level);
    append_argument(path, "text", tail->text);
}

/* The page behind @page, which it takes the place of. */
static int ask_history(const struct tail *tail, json_t **page)
{
    cleanup_(buffer_clear) struct buffer path = {0};

    buffer_append_text(&path, "/api/v1/events/history?limit=1000&sort=time");
    append_filter(tail, &path);
    append_time(&path, "from", tail->since_ms);
    append_time(&path, "until", tail->until_ms);
    append_argument(&path, "cursor", text_of(*page, "next"));
    json_decref(*page);
    return ask(tail, &path, page);
}

/* What the store keeps, oldest first; says where to go on. */
static int print_history(struct tail *tail)
{
    json_t *page = NULL, *record;
    int status;
    size_t i;

    do {
        status = ask_history(tail, &page);
        json_array_foreach(json_object_get(page, "items"), i, record)
        {
            print_record(tail, record);
            tail->id = json_integer_value(json_object_get(record, "id"));
            snprintf(tail->epoch, sizeof tail->epoch, "%s", text_of(record, "epoch"));
        }
        fflush(stdout);
    } while (status == 0 && *text_of(page, "next") && !ferror(stdout));
    json_decref(page);
    return status;
}

/* One look at the ring: prints what is new, and says where to go on. */
static int print_new(struct tail *tail, bool *out_more)
{
    cleanup_(buffer_clear) struct buffer path = {0};
    json_t *answer, *record;
    size_t i;
    int status;

    buffer_append_format(&path, "/api/v1/events?limit=1000&wait=%d", tail->is_once ? 0 : WAIT_S);
    if (*tail->epoch)
        buffer_append_format(&path, "&since=%lld", (long long)tail->id);
    append_argument(&path, "epoch", tail->epoch);
    append_filter(tail, &path);
    status = ask(tail, &path, &answer);
    json_array_foreach(json_object_get(answer, "items"), i, record)
    {
        if (is_wanted(tail, record))
            print_record(tail, record);
    }
    if (status == 0) {
        fflush(stdout);
        tail->id = json_integer_value(json_object_get(answer, "next"));
        *out_more = json_is_true(json_object_get(answer, "more"));
        snprintf(tail->epoch, sizeof tail->epoch, "%s", text_of(answer, "epoch"));
    }
    json_decref(answer);
    return status;
}

/* ---- the command ---- */

static const char help[] =
    "Usage: commhub tail [OPTION ...]\n\n"
    "Prints the hub's records, those that are in its memory first, and goes on as they come.\n\n"
    "  --streams LIST     some of logs,errors,system,links\n"
    "  --level LEVEL      debug, info, warning or error, and what is graver\n"
    "  --text TEXT        records that have it, whatever the case\n"
    "  --history          before that, what the data directory keeps from earlier, restarts included\n"
    "  --since TIME       the same, from then on: 2026-01-31T12:34:56Z, or 90s, 15m, 2h, 7d ago\n"
    "  --until TIME       end with what the data directory keeps up to then\n"
    "  --once             end after what is there\n"
    "  -o, --output FORM  table or jsonl, a line each\n" API_CLIENT_HELP
    "\nExit status: 0 done, 1 the hub said no, 2 wrong usage, 3 not in time, 4 no connection.\n";

static int run(struct tail *tail)
{
    bool has_more = true;
    int status = tail->has_history ? print_history(tail) : API_STATUS_DONE;

    while (status == API_STATUS_DONE && !tail->until && (!tail->is_once || has_more) && !ferror(stdout))
        status = print_new(tail, &has_more);
    return status;
}

int tail_command(int argc, char **argv)
{
    struct tail tail = {0};
    char why[API_CLIENT_WHY_SIZE];
    int status = read_arguments(&tail, argc, argv);

    if (status == API_STATUS_DONE && tail.wants_help)
        return fputs(help, stdout) < 0;
    if (status == API_STATUS_DONE)
        status = read_times(&tail);
    if (status != API_STATUS_DONE)
        return status;
    status = api_client_new(&tail.client, &tail.api, why);
    if (status == API_STATUS_DONE)
        status = run(&tail);
    else
        fprintf(stderr, "commhub tail: %s\n", why);
    api_client_free(tail.client);
    return status;
}
