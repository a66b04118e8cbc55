/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub tail: a hub's records, those that the store keeps if they are asked for, then those of the log's
 * ring, then as they come
 */
#ifndef COMMHUB_PROGRAM_TAIL_H
#define COMMHUB_PROGRAM_TAIL_H

/* Exit status: 0 done, 1 the hub said no, 2 wrong use, 3 no answer in time, 4 no connection. */
int tail_command(int argc, char **argv);

#endif
