/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub bridge-run: joins two hubs of the protocol, as the original package's CommIPCBridge does
 *
 * A hub of its own without listeners and without data, with a link to each of the two.
 */
#ifndef COMMHUB_PROGRAM_BRIDGE_RUN_H
#define COMMHUB_PROGRAM_BRIDGE_RUN_H

/* Until it is told to end (SIGTERM, SIGINT); the exit status. @argv begins behind the subcommand. */
int bridge_run_command(int argc, char **argv);

#endif
