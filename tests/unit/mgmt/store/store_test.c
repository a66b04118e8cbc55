/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "mgmt/store/data_dir.h"
#include "mgmt/store/seal.h"
#include "mgmt/store/store.h"
#include "mgmt/store/migrations.h"
#include "mgmt/store/store_bridge.h"
#include "mgmt/store/store_password.h"
#include "mgmt/store/store_token.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

struct place {
    char dir[32];
    struct store *store;
    char why[STORE_WHY_SIZE];
};

static void reopen(struct place *place)
{
    store_close(place->store);
    place->store = NULL;
    if (store_open(&place->store, place->dir, place->why) < 0)
        fail_msg("%s", place->why);
}

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-store-XXXXXX"};
    assert_non_null(mkdtemp(place.dir));
    reopen(&place);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    stand_remove(place->dir);
    return 0;
}

static const char *const allow[] = {"jobs", "news.*"};
static const char *const deny[] = {"news.secret"};
static const struct bridge_rename remap_in[] = {{"far.", "near."}};
static const struct bridge_rename remap_out[] = {{"near.", "far."}, {"a.", ""}};
static const struct bridge_spec west = {
    .name = "west \xc3\xa4/%",
    .address = "tls://west:7071",
    .secret = "canary-bridge-secret",
    .connection_secret = "canary-connection-secret",
    .kind = BRIDGE_AUTO,
    .channels = {.allow = {2, allow}, .deny = {1, deny}},
    .in = {.allow = {1, deny}},
    .out = {.deny = {2, allow}},
    .remap_in = {1, remap_in},
    .remap_out = {2, remap_out},
    .classes = 1U << BRIDGE_CALLS | 1U << BRIDGE_MEMBERS,
    .limits = {.entries = 7, .messages_per_s = 8, .queue_bytes = UINT64_C(1) << 30, .resend_bytes = 65536},
    .resume_window_s = 9,
    .durable = {.topics = {2, allow},
                .max_bytes = UINT64_C(1) << 40,
                .max_age_s = 10,
                .at_bound = BRIDGE_AT_BOUND_REFUSE},
    .cost = 17,
    .is_paused = true,
    .tls = {.ca_file = "/etc/ca.pem",
            .cert_file = "/etc/cert.pem",
            .key_file = "/etc/key.pem",
            .pinned_name = "west.example"},
    .management = BRIDGE_MANAGEMENT_WRITE,
};

static void put(struct place *place, const struct bridge_spec *spec)
{
    if (store_bridge_put(place->store, spec, spec->tls.ca_file != NULL, place->why) < 0)
        fail_msg("%s", place->why);
}

static void test_identity_stays_and_incarnation_grows(void **state)
{
    struct place *place = *state;
    struct store_identity first = *store_identity(place->store);

    assert_int_equal(strlen(first.hub_id), 32);
    assert_memory_equal(first.server_id, "srv-", 4);
    assert_int_equal(strlen(first.server_id), 12);
    assert_int_equal(first.incarnation, 1);
    reopen(place);
    assert_string_equal(store_identity(place->store)->hub_id, first.hub_id);
    assert_string_equal(store_identity(place->store)->server_id, first.server_id);
    assert_int_equal(store_identity(place->store)->incarnation, 2);
}

static void assert_patterns(const struct bridge_patterns *got, const struct bridge_patterns *wanted)
{
    assert_int_equal(got->n, wanted->n);
    for (size_t i = 0; i < wanted->n; i++)
        assert_string_equal(got->texts[i], wanted->texts[i]);
}

static void assert_renames(const struct bridge_renames *got, const struct bridge_renames *wanted)
{
    assert_int_equal(got->n, wanted->n);
    for (size_t i = 0; i < wanted->n; i++) {
        assert_string_equal(got->rules[i].from, wanted->rules[i].from);
        assert_string_equal(got->rules[i].to, wanted->rules[i].to);
    }
}

static void test_a_bridge_comes_back_as_it_was(void **state)
{
    struct place *place = *state;
    struct store_bridge *bridge;

    put(place, &west);
    reopen(place);
    assert_int_equal(store_bridge_find(place->store, west.name, &bridge, place->why), 0);
    assert_string_equal(bridge->spec.address, west.address);
    assert_string_equal(bridge->spec.secret, west.secret);
    assert_string_equal(bridge->spec.connection_secret, west.connection_secret);
    assert_int_equal(bridge->spec.kind, BRIDGE_AUTO);
    assert_patterns(&bridge->spec.channels.allow, &west.channels.allow);
    assert_patterns(&bridge->spec.channels.deny, &west.channels.deny);
    assert_patterns(&bridge->spec.in.allow, &west.in.allow);
    assert_patterns(&bridge->spec.in.deny, &west.in.deny);
    assert_patterns(&bridge->spec.out.allow, &west.out.allow);
    assert_patterns(&bridge->spec.out.deny, &west.out.deny);
    assert_patterns(&bridge->spec.durable.topics, &west.durable.topics);
    assert_renames(&bridge->spec.remap_in, &west.remap_in);
    assert_renames(&bridge->spec.remap_out, &west.remap_out);
    assert_int_equal(bridge->spec.classes, west.classes);
    assert_memory_equal(&bridge->spec.limits, &west.limits, sizeof west.limits);
    assert_int_equal(bridge->spec.resume_window_s, 9);
    assert_int_equal(bridge->spec.durable.max_bytes, west.durable.max_bytes);
    assert_int_equal(bridge->spec.durable.max_age_s, 10);
    assert_int_equal(bridge->spec.durable.at_bound, BRIDGE_AT_BOUND_REFUSE);
    assert_int_equal(bridge->spec.management, BRIDGE_MANAGEMENT_WRITE);
    assert_int_equal(bridge->spec.cost, 17);
    assert_true(bridge->spec.is_paused);
    assert_true(bridge->has_tls);
    assert_string_equal(bridge->spec.tls.ca_file, "/etc/ca.pem");
    assert_null(bridge->spec.tls.server_name);
    assert_string_equal(bridge->spec.tls.cert_file, "/etc/cert.pem");
    assert_string_equal(bridge->spec.tls.key_file, "/etc/key.pem");
    assert_string_equal(bridge->spec.tls.pinned_name, "west.example");
    store_bridge_free(bridge);
}

static void test_a_replaced_bridge_keeps_its_place_and_no_old_patterns(void **state)
{
    struct place *place = *state;
    struct bridge_spec second = {.name = "second", .address = "tcp://b:1", .cost = 1};
    struct bridge_spec again = {.name = west.name, .address = "tcp://c:1", .cost = 2};
    struct store_bridges bridges;

    put(place, &west);
    put(place, &second);
    put(place, &again);
    assert_int_equal(store_bridge_list(place->store, 0, 10, &bridges, place->why), 0);
    assert_int_equal(bridges.n, 2);
    assert_false(bridges.has_more);
    assert_string_equal(bridges.rows[0]->spec.name, west.name);
    assert_string_equal(bridges.rows[0]->spec.address, "tcp://c:1");
    assert_int_equal(bridges.rows[0]->spec.channels.allow.n, 0);
    assert_null(bridges.rows[0]->spec.secret);
    store_bridge_list_clear(&bridges);
    assert_int_equal(store_bridge_remove(place->store, west.name, place->why), 0);
    assert_int_equal(store_bridge_remove(place->store, west.name, place->why), STORE_E_UNKNOWN);
}

static int count_bridge(const struct bridge_spec *spec, void *context)
{
    size_t *n = context;
    char name[16];

    snprintf(name, sizeof name, "b%03zu", (*n)++);
    assert_string_equal(spec->name, name);
    return *n == 205 ? 42 : 0;
}

static void test_each_bridge_is_visited_in_order_until_one_says_stop(void **state)
{
    struct place *place = *state;
    struct store_bridges page;
    size_t n = 0;

    for (size_t i = 0; i < 210; i++) {
        char name[16];
        struct bridge_spec spec = {.name = name, .address = "tcp://a:1", .cost = 1};

        snprintf(name, sizeof name, "b%03zu", i);
        put(place, &spec);
    }
    assert_int_equal(store_bridge_each(place->store, count_bridge, &n, place->why), 42);
    assert_int_equal(n, 205);
    assert_int_equal(store_bridge_list(place->store, 0, 100, &page, place->why), 0);
    assert_true(page.has_more);
    store_bridge_list_clear(&page);
    assert_int_equal(store_bridge_list(place->store, 110, 100, &page, place->why), 0);
    assert_int_equal(page.n, 100);
    assert_false(page.has_more);
    store_bridge_list_clear(&page);
}

static int collect_password(struct bytes channel, struct bytes password, void *context)
{
    struct buffer *all = context;

    buffer_append_bytes(all, channel);
    buffer_append_text(all, "=");
    buffer_append_bytes(all, password);
    return buffer_append_text(all, ";");
}

static void test_passwords_are_set_replaced_and_removed(void **state)
{
    struct place *place = *state;
    struct buffer all = {0}, one = {0};

    assert_int_equal(store_password_set(place->store, BYTES_LITERAL("b"), BYTES_LITERAL("1"), place->why), 0);
    assert_int_equal(store_password_set(place->store, BYTES_LITERAL("a"), BYTES_LITERAL("2"), place->why), 0);
    assert_int_equal(store_password_set(place->store, BYTES_LITERAL("b"), BYTES_LITERAL("3"), place->why), 0);
    assert_int_equal(store_password_set(place->store, BYTES_LITERAL("c"), BYTES_LITERAL("4"), place->why), 0);
    assert_int_equal(store_password_remove(place->store, BYTES_LITERAL("c"), place->why), 0);
    assert_int_equal(store_password_remove(place->store, BYTES_LITERAL("c"), place->why), STORE_E_UNKNOWN);
    reopen(place);
    assert_int_equal(store_password_each(place->store, collect_password, &all, place->why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&all), "a=2;b=3;"));
    assert_int_equal(store_password_find(place->store, BYTES_LITERAL("b"), &one, place->why), 0);
    assert_true(bytes_equal_text(buffer_bytes(&one), "3"));
    assert_int_equal(store_password_find(place->store, BYTES_LITERAL("c"), &one, place->why),
                     STORE_E_UNKNOWN);
    buffer_clear(&all);
    buffer_clear(&one);
}

static bool file_holds(const char *dir, const char *name, const char *canary)
{
    char *path = data_dir_path(dir, name);
    FILE *file = fopen(path, "rb");
    static char content[4 * 1024 * 1024];
    size_t len = file ? fread(content, 1, sizeof content, file) : 0;

    if (file)
        fclose(file);
    free(path);
    return memmem(content, len, canary, strlen(canary)) != NULL;
}

static void test_no_secret_is_in_the_files(void **state)
{
    static const char *const files[] = {"commhub.db", "commhub.db-wal"};
    struct place *place = *state;

    put(place, &west);
    assert_int_equal(store_password_set(place->store, BYTES_LITERAL("canary-channel"),
                                        BYTES_LITERAL("canary-password"), place->why),
                     0);
    assert_true(
        file_holds(place->dir, "commhub.db-wal", "canary-channel")); /* the search finds what is there */
    for (size_t i = 0; i < N_ELEMENTS(files); i++) {
        assert_false(file_holds(place->dir, files[i], "canary-bridge-secret"));
        assert_false(file_holds(place->dir, files[i], "canary-connection-secret"));
        assert_false(file_holds(place->dir, files[i], "canary-password"));
    }
}

static void test_all_files_are_private(void **state)
{
    static const char *const files[] = {"commhub.db", "commhub.db-wal", "commhub.db-shm", "master.key",
                                        "lock"};
    struct place *place = *state;

    put(place, &west);
    for (size_t i = 0; i < N_ELEMENTS(files); i++) {
        char *path = data_dir_path(place->dir, files[i]);
        struct stat stat_of;

        assert_int_equal(stat(path, &stat_of), 0);
        assert_row(files[i], (stat_of.st_mode & 0777) == 0600);
        free(path);
    }
}

static void test_a_directory_that_is_missing_is_made_private(void **state)
{
    struct place *place = *state;
    struct store *store;
    struct stat stat_of;
    char *dir = data_dir_path(place->dir, "inner");

    assert_int_equal(store_open(&store, dir, place->why), 0);
    assert_int_equal(stat(dir, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0700);
    store_close(store);
    stand_remove(dir);
    free(dir);
}

static void test_a_second_hub_cannot_have_the_directory(void **state)
{
    struct place *place = *state;
    struct store *second = NULL;

    assert_int_equal(store_open(&second, place->dir, place->why), -EBUSY);
    assert_non_null(strstr(place->why, "in use by another hub"));
    assert_null(second);
    reopen(place); /* once the first is gone */
}

static void run_sql(struct place *place, const char *sql)
{
    char *path = data_dir_path(place->dir, "commhub.db");
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
    free(path);
}

static void test_the_schema_of_a_newer_program_is_refused_and_kept(void **state)
{
    struct place *place = *state;
    char back[64];

    store_close(place->store);
    place->store = NULL;
    run_sql(place, "PRAGMA user_version = 99");
    assert_int_equal(store_open(&place->store, place->dir, place->why), -EPROTO);
    assert_non_null(strstr(place->why, "newer CommHub"));
    assert_non_null(strstr(place->why, "99"));
    snprintf(back, sizeof back, "PRAGMA user_version = %zu", migrations_n);
    run_sql(place, back);
    reopen(place);
}

static void write_file(struct place *place, const char *name, const char *content)
{
    char *path = data_dir_path(place->dir, name);

    assert_int_equal(data_dir_write(path, bytes_of_text(content)), 0);
    free(path);
}

static void test_another_master_key_is_refused(void **state)
{
    struct place *place = *state;
    char *path = data_dir_path(place->dir, "master.key");
    char key[128];

    assert_true(data_dir_read(path, key, sizeof key) > 0);
    store_close(place->store);
    place->store = NULL;
    write_file(place, "master.key", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    assert_int_equal(store_open(&place->store, place->dir, place->why), -EBADMSG);
    assert_non_null(strstr(place->why, "not the one this store was sealed with"));
    unlink(path);
    assert_int_equal(store_open(&place->store, place->dir, place->why), -ENOENT);
    assert_non_null(strstr(place->why, "is missing"));
    assert_int_equal(access(path, F_OK), -1); /* no other key was put in its place */
    write_file(place, "master.key", key);
    reopen(place);
    assert_int_equal(store_identity(place->store)->incarnation, 2);
    free(path);
}

static void test_a_damaged_file_is_refused(void **state)
{
    struct place *place = *state;

    store_close(place->store);
    place->store = NULL;
    write_file(place, "commhub.db",
               "this is no database, but it is long enough to look like one at first sight...");
    assert_true(store_open(&place->store, place->dir, place->why) < 0);
    assert_non_null(strstr(place->why, "not a database"));
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_a_full_disk_refuses_the_write_and_changes_nothing(void **state)
{
    struct place *place = *state;
    struct bridge_spec more = {.name = "more", .address = "tcp://a:1", .cost = 1};
    struct store_bridge *bridge = NULL;
    int r;

    put(place, &west);
    signal(SIGXFSZ, SIG_IGN);
    limit_file_size(4096);
    r = store_bridge_put(place->store, &more, false, place->why);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(r, -ENOSPC);
    assert_non_null(strstr(place->why, "no room left"));
    assert_int_equal(store_bridge_find(place->store, "more", &bridge, place->why), STORE_E_UNKNOWN);
    assert_int_equal(store_bridge_find(place->store, west.name, &bridge, place->why), 0);
    store_bridge_free(bridge);
    put(place, &more); /* and goes on when there is room */
}

static size_t n_tokens(struct place *place, struct store_token *out_first)
{
    struct store_tokens tokens;
    size_t n;

    assert_int_equal(store_token_list(place->store, 0, 10, &tokens, place->why), 0);
    n = tokens.n;
    if (n)
        *out_first = tokens.rows[0];
    free(tokens.rows);
    return n;
}

static void set_token(struct place *place, enum store_token_origin origin, const uint8_t *sha256)
{
    assert_int_equal(store_token_set_origin(place->store, origin, sha256, place->why), 0);
}

static void test_tokens_are_one_an_origin(void **state)
{
    struct place *place = *state;
    uint8_t a[STORE_TOKEN_BYTES] = {1}, b[STORE_TOKEN_BYTES] = {2};
    struct store_token token;

    set_token(place, STORE_TOKEN_FIRST_RUN, a);
    set_token(place, STORE_TOKEN_CONFIGURATION, a);
    set_token(place, STORE_TOKEN_CONFIGURATION, b);
    reopen(place);
    assert_int_equal(n_tokens(place, &token), 1);
    assert_memory_equal(token.sha256, b, sizeof b);
    assert_int_equal(token.role, ROLE_ADMIN);
    assert_int_equal(token.scopes, SCOPE_ALL);
    assert_int_equal(token.origin, STORE_TOKEN_CONFIGURATION);
    set_token(place, STORE_TOKEN_CONFIGURATION, NULL);
    assert_int_equal(n_tokens(place, &token), 0);
}

static void test_a_named_token_is_kept_as_it_was_made(void **state)
{
    struct place *place = *state;
    struct store_token token = {.name = "deploy \xe2\x80\xae<b>",
                                .sha256 = {7},
                                .role = ROLE_OPERATOR,
                                .scopes = SCOPE_MESH | SCOPE_AUDIT,
                                .created_ms = 5,
                                .created_by = "alice",
                                .expires_ms = 77};
    struct store_token found;

    assert_int_equal(store_token_add(place->store, &token, place->why), 0);
    assert_int_equal(store_token_add(place->store, &token, place->why), STORE_TOKEN_E_TAKEN);
    reopen(place);
    assert_int_equal(n_tokens(place, &found), 1);
    assert_string_equal(found.name, token.name);
    assert_string_equal(found.created_by, "alice");
    assert_int_equal(found.role, ROLE_OPERATOR);
    assert_int_equal(found.scopes, SCOPE_MESH | SCOPE_AUDIT);
    assert_int_equal(found.expires_ms, 77);
    assert_int_equal(found.serial, token.serial);
    assert_int_equal(store_token_remove(place->store, token.name, place->why), 0);
    assert_int_equal(store_token_remove(place->store, token.name, place->why), STORE_E_UNKNOWN);
}

/* Every allocation of ours in writing and reading a bridge fails once; SQLite's own are not counted. */
static void test_want_of_memory_is_told_and_leaks_nothing(void **state)
{
    struct place *place = *state;

    for (unsigned n = 1; allocation_fail_at(n); n++) {
        struct store_bridge *bridge = NULL;
        int r = store_bridge_put(place->store, &west, true, place->why);

        if (r == 0)
            r = store_bridge_find(place->store, west.name, &bridge, place->why);
        allocation_fail_never();
        assert_int_equal(r, allocation_has_failed() ? -ENOMEM : 0);
        store_bridge_free(bridge);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_identity_stays_and_incarnation_grows),
        TEST(test_a_bridge_comes_back_as_it_was),
        TEST(test_a_replaced_bridge_keeps_its_place_and_no_old_patterns),
        TEST(test_each_bridge_is_visited_in_order_until_one_says_stop),
        TEST(test_passwords_are_set_replaced_and_removed),
        TEST(test_no_secret_is_in_the_files),
        TEST(test_all_files_are_private),
        TEST(test_a_directory_that_is_missing_is_made_private),
        TEST(test_a_second_hub_cannot_have_the_directory),
        TEST(test_the_schema_of_a_newer_program_is_refused_and_kept),
        TEST(test_another_master_key_is_refused),
        TEST(test_a_damaged_file_is_refused),
        TEST(test_a_full_disk_refuses_the_write_and_changes_nothing),
        TEST(test_tokens_are_one_an_origin),
        TEST(test_a_named_token_is_kept_as_it_was_made),
        TEST(test_want_of_memory_is_told_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
