/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What came of trying a bridge, for people
 */
#ifndef COMMHUB_PROGRAM_TRIAL_PRINT_H
#define COMMHUB_PROGRAM_TRIAL_PRINT_H

#include <jansson.h>

/* @trial as REST shows it. The exit status: 0 it has passed, 1 it has not. */
int trial_print(const json_t *trial);

#endif
