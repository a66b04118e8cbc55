/* SPDX-License-Identifier: LGPL-3.0-or-later */

/* The embedded files are the built ones, byte for byte, and found by their paths. */

#include "webui/webui_assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_the_root_is_the_page(void **state)
{
    (void)state;
    const struct webui_asset *page = webui_assets_find("/");
    assert_non_null(page);
    assert_ptr_equal(page, webui_assets_find("/index.html"));
    assert_string_equal(page->content_type, "text/html; charset=utf-8");
    assert_memory_equal(page->bytes, "<!doctype html>", strlen("<!doctype html>"));
}

static void test_what_is_not_there_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {"",           "/nothing",       "/app", "/APP.JS",
                                        "index.html", "/../index.html", "//"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_null(webui_assets_find(paths[i]));
    }
}

static void test_each_file_is_embedded_byte_for_byte(void **state)
{
    (void)state;
    size_t count;
    const struct webui_asset *assets = webui_assets_all(&count);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        assert_in_range(snprintf(path, sizeof path, "%s%s", WEBUI_TEST_FOLDER, assets[i].path), 1,
                        sizeof path - 1);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        unsigned char *bytes = malloc(assets[i].len + 1);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, assets[i].len + 1, file), assets[i].len);
        fclose(file);
        assert_memory_equal(bytes, assets[i].bytes, assets[i].len);
        free(bytes);
    }
}

static void test_compressed_bytes_are_gzip_of_the_same_length(void **state)
{
    (void)state;
    size_t count;
    const struct webui_asset *assets = webui_assets_all(&count);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *gzip = assets[i].gzip_bytes;
        size_t len = assets[i].gzip_len;
        assert_in_range(len, 18, assets[i].len + 64);
        assert_int_equal(gzip[0], 0x1f);
        assert_int_equal(gzip[1], 0x8b);
        /* A gzip file ends with the length of what it holds, in little-endian order. */
        uint32_t size = (uint32_t)gzip[len - 4] | (uint32_t)gzip[len - 3] << 8 |
                        (uint32_t)gzip[len - 2] << 16 | (uint32_t)gzip[len - 1] << 24;
        assert_int_equal(size, assets[i].len);
    }
}

static void test_tags_are_quoted_and_differ(void **state)
{
    (void)state;
    size_t count;
    const struct webui_asset *assets = webui_assets_all(&count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(assets[i].etag);
        assert_true(len > 2 && assets[i].etag[0] == '"' && assets[i].etag[len - 1] == '"');
        assert_string_not_equal(assets[i].etag, assets[i].gzip_etag);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(assets[i].etag, assets[j].etag);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_root_is_the_page),
        cmocka_unit_test(test_what_is_not_there_is_not_found),
        cmocka_unit_test(test_each_file_is_embedded_byte_for_byte),
        cmocka_unit_test(test_compressed_bytes_are_gzip_of_the_same_length),
        cmocka_unit_test(test_tags_are_quoted_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
