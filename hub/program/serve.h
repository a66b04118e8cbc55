/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub serve: builds all parts, wires them, runs until it is told to end
 */
#ifndef COMMHUB_PROGRAM_SERVE_H
#define COMMHUB_PROGRAM_SERVE_H

#include "hub/program/serve_options.h"

/* Answers the program's exit status. */
int serve_run(const struct serve_options *options);

#endif
