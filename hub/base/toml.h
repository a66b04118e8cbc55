/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reads the part of TOML that a file of settings needs
 *
 * One `key = value` a line, bare keys, comments. A value is a string ("..." with escapes or '...' without), a
 * decimal number, true or false, or an array of strings, which may go over several lines. What else TOML has
 * (tables, dates, exponents, strings over several lines) is refused with a sentence that names the line,
 * never skipped. Whether a key stands twice, and what it means, is the visitor's to say. Any thread.
 */
#ifndef COMMHUB_BASE_TOML_H
#define COMMHUB_BASE_TOML_H

#include "hub/base/bytes.h"

#define TOML_MAX_VALUES 64 /* of one array */
#define TOML_WHY_SIZE 256

enum toml_kind {
    TOML_TEXT,
    TOML_NUMBER, /* digits as they stand, without underscores: "-12", "0.5" */
    TOML_FLAG,   /* "true" or "false" */
    TOML_LIST,
};

/* Valid during the visit. Texts are UTF-8 and hold no zero byte. */
struct toml_entry {
    const char *key;
    size_t line; /* of the key, from 1 */
    enum toml_kind kind;
    size_t n_values; /* 1 but for a list */
    const char *values[TOML_MAX_VALUES];
};

struct toml_fault {
    size_t line;
    char why[TOML_WHY_SIZE];
};

enum {
    TOML_E_SYNTAX = 1, /* *@out_fault says where and what */
    TOML_E_STOPPED,    /* a visit answered false */
};

/* Visits the entries in their order, up to the first fault. 0, TOML_E_* or -ENOMEM. */
int toml_read(struct bytes document, bool (*visit)(void *context, const struct toml_entry *entry),
              void *context, struct toml_fault *out_fault);

/* Appends @text as a string in quotes that toml_read() reads back. Sets buffer->failed when out of memory. */
struct buffer;
void toml_write_text(struct buffer *buffer, const char *text);

#endif
