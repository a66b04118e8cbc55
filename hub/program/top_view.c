/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/top_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/text.h"

#define MOST_ROWS 1000 /* of one list: a page */
#define HEAD_LINES 4U
#define SECTION_LINES 2U /* an empty one and the names of the columns */
#define N_SECTIONS 3U
#define LINE_SIZE 512
#define NAME_WIDTH 28

struct frame {
    const struct top_sample *before;
    const struct top_sample *now;
    struct top_size size;
    size_t n_lines;
    struct buffer *out;
};

struct row {
    json_t *item;
    double in;
    double out;
    double weight; /* the heaviest are shown first */
};

/* --- lines ---------------------------------------------------------------------------------------------- */

/* How many bytes of @text fit into @width columns; a code point counts as one. */
static size_t fitting(const char *text, size_t width)
{
    struct bytes bytes = bytes_of_text(text);
    size_t at = 0;

    for (uint32_t point; width > 0 && at < bytes.len; width--) {
        size_t n = text_utf8_next(bytes, at, &point);

        at += n ? n : 1;
    }
    return at;
}

static void line(struct frame *frame, const char *text)
{
    if (frame->n_lines == frame->size.height)
        return;
    frame->n_lines++;
    buffer_append(frame->out, text, fitting(text, frame->size.width));
    buffer_append_text(frame->out, "\n");
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "-";
}

static double number_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

/* A name in a column of its own, whatever it holds and however long it is. */
static void put_name(const char *name, char out[NAME_WIDTH * 4 + 1])
{
    char shown[1200];
    size_t len, columns = 0;
    struct bytes bytes;

    text_escape(bytes_of_text(name), shown, sizeof shown);
    len = fitting(shown, NAME_WIDTH);
    bytes = bytes_of(shown, len);
    memcpy(out, shown, len);
    for (size_t at = 0; at < len; columns++) {
        uint32_t point;
        size_t n = text_utf8_next(bytes, at, &point);

        at += n ? n : 1;
    }
    for (; columns < NAME_WIDTH; columns++)
        out[len++] = ' ';
    out[len] = '\0';
}

/* 999, 12.3k, 4.5M */
static const char *short_number(double number, char room[16])
{
    static const char units[] = " kMGT";
    size_t unit = 0;

    for (; number >= 1000 && units[unit + 1]; unit++)
        number /= 1000;
    if (unit == 0)
        snprintf(room, 16, "%.0f", number);
    else
        snprintf(room, 16, "%.1f%c", number, units[unit]);
    return room;
}

/* --- rates ---------------------------------------------------------------------------------------------- */

static double seconds_between(const struct frame *frame)
{
    uint64_t ms = frame->before->taken_ms ? frame->now->taken_ms - frame->before->taken_ms : 0;

    return ms ? (double)ms / 1000 : 0;
}

/* What grew by how much a second; what was not there before, or has begun anew, has no rate yet. */
static double rate(const struct frame *frame, const json_t *before, const json_t *now, const char *name)
{
    double seconds = seconds_between(frame);
    double growth = number_of(now, name) - number_of(before, name);

    return before && seconds > 0 && growth > 0 ? growth / seconds : 0;
}

static json_t *find(const json_t *page, const json_t *item, const char *name, const char *other)
{
    json_t *candidate;
    size_t i;

    json_array_foreach(json_object_get(page, "items"), i, candidate)
    {
        if (json_equal(json_object_get(candidate, name), json_object_get(item, name)) &&
            (!other || json_equal(json_object_get(candidate, other), json_object_get(item, other))))
            return candidate;
    }
    return NULL;
}

static void write_totals(struct frame *frame)
{
    static const char *const names[] = {"messages_in", "messages_out", "calls",
                                        "broadcasts",  "publishes",    "deliveries"};
    const json_t *before = json_object_get(frame->before->hub, "counters");
    const json_t *now = json_object_get(frame->now->hub, "counters");
    char text[LINE_SIZE] = "a second:";
    size_t len = strlen(text);
    char number[16];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "  %s %s", names[i],
                                short_number(rate(frame, before, now, names[i]), number));
    line(frame, text);
}

static void write_head(struct frame *frame)
{
    const json_t *hub = frame->now->hub;
    const json_t *counts = json_object_get(hub, "counts");
    unsigned long up_s = (unsigned long)number_of(hub, "uptime_s");
    char name[NAME_WIDTH * 4 + 1];
    char text[LINE_SIZE];

    put_name(text_of(hub, "server_id"), name);
    snprintf(text, sizeof text, "%s commhub %s, up %lu d %02lu:%02lu:%02lu", name, text_of(hub, "version"),
             up_s / 86400, up_s / 3600 % 24, up_s / 60 % 60, up_s % 60);
    line(frame, text);
    snprintf(text, sizeof text, "clients %.0f  channels %.0f  open calls %.0f  links %.0f  connections %.0f",
             number_of(counts, "clients"), number_of(counts, "channels"),
             number_of(counts, "calls_outstanding"), number_of(counts, "links"),
             number_of(counts, "connections"));
    line(frame, text);
    write_totals(frame);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

static int heavier_first(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    return (left->weight < right->weight) - (left->weight > right->weight);
}

/* The heaviest of the rows, as many as a section may have. */
static void write_rows(struct frame *frame, struct row *rows, size_t n,
                       void (*format)(const struct row *row, char *out_text))
{
    size_t lists = HEAD_LINES - 1 + N_SECTIONS * SECTION_LINES;
    size_t most = frame->size.height > lists ? (frame->size.height - lists) / N_SECTIONS : 0;
    char text[LINE_SIZE];

    qsort(rows, n, sizeof *rows, heavier_first);
    for (size_t i = 0; i < n && i < most; i++) {
        format(&rows[i], text);
        line(frame, text);
    }
}

static void format_traffic(const struct row *row, char *out_text)
{
    const char *id = json_string_value(json_object_get(row->item, "id"));
    const char *peer = json_string_value(json_object_get(row->item, "server_id"));
    const char *state = json_string_value(json_object_get(row->item, "state"));
    char name[NAME_WIDTH * 4 + 1];
    char in[16], out[16], queued[16];

    put_name(id ? id : peer ? peer : text_of(row->item, "address"), name);
    snprintf(out_text, LINE_SIZE, "%s %8s %8s %8s  %s", name, short_number(row->in, in),
             short_number(row->out, out), short_number(number_of(row->item, "queued_bytes"), queued),
             state ? state : text_of(row->item, "mode"));
}

static void format_channel(const struct row *row, char *out_text)
{
    char name[NAME_WIDTH * 4 + 1];

    put_name(text_of(row->item, "name"), name);
    snprintf(out_text, LINE_SIZE, "%s %8.0f", name, row->weight);
}

/* Clients and links: rates of messages. */
static void write_traffic(struct frame *frame, const char *title, const json_t *before, const json_t *now,
                          const char *key, const char *other_key)
{
    struct row *rows = calloc(MOST_ROWS, sizeof *rows);
    size_t n = 0, i;
    json_t *item;

    line(frame, "");
    line(frame, title);
    json_array_foreach(json_object_get(now, "items"), i, item)
    {
        json_t *former = find(before, item, key, other_key);

        if (!rows || n == MOST_ROWS)
            break;
        rows[n].item = item;
        rows[n].in = rate(frame, former, item, "messages_in");
        rows[n].out = rate(frame, former, item, "messages_out");
        rows[n].weight = rows[n].in + rows[n].out;
        n++;
    }
    if (rows)
        write_rows(frame, rows, n, format_traffic);
    free(rows);
}

static void write_channels(struct frame *frame)
{
    struct row *rows = calloc(MOST_ROWS, sizeof *rows);
    size_t n = 0, i;
    json_t *item;

    line(frame, "");
    line(frame, "CHANNEL                       MEMBERS");
    json_array_foreach(json_object_get(frame->now->channels, "items"), i, item)
    {
        if (!rows || n == MOST_ROWS)
            break;
        rows[n++] = (struct row){.item = item, .weight = number_of(item, "n_members")};
    }
    if (rows)
        write_rows(frame, rows, n, format_channel);
    free(rows);
}

void top_view_write(const struct top_sample *before, const struct top_sample *now, struct top_size size,
                    struct buffer *out)
{
    struct frame frame = {.before = before, .now = now, .size = size, .out = out};

    write_head(&frame);
    write_traffic(&frame, "CLIENT                            IN/S    OUT/S   QUEUED  MODE", before->clients,
                  now->clients, "id", NULL);
    write_channels(&frame);
    write_traffic(&frame, "LINK                              IN/S    OUT/S   QUEUED  STATE", before->links,
                  now->links, "address", "hub_id");
}
