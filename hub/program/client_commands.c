/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Each verb is a row: what it needs, and what it does once the channel is open
 *
 * One client, one attempt to connect, one channel; then the verb asks, and the callbacks say what the exit
 * status is. `send`, `broadcast` and `publish` are not answered by the hub: behind them the channel's members
 * are asked for, and since a hub keeps the order, all that it had to say about the message has come by then.
 */
#include "hub/program/client_commands.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/program/secret_file.h"
#include "hub/program/value_json.h"

enum { STATUS_DONE, STATUS_FAILED, STATUS_USAGE, STATUS_TIMEOUT, STATUS_NO_CONNECTION, STATUS_UNDECIDED };

enum output { OUTPUT_DEFAULT, OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL };

struct arguments {
    const char *channel;
    const char *event;
    const char *topic;
    const char *data;
    const char *socket_path;
    const char *host;
    const char *port;
    const char *address;
    char *connection_secret;
    const char *connection_secret_file;
    const char *password_file;
    const char *tls_ca;
    const char *timeout;
    const char *count;
    const char *output;
    bool is_verbose;
};

struct command;

struct verb {
    const char *name;
    const char *usage; /* of what it needs beyond the channel */
    bool needs_event;
    bool needs_topic;
    bool goes_on; /* until it is stopped: no deadline unless one is given, and it connects again */
    uint64_t default_timeout_ms;
    int (*ask)(struct command *command);
};

struct command {
    const struct verb *verb;
    struct arguments arguments;
    enum output output;
    uint64_t timeout_ms; /* 0: none */
    uint64_t n_wanted;   /* messages of a subscription; 0: no end */
    uint64_t n_seen;
    char address[160];
    struct buffer secret;
    struct buffer password;
    struct commipc_writer *data;
    struct commipc_client *client;
    struct commipc_channel *channel;
    bool was_ready;
    int status;
};

static volatile sig_atomic_t is_interrupted;
static struct commipc_client *running;

/* --- saying --- */

static void complain(const struct command *command, const char *text)
{
    char shown[1024];

    text_escape(bytes_of_text(text), shown, sizeof shown);
    fprintf(stderr, "commhub %s: %s\n", command->verb->name, shown);
}

static void finish(struct command *command, int status)
{
    if (command->status == STATUS_UNDECIDED)
        command->status = status;
}

static void fail(struct command *command, const char *text)
{
    if (command->status == STATUS_UNDECIDED)
        complain(command, text);
    finish(command, STATUS_FAILED);
}

static void print_json(struct command *command, json_t *json, bool is_pretty)
{
    size_t flags = JSON_ENCODE_ANY | JSON_REAL_PRECISION(17) | (is_pretty ? JSON_INDENT(2) : JSON_COMPACT);

    if (!json || json_dumpf(json, stdout, flags) < 0 || putchar('\n') == EOF || fflush(stdout) == EOF)
        fail(command, "the answer cannot be written");
}

static void print_value(struct command *command, struct commipc_value value)
{
    json_t *json = value_json_read(value);
    bool is_pretty =
        command->output == OUTPUT_DEFAULT ? !command->verb->goes_on : command->output != OUTPUT_JSONL;

    print_json(command, json, is_pretty);
    json_decref(json);
}

/* --- what the verbs do --- */

static struct commipc_value data_of(struct command *command)
{
    struct commipc_value value = {0};

    (void)commipc_writer_take(command->data, &value);
    return value;
}

static void on_answer(void *user, const struct commipc_answer *answer)
{
    struct command *command = user;

    if (answer->outcome == COMMIPC_E_TIMEOUT) {
        complain(command, answer->text);
        finish(command, STATUS_TIMEOUT);
    } else if (answer->outcome) {
        fail(command, answer->text[0] ? answer->text : commipc_outcome_text(answer->outcome));
    } else if (!answer->is_final || !command->verb->goes_on) {
        print_value(command, answer->data);
    }
    if (answer->is_final)
        finish(command, STATUS_DONE);
}

static int ask_call(struct command *command)
{
    return commipc_channel_call(command->channel, command->arguments.event, data_of(command),
                                COMMIPC_NO_TIMEOUT, on_answer, command, NULL);
}

static int ask_stream(struct command *command)
{
    return commipc_channel_stream(command->channel, command->arguments.event, data_of(command),
                                  COMMIPC_NO_TIMEOUT, on_answer, command, NULL);
}

/* Whatever the hub had to say against the message has come before. */
static void on_barrier(void *user, const struct commipc_answer *answer)
{
    if (answer->outcome)
        fail(user, answer->text);
    finish(user, STATUS_DONE);
}

static int behind(struct command *command, int r)
{
    return r ? r : commipc_channel_members(command->channel, on_barrier, command);
}

static int ask_send(struct command *command)
{
    return behind(command,
                  commipc_channel_send(command->channel, command->arguments.event, data_of(command)));
}

static int ask_broadcast(struct command *command)
{
    return behind(command,
                  commipc_channel_broadcast(command->channel, command->arguments.event, data_of(command)));
}

static void on_declared(void *user, int outcome, const char *text)
{
    struct command *command = user;
    int r;

    if (outcome) {
        fail(command, text);
        return;
    }
    r = behind(command, commipc_topic_publish(command->channel, command->arguments.topic, data_of(command)));
    if (r)
        fail(command, commipc_outcome_text(r));
}

/* Only a topic's owner may publish, so it becomes ours as long as this takes. */
static int ask_publish(struct command *command)
{
    return commipc_topic_declare(command->channel, command->arguments.topic, (struct commipc_value){0},
                                 on_declared, command);
}

static void on_published(void *user, const struct commipc_message *message)
{
    struct command *command = user;

    print_value(command, message->data);
    if (++command->n_seen == command->n_wanted)
        finish(command, STATUS_DONE);
}

static void on_subscribed(void *user, int outcome, const char *text)
{
    struct command *command = user;

    if (outcome)
        fail(command, text);
    else if (command->arguments.is_verbose)
        fprintf(stderr, "commhub subscribe: subscribed to %s\n", command->arguments.topic);
}

static int ask_subscribe(struct command *command)
{
    return commipc_topic_subscribe(command->channel, command->arguments.topic, on_published, on_subscribed,
                                   command);
}

static void print_member(json_t *member)
{
    const char *id = json_string_value(json_object_get(member, "id"));
    const char *mode = json_string_value(json_object_get(member, "mode"));
    char shown[1024];

    text_escape(bytes_of_text(id ? id : ""), shown, sizeof shown);
    printf("%-32s %-8s %s\n", shown, mode && strcmp(mode, "bridge") == 0 ? "bridge" : "client",
           json_is_false(json_object_get(member, "is_local")) ? "remote" : "local");
}

static void on_members(void *user, const struct commipc_answer *answer)
{
    struct command *command = user;
    json_t *json;

    if (answer->outcome || command->output != OUTPUT_TABLE) {
        on_answer(user, answer);
        return;
    }
    json = value_json_read(answer->data);
    printf("%-32s %-8s %s\n", "MEMBER", "MODE", "PLACE");
    for (size_t i = 0; i < json_array_size(json_object_get(json, "members")); i++)
        print_member(json_array_get(json_object_get(json, "members"), i));
    json_decref(json);
    finish(command, STATUS_DONE);
}

static int ask_members(struct command *command)
{
    return commipc_channel_members(command->channel, on_members, command);
}

static void add_offer(void *user, const struct commipc_offer *offer)
{
    json_t *all = user;
    json_t *json = offer->is_topic
                       ? json_pack("{s:s%, s:o}", "owner", offer->owner.ptr, offer->owner.len, "returns",
                                   value_json_read(offer->return_schema))
                       : json_pack("{s:s%, s:b, s:b, s:o, s:o}", "owner", offer->owner.ptr, offer->owner.len,
                                   "is_stream", offer->is_stream, "is_group", offer->is_group, "parameters",
                                   value_json_read(offer->param_schema), "returns",
                                   value_json_read(offer->return_schema));

    json_object_setn_new_nocheck(json_object_get(all, offer->is_topic ? "subscriptions" : "events"),
                                 offer->name.ptr, offer->name.len, json);
}

static void print_offer(void *user, const struct commipc_offer *offer)
{
    char name[600];
    char owner[600];

    (void)user;
    text_escape(bytes_of(offer->name.ptr, offer->name.len), name, sizeof name);
    text_escape(bytes_of(offer->owner.ptr, offer->owner.len), owner, sizeof owner);
    printf("%-32s %-8s %s\n", name,
           offer->is_topic    ? "topic"
           : offer->is_stream ? "stream"
           : offer->is_group  ? "group"
                              : "event",
           owner);
}

/* The hub has told of everything before it answered that the channel is open. */
static int ask_explore(struct command *command)
{
    json_t *all;

    if (command->output == OUTPUT_TABLE) {
        printf("%-32s %-8s %s\n", "NAME", "KIND", "OWNER");
        commipc_channel_explore(command->channel, print_offer, NULL);
    } else {
        all = json_pack("{s:{}, s:{}}", "events", "subscriptions");
        commipc_channel_explore(command->channel, add_offer, all);
        print_json(command, all, command->output != OUTPUT_JSONL);
        json_decref(all);
    }
    finish(command, STATUS_DONE);
    return 0;
}

static const struct verb call_verb = {"call", "-e EVENT [-d JSON]", true, false, false, 60000, ask_call};
static const struct verb stream_verb = {"stream", "-e EVENT [-d JSON]", true, false, true, 0, ask_stream};
static const struct verb send_verb = {"send", "-e EVENT [-d JSON]", true, false, false, 60000, ask_send};
static const struct verb broadcast_verb = {"broadcast", "-e EVENT [-d JSON]", true, false, false,
                                           60000,       ask_broadcast};
static const struct verb publish_verb = {"publish", "-t TOPIC [-d JSON]", false, true, false,
                                         60000,     ask_publish};
static const struct verb subscribe_verb = {"subscribe", "-t TOPIC [--count N]", false, true, true,
                                           0,           ask_subscribe};
static const struct verb explore_verb = {"explore", "", false, false, false, 60000, ask_explore};
static const struct verb members_verb = {"members", "", false, false, false, 60000, ask_members};

/* --- arguments --- */

#define FIELD(name) offsetof(struct arguments, name)

static const struct flag {
    const char *name;
    const char *letter;
    size_t field;
    const char *help;
} flags[] = {
    {"--channel", "-c", FIELD(channel), "NAME     the channel"},
    {"--event", "-e", FIELD(event), "NAME     the event"},
    {"--topic", "-t", FIELD(topic), "NAME     the topic"},
    {"--data", "-d", FIELD(data), "JSON     what is sent; what is no JSON is sent as text (default: {})"},
    {"--address", NULL, FIELD(address), "ADDRESS  unix:/path, tcp://host:port or tls://host:port"},
    {"--socket-path", NULL, FIELD(socket_path), "PATH     the hub's unix socket"},
    {"--host", NULL, FIELD(host), "HOST     the hub's host, with --port"},
    {"--port", NULL, FIELD(port), "PORT     its TCP port"},
    {"--connection-secret-file", NULL, FIELD(connection_secret_file), "FILE     holds the connection secret"},
    {"--connection-secret", NULL, FIELD(connection_secret), "SECRET   as text, which others may see"},
    {"--password-file", NULL, FIELD(password_file), "FILE     holds the channel's password"},
    {"--tls-ca", NULL, FIELD(tls_ca), "FILE     certificates to trust with tls:// (PEM)"},
    {"--timeout", NULL, FIELD(timeout),
     "S        give up after so many seconds; 0: never (default: 60, and "
     "never for what goes on)"},
    {"--count", NULL, FIELD(count), "N        subscribe: end after so many messages"},
    {"--output", "-o", FIELD(output), "table|json|jsonl"},
};

#define N_FLAGS (sizeof flags / sizeof flags[0])

static void print_usage(const struct verb *verb, FILE *out)
{
    fprintf(out, "Usage: commhub %s -c CHANNEL %s [OPTION ...]\n\n", verb->name, verb->usage);
    for (size_t i = 0; i < N_FLAGS; i++)
        fprintf(out, "  %-2s%s %-25s %s\n", flags[i].letter ? flags[i].letter : "",
                flags[i].letter ? "," : " ", flags[i].name, flags[i].help);
    fputs("      --verbose                 tell about the connection\n\n"
          "Exit status: 0 done, 1 failed, 2 wrong usage, 3 not in time, 4 no connection.\n",
          out);
}

static int usage(const struct command *command, const char *what, const char *argument)
{
    char shown[256];

    text_escape(bytes_of_text(argument), shown, sizeof shown);
    fprintf(stderr, "commhub %s: %s %s; see commhub %s --help\n", command->verb->name, what, shown,
            command->verb->name);
    return STATUS_USAGE;
}

/* The value of the flag in argv[*i], which is counted on; NULL: it is another flag, or has none. */
static char *value_of(const struct flag *flag, int argc, char **argv, int *i)
{
    char *argument = argv[*i];
    size_t len = strlen(flag->name);

    if (strncmp(argument, flag->name, len) == 0 && argument[len] == '=')
        return argument + len + 1;
    if (flag->letter && strncmp(argument, flag->letter, 2) == 0 && argument[2])
        return argument + 2;
    if (strcmp(argument, flag->name) != 0 && (!flag->letter || strcmp(argument, flag->letter) != 0))
        return NULL;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static int read_argument(struct command *command, int argc, char **argv, int *i)
{
    if (strcmp(argv[*i], "--verbose") == 0) {
        command->arguments.is_verbose = true;
        return 0;
    }
    for (size_t k = 0; k < N_FLAGS; k++) {
        char *value = value_of(&flags[k], argc, argv, i);

        if (value) {
            *(char **)((char *)&command->arguments + flags[k].field) = value;
            return 0;
        }
    }
    return usage(command, "unknown or unfinished argument", argv[*i]);
}

/* What stands on the command line is seen by every user of the machine: it is copied and wiped. */
static int take_secret(struct command *command)
{
    char *argument = command->arguments.connection_secret;

    if (buffer_append(&command->secret, argument, strlen(argument) + 1) < 0)
        return STATUS_FAILED;
    memset(argument, '*', strlen(argument));
    fputs("commhub: warning: a secret on the command line is visible to others; use "
          "--connection-secret-file\n",
          stderr);
    return 0;
}

static int read_secret_file(struct command *command, const char *path, struct buffer *out_secret)
{
    char why[SECRET_FILE_WHY_SIZE];

    if (secret_file_read(path, out_secret, why) < 0 || buffer_append(out_secret, "", 1) < 0) {
        complain(command, why);
        return STATUS_USAGE;
    }
    return 0;
}

static int read_secrets(struct command *command)
{
    struct arguments *arguments = &command->arguments;
    int r = 0;

    if (arguments->connection_secret)
        r = take_secret(command);
    else if (arguments->connection_secret_file)
        r = read_secret_file(command, arguments->connection_secret_file, &command->secret);
    if (r == 0 && arguments->password_file)
        r = read_secret_file(command, arguments->password_file, &command->password);
    return r;
}

static int read_address(struct command *command)
{
    struct arguments *arguments = &command->arguments;
    int len = 0;

    if (!arguments->host != !arguments->port)
        return usage(command, "--host and --port belong together", "");
    if (arguments->address)
        len = snprintf(command->address, sizeof command->address, "%s", arguments->address);
    else if (arguments->host)
        len = snprintf(command->address, sizeof command->address,
                       strchr(arguments->host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", arguments->host,
                       arguments->port);
    else if (arguments->socket_path)
        len = snprintf(command->address, sizeof command->address, "unix:%s", arguments->socket_path);
    return len < (int)sizeof command->address ? 0 : usage(command, "too long:", command->address);
}

static int read_timeout(struct command *command)
{
    const char *text = command->arguments.timeout;
    char *end;
    double seconds;

    command->timeout_ms = command->verb->default_timeout_ms;
    if (!text)
        return 0;
    seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= 31536000))
        return usage(command, "not a number of seconds:", text);
    command->timeout_ms = (uint64_t)(seconds * 1000);
    if (seconds > 0 && command->timeout_ms == 0)
        command->timeout_ms = 1;
    return 0;
}

static int read_output(struct command *command)
{
    static const char *const words[] = {
        [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_JSONL] = "jsonl"};
    const char *text = command->arguments.output;

    if (!text)
        return 0;
    for (int i = OUTPUT_TABLE; i <= OUTPUT_JSONL; i++)
        if (strcmp(words[i], text) == 0) {
            command->output = (enum output)i;
            return 0;
        }
    return usage(command, "the output is table, json or jsonl, not", text);
}

static int read_data(struct command *command)
{
    const char *text = command->arguments.data;
    json_t *json = text && *text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : json_object();
    struct commipc_value value;

    command->data = commipc_writer_new();
    if (json)
        value_json_write(json, command->data);
    else
        commipc_writer_text(command->data, text);
    json_decref(json);
    return commipc_writer_take(command->data, &value) == 0 ? 0 : usage(command, "cannot be sent:", text);
}

static int check_needs(struct command *command)
{
    const struct arguments *arguments = &command->arguments;

    if (!arguments->channel)
        return usage(command, "needs", "--channel");
    if (command->verb->needs_event && !arguments->event)
        return usage(command, "needs", "--event");
    if (command->verb->needs_topic && !arguments->topic)
        return usage(command, "needs", "--topic");
    if (arguments->count && text_to_u64(arguments->count, 1, UINT32_MAX, &command->n_wanted) < 0)
        return usage(command, "not a number of messages:", arguments->count);
    return 0;
}

static int read_arguments(struct command *command, int argc, char **argv)
{
    int r = 0;

    for (int i = 0; i < argc && r == 0; i++)
        r = read_argument(command, argc, argv, &i);
    if (r == 0)
        r = read_secrets(command);
    if (r == 0)
        r = check_needs(command);
    if (r == 0)
        r = read_address(command);
    if (r == 0)
        r = read_timeout(command);
    if (r == 0)
        r = read_output(command);
    return r ? r : read_data(command);
}

/* --- running --- */

static void on_state(void *user, enum commipc_state state, const char *detail)
{
    struct command *command = user;

    if (state == COMMIPC_READY)
        command->was_ready = true;
    if (command->arguments.is_verbose && *detail)
        complain(command, detail);
    if (state != COMMIPC_STOPPED)
        return;
    if (command->status == STATUS_UNDECIDED && !command->arguments.is_verbose)
        complain(command, detail);
    finish(command, command->was_ready ? STATUS_FAILED : STATUS_NO_CONNECTION);
}

/* While a verb waits for its answer, what the hub complains about is the verb's. */
static void on_error(void *user, const char *text)
{
    struct command *command = user;

    if (command->verb->goes_on)
        complain(command, text);
    else
        fail(command, text);
}

static void on_open(void *user, int outcome, const char *text)
{
    struct command *command = user;
    int r;

    if (outcome == COMMIPC_E_TIMEOUT) {
        complain(command, text);
        finish(command, STATUS_TIMEOUT);
    } else if (outcome) {
        fail(command, text);
    } else {
        r = command->verb->ask(command);
        if (r)
            fail(command, commipc_outcome_text(r));
    }
}

static void on_signal(int number)
{
    (void)number;
    is_interrupted = 1;
    commipc_stop(running);
}

static void watch_signals(struct command *command)
{
    struct sigaction action = {.sa_handler = on_signal};

    running = command->client;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static int left_ms(uint64_t end_ms)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (end_ms == 0)
        return -1;
    return now_ms >= end_ms ? 0 : (int)(end_ms - now_ms < 60000 ? end_ms - now_ms : 60000);
}

static void turn_until_decided(struct command *command)
{
    uint64_t end_ms = command->timeout_ms ? clock_monotonic_ms() + command->timeout_ms : 0;

    while (command->status == STATUS_UNDECIDED && !is_interrupted) {
        if (commipc_turn(command->client, left_ms(end_ms)) < 0)
            fail(command, "the loop failed");
        if (command->status == STATUS_UNDECIDED && end_ms && left_ms(end_ms) == 0) {
            /* To listen so long was all that was asked of a subscription. */
            if (command->verb != &subscribe_verb)
                complain(command, "not done within the time for it");
            finish(command, command->verb == &subscribe_verb ? STATUS_DONE : STATUS_TIMEOUT);
        }
    }
    /* Stopped by the user: a stream that was cut is not whole, a subscription ends in no other way. */
    finish(command, command->verb == &subscribe_verb ? STATUS_DONE : STATUS_FAILED);
}

static int connect_and_run(struct command *command)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;
    char why[COMMIPC_WHY_SIZE];
    int r;

    options.address = command->address[0] ? command->address : NULL;
    options.connection_secret = command->secret.len ? (const char *)command->secret.ptr : NULL;
    options.tls_ca = command->arguments.tls_ca;
    options.is_single_attempt = command->verb != &subscribe_verb;
    options.on_state = on_state;
    options.on_error = on_error;
    options.user = command;
    if (commipc_client_new(&command->client, &options, why) < 0) {
        complain(command, why);
        return STATUS_USAGE;
    }
    r = commipc_channel_open(command->client, command->arguments.channel,
                             command->password.len ? (const char *)command->password.ptr : NULL, on_open,
                             command, &command->channel);
    if (r) {
        complain(command, commipc_outcome_text(r));
        return r == -EINVAL ? STATUS_USAGE : STATUS_FAILED;
    }
    watch_signals(command);
    turn_until_decided(command);
    return command->status;
}

static void clear_secret(struct buffer *secret)
{
    if (secret->ptr)
        explicit_bzero(secret->ptr, secret->len);
    buffer_clear(secret);
}

static int run(const struct verb *verb, int argc, char **argv)
{
    struct command command = {.verb = verb, .status = STATUS_UNDECIDED};
    int status;

    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_usage(verb, stdout);
            return STATUS_DONE;
        }
    status = read_arguments(&command, argc, argv);
    if (status == 0)
        status = connect_and_run(&command);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    commipc_client_free(command.client);
    commipc_writer_free(command.data);
    clear_secret(&command.secret);
    clear_secret(&command.password);
    return status;
}

int client_commands_call(int argc, char **argv)
{
    return run(&call_verb, argc, argv);
}

int client_commands_stream(int argc, char **argv)
{
    return run(&stream_verb, argc, argv);
}

int client_commands_send(int argc, char **argv)
{
    return run(&send_verb, argc, argv);
}

int client_commands_broadcast(int argc, char **argv)
{
    return run(&broadcast_verb, argc, argv);
}

int client_commands_publish(int argc, char **argv)
{
    return run(&publish_verb, argc, argv);
}

int client_commands_subscribe(int argc, char **argv)
{
    return run(&subscribe_verb, argc, argv);
}

int client_commands_explore(int argc, char **argv)
{
    return run(&explore_verb, argc, argv);
}

int client_commands_members(int argc, char **argv)
{
    return run(&members_verb, argc, argv);
}
