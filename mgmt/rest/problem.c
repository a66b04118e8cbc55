/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "hub/base/text.h"

#define DETAIL_SIZE 1024
#define POINTER_SIZE 256 /* of an argument: what is longer is cut */

/* Parts of a detail may come from a stranger and may have been cut inside a character: then it is escaped. */
static json_t *text_json(const char *text)
{
    char escaped[DETAIL_SIZE];

    if (text_is_utf8(bytes_of_text(text)))
        return json_string(text);
    text_escape(bytes_of_text(text), escaped, sizeof escaped);
    return json_string(escaped);
}

static void add(struct problem_faults *faults, const char *pointer, const char *format, va_list arguments)
{
    char detail[DETAIL_SIZE];

    vsnprintf(detail, sizeof detail, format, arguments);
    if (!faults->list)
        faults->list = json_array();
    if (json_array_append_new(faults->list, json_pack("{s:o, s:o}", "pointer", text_json(pointer), "detail",
                                                      text_json(detail))))
        faults->failed = true;
}

void problem_first(const struct problem_faults *faults, char *out_text, size_t size)
{
    const json_t *first = json_array_get(faults->list, 0);
    const char *pointer = json_string_value(json_object_get(first, "pointer"));
    const char *detail = json_string_value(json_object_get(first, "detail"));

    snprintf(out_text, size, "%s%s%s", pointer ? pointer : "", pointer && *pointer ? ": " : "",
             detail ? detail : "out of memory");
}

void problem_add(struct problem_faults *faults, const char *pointer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(faults, pointer, format, arguments);
    va_end(arguments);
}

static char *write(const char *request_id, unsigned status, const char *detail, json_t *errors)
{
    json_t *problem = json_pack("{s:s, s:s, s:i, s:o, s:o, s:s}", "type", "about:blank", "title",
                                reply_status_title(status), "status", (int)status, "detail",
                                text_json(detail), "errors", errors, "request_id", request_id);
    char *text = problem ? json_dumps(problem, JSON_COMPACT) : NULL;

    json_decref(problem);
    return text;
}

static void fill(struct reply *reply, const struct request *request, unsigned status, const char *detail,
                 json_t *errors)
{
    reply_set_text(reply, status, "application/problem+json", write(request->id, status, detail, errors));
}

char *problem_text(const char *request_id, unsigned status, const char *detail)
{
    return write(request_id, status, detail, json_array());
}

void problem_reply(struct reply *reply, const struct request *request, unsigned status, const char *format,
                   ...)
{
    char detail[DETAIL_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    fill(reply, request, status, detail, json_array());
}

/* @one and @some are sentences about the faults. */
static void fill_faults(struct reply *reply, const struct request *request, unsigned status, const char *one,
                        const char *some, struct problem_faults *faults)
{
    json_t *list = faults->list ? faults->list : json_array();

    faults->list = NULL;
    fill(reply, request, status, json_array_size(list) == 1 ? one : some, list);
}

void problem_reply_arguments(struct reply *reply, const struct request *request,
                             struct problem_faults *faults)
{
    fill_faults(reply, request, 400, "An argument of the query is not accepted.",
                "Some arguments of the query are not accepted.", faults);
}

void problem_reply_argument(struct reply *reply, const struct request *request, const char *name,
                            const char *format, ...)
{
    struct problem_faults faults = {0};
    char pointer[POINTER_SIZE];
    va_list arguments;

    snprintf(pointer, sizeof pointer, "?%s", name);
    va_start(arguments, format);
    add(&faults, pointer, format, arguments);
    va_end(arguments);
    problem_reply_arguments(reply, request, &faults);
}

void problem_reply_faults_as(struct reply *reply, const struct request *request, unsigned status,
                             struct problem_faults *faults)
{
    fill_faults(reply, request, status, "A member of the body is not accepted.",
                "Some members of the body are not accepted.", faults);
}

void problem_reply_faults(struct reply *reply, const struct request *request, struct problem_faults *faults)
{
    problem_reply_faults_as(reply, request, 422, faults);
}
