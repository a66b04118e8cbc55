/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The subcommands that speak to a hub as a client: one table row of main.c each
 *
 * @argc and @argv begin behind the subcommand. The answer is the exit status: 0 done, 1 failed, 2 wrong
 * usage, 3 not in time, 4 no connection. What was received goes to standard output, everything else to
 * standard error.
 */
#ifndef COMMHUB_PROGRAM_CLIENT_COMMANDS_H
#define COMMHUB_PROGRAM_CLIENT_COMMANDS_H

int client_commands_call(int argc, char **argv);
int client_commands_stream(int argc, char **argv);
int client_commands_send(int argc, char **argv);
int client_commands_broadcast(int argc, char **argv);
int client_commands_publish(int argc, char **argv);
int client_commands_subscribe(int argc, char **argv);
int client_commands_explore(int argc, char **argv);
int client_commands_members(int argc, char **argv);

#endif
