/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "mgmt/store/data_dir.h"
#include "mgmt/store/seal.h"
#include "tests/support/unit.h"

static const struct seal_key key = {{1, 2, 3}};
static const struct seal_key other_key = {{1, 2, 4}};

static void seal(struct buffer *out, const char *purpose, const char *secret)
{
    assert_int_equal(seal_close(&key, bytes_of_text(purpose), bytes_of_text(secret), out), 0);
}

static void test_what_was_sealed_opens_again(void **state)
{
    static const char *const secrets[] = {"", "x", "a longer secret with \xc3\xa4 in it"};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(secrets); i++) {
        struct buffer sealed = {0}, secret = {0};

        seal(&sealed, "bridge:west", secrets[i]);
        assert_int_equal(sealed.len, strlen(secrets[i]) + SEAL_OVERHEAD_BYTES);
        assert_int_equal(seal_open(&key, BYTES_LITERAL("bridge:west"), buffer_bytes(&sealed), &secret), 0);
        assert_true(bytes_equal_text(buffer_bytes(&secret), secrets[i]));
        buffer_clear(&sealed);
        seal_wipe(&secret);
    }
}

static void test_equal_secrets_look_different(void **state)
{
    struct buffer a = {0}, b = {0};

    (void)state;
    seal(&a, "p", "secret");
    seal(&b, "p", "secret");
    assert_false(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
    buffer_clear(&a);
    buffer_clear(&b);
}

static void test_another_key_or_purpose_does_not_open_it(void **state)
{
    struct buffer sealed = {0}, secret = {0};

    (void)state;
    seal(&sealed, "bridge:west", "secret");
    assert_int_equal(seal_open(&other_key, BYTES_LITERAL("bridge:west"), buffer_bytes(&sealed), &secret),
                     SEAL_E_WRONG);
    assert_int_equal(seal_open(&key, BYTES_LITERAL("bridge:east"), buffer_bytes(&sealed), &secret),
                     SEAL_E_WRONG);
    assert_int_equal(secret.len, 0);
    buffer_clear(&sealed);
    seal_wipe(&secret);
}

static void test_every_changed_or_missing_byte_is_noticed(void **state)
{
    struct buffer sealed = {0}, secret = {0};

    (void)state;
    seal(&sealed, "p", "secret");
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.ptr[i] ^= 1;
        assert_int_equal(seal_open(&key, BYTES_LITERAL("p"), buffer_bytes(&sealed), &secret), SEAL_E_WRONG);
        sealed.ptr[i] ^= 1;
        assert_int_equal(seal_open(&key, BYTES_LITERAL("p"), bytes_of(sealed.ptr, i), &secret), SEAL_E_WRONG);
    }
    assert_int_equal(secret.len, 0);
    buffer_clear(&sealed);
    seal_wipe(&secret);
}

static void test_a_key_file_is_made_once_and_private(void **state)
{
    char dir[] = "/tmp/commhub-seal-XXXXXX";
    char path[64], why[SEAL_WHY_SIZE];
    struct seal_key first, second;
    struct stat stat_of;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/master.key", dir);
    assert_int_equal(seal_key_load(&first, path, false, why), -ENOENT);
    assert_non_null(strstr(why, "is missing"));
    assert_int_equal(seal_key_load(&first, path, true, why), 0);
    assert_int_equal(seal_key_load(&second, path, true, why), 0);
    assert_memory_equal(&first, &second, sizeof first);
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    assert_int_equal(data_dir_write(path, BYTES_LITERAL("abc\n")), 0);
    assert_int_equal(seal_key_load(&second, path, true, why), -EINVAL);
    assert_non_null(strstr(why, "64 hexadecimal"));
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_sealed_opens_again),
        cmocka_unit_test(test_equal_secrets_look_different),
        cmocka_unit_test(test_another_key_or_purpose_does_not_open_it),
        cmocka_unit_test(test_every_changed_or_missing_byte_is_noticed),
        cmocka_unit_test(test_a_key_file_is_made_once_and_private),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
