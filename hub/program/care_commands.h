/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub backup, restore, health: keeping a hub well
 */
#ifndef COMMHUB_PROGRAM_CARE_COMMANDS_H
#define COMMHUB_PROGRAM_CARE_COMMANDS_H

/* Arguments begin behind the subcommand; each answers the exit status. */
int care_commands_backup(int argc, char **argv);
int care_commands_restore(int argc, char **argv);
int care_commands_support_bundle(int argc, char **argv);
int care_commands_health(int argc, char **argv);

#endif
