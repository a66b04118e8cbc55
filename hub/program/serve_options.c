/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The layers of settings, read from the weakest to the strongest, so that each overwrites the one before;
 * only which file there is must be known first. What the operator has changed over REST lies below all of
 * them: it is read when the store is open (configuration.c).
 */
#include "hub/program/serve_options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "hub/program/config_file.h"
#include "hub/program/settings.h"

#define VARIABLE_PREFIX "COMMHUB_"

static const struct serve_options defaults = {
    .channel_policy = CHANNEL_TERMINATE,
    .balance_policy = BALANCE_LEAST_ACTIVE,
    .error_policy = ERROR_IGNORE,
    .idle_timeout_ms = 60000,
    .data_timeout_ms = 60000,
    .call_deadline_ms = 3600000,
    .max_frame_bytes = 16U << 20,
    .mgmt = "127.0.0.1:8080",
    .keep_records = 100000,
    .keep_days = 30,
    .log_format = LOG_FORMAT_TEXT,
    .log_level = LOG_FROM_WARNING,
};

struct kept_text {
    struct kept_text *next;
    char text[];
};

const char *serve_options_keep(struct serve_options *options, struct bytes text)
{
    struct kept_text *kept = malloc(sizeof *kept + text.len + 1);

    if (!kept)
        return NULL;
    if (text.len)
        memcpy(kept->text, text.ptr, text.len);
    kept->text[text.len] = '\0';
    kept->next = options->texts;
    options->texts = kept;
    return kept->text;
}

int serve_options_reset(struct serve_options *options, const struct setting *setting)
{
    return settings_copy(options, &defaults, setting);
}

void serve_options_clear(struct serve_options *options)
{
    while (options->texts) {
        struct kept_text *kept = options->texts;

        options->texts = kept->next;
        explicit_bzero(kept->text, strlen(kept->text));
        free(kept);
    }
    *options = (struct serve_options){0};
}

__attribute__((format(printf, 2, 3))) static int complain(char out_why[SERVE_WHY_SIZE], const char *format,
                                                          ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out_why, SERVE_WHY_SIZE, format, arguments);
    va_end(arguments);
    return SERVE_OPTIONS_E_USAGE;
}

/* --- environment --- */

static int read_variable(struct serve_options *options, const struct setting *setting, const char *value,
                         char out_why[SERVE_WHY_SIZE])
{
    char why[SETTINGS_WHY_SIZE];
    int r = settings_read(options, setting, setting->environment, value,
                          (struct setting_origin){.source = SOURCE_ENVIRONMENT}, why);

    return r == SETTINGS_E_VALUE ? complain(out_why, "%s", why) : r;
}

/* The list is cut at its commas. */
static int read_variable_list(struct serve_options *options, const struct setting *setting, const char *value,
                              char out_why[SERVE_WHY_SIZE])
{
    char *copy = strdup(value);
    char *rest = copy;
    int r = copy ? 0 : -ENOMEM;

    while (rest && r == 0) {
        char *item = strsep(&rest, ",");

        if (*item)
            r = read_variable(options, setting, item, out_why);
    }
    free(copy);
    return r;
}

/* Variables of the command itself (COMMHUB_CONFIG) where @is_command, else all the others. */
static int read_environment(struct serve_options *options, bool is_command, char out_why[SERVE_WHY_SIZE])
{
    int r = 0;

    for (size_t i = 0; i < settings_n && r == 0; i++) {
        const struct setting *setting = &settings_table[i];
        const char *value = setting->environment ? getenv(setting->environment) : NULL;

        if (!value || !*value || (setting->change == CHANGE_COMMAND) != is_command)
            continue;
        r = setting->kind == KIND_LIST ? read_variable_list(options, setting, value, out_why)
                                       : read_variable(options, setting, value, out_why);
    }
    return r;
}

/* Variables of other commands and of the tests. */
static bool is_known_elsewhere(const char *name)
{
    static const char *const names[] = {"COMMHUB_API", "COMMHUB_TOKEN_FILE", "COMMHUB_BIN"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static const struct setting *setting_of_variable(const char *name)
{
    for (size_t i = 0; i < settings_n; i++)
        if (settings_table[i].environment && strcmp(settings_table[i].environment, name) == 0)
            return &settings_table[i];
    return NULL;
}

/* "COMMHUB_IDEL_TIMEOUT" as the name it would be: "idel-timeout". */
static void name_of_variable(const char *variable, char *out_name)
{
    const char *from = variable + strlen(VARIABLE_PREFIX);

    for (; *from; from++)
        *out_name++ = *from == '_' ? '-' : (char)(*from >= 'A' && *from <= 'Z' ? *from - 'A' + 'a' : *from);
    *out_name = '\0';
}

static void warn_of_variable(const char *variable)
{
    const struct setting *nearest;
    char name[64];
    char shown[128];

    if (setting_of_variable(variable) || is_known_elsewhere(variable) || strlen(variable) >= sizeof name)
        return;
    name_of_variable(variable, name);
    nearest = settings_nearest(name);
    text_escape(bytes_of_text(variable), shown, sizeof shown);
    fprintf(stderr, "commhub: warning: the variable %s means nothing here%s%s%s\n", shown,
            nearest && nearest->environment ? ": did you mean " : "",
            nearest && nearest->environment ? nearest->environment : "",
            nearest && nearest->environment ? "?" : "");
}

void serve_options_warn_of_environment(void)
{
    for (char **entry = environ; *entry; entry++) {
        const char *equals = strchr(*entry, '=');
        char variable[64];

        if (strncmp(*entry, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0 || !equals ||
            (size_t)(equals - *entry) >= sizeof variable)
            continue;
        memcpy(variable, *entry, (size_t)(equals - *entry));
        variable[equals - *entry] = '\0';
        warn_of_variable(variable);
    }
}

/* --- command line --- */

struct argument {
    const struct setting *setting;
    const char *value; /* NULL: a flag that is only named */
};

static int complain_of_unknown(const char *argument, char out_why[SERVE_WHY_SIZE])
{
    const struct setting *nearest =
        settings_nearest(strncmp(argument, "--", 2) == 0 ? argument + 2 : argument);
    char shown[128];

    text_escape(bytes_of_text(argument), shown, sizeof shown);
    if (nearest)
        return complain(out_why, "unknown argument %s: did you mean %s? See commhub serve --help", shown,
                        nearest->flag);
    return complain(out_why, "unknown argument %s: see commhub serve --help", shown);
}

/* The argument at *i, and the next one where it is the value; counts *i on past them. */
static int next_argument(int argc, char **argv, int *i, struct argument *out_argument,
                         char out_why[SERVE_WHY_SIZE])
{
    const char *argument = argv[(*i)++];
    size_t len = strcspn(argument, "=");

    out_argument->setting =
        strncmp(argument, "--", 2) == 0 ? settings_find(bytes_of(argument + 2, len - 2)) : NULL;
    out_argument->value = argument[len] ? argument + len + 1 : NULL;
    if (!out_argument->setting)
        return complain_of_unknown(argument, out_why);
    if (out_argument->value || out_argument->setting->kind == KIND_FLAG)
        return 0;
    if (*i >= argc)
        return complain(out_why, "%s needs a value", argument);
    out_argument->value = argv[(*i)++];
    return 0;
}

static int read_argument(struct serve_options *options, const struct argument *argument,
                         char out_why[SERVE_WHY_SIZE])
{
    char why[SETTINGS_WHY_SIZE];
    int r = settings_read(options, argument->setting, argument->setting->flag, argument->value,
                          (struct setting_origin){.source = SOURCE_FLAG}, why);

    return r == SETTINGS_E_VALUE ? complain(out_why, "%s", why) : r;
}

/* Takes the arguments of the command itself (--config, ...) where @is_command, else all the others. */
static int read_arguments(struct serve_options *options, bool is_command, char out_why[SERVE_WHY_SIZE])
{
    int r = 0;

    for (int i = 0; i < options->argc && r == 0;) {
        struct argument argument;

        r = next_argument(options->argc, options->argv, &i, &argument, out_why);
        if (r == 0 && (argument.setting->change == CHANGE_COMMAND) == is_command)
            r = read_argument(options, &argument, out_why);
    }
    return r;
}

/* Where one of them stands in the place of a value it is none. */
static bool answer_question(int argc, char **argv)
{
    char why[SERVE_WHY_SIZE];

    for (int i = 0; i < argc;) {
        struct argument argument;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            serve_options_help(stdout);
            return true;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("commhub " COMMHUB_VERSION);
            return true;
        }
        if (next_argument(argc, argv, &i, &argument, why))
            return false;
    }
    return false;
}

/* --verbose is the log level's short form. */
static void settle_log_level(struct serve_options *options)
{
    const struct setting *verbose = settings_find(BYTES_LITERAL("verbose"));
    const struct setting *level = settings_find(BYTES_LITERAL("log-level"));
    struct setting_origin origin = settings_origin(options, verbose);

    if (!options->is_verbose || settings_origin(options, level).source > origin.source)
        return;
    options->log_level = LOG_FROM_DEBUG;
    options->origins[level - settings_table] = origin;
}

int serve_options_read(int argc, char **argv, struct serve_options *out_options, char out_why[SERVE_WHY_SIZE])
{
    struct serve_options *options = out_options;
    int r;

    *options = defaults;
    options->argc = argc;
    options->argv = argv;
    if (answer_question(argc, argv))
        return SERVE_OPTIONS_E_DONE;
    r = read_environment(options, true, out_why);
    if (r == 0)
        r = read_arguments(options, true, out_why);
    if (r == 0)
        r = config_file_read(options, out_why);
    if (r == 0)
        r = read_environment(options, false, out_why);
    if (r == 0)
        r = read_arguments(options, false, out_why);
    settle_log_level(options);
    return r < 0 ? complain(out_why, "out of memory") : r;
}

void serve_options_help(FILE *out)
{
    fputs("Usage: commhub serve [SETTING ...]\n\n"
          "Runs a hub until SIGTERM or SIGINT. Prints one line \"ready ADDRESS ...\" on standard output once "
          "it\n"
          "accepts connections. Each setting may also come from the environment, or from a file under its "
          "name\n"
          "without the dashes (idle-timeout = 30). Flags win over the environment, that over the file.\n\n",
          out);
    for (size_t i = 0; i < settings_n; i++) {
        const struct setting *setting = &settings_table[i];
        const char *value = setting->choices ? setting->choices : setting->value_name;

        fprintf(out, "  %s%s%s\n", setting->flag, value ? " " : "", value ? value : "");
        fprintf(out, "      %s\n", setting->help);
        if (setting->environment)
            fprintf(out, "      environment: %s\n", setting->environment);
    }
    fputs("  --version\n      print the version, exit\n  --help\n      print this, exit\n\n"
          "Exit status: 0 after an orderly end, 1 when something failed, 2 for a wrong setting.\n",
          out);
}

static void print_setting(const struct serve_options *options, const struct setting *setting,
                          struct buffer *text)
{
    char origin[SETTINGS_ORIGIN_SIZE];

    settings_origin_text(options, setting, origin);
    if (settings_is_set(options, setting)) {
        buffer_append_format(text, "%s = ", settings_name(setting));
        settings_write(options, setting, text);
        buffer_append_format(text, "  # %s\n", origin);
    } else {
        buffer_append_format(text, "# %s is not set\n", settings_name(setting));
    }
}

int serve_options_print(const struct serve_options *options, FILE *out)
{
    struct buffer text = {0};
    int r;

    for (size_t i = 0; i < settings_n; i++)
        if (settings_table[i].change != CHANGE_COMMAND)
            print_setting(options, &settings_table[i], &text);
    r = text.failed ? -ENOMEM : 0;
    if (r == 0)
        fwrite(text.ptr, 1, text.len, out);
    buffer_clear(&text);
    return r;
}

void serve_options_default_socket(char out_path[ADDRESS_HOST_SIZE])
{
    const char *given = getenv("COMM_IPC_SOCKET");
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
    const char *user = getenv("USER");

    if (given && *given)
        snprintf(out_path, ADDRESS_HOST_SIZE, "%s", given);
    else if (runtime_dir && *runtime_dir)
        snprintf(out_path, ADDRESS_HOST_SIZE, "%s/comm-ipc.default.sock", runtime_dir);
    else
        snprintf(out_path, ADDRESS_HOST_SIZE, "/tmp/comm-ipc.%s.sock", user && *user ? user : "default");
}

/* --- the original's command line --- */

struct original_arguments {
    const char *socket_path;
    const char *host;
    const char *port;
    char *connection_secret;
    bool is_verbose;
};

static int read_original_argument(struct original_arguments *arguments, int argc, char **argv, int *i,
                                  char out_why[SERVE_WHY_SIZE])
{
    static const char *const names[] = {"--socket-path", "--host", "--port", "--connection-secret"};
    const char **const places[] = {&arguments->socket_path, &arguments->host, &arguments->port,
                                   (const char **)&arguments->connection_secret};

    if (strcmp(argv[*i], "--verbose") == 0) {
        arguments->is_verbose = true;
        return 0;
    }
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        size_t len = strlen(names[k]);

        if (strncmp(argv[*i], names[k], len) != 0)
            continue;
        if (argv[*i][len] == '=') {
            *places[k] = argv[*i] + len + 1;
            return 0;
        }
        if (argv[*i][len] == '\0' && *i + 1 < argc) {
            *places[k] = argv[++*i];
            return 0;
        }
    }
    return complain(
        out_why,
        "unknown or unfinished argument %s: commhub server takes --socket-path PATH, --host HOST, "
        "--port PORT, --connection-secret SECRET, --verbose",
        argv[*i]);
}

/* What stands on the command line is seen by every user of the machine: it is copied and wiped. */
static const char *take_secret(struct serve_options *options, char *argument)
{
    const char *secret = serve_options_keep(options, bytes_of_text(argument));

    memset(argument, '*', strlen(argument));
    fputs("commhub: warning: a secret on the command line is visible to others; use commhub serve "
          "--connection-secret-file\n",
          stderr);
    return secret;
}

static int take_original_address(const struct original_arguments *arguments, struct serve_options *options,
                                 char out_why[SERVE_WHY_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    uint64_t port;

    if (arguments->host && arguments->port) {
        if (text_to_u64(arguments->port, 0, 65535, &port) < 0)
            return complain(out_why, "--port: \"%.64s\" is not a port number", arguments->port);
        snprintf(text, sizeof text, strchr(arguments->host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s",
                 arguments->host, arguments->port);
    } else if (arguments->socket_path) {
        snprintf(text, sizeof text, "unix:%s", arguments->socket_path);
    } else if (arguments->host || arguments->port) {
        return complain(out_why, "--host and --port belong together");
    } else {
        return 0;
    }
    options->listen.texts[0] = serve_options_keep(options, bytes_of_text(text));
    options->listen.n = 1;
    return options->listen.texts[0] ? 0 : complain(out_why, "out of memory");
}

static int read_original_arguments(int argc, char **argv, struct original_arguments *arguments,
                                   char out_why[SERVE_WHY_SIZE])
{
    int r = 0;

    for (int i = 0; i < argc && r == 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            puts("Usage: commhub server [--socket-path PATH | --host HOST --port PORT] [--connection-secret "
                 "SECRET] "
                 "[--verbose]\n\nRuns a hub as the original's `comm-ipc server` does: nothing is kept, no "
                 "management. "
                 "See commhub serve\nfor everything else.");
            return SERVE_OPTIONS_E_DONE;
        }
        r = read_original_argument(arguments, argc, argv, &i, out_why);
    }
    return r;
}

int serve_options_read_original(int argc, char **argv, struct serve_options *out_options,
                                char out_why[SERVE_WHY_SIZE])
{
    struct original_arguments arguments = {0};
    int r;

    *out_options = defaults;
    out_options->data_dir = "";
    out_options->mgmt = "off";
    out_options->bridge_clients = BRIDGE_CLIENTS_TRUSTED; /* as the original does */
    r = read_original_arguments(argc, argv, &arguments, out_why);
    if (r == 0)
        r = take_original_address(&arguments, out_options, out_why);
    if (r == 0 && arguments.connection_secret) {
        out_options->connection_secret = take_secret(out_options, arguments.connection_secret);
        if (!out_options->connection_secret)
            r = complain(out_why, "out of memory");
    }
    if (arguments.is_verbose)
        out_options->log_level = LOG_FROM_DEBUG;
    return r;
}
