/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A row a verb: what it asks, what it needs, and which members make the columns of its table
 *
 * Secrets come from files or from standard input, never from the command line, which others can read.
 */
#include "hub/program/operator_commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/text.h"
#include "hub/program/api_client.h"
#include "hub/program/secret_file.h"
#include "hub/program/trial_print.h"
#include "hub/program/yaml_json.h"
#include "mgmt/rest/definitions.h"
#include "mgmt/rest/definitions_file.h"

#define MOST_COLUMNS 8
#define CELL_SIZE 300
#define DIFF_DIFFERS 1

enum output { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_YAML };

struct options {
    const char *command; /* "bridge list" */
    struct api_client_options api;
    enum output output;
    bool has_output;
    const char *name;
    const char *file;
    const char *password_file;
    bool is_replace;
    bool is_dry_run;
    bool wants_help;
};

enum need { NEED_NOTHING, NEED_NAME, NEED_FILE = 2, NEED_PASSWORD = 4, NEED_NAME_OR_FILE = 8 };

/* @path has a %s where the name goes. */
struct verb {
    const char *noun;
    const char *name;
    const char *help;
    const char *method;
    const char *path;
    unsigned needs;
    const char *columns[MOST_COLUMNS]; /* members; "peer.server_id" for one of a member */
    int (*show)(const json_t *answer); /* for people, and the exit status; NULL: as JSON */
};

static int show_state(const json_t *bridge);

static const struct verb verbs[] = {
    {"bridge", "list", "show all bridges", "GET", "/api/v1/bridges",
     .columns = {"name", "state", "address", "peer.server_id", "last_error"}},
    {"bridge", "get", "show one", "GET", "/api/v1/bridges/%s", .needs = NEED_NAME},
    {"bridge", "put", "make or replace one, from a file (JSON or YAML)", "PUT", "/api/v1/bridges/%s",
     .needs = NEED_NAME | NEED_FILE},
    {"bridge", "rm", "remove one", "DELETE", "/api/v1/bridges/%s", .needs = NEED_NAME},
    {"bridge", "pause", "cut its link until it is resumed", "POST", "/api/v1/bridges/%s/pause",
     .needs = NEED_NAME, .show = show_state},
    {"bridge", "resume", "dial again", "POST", "/api/v1/bridges/%s/resume", .needs = NEED_NAME,
     .show = show_state},
    {"bridge", "retry", "dial at once, if it waits to", "POST", "/api/v1/bridges/%s/retry",
     .needs = NEED_NAME, .show = show_state},
    {"bridge", "test", "try one, or the one in a file with -f, and say at which step it fails", "POST",
     "/api/v1/bridges/%s/test", .needs = NEED_NAME_OR_FILE, .show = trial_print},
    {"link", "list", "show the links to other hubs", "GET", "/api/v1/links",
     .columns = {"direction", "state", "server_id", "bridge", "address", "reason"}},
    {"channel", "list", "show all channels", "GET", "/api/v1/channels",
     .columns = {"name", "owner", "protected", "n_members", "n_events", "n_topics"}},
    {"channel", "get", "show one", "GET", "/api/v1/channels/%s", .needs = NEED_NAME},
    {"channel", "set-password", "give one a password (--password-file)", "PUT",
     "/api/v1/channels/%s/password", .needs = NEED_NAME | NEED_PASSWORD},
    {"channel", "clear-password", "take its password away", "DELETE", "/api/v1/channels/%s/password",
     .needs = NEED_NAME},
    {"client", "list", "show who is connected", "GET", "/api/v1/clients",
     .columns = {"id", "mode", "address", "since", "messages_in", "messages_out", "queued_bytes"}},
    {"client", "get", "show one", "GET", "/api/v1/clients/%s", .needs = NEED_NAME},
    {"client", "kick", "end one's connection", "DELETE", "/api/v1/clients/%s", .needs = NEED_NAME},
    {"user", "list", "show all users", "GET", "/api/v1/users", .columns = {"name", "role", "enabled"}},
    {"user", "get", "show one", "GET", "/api/v1/users/%s", .needs = NEED_NAME},
    {"user", "put", "make or replace one, from a file (JSON or YAML)", "PUT", "/api/v1/users/%s",
     .needs = NEED_NAME | NEED_FILE},
    {"user", "rm", "remove one", "DELETE", "/api/v1/users/%s", .needs = NEED_NAME},
    {"token", "list", "show all tokens", "GET", "/api/v1/tokens",
     .columns = {"name", "role", "scopes", "expires_at"}},
    {"token", "create", "make one, from a file (JSON or YAML); it is shown once", "POST", "/api/v1/tokens",
     .needs = NEED_FILE},
    {"token", "get", "show one", "GET", "/api/v1/tokens/%s", .needs = NEED_NAME},
    {"token", "rm", "withdraw one", "DELETE", "/api/v1/tokens/%s", .needs = NEED_NAME},
    {"audit", "list", "show the audit log", "GET", "/api/v1/audit",
     .columns = {"time", "who", "method", "target", "status"}},
};

#define N_VERBS (sizeof verbs / sizeof *verbs)

/* ---- saying ---- */

static int misused(const struct options *options, const char *what, const char *argument)
{
    return options_misused(options->command, what, argument);
}

static int failed(const struct options *options, int status, const char *why)
{
    fprintf(stderr, "commhub %s: %s\n", options->command, why);
    return status;
}

/* ---- options ---- */

static bool read_output(void *context, const char *value)
{
    struct options *options = context;
    static const char *const names[] = {"table", "json", "jsonl", "yaml"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            options->output = (enum output)i;
            options->has_output = true;
            return true;
        }
    }
    return false;
}

static int read_options(struct options *options, int argc, char **argv)
{
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&options->api),
        {"--output", "-o", .read = read_output, .context = options},
        {"--file", "-f", .value = &options->file},
        {"--password-file", .value = &options->password_file},
        {"--replace", .is_given = &options->is_replace},
        {"--dry-run", .is_given = &options->is_dry_run},
        {.value = &options->name},
    };
    int i = options_read(rows, sizeof rows / sizeof *rows, argc, argv, &options->wants_help);

    return i < argc ? misused(options, "not known here, or its value is missing or wrong: ", argv[i]) : 0;
}

static int take_no_name(const struct options *options)
{
    return options->name ? misused(options, "takes no name: ", options->name) : 0;
}

/* ---- input ---- */

static bool is_yaml(const char *path)
{
    size_t len = strlen(path);

    return (len > 5 && strcmp(path + len - 5, ".yaml") == 0) ||
           (len > 4 && strcmp(path + len - 4, ".yml") == 0);
}

static int read_whole(const char *path, struct buffer *out, char *out_why)
{
    char block[4096];
    size_t n;

    if (strcmp(path, "-") != 0)
        return secret_file_read_whole(path, out, out_why);
    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        if (buffer_append(out, block, n) < 0)
            return -1;
    return 0;
}

/* JSON, or YAML by the file's name or where JSON cannot read it. */
static json_t *read_file(const struct options *options)
{
    cleanup_(buffer_clear) struct buffer text = {0};
    char why[SECRET_FILE_WHY_SIZE] = "it cannot be read";
    json_error_t error;
    json_t *json = NULL;

    if (!options->file) {
        misused(options, "the file is missing: -f FILE, or -f - for standard input", "");
        return NULL;
    }
    if (read_whole(options->file, &text, why) < 0) {
        failed(options, API_STATUS_USAGE, why);
        return NULL;
    }
    if (!is_yaml(options->file))
        json = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        json = yaml_json_read((const char *)text.ptr, text.len, why);
    if (!json)
        fprintf(stderr, "commhub %s: %s: %s\n", options->command, options->file, why);
    return json;
}

static json_t *read_password(const struct options *options)
{
    cleanup_(buffer_clear) struct buffer secret = {0};
    char why[SECRET_FILE_WHY_SIZE];
    json_t *json;

    if (!options->password_file) {
        misused(options, "the password's file is missing: --password-file FILE", "");
        return NULL;
    }
    if (secret_file_read(options->password_file, &secret, why) < 0) {
        failed(options, API_STATUS_USAGE, why);
        return NULL;
    }
    json = json_pack("{s:o}", "password", json_stringn((const char *)secret.ptr, secret.len));
    explicit_bzero(secret.ptr, secret.len);
    return json;
}

/* ---- output ---- */

static const json_t *member(const json_t *object, const char *path)
{
    const char *dot = strchr(path, '.');
    char first[64];

    if (!dot)
        return json_object_get(object, path);
    snprintf(first, sizeof first, "%.*s", (int)(dot - path), path);
    return json_object_get(json_object_get(object, first), dot + 1);
}

static void join_words(const json_t *words, char out_cell[CELL_SIZE])
{
    cleanup_(buffer_clear) struct buffer all = {0};

    for (size_t i = 0; i < json_array_size(words); i++) {
        const char *word = json_string_value(json_array_get(words, i));

        buffer_append_format(&all, "%s%s", i ? "," : "", word ? word : "");
    }
    text_escape(buffer_bytes(&all), out_cell, CELL_SIZE);
}

/* Lists of things by their number, lists of words by the words. */
static void cell_of(const json_t *value, char out_cell[CELL_SIZE])
{
    char *text = NULL;

    if (json_is_string(value)) {
        text_escape(bytes_of_text(json_string_value(value)), out_cell, CELL_SIZE);
        return;
    }
    if (!value || json_is_null(value) || json_is_boolean(value)) {
        snprintf(out_cell, CELL_SIZE, "%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
        return;
    }
    if (json_is_array(value) && json_is_string(json_array_get(value, 0)))
        join_words(value, out_cell);
    else if (json_is_array(value))
        snprintf(out_cell, CELL_SIZE, "%zu", json_array_size(value));
    else
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (text)
        text_escape(bytes_of_text(text), out_cell, CELL_SIZE);
    free(text);
}

/* What a bridge has come to. */
static int show_state(const json_t *bridge)
{
    char name[CELL_SIZE], state[CELL_SIZE], error[CELL_SIZE];
    const json_t *last_error = json_object_get(bridge, "last_error");

    cell_of(json_object_get(bridge, "name"), name);
    cell_of(json_object_get(bridge, "state"), state);
    cell_of(last_error, error);
    printf("%s: %s%s%s\n", name, state, json_is_string(last_error) ? ", " : "",
           json_is_string(last_error) ? error : "");
    return 0;
}

static void print_row(const char cells[MOST_COLUMNS][CELL_SIZE], const size_t *widths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%-*s%s", i + 1 < n ? (int)widths[i] : 0, cells[i], i + 1 < n ? "  " : "\n");
}

static void head_cells(const struct verb *verb, size_t n, char cells[MOST_COLUMNS][CELL_SIZE])
{
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(verb->columns[i], '.');

        snprintf(cells[i], CELL_SIZE, "%s", dot ? dot + 1 : verb->columns[i]);
        for (char *letter = cells[i]; *letter; letter++)
            *letter =
                *letter == '_' ? ' ' : (char)(*letter >= 'a' && *letter <= 'z' ? *letter - 32 : *letter);
    }
}

static void print_table(const struct verb *verb, const json_t *items)
{
    size_t widths[MOST_COLUMNS] = {0}, n = 0;
    char cells[MOST_COLUMNS][CELL_SIZE];

    while (n < MOST_COLUMNS && verb->columns[n])
        n++;
    head_cells(verb, n, cells);
    for (size_t k = 0; k < n; k++)
        widths[k] = strlen(cells[k]);
    for (size_t i = 0; i < json_array_size(items); i++)
        for (size_t k = 0; k < n; k++) {
            cell_of(member(json_array_get(items, i), verb->columns[k]), cells[k]);
            widths[k] = strlen(cells[k]) > widths[k] ? strlen(cells[k]) : widths[k];
        }
    head_cells(verb, n, cells);
    print_row((const char(*)[CELL_SIZE])cells, widths, n);
    for (size_t i = 0; i < json_array_size(items); i++) {
        for (size_t k = 0; k < n; k++)
            cell_of(member(json_array_get(items, i), verb->columns[k]), cells[k]);
        print_row((const char(*)[CELL_SIZE])cells, widths, n);
    }
}

static void print_json(const struct options *options, const json_t *json)
{
    if (options->output == OUTPUT_YAML) {
        yaml_json_write(json, stdout);
        return;
    }
    json_dumpf(json, stdout,
               JSON_ENCODE_ANY | (options->output == OUTPUT_JSONL ? JSON_COMPACT : JSON_INDENT(2)));
    putchar('\n');
}

static void print_items(const struct options *options, const struct verb *verb, const json_t *items)
{
    if (options->output == OUTPUT_TABLE) {
        print_table(verb, items);
    } else if (options->output == OUTPUT_JSONL) {
        for (size_t i = 0; i < json_array_size(items); i++)
            print_json(options, json_array_get(items, i));
    } else {
        print_json(options, items);
    }
}

/* ---- asking ---- */

/* The JSON of an answer that says yes (NULL where it has none) and 0; or a status, and why was said. */
static int ask(const struct options *options, struct api_client *client, const char *method, const char *path,
               const json_t *body, json_t **out_json)
{
    char why[API_CLIENT_WHY_SIZE];
    struct api_answer answer;
    int status = api_client_ask(client, method, path, body, &answer, why);

    *out_json = NULL;
    if (status != API_STATUS_DONE) {
        failed(options, status, why);
    } else if (answer.status >= 400) {
        api_client_complain(options->command, &answer);
        status = API_STATUS_FAILED;
    } else {
        *out_json = json_incref(answer.json);
    }
    api_client_answer_clear(&answer);
    return status;
}

static int connect_api(const struct options *options, struct api_client **out_client)
{
    char why[API_CLIENT_WHY_SIZE];
    int status = api_client_new(out_client, &options->api, why);

    return status ? failed(options, status, why) : 0;
}

/* Of a bridge in a file; one that is stored under the name lends its secrets. */
static char *trial_path(const char *name)
{
    struct buffer path = {0};

    buffer_append_text(&path, "/api/v1/bridges/test");
    if (name) {
        buffer_append_text(&path, "?name=");
        api_client_escape(&path, name);
    }
    return path.failed ? NULL : buffer_take_text(&path);
}

static char *path_of(const struct verb *verb, const struct options *options)
{
    const char *place = strstr(verb->path, "%s");
    struct buffer path = {0};

    if (verb->needs & NEED_NAME_OR_FILE && options->file)
        return trial_path(options->name);

    buffer_append(&path, verb->path, place ? (size_t)(place - verb->path) : strlen(verb->path));
    if (place) {
        api_client_escape(&path, options->name);
        buffer_append_text(&path, place + 2);
    }
    return path.failed ? NULL : buffer_take_text(&path);
}

/* All pages of a list. */
static int ask_pages(const struct options *options, struct api_client *client, const char *path,
                     json_t **out_items)
{
    json_t *items = json_array();
    json_t *page = NULL;
    int status = 0;

    do {
        cleanup_(buffer_clear) struct buffer target = {0};
        const char *next = json_string_value(json_object_get(page, "next"));

        buffer_append_format(&target, "%s?limit=1000", path);
        if (next) {
            buffer_append_text(&target, "&cursor=");
            api_client_escape(&target, next);
        }
        buffer_append(&target, "", 1);
        json_decref(page);
        status = ask(options, client, "GET", (const char *)target.ptr, NULL, &page);
        if (status == 0)
            json_array_extend(items, json_object_get(page, "items"));
    } while (status == 0 && json_is_string(json_object_get(page, "next")));
    json_decref(page);
    *out_items = items;
    return status;
}

static int run_list(const struct options *options, const struct verb *verb, struct api_client *client)
{
    json_t *items;
    int status = ask_pages(options, client, verb->path, &items);

    if (status == 0)
        print_items(options, verb, items);
    json_decref(items);
    return status;
}

/* NULL and *out_status 0: it has none. */
static json_t *read_body(const struct options *options, const struct verb *verb, int *out_status)
{
    json_t *body = NULL;

    *out_status = 0;
    if (verb->needs & NEED_PASSWORD)
        body = read_password(options);
    else if (verb->needs & NEED_FILE || (verb->needs & NEED_NAME_OR_FILE && options->file))
        body = read_file(options);
    else
        return NULL;
    *out_status = body ? 0 : API_STATUS_USAGE;
    return body;
}

static int show_answer(const struct options *options, const struct verb *verb, const json_t *answer)
{
    if (!answer)
        return 0;
    if (verb->show && options->output == OUTPUT_TABLE)
        return verb->show(answer);
    print_json(options, answer);
    /* Only trials say so. */
    return json_is_false(json_object_get(answer, "passed")) ? API_STATUS_FAILED : 0;
}

static int run_single(const struct options *options, const struct verb *verb, struct api_client *client)
{
    cleanup_free_ char *path = path_of(verb, options);
    int status;
    json_t *body = read_body(options, verb, &status);
    json_t *answer = NULL;

    if (status == 0 && !path)
        status = failed(options, API_STATUS_FAILED, "out of memory");
    if (status == 0)
        status = ask(options, client, verb->method, path, body, &answer);
    if (status == 0)
        status = show_answer(options, verb, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int run_verb(const struct options *options, const struct verb *verb, struct api_client *client)
{
    return verb->columns[0] ? run_list(options, verb, client) : run_single(options, verb, client);
}

/* ---- a noun and its verbs ---- */

#define COMMON_HELP                                                                                          \
    API_CLIENT_HELP                                                                                          \
    "  -o, --output FORM  table (of lists), json, jsonl or yaml\n\n"                                         \
    "Exit status: 0 done, 1 the hub said no, 2 wrong usage, 3 not in time, 4 no connection.\n"

static int print_noun_help(const char *noun, FILE *out, int status)
{
    fprintf(out, "Usage: commhub %s VERB [NAME] [OPTION ...]\n\n", noun);
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].noun, noun) == 0)
            fprintf(out, "  %-14s %-5s %s\n", verbs[i].name,
                    verbs[i].needs & (NEED_NAME | NEED_NAME_OR_FILE) ? "NAME" : "", verbs[i].help);
    fputs("\n  -f, --file FILE      what put, create and test read; - is standard input\n"
          "  --password-file FILE a channel's password\n" COMMON_HELP,
          out);
    return status;
}

/* @verb NULL: none was given. */
static int refuse_verb(const char *noun, const char *verb)
{
    char shown[64] = "";

    text_escape(bytes_of_text(verb ? verb : ""), shown, sizeof shown);
    fprintf(stderr, "commhub %s: %s%s\n\n", noun, verb ? "not a verb: " : "which verb?", shown);
    return print_noun_help(noun, stderr, API_STATUS_USAGE);
}

static const struct verb *find_verb(const char *noun, const char *name)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (strcmp(verbs[i].noun, noun) == 0 && strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static bool lacks_name(const struct verb *verb, const struct options *options)
{
    return !options->name && (verb->needs & NEED_NAME || (verb->needs & NEED_NAME_OR_FILE && !options->file));
}

static int run_noun(const char *noun, int argc, char **argv)
{
    cleanup_(api_client_freep) struct api_client *client = NULL;
    const struct verb *verb = argc > 0 ? find_verb(noun, argv[0]) : NULL;
    char command[64];
    struct options options = {.command = command};
    int status;

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return print_noun_help(noun, stdout, 0);
    if (!verb)
        return refuse_verb(noun, argc > 0 ? argv[0] : NULL);
    snprintf(command, sizeof command, "%s %s", noun, verb->name);
    status = read_options(&options, argc - 1, argv + 1);
    if (status)
        return status;
    if (options.wants_help)
        return print_noun_help(noun, stdout, 0);
    if (lacks_name(verb, &options))
        return misused(&options, "the name is missing", "");
    status = verb->needs & (NEED_NAME | NEED_NAME_OR_FILE) ? 0 : take_no_name(&options);
    if (status == 0)
        status = connect_api(&options, &client);
    if (status)
        return status;
    return run_verb(&options, verb, client);
}

void operator_commands_complete(FILE *out)
{
    for (size_t i = 0; i < N_VERBS; i++) {
        bool is_first = i == 0 || strcmp(verbs[i].noun, verbs[i - 1].noun) != 0;
        bool is_last = i + 1 == N_VERBS || strcmp(verbs[i].noun, verbs[i + 1].noun) != 0;

        if (is_first)
            fprintf(out, "    %s) words='", verbs[i].noun);
        fprintf(out, "%s%s", is_first ? "" : " ", verbs[i].name);
        if (is_last)
            fputs("' ;;\n", out);
    }
}

int operator_commands_bridge(int argc, char **argv)
{
    return run_noun("bridge", argc, argv);
}

int operator_commands_link(int argc, char **argv)
{
    return run_noun("link", argc, argv);
}

int operator_commands_channel(int argc, char **argv)
{
    return run_noun("channel", argc, argv);
}

int operator_commands_client(int argc, char **argv)
{
    return run_noun("client", argc, argv);
}

int operator_commands_user(int argc, char **argv)
{
    return run_noun("user", argc, argv);
}

int operator_commands_token(int argc, char **argv)
{
    return run_noun("token", argc, argv);
}

int operator_commands_audit(int argc, char **argv)
{
    return run_noun("audit", argc, argv);
}

/* ---- definitions ---- */

static const char definitions_help[] =
    "Usage: commhub export [-o json|yaml] [OPTION ...]\n"
    "       commhub diff -f FILE [--replace] [OPTION ...]\n"
    "       commhub apply -f FILE [--replace] [--dry-run] [OPTION ...]\n\n"
    "Bridges and channels with a password, as one document. Secrets are never exported; in FILE they are\n"
    "{\"stored\": true} (the hub keeps its own), {\"file\": \"/path\"}, {\"env\": \"NAME\"} or {\"value\": "
    "\"...\"}.\n\n"
    "  -f, --file FILE    JSON or YAML; - is standard input\n"
    "  --replace          remove what FILE does not name\n"
    "  --dry-run          say what would change, and change nothing\n" COMMON_HELP
    "diff: 1 where there is something to change.\n";

int operator_commands_export(int argc, char **argv)
{
    cleanup_(api_client_freep) struct api_client *client = NULL;
    struct options options = {.command = "export"};
    json_t *document = NULL;
    int status = read_options(&options, argc, argv);

    if (status == 0 && options.wants_help)
        return fputs(definitions_help, stdout) < 0;
    if (status == 0)
        status = take_no_name(&options);
    if (status == 0)
        status = connect_api(&options, &client);
    if (status == 0)
        status = ask(&options, client, "GET", "/api/v1/definitions", NULL, &document);
    if (status == 0 && options.output == OUTPUT_YAML)
        yaml_json_write(document, stdout);
    else if (status == 0) {
        json_dumpf(document, stdout, DEFINITIONS_DUMP);
        putchar('\n');
    }
    json_decref(document);
    return status;
}

static void print_names(const json_t *changes, const char *member_name, const char *mark)
{
    const json_t *names = json_object_get(changes, member_name);
    char shown[CELL_SIZE];

    for (size_t i = 0; i < json_array_size(names); i++) {
        text_escape(bytes_of_text(json_string_value(json_array_get(names, i))), shown, sizeof shown);
        printf("%s %s\n", mark, shown);
    }
}

static bool has_changes(const json_t *changes)
{
    return json_array_size(json_object_get(changes, "added")) ||
           json_array_size(json_object_get(changes, "changed")) ||
           json_array_size(json_object_get(changes, "removed"));
}

static void print_changes(const struct options *options, const json_t *changes)
{
    if (options->has_output && options->output != OUTPUT_TABLE) {
        print_json(options, changes);
        return;
    }
    print_names(changes, "added", "+");
    print_names(changes, "changed", "~");
    print_names(changes, "removed", "-");
    printf("%zu added, %zu changed, %zu removed, %lld unchanged\n",
           json_array_size(json_object_get(changes, "added")),
           json_array_size(json_object_get(changes, "changed")),
           json_array_size(json_object_get(changes, "removed")),
           (long long)json_integer_value(json_object_get(changes, "unchanged")));
}

static int send_document(struct options *options, bool is_dry_run)
{
    cleanup_(api_client_freep) struct api_client *client = NULL;
    char path[80], why[STORE_WHY_SIZE];
    json_t *document, *changes = NULL;
    int status = connect_api(options, &client);

    if (status)
        return status;
    document = read_file(options);
    if (!document)
        return API_STATUS_USAGE;
    snprintf(path, sizeof path, "/api/v1/definitions?mode=%s%s", options->is_replace ? "replace" : "merge",
             is_dry_run ? "&dry_run=true" : "");
    if (definitions_file_resolve(document, why) < 0)
        status = failed(options, API_STATUS_USAGE, why);
    else
        status = ask(options, client, "POST", path, document, &changes);
    if (status == 0)
        print_changes(options, changes);
    if (status == 0 && strcmp(options->command, "diff") == 0 && has_changes(changes))
        status = DIFF_DIFFERS;
    json_decref(changes);
    json_decref(document);
    return status;
}

static int run_document(const char *command, int argc, char **argv)
{
    struct options options = {.command = command};
    int status = read_options(&options, argc, argv);

    if (status == 0 && options.wants_help)
        return fputs(definitions_help, stdout) < 0;
    if (status == 0)
        status = take_no_name(&options);
    return status ? status : send_document(&options, options.is_dry_run || strcmp(command, "diff") == 0);
}

int operator_commands_diff(int argc, char **argv)
{
    return run_document("diff", argc, argv);
}

int operator_commands_apply(int argc, char **argv)
{
    return run_document("apply", argc, argv);
}
