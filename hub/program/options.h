/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The options of one command, a row each: its name, and where goes what is given
 *
 * A row without a name is an argument that stands for itself: such rows are filled one after the other, each
 * once. Texts are borrowed from the command line; where an option comes again, the last one counts.
 */
#ifndef COMMHUB_PROGRAM_OPTIONS_H
#define COMMHUB_PROGRAM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_WRONG 2 /* exit status of a command that is used wrongly */

/* Of @is_given, @value and @read one is set. */
struct option {
    const char *name;   /* "--file"; NULL: an argument that stands for itself */
    const char *letter; /* "-f"; NULL: none */
    bool *is_given;     /* it takes no value */
    const char **value;
    bool (*read)(void *context, const char *value); /* false: there is no such value */
    void *context;
};

/*
 * The index of the first argument that no row takes, or whose value is missing or wrong; @argc if there is
 * none. --help and -h are known to every command and end the reading.
 */
int options_read(const struct option *rows, size_t n, int argc, char **argv, bool *out_wants_help);

/* Says "commhub @command: @what@argument" and where help is, on standard error. Returns OPTIONS_WRONG. */
int options_misused(const char *command, const char *what, const char *argument);

#endif
