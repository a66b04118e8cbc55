/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an administrator does on the hub's own machine while the hub is down: the data directory is opened,
 * not the API. Each answers the exit status.
 */
#ifndef COMMHUB_PROGRAM_ADMIN_COMMANDS_H
#define COMMHUB_PROGRAM_ADMIN_COMMANDS_H

/* commhub admin init|reset-password */
int admin_commands_admin(int argc, char **argv);

/* commhub audit verify */
int admin_commands_audit(int argc, char **argv);

#endif
