/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * `commhub bench`: a load generator for any CommIPC hub
 */
#ifndef COMMHUB_BENCH_BENCH_H
#define COMMHUB_BENCH_BENCH_H

struct dialect;

/*
 * The subcommand; argv[0] is the name of the program. Exit status: 0, 1 when the run failed, 2 when an
 * argument is wrong; both with a sentence on stderr.
 */
int bench_main(int argc, char **argv);

/* The same for a server that speaks otherwise. */
int bench_main_with(const struct dialect *dialect, int argc, char **argv);

#endif
