/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/errand_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/text.h"
#include "mgmt/auth/role.h"

static const char *const methods[] = {"GET", "PUT", "PATCH", "DELETE", "POST"};
static const char *const kept_headers[] = {"Content-Type", "If-Match", "If-None-Match"};
static const char *const content_types[] = {"application/json", "application/problem+json",
                                            "application/vnd.commhub.plan+json"};

static char *dump(json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    return text;
}

/* jansson takes no NULL, which an empty body is. */
static json_t *text_of(struct bytes body)
{
    return body.len > 0 ? json_stringn((const char *)body.ptr, body.len) : json_string("");
}

const char *errand_form_fault(const struct request *request)
{
    if (!text_is_utf8(request->body))
        return "The body is not JSON: it is not UTF-8.";
    for (size_t i = 0; i < sizeof kept_headers / sizeof *kept_headers; i++) {
        const char *value = request_header(request, kept_headers[i]);

        if (value && !text_is_utf8(bytes_of_text(value)))
            return "A header that another hub is to be told is not UTF-8.";
    }
    return NULL;
}

char *errand_form_write_request(const struct request *request, const char *target)
{
    json_t *headers = json_object();

    for (size_t i = 0; headers && i < sizeof kept_headers / sizeof *kept_headers; i++) {
        const char *value = request_header(request, kept_headers[i]);

        if (value && json_object_set_new(headers, kept_headers[i], json_string(value)) < 0) {
            json_decref(headers);
            return NULL;
        }
    }
    return dump(json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", request->id, "method", request->method,
                          "target", target, "by", request->by.name, "role", role_name(request->by.role),
                          "headers", headers, "body", text_of(request->body)));
}

static const char *known(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; text && i < n; i++) {
        if (strcmp(list[i], text) == 0)
            return list[i];
    }
    return NULL;
}

static void read_headers(json_t *headers, struct request *request)
{
    for (size_t i = 0; i < sizeof kept_headers / sizeof *kept_headers; i++) {
        const char *value = json_string_value(json_object_get(headers, kept_headers[i]));

        if (value)
            request->headers[request->n_headers++] = (struct request_pair){kept_headers[i], value};
    }
}

static bool fill_request(json_t *root, struct request *request)
{
    json_t *body = json_object_get(root, "body");
    const char *id = json_string_value(json_object_get(root, "id"));
    const char *by = json_string_value(json_object_get(root, "by"));
    const char *role = json_string_value(json_object_get(root, "role"));

    request->method =
        known(json_string_value(json_object_get(root, "method")), methods, sizeof methods / sizeof *methods);
    request->target = json_string_value(json_object_get(root, "target"));
    if (!id || !by || !role || !request->method || !request->target || !json_is_string(body) ||
        !role_parse(role, &request->by.role))
        return false;
    snprintf(request->id, sizeof request->id, "%s", id);
    snprintf(request->by.name, sizeof request->by.name, "%s", by);
    request->body = bytes_of(json_string_value(body), json_string_length(body));
    read_headers(json_object_get(root, "headers"), request);
    return true;
}

bool errand_form_read_request(struct bytes raw, json_t **out_root, struct request *out_request)
{
    json_t *root = json_loadb((const char *)raw.ptr, raw.len, JSON_REJECT_DUPLICATES, NULL);

    *out_request = (struct request){0};
    if (root && fill_request(root, out_request)) {
        *out_root = root;
        return true;
    }
    json_decref(root);
    return false;
}

char *errand_form_write_answer(const struct reply *reply)
{
    const char *etag = "";

    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->headers[i].name, "ETag") == 0)
            etag = reply->headers[i].value;
    }
    return dump(json_pack("{s:i, s:s, s:s, s:o}", "status", (int)reply->status, "content_type",
                          reply->content_type ? reply->content_type : "", "etag", etag, "body",
                          text_of(reply->body)));
}

static bool fill_reply(json_t *root, struct reply *reply)
{
    json_int_t status = json_integer_value(json_object_get(root, "status"));
    const char *etag = json_string_value(json_object_get(root, "etag"));
    const char *body = json_string_value(json_object_get(root, "body"));
    const char *type = known(json_string_value(json_object_get(root, "content_type")), content_types,
                             sizeof content_types / sizeof *content_types);

    if (status < 200 || status > 599 || !etag || !body || (*body && !type))
        return false;
    if (*body)
        reply_set_text(reply, (unsigned)status, type, strdup(body));
    else
        reply_set_empty(reply, (unsigned)status);
    if (*etag)
        reply_add_header(reply, "ETag", etag);
    return true;
}

bool errand_form_read_answer(struct bytes raw, struct reply *reply)
{
    json_t *root = json_loadb((const char *)raw.ptr, raw.len, JSON_REJECT_DUPLICATES, NULL);
    bool is_one = root && fill_reply(root, reply);

    json_decref(root);
    return is_one;
}
