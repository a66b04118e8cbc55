/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/yaml_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MOST_DEPTH 64

struct reading {
    yaml_parser_t parser;
    char *why;
};

static json_t *refuse(struct reading *reading, const yaml_event_t *event, const char *why)
{
    if (!*reading->why)
        snprintf(reading->why, YAML_JSON_WHY_SIZE, "line %zu: %s", event->start_mark.line + 1, why);
    return NULL;
}

static bool next(struct reading *reading, yaml_event_t *event)
{
    if (yaml_parser_parse(&reading->parser, event))
        return true;
    snprintf(reading->why, YAML_JSON_WHY_SIZE, "line %zu: %s", reading->parser.problem_mark.line + 1,
             reading->parser.problem ? reading->parser.problem : "it is not YAML");
    return false;
}

/* What JSON reads as something other than text is that; a plain word is text. */
static json_t *read_scalar(struct reading *reading, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    json_t *json = NULL;

    if (event->data.scalar.anchor || event->data.scalar.tag)
        return refuse(reading, event, "anchors and tags are not taken");
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (len == 0 || strcmp(text, "~") == 0)
            return json_null();
        json = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    }
    if (!json)
        json = json_stringn(text, len);
    return json ? json : refuse(reading, event, "the text is not UTF-8");
}

static json_t *read_value(struct reading *reading, const yaml_event_t *event, int depth);

static json_t *read_list(struct reading *reading, int depth)
{
    json_t *list = json_array();
    bool is_sound = true;

    while (is_sound) {
        yaml_event_t event;
        bool is_end;

        if (!next(reading, &event))
            break;
        is_end = event.type == YAML_SEQUENCE_END_EVENT;
        is_sound = is_end || json_array_append_new(list, read_value(reading, &event, depth + 1)) == 0;
        yaml_event_delete(&event);
        if (is_end)
            return list;
    }
    json_decref(list);
    return NULL;
}

static bool read_pair(struct reading *reading, const yaml_event_t *key, json_t *map, int depth)
{
    const char *name = (const char *)key->data.scalar.value;
    yaml_event_t event;
    bool is_set;

    if (key->type != YAML_SCALAR_EVENT || json_object_get(map, name)) {
        refuse(reading, key, key->type != YAML_SCALAR_EVENT ? "a key must be text" : "a key stands twice");
        return false;
    }
    if (!next(reading, &event))
        return false;
    is_set = json_object_set_new(map, name, read_value(reading, &event, depth + 1)) == 0;
    yaml_event_delete(&event);
    return is_set;
}

static json_t *read_map(struct reading *reading, int depth)
{
    json_t *map = json_object();
    bool is_sound = true;

    while (is_sound) {
        yaml_event_t event;
        bool is_end;

        if (!next(reading, &event))
            break;
        is_end = event.type == YAML_MAPPING_END_EVENT;
        is_sound = is_end || read_pair(reading, &event, map, depth);
        yaml_event_delete(&event);
        if (is_end)
            return map;
    }
    json_decref(map);
    return NULL;
}

static json_t *read_value(struct reading *reading, const yaml_event_t *event, int depth)
{
    if (depth > MOST_DEPTH)
        return refuse(reading, event, "it is nested too deep");
    if (event->type == YAML_SCALAR_EVENT)
        return read_scalar(reading, event);
    if (event->type == YAML_SEQUENCE_START_EVENT && !event->data.sequence_start.anchor)
        return read_list(reading, depth);
    if (event->type == YAML_MAPPING_START_EVENT && !event->data.mapping_start.anchor)
        return read_map(reading, depth);
    return refuse(reading, event, "anchors and aliases are not taken");
}

/* The one document; what comes before and behind it are events of their own. */
static json_t *read_document(struct reading *reading)
{
    json_t *json = NULL;
    bool is_over = false;

    while (!is_over) {
        yaml_event_t event;
        bool is_value;

        if (!next(reading, &event))
            break;
        is_value = event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT && event.type != YAML_STREAM_END_EVENT;
        is_over = event.type == YAML_STREAM_END_EVENT;
        if (is_value && !json)
            json = read_value(reading, &event, 0);
        else if (is_value)
            refuse(reading, &event, "there is more than one document");
        yaml_event_delete(&event);
        is_over = is_over || *reading->why;
    }
    return json;
}

json_t *yaml_json_read(const char *text, size_t len, char out_why[YAML_JSON_WHY_SIZE])
{
    struct reading reading = {.why = out_why};
    json_t *json;

    *out_why = '\0';
    if (!yaml_parser_initialize(&reading.parser)) {
        snprintf(out_why, YAML_JSON_WHY_SIZE, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&reading.parser, (const unsigned char *)text, len);
    json = read_document(&reading);
    yaml_parser_delete(&reading.parser);
    if (*out_why) {
        json_decref(json);
        return NULL;
    }
    if (!json)
        snprintf(out_why, YAML_JSON_WHY_SIZE, "there is nothing in it");
    return json;
}

/* ---- writing: block style, texts in JSON's quotes, which YAML reads the same ---- */

static bool write_value(const json_t *json, FILE *out, int depth, bool is_in_list);

static bool write_plain(const json_t *json, FILE *out)
{
    return json_dumpf(json, out, JSON_ENCODE_ANY | JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static bool write_name(const char *name, FILE *out)
{
    json_t *text = json_string(name);
    bool is_written = text && json_dumpf(text, out, JSON_ENCODE_ANY) == 0 && fputc(':', out) != EOF;

    json_decref(text);
    return is_written;
}

static bool write_map(const json_t *json, FILE *out, int depth, bool is_in_list)
{
    size_t n = json_object_size(json), i = 0;
    const char **names = calloc(n, sizeof *names);
    bool is_written = names != NULL;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)json, name, value)
    {
        if (names)
            names[i++] = name;
    }
    if (names)
        qsort(names, n, sizeof *names, compare_names);
    for (i = 0; is_written && i < n; i++) {
        if (i > 0 || !is_in_list)
            fprintf(out, "%*s", 2 * depth, "");
        is_written =
            write_name(names[i], out) && write_value(json_object_get(json, names[i]), out, depth + 1, false);
    }
    free(names);
    return is_written;
}

static bool write_list(const json_t *json, FILE *out, int depth)
{
    for (size_t i = 0; i < json_array_size(json); i++) {
        fprintf(out, "%*s-", 2 * depth, "");
        if (!write_value(json_array_get(json, i), out, depth + 1, true))
            return false;
    }
    return true;
}

static bool write_value(const json_t *json, FILE *out, int depth, bool is_in_list)
{
    bool is_map = json_is_object(json) && json_object_size(json) > 0;
    bool is_list = json_is_array(json) && json_array_size(json) > 0;

    if (depth > 0)
        fputc(is_list || (is_map && !is_in_list) ? '\n' : ' ', out);
    return is_map    ? write_map(json, out, depth, is_in_list)
           : is_list ? write_list(json, out, depth)
                     : write_plain(json, out);
}

bool yaml_json_write(const json_t *json, FILE *out)
{
    return write_value(json, out, 0, false) && fflush(out) == 0;
}
