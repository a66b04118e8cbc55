/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Commands of an operator, over the REST API of a running hub
 *
 * Each answers the exit status: 0 done, 1 the hub said no, 2 wrong usage, 3 not in time, 4 no connection;
 * diff answers 1 where there is something to change.
 */
#ifndef COMMHUB_PROGRAM_OPERATOR_COMMANDS_H
#define COMMHUB_PROGRAM_OPERATOR_COMMANDS_H

#include <stdio.h>

/* The verbs of each noun, as branches of bash's `case`. */
void operator_commands_complete(FILE *out);

/* A noun and a verb: "bridge list", "channel get town". */
int operator_commands_bridge(int argc, char **argv);
int operator_commands_channel(int argc, char **argv);
int operator_commands_client(int argc, char **argv);
int operator_commands_user(int argc, char **argv);
int operator_commands_token(int argc, char **argv);
int operator_commands_link(int argc, char **argv);

/* `audit list`; `audit verify` without --api is admin_commands_audit(). */
int operator_commands_audit(int argc, char **argv);

int operator_commands_export(int argc, char **argv);
int operator_commands_diff(int argc, char **argv);
int operator_commands_apply(int argc, char **argv);

#endif
