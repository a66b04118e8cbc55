/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/mesh_commands.h"

#include <stdio.h>
#include <string.h>

#include "hub/base/text.h"
#include "hub/program/api_client.h"

/* What both commands take: a channel, an event, and how to ask. */
struct arguments {
    const char *command;
    const char *usage;
    struct api_client_options api;
    const char *channel;
    const char *event; /* NULL: none was named */
    const char *topic;
    bool is_json;
    bool wants_help;
};

static int complain(const struct arguments *arguments, const char *text)
{
    fprintf(stderr, "commhub %s: %s\nSee commhub %s --help.\n", arguments->command, text, arguments->command);
    return API_STATUS_USAGE;
}

/* -o table|json */
static bool read_output(void *context, const char *value)
{
    struct arguments *arguments = context;

    arguments->is_json = strcmp(value, "json") == 0;
    return arguments->is_json || strcmp(value, "table") == 0;
}

/* 0, or the exit status. */
static int read_arguments(struct arguments *arguments, int argc, char **argv)
{
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&arguments->api),
        {"--output", "-o", .read = read_output, .context = arguments},
        {"--topic", .value = &arguments->topic},
        {.value = &arguments->channel},
        {.value = &arguments->event},
    };
    int r = api_client_read_arguments(arguments->command, rows, sizeof rows / sizeof *rows, argc, argv,
                                      &arguments->wants_help);

    if (r)
        return r;
    if (!arguments->wants_help && !arguments->channel)
        return complain(arguments, "the channel is missing");
    if (arguments->topic && arguments->event)
        return complain(arguments, "ask for an event or for a topic, not for both");
    return 0;
}

/* --- printing ------------------------------------------------------------------------------------------- */

/* Nobody but this one reads two at a time. */
static const char *shown(const char *text, char room[300])
{
    text_escape(bytes_of_text(text ? text : ""), room, 300);
    return room;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The hub's name, or its id where it has told none; "-" for none. */
static const char *hub_of(const json_t *object, const char *name, char room[300])
{
    const json_t *hub = json_object_get(object, name);
    const char *server_id = text_of(hub, "server_id");

    if (!json_is_object(hub))
        return "-";
    return shown(server_id ? server_id : text_of(hub, "hub_id"), room);
}

static void print_path(const json_t *way)
{
    json_t *hub;
    size_t i;
    char room[300];

    json_array_foreach(json_object_get(way, "path"), i, hub)
    {
        const char *server_id = text_of(hub, "server_id");

        printf("%s%s", i > 0 ? " < " : "", shown(server_id ? server_id : text_of(hub, "hub_id"), room));
    }
    if (i == 0)
        printf("here");
}

static void print_ways(const json_t *ways)
{
    json_t *way;
    size_t i;
    char room[300];

    json_array_foreach(ways, i, way)
    {
        printf("%s %-20s cost %-5lld ", json_is_true(json_object_get(way, "chosen")) ? "*" : " ",
               hub_of(way, "origin", room), (long long)json_integer_value(json_object_get(way, "cost")));
        print_path(way);
        printf("\n    %s\n", shown(text_of(way, "reason"), room));
    }
}

static void print_links(const json_t *links)
{
    json_t *link;
    size_t i;
    char room[300];

    json_array_foreach(links, i, link)
    {
        const char *out = text_of(link, "held_back_out");
        const char *in = text_of(link, "held_back_in");

        if (out)
            printf("link to %s, out: %s\n", hub_of(link, "peer", room), out);
        if (in)
            printf("link to %s, in: %s\n", hub_of(link, "peer", room), in);
    }
}

static void print_refusals(const json_t *refusals)
{
    json_t *refusal;
    size_t i;
    char peer[300], origin[300];

    json_array_foreach(refusals, i, refusal)
    {
        printf("refused at %s from %s, of %s: %s\n", text_of(refusal, "time"), hub_of(refusal, "peer", peer),
               hub_of(refusal, "origin", origin), text_of(refusal, "detail"));
    }
}

static void print_why(const json_t *why)
{
    char room[300];

    printf("%s\n", shown(text_of(why, "verdict"), room));
    print_ways(json_object_get(why, "ways"));
    print_links(json_object_get(why, "links"));
    print_refusals(json_object_get(why, "refused_lately"));
}

static int print_json(const json_t *json)
{
    bool is_written = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;

    return is_written && fflush(stdout) == 0 ? API_STATUS_DONE : API_STATUS_FAILED;
}

/* --- why ------------------------------------------------------------------------------------------------ */

static void write_query(const struct arguments *arguments, struct buffer *path)
{
    buffer_append_text(path, "/api/v1/routes/why?channel=");
    api_client_escape(path, arguments->channel);
    if (arguments->event) {
        buffer_append_text(path, "&event=");
        api_client_escape(path, arguments->event);
    }
    if (arguments->topic) {
        buffer_append_text(path, "&topic=");
        api_client_escape(path, arguments->topic);
    }
}

/* An answer in JSON, or the exit status. */
static int ask(const struct arguments *arguments, const char *method, const char *path, const json_t *body,
               struct api_answer *answer)
{
    cleanup_(api_client_freep) struct api_client *client = NULL;
    char why[API_CLIENT_WHY_SIZE];
    int r = api_client_new(&client, &arguments->api, why);

    if (r == 0)
        r = api_client_ask(client, method, path, body, answer, why);
    if (r != 0) {
        fprintf(stderr, "commhub %s: %s\n", arguments->command, why);
        return r;
    }
    if (answer->status == 200 && answer->json)
        return API_STATUS_DONE;
    api_client_complain(arguments->command, answer);
    return API_STATUS_FAILED;
}

static int why(const struct arguments *arguments)
{
    struct api_answer answer = {0};
    struct buffer query = {0};
    char *path;
    int r;

    write_query(arguments, &query);
    path = buffer_take_text(&query);
    if (!path)
        return API_STATUS_FAILED;
    r = ask(arguments, "GET", path, NULL, &answer);
    if (r == API_STATUS_DONE && arguments->is_json)
        r = print_json(answer.json);
    else if (r == API_STATUS_DONE)
        print_why(answer.json);
    free(path);
    api_client_answer_clear(&answer);
    return r;
}

int mesh_commands_why(int argc, char **argv)
{
    struct arguments arguments = {.command = "why"};
    int r = read_arguments(&arguments, argc, argv);

    if (r != 0)
        return r;
    if (!arguments.wants_help)
        return why(&arguments);
    fputs("Usage: commhub why CHANNEL [EVENT] [--topic TOPIC] [-o table|json]\n\n"
          "Shows all ways to an event, which one a call takes, and why each other one is not taken. Without "
          "an\n"
          "event: who gets a broadcast; with --topic: who gets what is published. * marks what is taken.\n\n"
          "  --topic TOPIC      ask about a topic\n"
          "  -o, --output FORM  table or json\n" API_CLIENT_HELP,
          stdout);
    return API_STATUS_DONE;
}

/* --- trace ---------------------------------------------------------------------------------------------- */

static void print_time(uint64_t us)
{
    printf("%llu.%03llu ms", (unsigned long long)(us / 1000), (unsigned long long)(us % 1000));
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

/* What the link took both ways: the time of this step without that of the next. */
static void print_step(const json_t *step, const json_t *next)
{
    char room[300];
    const char *to = text_of(step, "to");

    printf("%-20s ", hub_of(step, "hub", room));
    if (!to) {
        printf("%s\n", shown(text_of(step, "decision"), room));
        return;
    }
    printf("to %s", shown(to, room));
    if (number_of(step, "elapsed_us") > 0) {
        printf(": there and back ");
        print_time(number_of(step, "elapsed_us") - number_of(next, "elapsed_us"));
    }
    if (number_of(step, "rtt_us") > 0) {
        printf(", link ");
        print_time(number_of(step, "rtt_us"));
    }
    printf(", queue %llu bytes, %llu ms\n", (unsigned long long)number_of(step, "queued_bytes"),
           (unsigned long long)number_of(step, "queue_wait_ms"));
}

static void print_trace(const json_t *trace)
{
    const json_t *steps = json_object_get(trace, "steps");
    char room[300];

    for (size_t i = 0; i < json_array_size(steps); i++)
        print_step(json_array_get(steps, i), json_array_get(steps, i + 1));
    printf("%s, ", shown(text_of(trace, "verdict"), room));
    print_time(number_of(trace, "elapsed_us"));
    putchar('\n');
}

static int trace(const struct arguments *arguments)
{
    json_t *body = json_pack("{s:s, s:s}", "channel", arguments->channel, "event", arguments->event);
    struct api_answer answer = {0};
    int r = body ? ask(arguments, "POST", "/api/v1/trace", body, &answer) : API_STATUS_USAGE;

    if (!body)
        complain(arguments, "channel and event must be UTF-8");
    if (r == API_STATUS_DONE && arguments->is_json)
        r = print_json(answer.json);
    else if (r == API_STATUS_DONE)
        print_trace(answer.json);
    if (r == API_STATUS_DONE && !json_is_true(json_object_get(answer.json, "arrived")))
        r = API_STATUS_FAILED;
    json_decref(body);
    api_client_answer_clear(&answer);
    return r;
}

int mesh_commands_trace(int argc, char **argv)
{
    struct arguments arguments = {.command = "trace"};
    int r = read_arguments(&arguments, argc, argv);

    if (r != 0)
        return r;
    if (arguments.wants_help) {
        fputs("Usage: commhub trace CHANNEL EVENT [-o table|json]\n\n"
              "Sends a probe the way that a call would go now, and prints what each hub on it decided and "
              "how long\n"
              "each link took. No provider hears of it. The exit status is 1 where a call would find no "
              "provider.\n\n"
              "  -o, --output FORM  table or json\n" API_CLIENT_HELP,
              stdout);
        return API_STATUS_DONE;
    }
    if (!arguments.event || arguments.topic)
        return complain(&arguments, "it takes a channel and an event");
    return trace(&arguments);
}
