/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_form.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/check.h"
#include "mgmt/rest/json_fault.h"

/* "#/channels" + "allow" -> "#/channels/allow", with ~ and / escaped as RFC 6901 has it. */
static void point(char out_pointer[JSON_FORM_POINTER_SIZE], const char *parent, const char *name)
{
    size_t len = (size_t)snprintf(out_pointer, JSON_FORM_POINTER_SIZE, "%s/", parent);

    if (len >= JSON_FORM_POINTER_SIZE)
        return; /* cut, as what follows would be */
    for (; *name && len + 3 < JSON_FORM_POINTER_SIZE; name++) {
        if (*name == '~' || *name == '/') {
            out_pointer[len++] = '~';
            out_pointer[len++] = *name == '~' ? '0' : '1';
        } else {
            out_pointer[len++] = *name;
        }
    }
    out_pointer[len] = '\0';
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

bool json_form_read(struct json_form *out_form, json_t **out_root, struct problem_faults *faults,
                    const struct request *request, struct reply *reply)
{
    char fault[JSON_FAULT_SIZE];
    json_error_t error;
    json_t *root =
        json_loadb((const char *)request->body.ptr, request->body.len, JSON_REJECT_DUPLICATES, &error);

    if (!root) {
        json_fault_write(&error, fault);
        problem_reply(reply, request, 400, "The body is not JSON: %s.", fault);
        return false;
    }
    if (!json_is_object(root)) {
        problem_reply(reply, request, 400, "The body must be a JSON object, not %s.", type_name(root));
        json_decref(root);
        return false;
    }
    *out_form = (struct json_form){.object = root, .pointer = "#", .faults = faults};
    *out_root = root;
    return true;
}

/* The member, noted as known; NULL where it is not there or null. */
static json_t *ask(struct json_form *form, const char *name, bool is_needed)
{
    char pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = json_object_get(form->object, name);

    check(form->n_known < JSON_FORM_MOST_MEMBERS);
    form->known[form->n_known++] = name;
    if (value && !json_is_null(value))
        return value;
    if (is_needed && form->object) {
        point(pointer, form->pointer, name);
        problem_add(form->faults, pointer, "is needed");
    }
    return NULL;
}

static void complain(struct json_form *form, const char *name, const char *what, const json_t *value)
{
    char pointer[JSON_FORM_POINTER_SIZE];

    point(pointer, form->pointer, name);
    problem_add(form->faults, pointer, "must be %s, not %s", what, type_name(value));
}

struct json_form json_form_object(struct json_form *form, const char *name, bool is_needed)
{
    json_t *value = ask(form, name, is_needed);
    struct json_form inner = {.faults = form->faults};

    point(inner.pointer, form->pointer, name);
    if (json_is_object(value))
        inner.object = value;
    else if (value)
        complain(form, name, "an object", value);
    return inner;
}

static bool is_length(struct problem_faults *faults, const char *pointer, const json_t *text, size_t least,
                      size_t most)
{
    size_t len = json_string_length(text);

    if (len < least && len == 0)
        problem_add(faults, pointer, "must not be empty");
    else if (len < least)
        problem_add(faults, pointer, "must have at least %zu bytes", least);
    else if (len > most)
        problem_add(faults, pointer, "must have at most %zu bytes", most);
    return len >= least && len <= most;
}

const char *json_form_text(struct json_form *form, const char *name, bool is_needed, size_t least,
                           size_t most)
{
    char pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = ask(form, name, is_needed);

    if (!value)
        return NULL;
    if (!json_is_string(value)) {
        complain(form, name, "text", value);
        return NULL;
    }
    point(pointer, form->pointer, name);
    return is_length(form->faults, pointer, value, least, most) ? json_string_value(value) : NULL;
}

int64_t json_form_number(struct json_form *form, const char *name, int64_t least, int64_t most,
                         int64_t otherwise)
{
    char pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = ask(form, name, false);

    if (!value)
        return otherwise;
    if (json_is_integer(value) && json_integer_value(value) >= least && json_integer_value(value) <= most)
        return json_integer_value(value);
    point(pointer, form->pointer, name);
    problem_add(form->faults, pointer, "must be a whole number from %lld to %lld", (long long)least,
                (long long)most);
    return otherwise;
}

bool json_form_bool(struct json_form *form, const char *name, bool otherwise)
{
    json_t *value = ask(form, name, false);

    if (!value)
        return otherwise;
    if (!json_is_boolean(value))
        complain(form, name, "true or false", value);
    return json_is_true(value);
}

void json_form_texts(struct json_form *form, const char *name, size_t most, size_t most_bytes,
                     const char *const **out_texts, size_t *out_n)
{
    char pointer[JSON_FORM_POINTER_SIZE], item_pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = ask(form, name, false);
    size_t n = json_array_size(value);
    const char **texts;

    *out_texts = NULL;
    *out_n = 0;
    if (value && !json_is_array(value)) {
        complain(form, name, "an array", value);
        return;
    }
    if (n == 0)
        return;
    point(pointer, form->pointer, name);
    if (n > most) {
        problem_add(form->faults, pointer, "must have at most %zu items", most);
        return;
    }
    texts = calloc(n, sizeof *texts);
    if (!texts) {
        form->faults->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(value, i);
        char number[24];

        snprintf(number, sizeof number, "%zu", i);
        point(item_pointer, pointer, number);
        if (!json_is_string(item))
            problem_add(form->faults, item_pointer, "must be text, not %s", type_name(item));
        else
            is_length(form->faults, item_pointer, item, 1, most_bytes);
        texts[i] = json_is_string(item) ? json_string_value(item) : "";
    }
    *out_texts = texts;
    *out_n = n;
}

struct json_form json_form_array(struct json_form *form, const char *name, size_t most)
{
    json_t *value = ask(form, name, false);
    struct json_form array = {.faults = form->faults};

    point(array.pointer, form->pointer, name);
    if (value && !json_is_array(value))
        complain(form, name, "an array", value);
    else if (json_array_size(value) > most)
        problem_add(form->faults, array.pointer, "must have at most %zu items", most);
    else
        array.object = value;
    return array;
}

struct json_form json_form_item(struct json_form *array, size_t at)
{
    json_t *value = json_array_get(array->object, at);
    struct json_form item = {.faults = array->faults};
    char number[24];

    snprintf(number, sizeof number, "%zu", at);
    point(item.pointer, array->pointer, number);
    if (json_is_object(value))
        item.object = value;
    else
        problem_add(array->faults, item.pointer, "must be an object, not %s", type_name(value));
    return item;
}

/* @n: none of them, and then the fault is noted. */
static size_t index_of(const json_t *value, const char *const *names, size_t n, struct problem_faults *faults,
                       const char *pointer)
{
    char all[JSON_FORM_POINTER_SIZE] = "";
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0)
            return i;
        if (len < sizeof all)
            len += (size_t)snprintf(all + len, sizeof all - len, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    problem_add(faults, pointer, "must be one of %s", all);
    return n;
}

size_t json_form_choice(struct json_form *form, const char *name, const char *const *names, size_t n,
                        size_t otherwise)
{
    char pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = ask(form, name, false);
    size_t at;

    if (!value)
        return otherwise;
    point(pointer, form->pointer, name);
    at = index_of(value, names, n, form->faults, pointer);
    return at < n ? at : otherwise;
}

uint32_t json_form_choices(struct json_form *form, const char *name, const char *const *names, size_t n,
                           uint32_t otherwise)
{
    char pointer[JSON_FORM_POINTER_SIZE], item_pointer[JSON_FORM_POINTER_SIZE];
    json_t *value = ask(form, name, false);
    uint32_t set = 0;

    if (!value)
        return otherwise;
    point(pointer, form->pointer, name);
    if (!json_is_array(value) || json_array_size(value) == 0) {
        problem_add(form->faults, pointer, "must be an array of at least one item");
        return otherwise;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        char number[24];
        size_t at;

        snprintf(number, sizeof number, "%zu", i);
        point(item_pointer, pointer, number);
        at = index_of(json_array_get(value, i), names, n, form->faults, item_pointer);
        if (at < n)
            set |= 1U << at;
    }
    return set;
}

static bool is_known(const struct json_form *form, const char *name)
{
    for (size_t i = 0; i < form->n_known; i++) {
        if (strcmp(form->known[i], name) == 0)
            return true;
    }
    return false;
}

void json_form_finish(struct json_form *form)
{
    const char *name;
    json_t *value;

    json_object_foreach(form->object, name, value)
    {
        char pointer[JSON_FORM_POINTER_SIZE];

        if (is_known(form, name))
            continue;
        point(pointer, form->pointer, name);
        problem_add(form->faults, pointer, "is not known here");
    }
}
