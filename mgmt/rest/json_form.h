/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading a JSON body strictly
 *
 * A form is one object of the body. Each function takes a member out by name, adds a fault where it is not
 * what it must be, and goes on, so that all faults are told at once; json_form_finish() complains about
 * members that nobody asked for. Values are borrowed from the body.
 */
#ifndef COMMHUB_MGMT_REST_JSON_FORM_H
#define COMMHUB_MGMT_REST_JSON_FORM_H

#include "mgmt/rest/problem.h"

#define JSON_FORM_MOST_MEMBERS 24 /* of any object we read */
#define JSON_FORM_POINTER_SIZE 256

struct json_form {
    json_t *object; /* NULL: not there; then every member is missing and nothing is complained about */
    char pointer[JSON_FORM_POINTER_SIZE];
    struct problem_faults *faults;
    const char *known[JSON_FORM_MOST_MEMBERS];
    size_t n_known;
};

/*
 * Parses the body: the object in @out_form and its root in @out_root, for the caller to json_decref(); or
 * false, and @reply is filled with what is wrong.
 */
bool json_form_read(struct json_form *out_form, json_t **out_root, struct problem_faults *faults,
                    const struct request *request, struct reply *reply);

/* A member that is an object; not there (or null): a form without an object. */
struct json_form json_form_object(struct json_form *form, const char *name, bool is_needed);

/* NULL where it is not there, null, or not text. Texts have @least..@most bytes. */
const char *json_form_text(struct json_form *form, const char *name, bool is_needed, size_t least,
                           size_t most);

int64_t json_form_number(struct json_form *form, const char *name, int64_t least, int64_t most,
                         int64_t otherwise);
bool json_form_bool(struct json_form *form, const char *name, bool otherwise);

/*
 * An array of texts of 1..@most_bytes bytes, at most @most of them. @out_texts is allocated for the caller to
 * free(), *@out_n is 0 and it is NULL where there are none.
 */
void json_form_texts(struct json_form *form, const char *name, size_t most, size_t most_bytes,
                     const char *const **out_texts, size_t *out_n);

/* A member that is an array of at most @most objects; not there: a form without an object. Each of them is
 * read by json_form_item(). */
struct json_form json_form_array(struct json_form *form, const char *name, size_t most);
struct json_form json_form_item(struct json_form *array, size_t at);

/* The index of one of @names. */
size_t json_form_choice(struct json_form *form, const char *name, const char *const *names, size_t n,
                        size_t otherwise);

/* An array of some of @names, at least one: the set of their bits. */
uint32_t json_form_choices(struct json_form *form, const char *name, const char *const *names, size_t n,
                           uint32_t otherwise);

/* Complains about all members that were not asked for. */
void json_form_finish(struct json_form *form);

#endif
