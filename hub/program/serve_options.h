/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The settings of `commhub serve`: flags over environment over defaults, each with where it came from
 *
 * One table row a setting (serve_options.c): flag, environment variable, how it is read, help. Texts point
 * into argv or the environment.
 */
#ifndef COMMHUB_PROGRAM_SERVE_OPTIONS_H
#define COMMHUB_PROGRAM_SERVE_OPTIONS_H

#include <stdio.h>

#include "hub/core/hub.h"
#include "hub/io/address.h"

#define SERVE_MAX_LISTEN 32

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct serve_options {
    const char *data_dir;  /* NULL: the default one; "" (only `commhub server`): nothing is kept */
    const char *server_id; /* NULL: the data directory's */
    const char *listen[SERVE_MAX_LISTEN];
    size_t n_listen; /* 0: the reference's default socket */
    const char *unix_mode;
    const char *unix_group;
    const char *tls_cert;
    const char *tls_key;
    const char *tls_ca;
    const char *connection_secret_file;
    const char *connection_secret; /* of `commhub server` only */
    const char *link_secret_file;
    const char *system_passwords_file;
    enum channel_policy channel_policy;
    enum balance_policy balance_policy;
    enum error_policy error_policy;
    uint64_t idle_timeout_ms;
    uint64_t data_timeout_ms;
    uint64_t call_deadline_ms;
    uint64_t max_frame_bytes;
    uint64_t max_connections; /* 0: as many as open files allow */
    const char *mgmt;         /* host:port; "off" */
    const char *admin_token_file;
    enum log_format log_format;
    bool is_verbose;
    bool is_check_only;
};

enum {
    SERVE_OPTIONS_E_USAGE = 1, /* said on stderr what is wrong and what to do */
    SERVE_OPTIONS_E_DONE,      /* --help or --version was answered */
};

/* Reads the environment and the arguments behind the subcommand. 0 or SERVE_OPTIONS_E_*. */
int serve_options_read(int argc, char **argv, struct serve_options *out_options);

/* The same for the original's `server` command and its few flags. Secrets are overwritten in argv. */
int serve_options_read_original(int argc, char **argv, struct serve_options *out_options);

void serve_options_help(FILE *out);

/* Where a reference client looks when it is told nothing: fills @out_path. */
void serve_options_default_socket(char out_path[ADDRESS_HOST_SIZE]);

#endif
