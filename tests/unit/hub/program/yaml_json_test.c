/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/yaml_json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/unit.h"

static void test_yaml_is_read_as_the_json_it_stands_for(void **state)
{
    static const struct {
        const char *yaml;
        const char *json;
    } rows[] = {
        {"a: 1\nb: [x, 2.5, true, null, ~]\n", "{\"a\":1,\"b\":[\"x\",2.5,true,null,null]}"},
        {"no: no\nyes: \"1\"\n'q': '2'\n", "{\"no\":\"no\",\"yes\":\"1\",\"q\":\"2\"}"},
        {"---\nlist:\n  - a: 1\n    b: 2\n  -\n    - 3\n...\n", "{\"list\":[{\"a\":1,\"b\":2},[3]]}"},
        {"text: |\n  two\n  lines\nempty:\n", "{\"text\":\"two\\nlines\\n\",\"empty\":null}"},
        {"{\"json\": [1, {}]}", "{\"json\":[1,{}]}"},
        {"version: 1.0.0\n", "{\"version\":\"1.0.0\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[YAML_JSON_WHY_SIZE];
        json_t *json = yaml_json_read(rows[i].yaml, strlen(rows[i].yaml), why);
        json_t *wanted = json_loads(rows[i].json, 0, NULL);

        if (!json || !json_equal(json, wanted))
            fail_msg("%s: %s", rows[i].yaml, json ? json_dumps(json, 0) : why);
        json_decref(json);
        json_decref(wanted);
    }
}

static void test_what_json_cannot_say_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *yaml;
        const char *why;
    } rows[] = {
        {"", "nothing"},
        {"a: 1\na: 2\n", "line 2: a key stands twice"},
        {"a: &x 1\n", "anchors"},
        {"a: &x [1]\n", "anchors"},
        {"a: &x {b: 1}\nc: *x\n", "anchors"},
        {"a: !!str 1\n", "tags"},
        {"? [1]\n: 2\n", "a key must be text"},
        {"a: 1\n---\nb: 2\n", "more than one"},
        {"a: [1\n", "line"},
        {"\tx: 1\n", "line 1"},
        {"a: \xff\n", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char why[YAML_JSON_WHY_SIZE];

        if (yaml_json_read(rows[i].yaml, strlen(rows[i].yaml), why) || !strstr(why, rows[i].why))
            fail_msg("%s: %s", rows[i].yaml, why);
    }
}

static void test_what_is_written_is_read_the_same(void **state)
{
    json_t *json =
        json_loads("{\"b\":[],\"a\":{\"x\":[1,[2,[]],{\"k\":null,\"l\":[{}]}]},\"no\":\"yes\",\"n\\n\":"
                   "\"1\\u0007: #\",\"z\":{}}",
                   0, NULL);
    char why[YAML_JSON_WHY_SIZE];
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    json_t *back;

    (void)state;
    assert_non_null(json);
    assert_true(yaml_json_write(json, out));
    fclose(out);
    back = yaml_json_read(text, len, why);
    if (!back || !json_equal(back, json))
        fail_msg("%s\n%s", text, why);
    json_decref(back);
    json_decref(json);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml_is_read_as_the_json_it_stands_for),
        cmocka_unit_test(test_what_json_cannot_say_is_refused_with_its_line),
        cmocka_unit_test(test_what_is_written_is_read_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
