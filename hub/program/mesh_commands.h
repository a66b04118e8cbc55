/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The subcommands that ask a hub about its mesh: rows of main.c
 *
 * @argc and @argv begin behind the subcommand. The answer is an enum api_client_status.
 */
#ifndef COMMHUB_PROGRAM_MESH_COMMANDS_H
#define COMMHUB_PROGRAM_MESH_COMMANDS_H

int mesh_commands_why(int argc, char **argv);
int mesh_commands_trace(int argc, char **argv);

#endif
