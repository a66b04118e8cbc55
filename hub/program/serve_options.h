/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The settings of `commhub serve`: flags over environment over file over defaults, each with where it came
 * from
 *
 * The rows are in settings.c. Texts belong to the options and live until serve_options_clear().
 */
#ifndef COMMHUB_PROGRAM_SERVE_OPTIONS_H
#define COMMHUB_PROGRAM_SERVE_OPTIONS_H

#include <stdio.h>

#include "federation/bridge_spec.h"
#include "hub/core/hub.h"
#include "hub/io/address.h"

#define SERVE_MAX_LISTEN 32
#define SERVE_MAX_SETTINGS 64
#define SERVE_WHY_SIZE 1024

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum log_threshold { LOG_FROM_ERROR, LOG_FROM_WARNING, LOG_FROM_INFO, LOG_FROM_DEBUG };

/* What clients are that say they are bridges. */
enum bridge_clients { BRIDGE_CLIENTS_PLAIN, BRIDGE_CLIENTS_TRUSTED };

enum setting_source { SOURCE_BUILT_IN, SOURCE_STORE, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct setting_origin {
    enum setting_source source;
    size_t line; /* of the file */
};

struct setting_list {
    size_t n;
    const char *texts[SERVE_MAX_LISTEN];
};

struct kept_text;

struct serve_options {
    const char *config_file;    /* NULL: none was read */
    const char *data_dir;       /* NULL: the default one; "" (only `commhub server`): nothing is kept */
    const char *server_id;      /* NULL: the data directory's */
    struct setting_list listen; /* empty: the reference's default socket */
    const char *unix_mode;
    const char *unix_group;
    const char *tls_cert;
    const char *tls_key;
    const char *tls_ca;
    const char *connection_secret_file;
    const char *connection_secret; /* of `commhub server` only */
    const char *link_secret_file;
    struct setting_list link_listen; /* empty: links come to the clients' addresses */
    const char *link_tls_cert;
    const char *link_tls_key;
    const char *link_tls_ca;
    struct setting_list link_peer;
    enum bridge_management link_management;
    const char *system_passwords_file;
    enum bridge_clients bridge_clients;
    enum channel_policy channel_policy;
    enum balance_policy balance_policy;
    enum error_policy error_policy;
    uint64_t idle_timeout_ms;
    uint64_t data_timeout_ms;
    uint64_t call_deadline_ms;
    uint64_t max_frame_bytes;
    uint64_t max_connections; /* 0: as many as open files allow */
    const char *mgmt;         /* host:port; "off" */
    const char *mgmt_tls_cert;
    const char *mgmt_tls_key;
    const char *admin_token_file;
    const char *admin_password_file;
    const char *definitions;
    uint64_t keep_records; /* 0: none */
    uint64_t keep_days;
    enum log_format log_format;
    enum log_threshold log_level;
    bool is_verbose; /* has become log_level */
    bool is_check_only;
    bool is_print_only;

    struct setting_origin origins[SERVE_MAX_SETTINGS]; /* in the order of the table */
    struct kept_text *texts;
    int argc; /* what was read, for reading it again */
    char **argv;
};

enum {
    SERVE_OPTIONS_E_USAGE = 1, /* out_why says what is wrong and what to do */
    SERVE_OPTIONS_E_DONE,      /* --help or --version was answered */
};

/*
 * Reads file, environment and the arguments behind the subcommand, which must stay. 0 or SERVE_OPTIONS_E_*;
 * @out_options is to be cleared in any case.
 */
int serve_options_read(int argc, char **argv, struct serve_options *out_options,
                       char out_why[SERVE_WHY_SIZE]);
void serve_options_clear(struct serve_options *options);

/* Gives a setting its built-in value. 0 or -ENOMEM. */
struct setting;
int serve_options_reset(struct serve_options *options, const struct setting *setting);

/* The same for the original's `server` command and its few flags. Secrets are overwritten in argv. */
int serve_options_read_original(int argc, char **argv, struct serve_options *out_options,
                                char out_why[SERVE_WHY_SIZE]);

/* Keeps a copy of @text with the options; NULL: out of memory. */
const char *serve_options_keep(struct serve_options *options, struct bytes text);

/* Says on stderr which COMMHUB_ variables of the environment mean nothing. */
void serve_options_warn_of_environment(void);

void serve_options_help(FILE *out);

/* The settings as a TOML file, each with its origin as a comment. 0 or -ENOMEM. */
int serve_options_print(const struct serve_options *options, FILE *out);

/* Where a reference client looks when it is told nothing: fills @out_path. */
void serve_options_default_socket(char out_path[ADDRESS_HOST_SIZE]);

#endif
