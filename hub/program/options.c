/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/options.h"

#include <stdio.h>
#include <string.h>

#include "hub/base/text.h"

static bool is_named(const struct option *row, const char *argument)
{
    return row->name &&
           (strcmp(argument, row->name) == 0 || (row->letter && strcmp(argument, row->letter) == 0));
}

/* The row that takes the argument; NULL: none does. */
static const struct option *find(const struct option *rows, size_t n, const char *argument)
{
    for (size_t i = 0; i < n; i++) {
        bool is_next = !rows[i].name && argument[0] != '-' && !*rows[i].value;

        if (is_next || is_named(&rows[i], argument))
            return &rows[i];
    }
    return NULL;
}

/* How many arguments were taken; 0: the first is not understood. */
static int take_one(const struct option *row, int argc, char **argv)
{
    const char *value = row->name ? (argc > 1 ? argv[1] : NULL) : argv[0];

    if (row->is_given) {
        *row->is_given = true;
        return 1;
    }
    if (!value || (row->read && !row->read(row->context, value)))
        return 0;
    if (row->value)
        *row->value = value;
    return row->name ? 2 : 1;
}

int options_read(const struct option *rows, size_t n, int argc, char **argv, bool *out_wants_help)
{
    *out_wants_help = false;
    for (int i = 0, n_taken; i < argc; i += n_taken) {
        const struct option *row = find(rows, n, argv[i]);

        *out_wants_help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (*out_wants_help)
            break;
        n_taken = row ? take_one(row, argc - i, argv + i) : 0;
        if (n_taken == 0)
            return i;
    }
    return argc;
}

int options_misused(const char *command, const char *what, const char *argument)
{
    char shown[128];

    text_escape(bytes_of_text(argument), shown, sizeof shown);
    fprintf(stderr, "commhub %s: %s%s\nSee commhub %s --help.\n", command, what, shown, command);
    return OPTIONS_WRONG;
}
