/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Asking a management plane over real HTTP, against a hub that is played, and what is expected of its answers
 */
#ifndef COMMHUB_TESTS_MGMT_REST_STAND_H
#define COMMHUB_TESTS_MGMT_REST_STAND_H

#include <string.h>

#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

static struct stand stand;

static inline int set_up(void **state)
{
    (void)state;
    stand_start(&stand, NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static inline struct stand_answer ask(const char *method, const char *target, const char *body)
{
    return stand_ask(&stand, method, target, STAND_TOKEN, body);
}

static inline const char *text(json_t *object, const char *name)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found ? found : "(none)";
}

static inline long long number(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);

    return json_is_integer(found) ? json_integer_value(found) : -1;
}

static inline void assert_header(const struct stand_answer *answer, const char *name, const char *value)
{
    char *found = stand_header(answer, name);

    if (!found)
        fail_msg("no header %s in %s", name, answer->head);
    assert_string_equal(found, value);
    free(found);
}

/* A problem of the documented shape. */
static inline void assert_problem(const struct stand_answer *answer, int status)
{
    assert_int_equal(answer->status, status);
    assert_header(answer, "Content-Type", "application/problem+json");
    assert_non_null(answer->json);
    assert_int_equal(number(answer->json, "status"), status);
    assert_true(json_is_string(json_object_get(answer->json, "type")));
    assert_true(*text(answer->json, "title"));
    assert_true(*text(answer->json, "detail"));
    assert_true(json_is_array(json_object_get(answer->json, "errors")));
    assert_header(answer, "X-Request-Id", text(answer->json, "request_id"));
}

static inline void expect_problem(const char *method, const char *target, const char *body, int status)
{
    struct stand_answer answer = ask(method, target, body);

    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    assert_problem(&answer, status);
    stand_answer_clear(&answer);
}

static inline void expect(const char *method, const char *target, const char *body, int status)
{
    struct stand_answer answer = ask(method, target, body);

    if (answer.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, target, answer.status, status, answer.body);
    stand_answer_clear(&answer);
}

#endif
