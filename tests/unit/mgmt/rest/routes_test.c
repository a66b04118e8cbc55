/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "mgmt/rest/openapi.h"
#include "mgmt/rest/routes.h"
#include "tests/support/unit.h"

static json_t *document(void)
{
    json_t *json = json_loadb((const char *)openapi_json, openapi_json_len, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    return json;
}

static void lower(char *out_text, size_t size, const char *text)
{
    snprintf(out_text, size, "%s", text);
    for (char *at = out_text; *at; at++)
        *at = (char)tolower(*at);
}

static void test_every_route_is_in_the_document(void **state)
{
    json_t *json = document();
    size_t n;
    const struct route *routes = routes_all(&n);

    (void)state;
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        json_t *path = json_object_get(json_object_get(json, "paths"), routes[i].pattern);
        char method[16];
        json_t *operation;

        lower(method, sizeof method, routes[i].method);
        operation = json_object_get(path, method);
        assert_row(routes[i].pattern, operation != NULL);
        assert_row(routes[i].pattern,
                   (json_object_get(operation, "security") != NULL) == (routes[i].role == ROLE_NONE));
        assert_row(routes[i].pattern,
                   (json_object_get(operation, "requestBody") != NULL) == routes[i].takes_body);
    }
    json_decref(json);
}

/* Follows a reference within the document. */
static json_t *resolve(json_t *root, json_t *value)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    char section[32], part[64];

    if (!reference)
        return value;
    assert_int_equal(sscanf(reference, "#/components/%31[a-zA-Z]/%63s", section, part), 2);
    return json_object_get(json_object_get(json_object_get(root, "components"), section), part);
}

static bool is_word_of(const char *list, const char *word)
{
    size_t len = strlen(word);
    const char *at = list ? strstr(list, word) : NULL;

    for (; at; at = strstr(at + 1, word)) {
        if ((at == list || at[-1] == ' ') && (at[len] == '\0' || at[len] == ' '))
            return true;
    }
    return false;
}

static size_t count_words(const char *list)
{
    size_t n = 0;

    for (const char *at = list; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
        n++;
    return n;
}

static void test_the_document_names_the_arguments_of_every_route(void **state)
{
    json_t *json = document();
    size_t n;
    const struct route *routes = routes_all(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        json_t *path = json_object_get(json_object_get(json, "paths"), routes[i].pattern), *parameter;
        size_t n_named = 0, k;
        char method[16];

        lower(method, sizeof method, routes[i].method);
        json_array_foreach(json_object_get(json_object_get(path, method), "parameters"), k, parameter)
        {
            json_t *found = resolve(json, parameter);
            const char *name = json_string_value(json_object_get(found, "name"));

            if (strcmp(json_string_value(json_object_get(found, "in")), "query") != 0)
                continue;
            assert_row(routes[i].pattern, strcmp(name, "dry_run") == 0
                                              ? routes[i].has_dry_run
                                              : is_word_of(routes[i].arguments, name));
            n_named++;
        }
        assert_row(routes[i].pattern, n_named == count_words(routes[i].arguments) + routes[i].has_dry_run);
    }
    json_decref(json);
}

static bool is_route(const char *method, const char *pattern)
{
    size_t n;
    const struct route *routes = routes_all(&n);
    char name[16];

    for (size_t i = 0; i < n; i++) {
        lower(name, sizeof name, routes[i].method);
        if (strcmp(name, method) == 0 && strcmp(routes[i].pattern, pattern) == 0)
            return true;
    }
    return false;
}

static void test_every_operation_of_the_document_is_a_route(void **state)
{
    json_t *json = document(), *operations, *operation;
    const char *path, *method;

    (void)state;
    json_object_foreach(json_object_get(json, "paths"), path, operations)
    {
        json_object_foreach(operations, method, operation)
        {
            if (strcmp(method, "parameters") != 0)
                assert_row(path, is_route(method, path));
        }
    }
    json_decref(json);
}

static void check_references(json_t *root, json_t *value)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    const char *name;
    json_t *inner;
    size_t i;

    if (reference) {
        char section[32], part[64];
        json_t *components = json_object_get(root, "components");

        assert_row(reference, sscanf(reference, "#/components/%31[a-zA-Z]/%63s", section, part) == 2);
        assert_row(reference, json_object_get(json_object_get(components, section), part) != NULL);
    }
    json_object_foreach(value, name, inner) check_references(root, inner);
    json_array_foreach(value, i, inner) check_references(root, inner);
}

static void test_every_reference_in_the_document_leads_somewhere(void **state)
{
    json_t *json = document();

    (void)state;
    check_references(json, json);
    json_decref(json);
}

static int find(const char *method, const char *target, const struct route **out_route, char *out_allow)
{
    struct request request = {.method = method, .target = target};
    int r = request_parse(&request);

    assert_int_equal(r, 0);
    r = routes_find(&request, out_route, out_allow);
    request_clear(&request);
    return r;
}

static void test_a_name_is_one_segment_whatever_is_in_it(void **state)
{
    char allow[ROUTES_ALLOW_SIZE];
    const struct route *route;

    (void)state;
    assert_int_equal(find("GET", "/api/v1/channels/a%2Fb", &route, allow), 0);
    assert_string_equal(route->pattern, "/api/v1/channels/{name}");
    assert_int_equal(find("GET", "/api/v1/channels/a/b", &route, allow), ROUTES_E_UNKNOWN);
    assert_int_equal(find("GET", "/api/v1/channels/", &route, allow), ROUTES_E_UNKNOWN);
    assert_int_equal(find("HEAD", "/api/v1/hub?x=1", &route, allow), 0);
    assert_int_equal(find("POST", "/api/v1/bridges/x", &route, allow), ROUTES_E_METHOD);
    assert_string_equal(allow, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_in_the_document),
        cmocka_unit_test(test_the_document_names_the_arguments_of_every_route),
        cmocka_unit_test(test_every_operation_of_the_document_is_a_route),
        cmocka_unit_test(test_every_reference_in_the_document_leads_somewhere),
        cmocka_unit_test(test_a_name_is_one_segment_whatever_is_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
