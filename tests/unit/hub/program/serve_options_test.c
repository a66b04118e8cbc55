/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/serve_options.h"

#include "hub/program/config_file.h"
#include "hub/program/settings.h"
#include "tests/support/unit.h"

static const struct setting *setting_of(const char *name)
{
    const struct setting *setting = settings_find(bytes_of_text(name));

    assert_non_null(setting);
    return setting;
}

static enum setting_source source_of(const struct serve_options *options, const char *name)
{
    return settings_origin(options, setting_of(name)).source;
}

static void write_file(char out_path[64], const char *content)
{
    FILE *file;

    memcpy(out_path, "/tmp/serve_options.XXXXXX", 26);
    file = fdopen(mkstemp(out_path), "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void test_flags_win_over_the_environment_and_that_over_the_file(void **state)
{
    struct serve_options options;
    char why[SERVE_WHY_SIZE];
    char path[64];
    char *argv[] = {"--config", path, "--idle-timeout=3", "--listen", "unix:/3", "--listen=unix:/4"};

    (void)state;
    write_file(path, "idle-timeout = 1\ndata-timeout = 1\ncall-deadline = 1\nlisten = 'unix:/1'\n");
    setenv("COMMHUB_IDLE_TIMEOUT", "2", 1);
    setenv("COMMHUB_DATA_TIMEOUT", "2", 1);
    setenv("COMMHUB_LISTEN", "unix:/2,unix:/2b", 1);
    assert_int_equal(serve_options_read(N_ELEMENTS(argv), argv, &options, why), 0);
    unsetenv("COMMHUB_IDLE_TIMEOUT");
    unsetenv("COMMHUB_DATA_TIMEOUT");
    unsetenv("COMMHUB_LISTEN");
    unlink(path);
    assert_int_equal(options.idle_timeout_ms, 3000);
    assert_int_equal(options.data_timeout_ms, 2000);
    assert_int_equal(options.call_deadline_ms, 1000);
    assert_int_equal(options.max_frame_bytes, 16777216);
    assert_int_equal(source_of(&options, "idle-timeout"), SOURCE_FLAG);
    assert_int_equal(source_of(&options, "data-timeout"), SOURCE_ENVIRONMENT);
    assert_int_equal(source_of(&options, "call-deadline"), SOURCE_FILE);
    assert_int_equal(source_of(&options, "max-frame"), SOURCE_BUILT_IN);
    assert_int_equal(options.listen.n, 2);
    assert_string_equal(options.listen.texts[0], "unix:/3");
    assert_string_equal(options.listen.texts[1], "unix:/4");
    serve_options_clear(&options);
}

static void test_verbose_is_the_short_form_of_the_log_level(void **state)
{
    static const struct {
        const char *what;
        char *argv[2];
        const char *variable;
        enum log_threshold level;
        enum setting_source source;
    } rows[] = {
        {"neither", {"--mgmt=off", "--mgmt=off"}, "", LOG_FROM_WARNING, SOURCE_BUILT_IN},
        {"verbose", {"--verbose", "--mgmt=off"}, "", LOG_FROM_DEBUG, SOURCE_FLAG},
        {"verbose over a variable", {"--verbose", "--mgmt=off"}, "error", LOG_FROM_DEBUG, SOURCE_FLAG},
        {"a variable", {"--mgmt=off", "--mgmt=off"}, "info", LOG_FROM_INFO, SOURCE_ENVIRONMENT},
        {"a level", {"--log-level=error", "--mgmt=off"}, "info", LOG_FROM_ERROR, SOURCE_FLAG},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct serve_options options;
        char why[SERVE_WHY_SIZE];
        char *argv[] = {rows[i].argv[0], rows[i].argv[1]};

        setenv("COMMHUB_LOG_LEVEL", rows[i].variable, 1);
        assert_row(rows[i].what, serve_options_read(2, argv, &options, why) == 0);
        assert_row(rows[i].what, options.log_level == rows[i].level);
        assert_row(rows[i].what, source_of(&options, "log-level") == rows[i].source);
        serve_options_clear(&options);
    }
    unsetenv("COMMHUB_LOG_LEVEL");
}

static void test_a_copied_setting_is_equal_and_outlives_its_origin(void **state)
{
    char *argv[] = {"--server-id=one",    "--listen=unix:/a",  "--listen=unix:/b",
                    "--idle-timeout=1.5", "--log-format=json", "--max-connections=7"};
    char *plain[] = {"--mgmt=off"};
    struct serve_options from;
    struct serve_options to;
    char why[SERVE_WHY_SIZE];

    (void)state;
    assert_int_equal(serve_options_read(N_ELEMENTS(argv), argv, &from, why), 0);
    assert_int_equal(serve_options_read(1, plain, &to, why), 0);
    for (size_t i = 0; i < settings_n; i++) {
        assert_int_equal(settings_copy(&to, &from, &settings_table[i]), 0);
        assert_true(settings_are_equal(&to, &from, &settings_table[i]));
    }
    serve_options_clear(&from);
    assert_string_equal(to.server_id, "one");
    assert_int_equal(to.listen.n, 2);
    assert_string_equal(to.listen.texts[1], "unix:/b");
    assert_int_equal(to.idle_timeout_ms, 1500);
    assert_int_equal(source_of(&to, "max-connections"), SOURCE_FLAG);
    serve_options_clear(&to);
}

static void test_names_variables_and_flags_are_the_same_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_n; i++) {
        const struct setting *setting = &settings_table[i];
        char variable[64] = "COMMHUB_";
        char *place = variable + strlen(variable);

        assert_ptr_equal(settings_find(bytes_of_text(settings_name(setting))), setting);
        for (const char *from = settings_name(setting); *from; from++)
            *place++ = (char)(*from == '-' ? '_' : *from - 'a' + 'A');
        if (setting->environment)
            assert_string_equal(setting->environment, variable);
        assert_true(setting->environment || setting->change == CHANGE_COMMAND);
    }
}

static void test_the_nearest_name_is_one_that_was_probably_meant(void **state)
{
    static const struct {
        const char *name;
        const char *nearest;
    } rows[] = {
        {"idel-timeout", "idle-timeout"},
        {"tls-certificate", "tls-cert"},
        {"server", "server-id"},
        {"idle_timeout", "idle-timeout"},
        {"zzzzzz", NULL},
        {"", NULL},
        {"x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        const struct setting *nearest = settings_nearest(rows[i].name);

        if (rows[i].nearest)
            assert_string_equal(nearest ? settings_name(nearest) : "none", rows[i].nearest);
        else
            assert_null(nearest);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_win_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(test_verbose_is_the_short_form_of_the_log_level),
        cmocka_unit_test(test_a_copied_setting_is_equal_and_outlives_its_origin),
        cmocka_unit_test(test_names_variables_and_flags_are_the_same_word),
        cmocka_unit_test(test_the_nearest_name_is_one_that_was_probably_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
