/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A cursor is FINGERPRINT.PLACE or FINGERPRINT.PLACE.VALUE: a hash of list, order and filters in hex, a
 * number, and "n" with a number or "t" with a text in hex. The hash is no secret and protects nothing: a
 * cursor that is made up shows other rows of what its asker may see.
 */
#include "mgmt/rest/listing_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/cleanup.h"
#include "hub/base/map.h"
#include "hub/base/text.h"
#include "mgmt/rest/problem.h"

#define FINGERPRINT_CHARS 16

/* ---- order ---- */

static const struct listing_column *find_column(const struct listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->n_columns; i++) {
        if (strcmp(listing->columns[i].name, name) == 0)
            return &listing->columns[i];
    }
    return NULL;
}

static void add_order_fault(const struct listing *listing, struct problem_faults *faults)
{
    cleanup_(buffer_clear) struct buffer keys = {0};

    buffer_append_text(&keys, listing->order);
    for (size_t i = 0; i < listing->n_columns; i++) {
        if (listing->columns[i].sorts)
            buffer_append_format(&keys, ", %s", listing->columns[i].name);
    }
    problem_add(faults, "?sort", "must be one of %.*s; with a - before it, it falls", (int)keys.len,
                (const char *)keys.ptr);
}

static void read_order(struct listing_query *query, const char *sort, struct problem_faults *faults)
{
    const struct listing *listing = query->listing;

    query->is_falling = listing->is_falling;
    if (!sort)
        return;
    query->is_falling = *sort == '-';
    sort += query->is_falling;
    if (strcmp(sort, listing->order) == 0)
        return;
    query->order = find_column(listing, sort);
    if (!query->order || !query->order->sorts)
        add_order_fault(listing, faults);
}

/* ---- filters ---- */

static bool is_word(const char *words, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = words; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        if (n == len && memcmp(at, word, len) == 0)
            return true;
        at += n;
    }
    return false;
}

static void add_word_fault(const struct listing_column *column, struct problem_faults *faults)
{
    char pointer[64];

    snprintf(pointer, sizeof pointer, "?%s", column->name);
    problem_add(faults, pointer, "must be one of: %s", column->words);
}

static void read_filters(struct listing_query *query, const struct request *request,
                         struct problem_faults *faults)
{
    for (size_t i = 0; i < query->listing->n_columns; i++) {
        const struct listing_column *column = &query->listing->columns[i];
        const char *wanted =
            column->match == LISTING_UNFILTERED ? NULL : request_argument(request, column->name);

        if (!wanted)
            continue;
        if (column->words && !is_word(column->words, wanted))
            add_word_fault(column, faults);
        query->wanted[i] = wanted;
        query->is_filtered = query->is_filtered || column->match != LISTING_BY_SOURCE;
    }
}

bool listing_query_wants(const struct listing_query *query, const void *row)
{
    for (size_t i = 0; query->is_filtered && i < query->listing->n_columns; i++) {
        const struct listing_column *column = &query->listing->columns[i];
        const char *wanted = query->wanted[i];
        const char *text;

        if (!wanted || column->match == LISTING_BY_SOURCE)
            continue;
        text = column->value(row).text;
        if (column->match == LISTING_PART ? !text || !strcasestr(text, wanted)
                                          : !text || strcmp(text, wanted) != 0)
            return false;
    }
    return true;
}

/* ---- cursors ---- */

static void add_text(struct buffer *out, const char *text)
{
    buffer_append(out, text ? text : "", text ? strlen(text) + 1 : 1);
}

/* NULL and "" are told apart: "" is a filter too. */
static bool take_fingerprint(struct listing_query *query)
{
    static const uint64_t no_secret[2] = {0, 0};
    cleanup_(buffer_clear) struct buffer all = {0};

    add_text(&all, query->listing->name);
    add_text(&all, query->order ? query->order->name : query->listing->order);
    add_text(&all, query->is_falling ? "falling" : "rising");
    for (size_t i = 0; i < query->listing->n_columns; i++) {
        add_text(&all, query->wanted[i] ? "=" : "");
        add_text(&all, query->wanted[i]);
    }
    query->fingerprint = map_hash(no_secret, buffer_bytes(&all));
    return !all.failed;
}

static bool read_hex(const char *hex, struct buffer *out)
{
    size_t len = strlen(hex);

    for (size_t i = 0; i + 1 < len; i += 2) {
        char pair[3] = {hex[i], hex[i + 1], '\0'}, *end;
        uint8_t byte = (uint8_t)strtoul(pair, &end, 16);

        if (end != pair + 2 || byte == 0 || buffer_append(out, &byte, 1) < 0)
            return false;
    }
    return len % 2 == 0 && buffer_append(out, "", 1) == 0;
}

/* "n17", "t6a6f6273" */
static bool read_value(struct listing_query *query, const char *text)
{
    if (*text == 'n')
        return text_to_u64(text + 1, 0, UINT64_MAX, &query->value.number) == 0;
    if (*text != 't' || !read_hex(text + 1, &query->value_text))
        return false;
    query->value.text = (const char *)query->value_text.ptr;
    return true;
}

static bool read_cursor(struct listing_query *query, const char *cursor)
{
    char copy[LISTING_QUERY_CURSOR_SIZE], own[FINGERPRINT_CHARS + 1];
    char *place, *value;

    if (strlen(cursor) >= sizeof copy)
        return false;
    memcpy(copy, cursor, strlen(cursor) + 1);
    snprintf(own, sizeof own, "%016llx", (unsigned long long)query->fingerprint);
    place = strchr(copy, '.');
    if (!place || (size_t)(place - copy) != FINGERPRINT_CHARS || strncmp(copy, own, FINGERPRINT_CHARS) != 0)
        return false;
    value = strchr(++place, '.');
    if (value)
        *value++ = '\0';
    query->has_cursor = true;
    return text_to_u64(place, 0, INT64_MAX, &query->place) == 0 &&
           (value != NULL) == (query->order != NULL) && (!value || read_value(query, value));
}

json_t *listing_query_cursor(const struct listing_query *query, uint64_t place, struct listing_value value)
{
    cleanup_(buffer_clear) struct buffer out = {0};

    buffer_append_format(&out, "%016llx.%llu", (unsigned long long)query->fingerprint,
                         (unsigned long long)place);
    if (query->order && value.text) {
        buffer_append_text(&out, ".t");
        for (const char *at = value.text; *at; at++)
            buffer_append_format(&out, "%02x", (unsigned)(uint8_t)*at);
    } else if (query->order) {
        buffer_append_format(&out, ".n%llu", (unsigned long long)value.number);
    }
    return out.failed ? NULL : json_stringn((const char *)out.ptr, out.len);
}

/* ---- the whole ---- */

static void read_limit(struct listing_query *query, const char *limit, struct problem_faults *faults)
{
    uint64_t value = LISTING_LIMIT;

    if (limit && text_to_u64(limit, 1, LISTING_MOST, &value) < 0)
        problem_add(faults, "?limit", "must be a number from 1 to %d", LISTING_MOST);
    query->limit = (size_t)value;
}

bool listing_query_read(struct listing_query *query, const struct listing *listing,
                        const struct request *request, struct reply *reply)
{
    const char *cursor = request_argument(request, "cursor");
    struct problem_faults faults = {0};

    *query = (struct listing_query){.listing = listing};
    read_limit(query, request_argument(request, "limit"), &faults);
    read_order(query, request_argument(request, "sort"), &faults);
    read_filters(query, request, &faults);
    if (!take_fingerprint(query)) {
        json_decref(faults.list);
        problem_reply(reply, request, 500, "out of memory");
        return false;
    }
    /* Where the order is at fault no cursor can be right. */
    if (cursor && *cursor && !problem_faults_are_any(&faults) && !read_cursor(query, cursor))
        problem_add(&faults, "?cursor",
                    "must be what `next` of the page before was, asked for with the same sort "
                    "and filters");
    if (!problem_faults_are_any(&faults))
        return true;
    problem_reply_arguments(reply, request, &faults);
    return false;
}

void listing_query_clear(struct listing_query *query)
{
    buffer_clear(&query->value_text);
}
