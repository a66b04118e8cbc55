/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The result of a bench, as a table for people and as JSON for programs
 */
#ifndef COMMHUB_BENCH_BENCH_REPORT_H
#define COMMHUB_BENCH_BENCH_REPORT_H

#include "hub/bench/run.h"

struct bench_report;

/* Sums up the tallies of all generators, none of which has failed; NULL: out of memory. */
struct bench_report *bench_report_new(const struct dialect *dialect, const struct bench_options *options,
                                      const struct run_tally *tallies);
void bench_report_free(struct bench_report *report);

/* Writes it where the options say: 0 or a negative errno. */
int bench_report_write(const struct bench_report *report);

#endif
