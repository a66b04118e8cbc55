/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/serve_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/text.h"

/* How a value is read into its field. */
enum kind {
    KIND_TEXT,
    KIND_LIST, /* repeatable; comma-separated in the environment */
    KIND_FLAG,
    KIND_SECONDS, /* into milliseconds; `least` in milliseconds, `most` in seconds */
    KIND_NUMBER,
    KIND_CHOICE,
};

struct setting {
    const char *flag;
    const char *environment;
    enum kind kind;
    size_t field; /* offset in struct serve_options */
    uint64_t least;
    uint64_t most;
    const char *choices; /* words in the order of the enum, separated by | */
    const char *value_name;
    const char *help;
};

#define FIELD(name) offsetof(struct serve_options, name)

#define MAX_SECONDS 31536000U /* a year */

static const struct setting settings[] = {
    {"--data-dir", "COMMHUB_DATA_DIR", KIND_TEXT, FIELD(data_dir), 0, 0, NULL, "DIR",
     "identity, bridges, passwords and tokens are kept here (default: $STATE_DIRECTORY, else "
     "$XDG_DATA_HOME/commhub, else ~/.local/share/commhub)"},
    {"--server-id", "COMMHUB_SERVER_ID", KIND_TEXT, FIELD(server_id), 0, 0, NULL, "ID",
     "name that clients see (default: srv- and 8 hex digits, kept in the data directory)"},
    {"--listen", "COMMHUB_LISTEN", KIND_LIST, FIELD(listen), 0, 0, NULL, "ADDRESS",
     "unix:/path, tcp://host:port or tls://host:port; repeatable (default: the socket that comm-ipc clients "
     "use)"},
    {"--unix-mode", "COMMHUB_UNIX_MODE", KIND_TEXT, FIELD(unix_mode), 0, 0, NULL, "MODE",
     "permissions of socket files, octal (default: 0600)"},
    {"--unix-group", "COMMHUB_UNIX_GROUP", KIND_TEXT, FIELD(unix_group), 0, 0, NULL, "GROUP",
     "group of socket files"},
    {"--tls-cert", "COMMHUB_TLS_CERT", KIND_TEXT, FIELD(tls_cert), 0, 0, NULL, "FILE",
     "certificate chain (PEM) for tls:// addresses"},
    {"--tls-key", "COMMHUB_TLS_KEY", KIND_TEXT, FIELD(tls_key), 0, 0, NULL, "FILE", "its private key (PEM)"},
    {"--tls-ca", "COMMHUB_TLS_CA", KIND_TEXT, FIELD(tls_ca), 0, 0, NULL, "FILE",
     "clients must show a certificate signed by this authority"},
    {"--connection-secret-file", "COMMHUB_CONNECTION_SECRET_FILE", KIND_TEXT, FIELD(connection_secret_file),
     0, 0, NULL, "FILE", "clients must know the secret in this file"},
    {"--link-secret-file", "COMMHUB_LINK_SECRET_FILE", KIND_TEXT, FIELD(link_secret_file), 0, 0, NULL, "FILE",
     "other hubs that know the secret in this file may link to this one"},
    {"--system-passwords-file", "COMMHUB_SYSTEM_PASSWORDS_FILE", KIND_TEXT, FIELD(system_passwords_file), 0,
     0, NULL, "FILE", "JSON object of channel and password; these passwords outlive the channels' members"},
    {"--channel-policy", "COMMHUB_CHANNEL_POLICY", KIND_CHOICE, FIELD(channel_policy), 0, 0,
     "terminate|promote", NULL, "what becomes of a channel when its owner leaves (default: terminate)"},
    {"--lb-policy", "COMMHUB_LB_POLICY", KIND_CHOICE, FIELD(balance_policy), 0, 0, "least-active|round-robin",
     NULL, "who of a group gets a call (default: least-active)"},
    {"--error-policy", "COMMHUB_ERROR_POLICY", KIND_CHOICE, FIELD(error_policy), 0, 0,
     "ignore|raise|broadcast", NULL,
     "errors of clients are logged only, end the client, or are posted on __comm_ipc_errors (default: "
     "ignore)"},
    {"--idle-timeout", "COMMHUB_IDLE_TIMEOUT", KIND_SECONDS, FIELD(idle_timeout_ms), 1, MAX_SECONDS, NULL,
     "S", "a client that is silent so long is closed (default: 60)"},
    {"--data-timeout", "COMMHUB_DATA_TIMEOUT", KIND_SECONDS, FIELD(data_timeout_ms), 1, MAX_SECONDS, NULL,
     "S", "a frame must be complete within this time (default: 60)"},
    {"--call-deadline", "COMMHUB_CALL_DEADLINE", KIND_SECONDS, FIELD(call_deadline_ms), 0, MAX_SECONDS, NULL,
     "S",
     "a call not answered so long, or a stream silent so long, ends with an error; 0: never (default: 3600)"},
    {"--max-frame", "COMMHUB_MAX_FRAME", KIND_NUMBER, FIELD(max_frame_bytes), 1024, 1U << 30, NULL, "BYTES",
     "longest frame that is taken (default: 16777216)"},
    {"--max-connections", "COMMHUB_MAX_CONNECTIONS", KIND_NUMBER, FIELD(max_connections), 1, 1000000, NULL,
     "N", "connections at once (default: what the limit of open files allows)"},
    {"--mgmt", "COMMHUB_MGMT", KIND_TEXT, FIELD(mgmt), 0, 0, NULL, "HOST:PORT|off",
     "page, REST and metrics (default: 127.0.0.1:8080)"},
    {"--admin-token-file", "COMMHUB_ADMIN_TOKEN_FILE", KIND_TEXT, FIELD(admin_token_file), 0, 0, NULL, "FILE",
     "the administrator's token (default: one is made at the first start, see <data-dir>/first-run-token)"},
    {"--log-format", "COMMHUB_LOG_FORMAT", KIND_CHOICE, FIELD(log_format), 0, 0, "text|json", NULL,
     "of the lines on standard error (default: text)"},
    {"--verbose", "COMMHUB_VERBOSE", KIND_FLAG, FIELD(is_verbose), 0, 0, NULL, NULL,
     "log every client and registration"},
    {"--check-config", NULL, KIND_FLAG, FIELD(is_check_only), 0, 0, NULL, NULL,
     "check the settings, touch nothing, exit"},
};

#define N_SETTINGS (sizeof settings / sizeof settings[0])

static const struct serve_options defaults = {
    .channel_policy = CHANNEL_TERMINATE,
    .balance_policy = BALANCE_LEAST_ACTIVE,
    .error_policy = ERROR_IGNORE,
    .idle_timeout_ms = 60000,
    .data_timeout_ms = 60000,
    .call_deadline_ms = 3600000,
    .max_frame_bytes = 16U << 20,
    .mgmt = "127.0.0.1:8080",
    .log_format = LOG_FORMAT_TEXT,
};

static void *place_of(struct serve_options *options, const struct setting *setting)
{
    return (char *)options + setting->field;
}

static int complain(const char *name, const char *value, const char *what)
{
    char shown[128];

    text_escape(bytes_of_text(value), shown, sizeof shown);
    fprintf(stderr, "commhub: %s: \"%s\" %s\n", name, shown, what);
    return SERVE_OPTIONS_E_USAGE;
}

/* "2", "0.25": whole seconds with up to three decimals, into milliseconds. */
static int read_seconds(const char *text, uint64_t most_s, uint64_t *out_ms)
{
    const char *dot = strchr(text, '.');
    uint64_t whole = 0;
    uint64_t thousandths = 0;
    char digits[4] = "000";
    char front[16];
    size_t len = dot ? (size_t)(dot - text) : strlen(text);

    if (len == 0 || len >= sizeof front)
        return -EINVAL;
    memcpy(front, text, len);
    front[len] = '\0';
    if (text_to_u64(front, 0, most_s, &whole) < 0)
        return -EINVAL;
    if (dot) {
        size_t n = strlen(dot + 1);

        if (n == 0 || n > 3)
            return -EINVAL;
        memcpy(digits, dot + 1, n);
        if (text_to_u64(digits, 0, 999, &thousandths) < 0)
            return -EINVAL;
    }
    *out_ms = whole * 1000 + thousandths;
    return 0;
}

/* The position of @text among the words of @choices, -1 where it is none of them. */
static int find_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);
    int i = 0;

    for (const char *word = choices; word; i++) {
        const char *end = strchr(word, '|');
        size_t word_len = end ? (size_t)(end - word) : strlen(word);

        if (word_len == len && memcmp(word, text, len) == 0)
            return i;
        word = end ? end + 1 : NULL;
    }
    return -1;
}

static int add_to_list(struct serve_options *options, const char *name, const char *value)
{
    if (options->n_listen == SERVE_MAX_LISTEN)
        return complain(name, value, "is one address too many: at most 32");
    options->listen[options->n_listen++] = value;
    return 0;
}

static int read_flag(const char *name, const char *value, bool *out_flag)
{
    if (!value || strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
        *out_flag = true;
    else if (strcmp(value, "0") == 0 || strcmp(value, "false") == 0 || !*value)
        *out_flag = false;
    else
        return complain(name, value, "is neither true (1) nor false (0)");
    return 0;
}

static int read_value(struct serve_options *options, const struct setting *setting, const char *name,
                      const char *value)
{
    void *place = place_of(options, setting);
    char sentence[128];
    int choice;

    switch (setting->kind) {
    case KIND_TEXT:
        if (!*value)
            return complain(name, value, "is empty: give a value or leave it out");
        *(const char **)place = value;
        return 0;
    case KIND_LIST:
        return add_to_list(options, name, value);
    case KIND_FLAG:
        return read_flag(name, value, place);
    case KIND_SECONDS:
        if (read_seconds(value, setting->most, place) == 0 && *(uint64_t *)place >= setting->least)
            return 0;
        return complain(name, value, "is not a number of seconds that will do, such as 60 or 0.5");
    case KIND_NUMBER:
        if (text_to_u64(value, setting->least, setting->most, place) == 0)
            return 0;
        snprintf(sentence, sizeof sentence, "is not a whole number from %llu to %llu",
                 (unsigned long long)setting->least, (unsigned long long)setting->most);
        return complain(name, value, sentence);
    case KIND_CHOICE:
        choice = find_choice(setting->choices, value);
        if (choice >= 0) {
            *(unsigned *)place = (unsigned)choice;
            return 0;
        }
        snprintf(sentence, sizeof sentence, "is not one of %s", setting->choices);
        return complain(name, value, sentence);
    }
    return SERVE_OPTIONS_E_USAGE;
}

/* The environment's list is cut at its commas, in memory that stays for the life of the program. */
static int read_environment_list(struct serve_options *options, const struct setting *setting,
                                 const char *value)
{
    char *copy = strdup(value);
    char *rest = copy;
    int r = 0;

    if (!copy)
        return SERVE_OPTIONS_E_USAGE;
    while (rest && r == 0) {
        char *item = strsep(&rest, ",");

        if (*item)
            r = read_value(options, setting, setting->environment, item);
    }
    return r;
}

static int read_environment(struct serve_options *options)
{
    int r = 0;

    for (size_t i = 0; i < N_SETTINGS && r == 0; i++) {
        const char *value = settings[i].environment ? getenv(settings[i].environment) : NULL;

        if (!value || !*value)
            continue;
        r = settings[i].kind == KIND_LIST ? read_environment_list(options, &settings[i], value)
                                          : read_value(options, &settings[i], settings[i].environment, value);
    }
    return r;
}

static const struct setting *find_setting(const char *flag, size_t len)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (strlen(settings[i].flag) == len && memcmp(settings[i].flag, flag, len) == 0)
            return &settings[i];
    return NULL;
}

static size_t shared_letters(const char *a, const char *b)
{
    size_t front = 0;
    size_t back = 0;
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    while (front < a_len && front < b_len && a[front] == b[front])
        front++;
    while (back < a_len - front && back < b_len - front && a[a_len - 1 - back] == b[b_len - 1 - back])
        back++;
    return front + back;
}

static int complain_unknown(const char *argument)
{
    const struct setting *nearest = NULL;
    size_t most = 4; /* less in common than "--" and two letters is no likeness */
    char shown[128];

    for (size_t i = 0; i < N_SETTINGS; i++) {
        size_t n = shared_letters(argument, settings[i].flag);

        if (n > most) {
            most = n;
            nearest = &settings[i];
        }
    }
    text_escape(bytes_of_text(argument), shown, sizeof shown);
    if (nearest)
        fprintf(stderr, "commhub: unknown argument %s: did you mean %s? See commhub serve --help\n", shown,
                nearest->flag);
    else
        fprintf(stderr, "commhub: unknown argument %s: see commhub serve --help\n", shown);
    return SERVE_OPTIONS_E_USAGE;
}

/* Reads one argument, and the next one where it is the value; counts *i on. */
static int read_argument(struct serve_options *options, int argc, char **argv, int *i, bool *is_first_listen)
{
    const char *argument = argv[*i];
    const char *equals = strchr(argument, '=');
    const struct setting *setting =
        find_setting(argument, equals ? (size_t)(equals - argument) : strlen(argument));
    const char *value = equals ? equals + 1 : NULL;

    if (!setting)
        return complain_unknown(argument);
    if (!value && setting->kind != KIND_FLAG) {
        if (*i + 1 >= argc) {
            fprintf(stderr, "commhub: %s needs a value\n", argument);
            return SERVE_OPTIONS_E_USAGE;
        }
        value = argv[++*i];
    }
    /* Addresses on the command line replace the environment's, as every other flag does. */
    if (setting->kind == KIND_LIST && *is_first_listen) {
        options->n_listen = 0;
        *is_first_listen = false;
    }
    return read_value(options, setting, setting->flag, value);
}

int serve_options_read(int argc, char **argv, struct serve_options *out_options)
{
    bool is_first_listen = true;
    int r;

    *out_options = defaults;
    r = read_environment(out_options);
    for (int i = 0; i < argc && r == 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            serve_options_help(stdout);
            return SERVE_OPTIONS_E_DONE;
        }
        if (strcmp(argv[i], "--version") == 0) {
            puts("commhub " COMMHUB_VERSION);
            return SERVE_OPTIONS_E_DONE;
        }
        r = read_argument(out_options, argc, argv, &i, &is_first_listen);
    }
    return r;
}

void serve_options_help(FILE *out)
{
    fputs("Usage: commhub serve [SETTING ...]\n\n"
          "Runs a hub until SIGTERM or SIGINT. Prints one line \"ready ADDRESS ...\" on standard output once "
          "it\n"
          "accepts connections. Each setting may also come from the environment; flags win.\n\n",
          out);
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *setting = &settings[i];
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

static int read_original_argument(struct original_arguments *arguments, int argc, char **argv, int *i)
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
    fprintf(stderr,
            "commhub: unknown or unfinished argument %s: commhub server takes --socket-path PATH, --host "
            "HOST, --port PORT, --connection-secret SECRET, --verbose\n",
            argv[*i]);
    return SERVE_OPTIONS_E_USAGE;
}

/* What stands on the command line is seen by every user of the machine: it is copied and wiped. */
static char *command_line_secret;

static const char *take_secret(char *argument)
{
    command_line_secret = strdup(argument);
    memset(argument, '*', strlen(argument));
    fputs("commhub: warning: a secret on the command line is visible to others; use commhub serve "
          "--connection-secret-file\n",
          stderr);
    return command_line_secret;
}

static int take_original_address(const struct original_arguments *arguments, struct serve_options *options)
{
    static char text[ADDRESS_TEXT_SIZE];
    uint64_t port;

    if (arguments->host && arguments->port) {
        if (text_to_u64(arguments->port, 0, 65535, &port) < 0)
            return complain("--port", arguments->port, "is not a port number");
        snprintf(text, sizeof text, strchr(arguments->host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s",
                 arguments->host, arguments->port);
    } else if (arguments->socket_path) {
        snprintf(text, sizeof text, "unix:%s", arguments->socket_path);
    } else if (arguments->host || arguments->port) {
        fputs("commhub: --host and --port belong together\n", stderr);
        return SERVE_OPTIONS_E_USAGE;
    } else {
        return 0;
    }
    options->listen[0] = text;
    options->n_listen = 1;
    return 0;
}

int serve_options_read_original(int argc, char **argv, struct serve_options *out_options)
{
    struct original_arguments arguments = {0};
    int r = 0;

    *out_options = defaults;
    out_options->data_dir = "";
    out_options->mgmt = "off";
    for (int i = 0; i < argc && r == 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            puts("Usage: commhub server [--socket-path PATH | --host HOST --port PORT] [--connection-secret "
                 "SECRET] "
                 "[--verbose]\n\nRuns a hub as the original's `comm-ipc server` does: nothing is kept, no "
                 "management. "
                 "See commhub serve\nfor everything else.");
            return SERVE_OPTIONS_E_DONE;
        }
        r = read_original_argument(&arguments, argc, argv, &i);
    }
    if (r == 0)
        r = take_original_address(&arguments, out_options);
    if (r == 0 && arguments.connection_secret) {
        out_options->connection_secret = take_secret(arguments.connection_secret);
        if (!out_options->connection_secret)
            return SERVE_OPTIONS_E_USAGE;
    }
    out_options->is_verbose = arguments.is_verbose;
    return r;
}
