/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/text.h"
#include "hub/base/toml.h"

#define FIELD(name) offsetof(struct serve_options, name)

#define MAX_SECONDS 31536000U /* a year */

/* Mistyped by so many letters a name is still taken for the one that was meant. */
#define MOST_MISTYPED 3
#define LEAST_BEGINNING 4

const struct setting settings_table[] = {
    {"--config", "COMMHUB_CONFIG", KIND_TEXT, FIELD(config_file), 0, 0, NULL, "FILE",
     "a TOML file of settings: name = value, a line each (default: /etc/commhub/commhub.toml where there is "
     "one)",
     CHANGE_COMMAND},
    {"--data-dir", "COMMHUB_DATA_DIR", KIND_TEXT, FIELD(data_dir), 0, 0, NULL, "DIR",
     "identity, bridges, passwords and tokens are kept here (default: $STATE_DIRECTORY, else "
     "$XDG_DATA_HOME/commhub, else ~/.local/share/commhub)",
     CHANGE_AT_START},
    {"--server-id", "COMMHUB_SERVER_ID", KIND_TEXT, FIELD(server_id), 0, 0, NULL, "ID",
     "name that clients see (default: srv- and 8 hex digits, kept in the data directory)", CHANGE_AT_START},
    {"--listen", "COMMHUB_LISTEN", KIND_LIST, FIELD(listen), 0, 0, NULL, "ADDRESS",
     "unix:/path, tcp://host:port or tls://host:port; repeatable (default: the socket that comm-ipc clients "
     "use)",
     CHANGE_AT_START},
    {"--unix-mode", "COMMHUB_UNIX_MODE", KIND_TEXT, FIELD(unix_mode), 0, 0, NULL, "MODE",
     "permissions of socket files, octal (default: 0600)", CHANGE_AT_START},
    {"--unix-group", "COMMHUB_UNIX_GROUP", KIND_TEXT, FIELD(unix_group), 0, 0, NULL, "GROUP",
     "group of socket files", CHANGE_AT_START},
    {"--tls-cert", "COMMHUB_TLS_CERT", KIND_TEXT, FIELD(tls_cert), 0, 0, NULL, "FILE",
     "certificate chain (PEM) for tls:// addresses", CHANGE_AT_RELOAD},
    {"--tls-key", "COMMHUB_TLS_KEY", KIND_TEXT, FIELD(tls_key), 0, 0, NULL, "FILE", "its private key (PEM)",
     CHANGE_AT_RELOAD},
    {"--tls-ca", "COMMHUB_TLS_CA", KIND_TEXT, FIELD(tls_ca), 0, 0, NULL, "FILE",
     "clients must show a certificate signed by this authority", CHANGE_AT_RELOAD},
    {"--connection-secret-file", "COMMHUB_CONNECTION_SECRET_FILE", KIND_TEXT, FIELD(connection_secret_file),
     0, 0, NULL, "FILE", "clients must know the secret in this file", CHANGE_AT_RELOAD},
    {"--link-secret-file", "COMMHUB_LINK_SECRET_FILE", KIND_TEXT, FIELD(link_secret_file), 0, 0, NULL, "FILE",
     "other hubs that know the secret in this file may link to this one", CHANGE_AT_RELOAD},
    {"--link-listen", "COMMHUB_LINK_LISTEN", KIND_LIST, FIELD(link_listen), 0, 0, NULL, "ADDRESS",
     "tcp://host:port, tls://host:port or unix:/path for other hubs alone; repeatable. Once there is one, no "
     "links are taken on clients' addresses",
     CHANGE_AT_START},
    {"--link-tls-cert", "COMMHUB_LINK_TLS_CERT", KIND_TEXT, FIELD(link_tls_cert), 0, 0, NULL, "FILE",
     "certificate chain (PEM) for tls:// addresses of links (default: that of --tls-cert)", CHANGE_AT_RELOAD},
    {"--link-tls-key", "COMMHUB_LINK_TLS_KEY", KIND_TEXT, FIELD(link_tls_key), 0, 0, NULL, "FILE",
     "its private key (PEM)", CHANGE_AT_RELOAD},
    {"--link-tls-ca", "COMMHUB_LINK_TLS_CA", KIND_TEXT, FIELD(link_tls_ca), 0, 0, NULL, "FILE",
     "hubs that link must show a certificate signed by this authority", CHANGE_AT_RELOAD},
    {"--link-management", "COMMHUB_LINK_MANAGEMENT", KIND_CHOICE, FIELD(link_management), 0, 0,
     "none|read|write", NULL,
     "what operators of hubs that dial this one may do here over the mesh (default: none)", CHANGE_AT_START},
    {"--link-peer", "COMMHUB_LINK_PEER", KIND_LIST, FIELD(link_peer), 0, 0, NULL, "NAME",
     "hubs whose certificate bears this name may link, without a secret too; repeatable. Once there is one, "
     "no others may",
     CHANGE_AT_START},
    {"--system-passwords-file", "COMMHUB_SYSTEM_PASSWORDS_FILE", KIND_TEXT, FIELD(system_passwords_file), 0,
     0, NULL, "FILE", "JSON object of channel and password; these passwords outlive the channels' members",
     CHANGE_AT_RELOAD},
    {"--bridge-clients", "COMMHUB_BRIDGE_CLIENTS", KIND_CHOICE, FIELD(bridge_clients), 0, 0, "plain|trusted",
     NULL,
     "clients of mode bridge are clients like others, or may announce the members of another hub (default: "
     "plain)",
     CHANGE_AT_START},
    {"--channel-policy", "COMMHUB_CHANNEL_POLICY", KIND_CHOICE, FIELD(channel_policy), 0, 0,
     "terminate|promote", NULL, "what becomes of a channel when its owner leaves (default: terminate)",
     CHANGE_LIVE},
    {"--lb-policy", "COMMHUB_LB_POLICY", KIND_CHOICE, FIELD(balance_policy), 0, 0, "least-active|round-robin",
     NULL, "who of a group gets a call (default: least-active)", CHANGE_LIVE},
    {"--error-policy", "COMMHUB_ERROR_POLICY", KIND_CHOICE, FIELD(error_policy), 0, 0,
     "ignore|raise|broadcast", NULL,
     "errors of clients are logged only, end the client, or are posted on __comm_ipc_errors (default: "
     "ignore)",
     CHANGE_LIVE},
    {"--idle-timeout", "COMMHUB_IDLE_TIMEOUT", KIND_SECONDS, FIELD(idle_timeout_ms), 1, MAX_SECONDS, NULL,
     "S", "a client that is silent so long is closed (default: 60)", CHANGE_LIVE},
    {"--data-timeout", "COMMHUB_DATA_TIMEOUT", KIND_SECONDS, FIELD(data_timeout_ms), 1, MAX_SECONDS, NULL,
     "S", "a frame must be complete within this time (default: 60)", CHANGE_LIVE},
    {"--call-deadline", "COMMHUB_CALL_DEADLINE", KIND_SECONDS, FIELD(call_deadline_ms), 0, MAX_SECONDS, NULL,
     "S",
     "a call not answered so long, or a stream silent so long, ends with an error; 0: never (default: 3600)",
     CHANGE_LIVE},
    {"--max-frame", "COMMHUB_MAX_FRAME", KIND_NUMBER, FIELD(max_frame_bytes), 1024, 1U << 30, NULL, "BYTES",
     "longest frame that is taken (default: 16777216)", CHANGE_AT_START},
    {"--max-connections", "COMMHUB_MAX_CONNECTIONS", KIND_NUMBER, FIELD(max_connections), 1, 1000000, NULL,
     "N", "connections at once (default: what the limit of open files allows)", CHANGE_LIVE},
    {"--mgmt", "COMMHUB_MGMT", KIND_TEXT, FIELD(mgmt), 0, 0, NULL, "HOST:PORT|off",
     "page, REST and metrics (default: 127.0.0.1:8080)", CHANGE_AT_START},
    {"--mgmt-tls-cert", "COMMHUB_MGMT_TLS_CERT", KIND_TEXT, FIELD(mgmt_tls_cert), 0, 0, NULL, "FILE",
     "certificate chain (PEM) of the management port, which speaks HTTPS then", CHANGE_AT_RELOAD},
    {"--mgmt-tls-key", "COMMHUB_MGMT_TLS_KEY", KIND_TEXT, FIELD(mgmt_tls_key), 0, 0, NULL, "FILE",
     "its private key (PEM)", CHANGE_AT_RELOAD},
    {"--admin-token-file", "COMMHUB_ADMIN_TOKEN_FILE", KIND_TEXT, FIELD(admin_token_file), 0, 0, NULL, "FILE",
     "the administrator's token (default: one is made at the first start, see <data-dir>/first-run-token)",
     CHANGE_AT_START},
    {"--admin-password-file", "COMMHUB_ADMIN_PASSWORD_FILE", KIND_TEXT, FIELD(admin_password_file), 0, 0,
     NULL, "FILE", "password of the user admin, who is made where there is no administrator yet",
     CHANGE_AT_START},
    {"--definitions", "COMMHUB_DEFINITIONS", KIND_TEXT, FIELD(definitions), 0, 0, NULL, "FILE",
     "bridges and passwords of channels (JSON, as commhub export writes it), taken in at each start",
     CHANGE_AT_START},
    {"--keep-records", "COMMHUB_KEEP_RECORDS", KIND_NUMBER, FIELD(keep_records), 0, 10000000, NULL, "N",
     "records of the log kept in the data directory over restarts, with 64 MiB at most; 0: none (default: "
     "100000)",
     CHANGE_LIVE},
    {"--keep-days", "COMMHUB_KEEP_DAYS", KIND_NUMBER, FIELD(keep_days), 1, 3650, NULL, "DAYS",
     "records of the log that are older are dropped (default: 30)", CHANGE_LIVE},
    {"--log-format", "COMMHUB_LOG_FORMAT", KIND_CHOICE, FIELD(log_format), 0, 0, "text|logfmt|json", NULL,
     "of the lines on standard error (default: text)", CHANGE_LIVE},
    {"--log-level", "COMMHUB_LOG_LEVEL", KIND_CHOICE, FIELD(log_level), 0, 0, "error|warning|info|debug",
     NULL, "what is written on standard error; changes of links always are (default: warning)", CHANGE_LIVE},
    {"--verbose", "COMMHUB_VERBOSE", KIND_FLAG, FIELD(is_verbose), 0, 0, NULL, NULL,
     "log every client and registration: --log-level debug", CHANGE_AT_RELOAD},
    {"--check-config", NULL, KIND_FLAG, FIELD(is_check_only), 0, 0, NULL, NULL,
     "check the settings, touch nothing, exit", CHANGE_COMMAND},
    {"--print-config", NULL, KIND_FLAG, FIELD(is_print_only), 0, 0, NULL, NULL,
     "print the settings in force as TOML, each with where it is from, exit", CHANGE_COMMAND},
};

#define N_SETTINGS (sizeof settings_table / sizeof settings_table[0])

const size_t settings_n = N_SETTINGS;

_Static_assert(N_SETTINGS <= SERVE_MAX_SETTINGS, "each setting has a place for its origin");

static const void *place_in(const struct serve_options *options, const struct setting *setting)
{
    return (const char *)options + setting->field;
}

static size_t row_of(const struct setting *setting)
{
    return (size_t)(setting - settings_table);
}

const struct setting *settings_find(struct bytes name)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        if (bytes_equal_text(name, settings_name(&settings_table[i])))
            return &settings_table[i];
    return NULL;
}

/* How unlike two names are; one that only goes on where the other ends is near in any length. */
static size_t unlikeness(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t shorter = a_len < b_len ? a_len : b_len;
    size_t distance = text_distance(a, b);

    if (shorter >= LEAST_BEGINNING && strncmp(a, b, shorter) == 0 && distance > MOST_MISTYPED)
        return MOST_MISTYPED;
    return distance;
}

const struct setting *settings_nearest(const char *name)
{
    const struct setting *nearest = NULL;
    size_t least = MOST_MISTYPED + 1;

    for (size_t i = 0; i < N_SETTINGS; i++) {
        size_t distance = unlikeness(name, settings_name(&settings_table[i]));

        if (distance < least && distance < strlen(name)) {
            least = distance;
            nearest = &settings_table[i];
        }
    }
    return nearest;
}

__attribute__((format(printf, 4, 5))) static int refuse(char out_why[SETTINGS_WHY_SIZE], const char *name,
                                                        const char *value, const char *format, ...)
{
    char shown[128];
    char what[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    text_escape(bytes_of_text(value), shown, sizeof shown);
    snprintf(out_why, SETTINGS_WHY_SIZE, "%s: \"%s\" %s", name, shown, what);
    return SETTINGS_E_VALUE;
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

static int read_list_item(struct serve_options *options, struct setting_list *list, const char *name,
                          const char *value, char out_why[SETTINGS_WHY_SIZE])
{
    if (list->n == SERVE_MAX_LISTEN)
        return refuse(out_why, name, value, "is one too many: at most %d", SERVE_MAX_LISTEN);
    list->texts[list->n] = serve_options_keep(options, bytes_of_text(value));
    return list->texts[list->n++] ? 0 : -ENOMEM;
}

static int read_flag(const char *name, const char *value, bool *out_flag, char out_why[SETTINGS_WHY_SIZE])
{
    if (!value || strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
        *out_flag = true;
    else if (strcmp(value, "0") == 0 || strcmp(value, "false") == 0 || !*value)
        *out_flag = false;
    else
        return refuse(out_why, name, value, "is neither true (1) nor false (0)");
    return 0;
}

static int read_text(struct serve_options *options, const char **place, const char *name, const char *value,
                     char out_why[SETTINGS_WHY_SIZE])
{
    if (!*value)
        return refuse(out_why, name, value, "is empty: give a value or leave it out");
    *place = serve_options_keep(options, bytes_of_text(value));
    return *place ? 0 : -ENOMEM;
}

static int read_number(const struct setting *setting, const char *name, const char *value, uint64_t *place,
                       char out_why[SETTINGS_WHY_SIZE])
{
    if (text_to_u64(value, setting->least, setting->most, place) == 0)
        return 0;
    return refuse(out_why, name, value, "is not a whole number from %llu to %llu",
                  (unsigned long long)setting->least, (unsigned long long)setting->most);
}

static int read_into(struct serve_options *options, const struct setting *setting, const char *name,
                     const char *value, char out_why[SETTINGS_WHY_SIZE])
{
    void *place = (char *)options + setting->field;
    uint64_t ms;
    int choice;

    switch (setting->kind) {
    case KIND_TEXT:
        return read_text(options, place, name, value, out_why);
    case KIND_LIST:
        return read_list_item(options, place, name, value, out_why);
    case KIND_FLAG:
        return read_flag(name, value, place, out_why);
    case KIND_SECONDS:
        if (read_seconds(value, setting->most, &ms) < 0 || ms < setting->least)
            return refuse(out_why, name, value, "is not a number of seconds that will do, such as 60 or 0.5");
        *(uint64_t *)place = ms;
        return 0;
    case KIND_NUMBER:
        return read_number(setting, name, value, place, out_why);
    case KIND_CHOICE:
        choice = find_choice(setting->choices, value);
        if (choice < 0)
            return refuse(out_why, name, value, "is not one of %s", setting->choices);
        *(unsigned *)place = (unsigned)choice;
        return 0;
    }
    return SETTINGS_E_VALUE;
}

int settings_read(struct serve_options *options, const struct setting *setting, const char *name,
                  const char *value, struct setting_origin origin, char out_why[SETTINGS_WHY_SIZE])
{
    struct setting_origin *place = &options->origins[row_of(setting)];
    int r;

    if (setting->kind == KIND_LIST && place->source != origin.source)
        ((struct setting_list *)((char *)options + setting->field))->n = 0;
    r = read_into(options, setting, name, value, out_why);
    if (r == 0)
        *place = origin;
    return r;
}

struct setting_origin settings_origin(const struct serve_options *options, const struct setting *setting)
{
    return options->origins[row_of(setting)];
}

bool settings_is_set(const struct serve_options *options, const struct setting *setting)
{
    const void *place = place_in(options, setting);

    switch (setting->kind) {
    case KIND_TEXT:
        return *(const char *const *)place != NULL;
    case KIND_LIST:
        return ((const struct setting_list *)place)->n > 0;
    case KIND_NUMBER:
        return *(const uint64_t *)place >= setting->least;
    case KIND_FLAG:
    case KIND_SECONDS:
    case KIND_CHOICE:
        break;
    }
    return true;
}

/* "1.5" for 1500 ms, "60" for 60000. */
static void write_seconds(uint64_t ms, struct buffer *out)
{
    char digits[4];
    size_t n = 3;

    buffer_append_format(out, "%llu", (unsigned long long)(ms / 1000));
    snprintf(digits, sizeof digits, "%03u", (unsigned)(ms % 1000));
    while (n && digits[n - 1] == '0')
        digits[--n] = '\0';
    if (n)
        buffer_append_format(out, ".%s", digits);
}

static void write_choice(const char *choices, unsigned place, struct buffer *out)
{
    const char *word = choices;

    while (place--)
        word = strchr(word, '|') + 1;
    buffer_append_format(out, "\"%.*s\"", (int)strcspn(word, "|"), word);
}

static void write_list(const struct setting_list *list, struct buffer *out)
{
    buffer_append_text(out, "[");
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            buffer_append_text(out, ", ");
        toml_write_text(out, list->texts[i]);
    }
    buffer_append_text(out, "]");
}

void settings_write(const struct serve_options *options, const struct setting *setting, struct buffer *out)
{
    const void *place = place_in(options, setting);
    const char *text;

    switch (setting->kind) {
    case KIND_TEXT:
        text = *(const char *const *)place;
        toml_write_text(out, text ? text : "");
        return;
    case KIND_LIST:
        write_list(place, out);
        return;
    case KIND_FLAG:
        buffer_append_text(out, *(const bool *)place ? "true" : "false");
        return;
    case KIND_SECONDS:
        write_seconds(*(const uint64_t *)place, out);
        return;
    case KIND_NUMBER:
        buffer_append_format(out, "%llu", (unsigned long long)*(const uint64_t *)place);
        return;
    case KIND_CHOICE:
        write_choice(setting->choices, *(const unsigned *)place, out);
        return;
    }
}

bool settings_are_equal(const struct serve_options *a, const struct serve_options *b,
                        const struct setting *setting)
{
    struct buffer of_a = {0};
    struct buffer of_b = {0};
    bool is_equal;

    settings_write(a, setting, &of_a);
    settings_write(b, setting, &of_b);
    is_equal = bytes_equal(buffer_bytes(&of_a), buffer_bytes(&of_b));
    buffer_clear(&of_a);
    buffer_clear(&of_b);
    return is_equal;
}

static int copy_list(struct serve_options *to, const struct setting_list *from, struct setting_list *place)
{
    place->n = 0;
    for (size_t i = 0; i < from->n; i++) {
        place->texts[i] = serve_options_keep(to, bytes_of_text(from->texts[i]));
        if (!place->texts[i])
            return -ENOMEM;
        place->n++;
    }
    return 0;
}

int settings_copy(struct serve_options *to, const struct serve_options *from, const struct setting *setting)
{
    void *place = (char *)to + setting->field;
    const void *source = place_in(from, setting);
    const char *text;
    int r = 0;

    switch (setting->kind) {
    case KIND_TEXT:
        text = *(const char *const *)source;
        if (text)
            text = serve_options_keep(to, bytes_of_text(text));
        r = !text && *(const char *const *)source ? -ENOMEM : 0;
        *(const char **)place = text;
        break;
    case KIND_LIST:
        r = copy_list(to, source, place);
        break;
    case KIND_FLAG:
        *(bool *)place = *(const bool *)source;
        break;
    case KIND_SECONDS:
    case KIND_NUMBER:
        *(uint64_t *)place = *(const uint64_t *)source;
        break;
    case KIND_CHOICE:
        *(unsigned *)place = *(const unsigned *)source;
        break;
    }
    to->origins[row_of(setting)] = settings_origin(from, setting);
    return r;
}

void settings_origin_text(const struct serve_options *options, const struct setting *setting,
                          char out_text[SETTINGS_ORIGIN_SIZE])
{
    struct setting_origin origin = settings_origin(options, setting);

    switch (origin.source) {
    case SOURCE_BUILT_IN:
        snprintf(out_text, SETTINGS_ORIGIN_SIZE, "built-in");
        return;
    case SOURCE_STORE:
        snprintf(out_text, SETTINGS_ORIGIN_SIZE, "store");
        return;
    case SOURCE_FILE:
        snprintf(out_text, SETTINGS_ORIGIN_SIZE, "%s:%zu", options->config_file, origin.line);
        return;
    case SOURCE_ENVIRONMENT:
        snprintf(out_text, SETTINGS_ORIGIN_SIZE, "environment %s", setting->environment);
        return;
    case SOURCE_FLAG:
        snprintf(out_text, SETTINGS_ORIGIN_SIZE, "flag %s", setting->flag);
        return;
    }
}
