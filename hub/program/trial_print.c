/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/trial_print.h"

#include <stdio.h>

#include "hub/base/text.h"

#define SHOWN_SIZE 600

static const char *shown(const json_t *object, const char *name, char room[SHOWN_SIZE])
{
    const char *text = json_string_value(json_object_get(object, name));

    text_escape(bytes_of_text(text ? text : ""), room, SHOWN_SIZE);
    return room;
}

static double milliseconds(const json_t *object)
{
    return (double)json_integer_value(json_object_get(object, "elapsed_us")) / 1000;
}

static void print_step(const json_t *step)
{
    char name[SHOWN_SIZE];

    printf("%-10s %-6s %10.3f ms\n", shown(step, "step", name),
           json_is_true(json_object_get(step, "passed")) ? "ok" : "FAILED", milliseconds(step));
}

static void print_peer(const json_t *peer)
{
    char name[SHOWN_SIZE], id[SHOWN_SIZE], kind[SHOWN_SIZE], release[SHOWN_SIZE];

    if (!json_is_object(peer))
        return;
    shown(peer, "release", release);
    printf("answered by %s (%s), kind %s%s%s\n", shown(peer, "server_id", name), shown(peer, "hub_id", id),
           shown(peer, "kind", kind), release[0] ? ", release " : "", release);
}

int trial_print(const json_t *trial)
{
    const json_t *steps = json_object_get(trial, "steps");
    bool has_passed = json_is_true(json_object_get(trial, "passed"));
    char error[SHOWN_SIZE];

    for (size_t i = 0; i < json_array_size(steps); i++)
        print_step(json_array_get(steps, i));
    print_peer(json_object_get(trial, "peer"));
    if (has_passed)
        printf("passed in %.3f ms\n", milliseconds(trial));
    else
        printf("failed: %s\n", shown(trial, "last_error", error));
    return has_passed ? 0 : 1;
}
