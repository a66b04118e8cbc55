/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the settings come to once the files that they name are read
 *
 * Making a plan changes nothing anywhere: it is what --check-config does, and what a reload does before it
 * touches the running hub.
 */
#ifndef COMMHUB_PROGRAM_SERVE_PLAN_H
#define COMMHUB_PROGRAM_SERVE_PLAN_H

#include <sys/types.h>

#include "hub/base/buffer.h"
#include "hub/io/tls.h"
#include "hub/program/password_list.h"
#include "hub/program/serve_options.h"

#define SERVE_PLAN_DIRECTORY_SIZE 4096

struct serve_plan {
    struct address listen[SERVE_MAX_LISTEN];
    size_t n_listen;
    struct address link_listen[SERVE_MAX_LISTEN];
    size_t n_link_listen;
    mode_t unix_mode; /* 0: the listener's default */
    struct buffer connection_secret;
    struct buffer link_secret;
    struct password_list passwords;           /* of --system-passwords-file */
    struct tls_context *tls;                  /* NULL: there is no tls:// address */
    struct tls_context *link_tls;             /* the same for links' addresses */
    struct tls_context *mgmt_tls;             /* NULL: the management port speaks plain HTTP */
    char data_dir[SERVE_PLAN_DIRECTORY_SIZE]; /* "": nothing is kept */
};

enum { SERVE_PLAN_E_WRONG = 1 };

/* 0; SERVE_PLAN_E_WRONG and a sentence; or -ENOMEM and one. @out_plan is to be cleared in any case. */
int serve_plan_make(struct serve_plan *out_plan, const struct serve_options *options,
                    char out_why[SERVE_WHY_SIZE]);

/* Overwrites the secrets. */
void serve_plan_clear(struct serve_plan *plan);

#endif
