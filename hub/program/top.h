/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub top: a running hub in numbers, over and over
 *
 * On a terminal it fills the screen until q or a signal, and leaves the terminal as it was; elsewhere, and
 * with --once, it prints one table.
 */
#ifndef COMMHUB_PROGRAM_TOP_H
#define COMMHUB_PROGRAM_TOP_H

/* Exit status: 0 done, 1 the hub said no, 2 wrong use, 3 no answer in time, 4 no connection. */
int top_command(int argc, char **argv);

#endif
