/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The n-th write, read, sync or allocation of SQLite fails, for n = 1, 2, 3 ... until a pass comes through
 *
 * Whatever fails: the function says so with an errno and a sentence, and all tables are as they were. Where
 * it succeeds in spite of the fault, all of the change is there. SQLite lets its system calls be replaced,
 * all but fdatasync(), which is this file's for the whole program (and waits for no disk).
 */
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "hub/base/check.h"
#include "mgmt/auth/admins.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/seal.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_bridge.h"
#include "mgmt/store/store_event.h"
#include "mgmt/store/store_password.h"
#include "mgmt/store/store_rekey.h"
#include "mgmt/store/store_session.h"
#include "mgmt/store/store_setting.h"
#include "mgmt/store/store_token.h"
#include "mgmt/store/store_user.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

/* ---- faults ---- */

enum fault { FAULT_IO, FAULT_FULL, FAULT_MEMORY };

static struct {
    enum fault kind;
    unsigned n_tried;
    unsigned first; /* that fails; 0: none */
    bool lasts;     /* and all after it */
    bool has_failed;
} faults;

static bool fails(enum fault kind)
{
    bool is_other = kind == FAULT_MEMORY ? faults.kind != FAULT_MEMORY : faults.kind == FAULT_MEMORY;

    if (!faults.first || is_other)
        return false;
    faults.n_tried++;
    if (faults.n_tried < faults.first || (faults.n_tried > faults.first && !faults.lasts))
        return false;
    faults.has_failed = true;
    errno = faults.kind == FAULT_FULL ? ENOSPC : EIO;
    return true;
}

int fdatasync(int fd)
{
    (void)fd;
    return fails(FAULT_IO) ? -1 : 0;
}

static ssize_t fail_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return fails(FAULT_IO) ? -1 : pwrite(fd, bytes, len, at);
}

/* A full disk is read as ever. */
static ssize_t fail_pread(int fd, void *bytes, size_t len, off_t at)
{
    return faults.kind == FAULT_IO && fails(FAULT_IO) ? -1 : pread(fd, bytes, len, at);
}

static int fail_ftruncate(int fd, off_t len)
{
    return fails(FAULT_IO) ? -1 : ftruncate(fd, len);
}

static sqlite3_mem_methods memory;

static void *fail_malloc(int size)
{
    return fails(FAULT_MEMORY) ? NULL : memory.xMalloc(size);
}

static void *fail_realloc(void *ptr, int size)
{
    return fails(FAULT_MEMORY) ? NULL : memory.xRealloc(ptr, size);
}

static void install_faults(void)
{
    sqlite3_mem_methods failing;
    sqlite3_vfs *vfs;

    check(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory) == SQLITE_OK);
    failing = memory;
    failing.xMalloc = fail_malloc;
    failing.xRealloc = fail_realloc;
    check(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) == SQLITE_OK);
    /* What SQLite sets aside for small pieces would hide most allocations. */
    check(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK);
    check(sqlite3_initialize() == SQLITE_OK);
    vfs = sqlite3_vfs_find("unix");
    check(vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)fail_pwrite) == SQLITE_OK);
    check(vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)fail_pread) == SQLITE_OK);
    check(vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)fail_ftruncate) == SQLITE_OK);
}

/* ---- a store with something in it ---- */

struct place {
    char dir[40];
    struct store *store;
    struct store_user alice;
    struct store_session session;
    char why[STORE_WHY_SIZE];
};

static const char *const patterns[] = {"a", "b.*"};
static const struct bridge_spec west = {
    .name = "west",
    .address = "tcp://west:1",
    .secret = "canary-secret",
    .channels = {.allow = {2, patterns}},
    .limits = {.entries = 1, .queue_bytes = 65536, .resend_bytes = 65536},
    .resume_window_s = 1,
    .cost = 1,
    .classes = BRIDGE_ALL_CLASSES,
};

/* Two records; of all of them two at most stay. */
static int write_events(struct place *place)
{
    static const struct store_event_bounds bounds = {.most = 2, .most_bytes = INT64_MAX};
    struct store_event rows[] = {{.id = 1, .type = "server_log", .data = "{}"},
                                 {.id = 2, .type = "server_error", .data = "{}"}};
    struct store_event_figures figures;

    return store_event_write(place->store, rows, 2, &bounds, &figures, place->why);
}

static void fill(struct place *place)
{
    struct store_token token = {.name = "deploy", .role = ROLE_VIEWER, .scopes = 1};
    struct store_audit row = {.method = "PUT", .target = "/x", .status = 200};
    char *why = place->why;

    place->alice = (struct store_user){.name = "alice", .role = ROLE_ADMIN, .is_enabled = true};
    check(store_user_put(place->store, &place->alice, why) == 0);
    place->session = (struct store_session){.user_serial = place->alice.serial, .sha256 = {1}};
    check(store_session_add(place->store, &place->session, why) == 0);
    check(store_token_add(place->store, &token, why) == 0);
    check(store_token_set_origin(place->store, STORE_TOKEN_FIRST_RUN, place->session.sha256, why) == 0);
    check(store_bridge_put(place->store, &west, false, why) == 0);
    check(store_password_set(place->store, BYTES_LITERAL("room"), BYTES_LITERAL("canary"), why) == 0);
    check(store_audit_append(place->store, &row, 100, why) == 0);
    check(write_events(place) == 0);
}

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-faults-XXXXXX"};
    check(mkdtemp(place.dir));
    if (store_open(&place.store, place.dir, place.why) < 0)
        fail_msg("%s", place.why);
    fill(&place);
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

static int append_row(void *text, int n, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < n; i++)
        buffer_append_format(text, "%s|", values[i] ? values[i] : "NULL");
    buffer_append_text(text, "\n");
    return 0;
}

/* All tables as text, for free(). */
static char *dump(struct place *place)
{
    static const char *const tables[] = {
        "SELECT name, hex(value) FROM meta ORDER BY 1",
        "SELECT name, address, hex(sealed_secret), cost FROM bridge ORDER BY 1",
        "SELECT * FROM bridge_item ORDER BY 1, 2, 3",
        "SELECT channel, hex(sealed_password) FROM channel_password ORDER BY 1",
        "SELECT id, name, role, password, is_enabled FROM user ORDER BY 1",
        "SELECT id, user_id, hex(sha256), seen_ms FROM session ORDER BY 1",
        "SELECT id, name, hex(sha256), origin FROM token ORDER BY 1",
        "SELECT * FROM setting ORDER BY 1",
        "SELECT id, target, status, hex(hash) FROM audit ORDER BY 1",
        "SELECT name, id, hex(hash) FROM audit_end ORDER BY 1",
        "SELECT serial, id, type, through FROM event ORDER BY 1",
    };
    char *path = data_dir_path(place->dir, "commhub.db");
    struct buffer text = {0};
    sqlite3 *db;

    check(sqlite3_open(path, &db) == SQLITE_OK);
    for (size_t i = 0; i < N_ELEMENTS(tables); i++) {
        if (sqlite3_exec(db, tables[i], append_row, &text, NULL) != SQLITE_OK)
            fail_msg("%s: %s", tables[i], sqlite3_errmsg(db));
    }
    check(sqlite3_close(db) == SQLITE_OK);
    free(path);
    return buffer_take_text(&text);
}

/* ---- what is tried ---- */

static int put_user(struct place *place)
{
    struct store_user user = {.name = "bob", .role = ROLE_VIEWER, .password_hash = "x"};

    return store_user_put(place->store, &user, place->why);
}

static int make_first_admin(struct place *place)
{
    struct store_user root = {.name = "root", .role = ROLE_ADMIN, .is_enabled = true};

    return admins_store(place->store, &root, place->why);
}

static int change_user(struct place *place)
{
    struct store_user user = place->alice;

    user.role = ROLE_VIEWER;
    return store_user_put(place->store, &user, place->why);
}

static int remove_user(struct place *place)
{
    return store_user_remove(place->store, "alice", place->why);
}

static int add_session(struct place *place)
{
    struct store_session session = {.user_serial = place->alice.serial, .sha256 = {2}};

    return store_session_add(place->store, &session, place->why);
}

static int see_session(struct place *place)
{
    return store_session_set_seen(place->store, place->session.serial, 4711, place->why);
}

static int remove_session(struct place *place)
{
    return store_session_remove(place->store, place->session.serial, place->why);
}

static int add_token(struct place *place)
{
    struct store_token token = {.name = "other", .role = ROLE_VIEWER, .sha256 = {3}};

    return store_token_add(place->store, &token, place->why);
}

static int set_origin(struct place *place)
{
    static const uint8_t sha256[STORE_TOKEN_BYTES] = {4};

    return store_token_set_origin(place->store, STORE_TOKEN_CONFIGURATION, sha256, place->why);
}

static int remove_token(struct place *place)
{
    return store_token_remove(place->store, "deploy", place->why);
}

static int put_bridge(struct place *place)
{
    struct bridge_spec spec = west;

    spec.cost = 7;
    spec.channels.allow.n = 1;
    return store_bridge_put(place->store, &spec, true, place->why);
}

static int remove_bridge(struct place *place)
{
    return store_bridge_remove(place->store, "west", place->why);
}

static int set_password(struct place *place)
{
    return store_password_set(place->store, BYTES_LITERAL("room"), BYTES_LITERAL("other"), place->why);
}

static int remove_password(struct place *place)
{
    return store_password_remove(place->store, BYTES_LITERAL("room"), place->why);
}

static int write_settings(struct place *place)
{
    static const struct store_setting settings[] = {{"a", "1"}, {"b", "2"}};

    return store_setting_write(place->store, settings, 2, place->why);
}

/* Of two rows at most the older goes. */
static int append_audit(struct place *place)
{
    struct store_audit row = {.method = "PUT", .target = "/y", .status = 200};

    return store_audit_append(place->store, &row, 1, place->why);
}

static int put_user_staged(struct place *place)
{
    struct store_audit row = {.method = "PUT", .target = "/z", .status = 201};
    int r;

    store_audit_stage(&row, 100);
    r = put_user(place);
    store_audit_stage(NULL, 0);
    return r;
}

static int write_two(struct store *store, void *context, char *out_why)
{
    struct place *place = context;
    int r = put_user(place);

    (void)store;
    if (r == 0)
        r = put_bridge(place);
    if (r < 0)
        snprintf(out_why, STORE_WHY_SIZE, "%s", place->why);
    return r;
}

static int write_batch(struct place *place)
{
    char why[STORE_WHY_SIZE] = "";
    int r = store_batch(place->store, write_two, place, why);

    snprintf(place->why, sizeof place->why, "%s", why);
    return r;
}

static int rotate_key(struct place *place)
{
    return store_rekey(place->store, place->why);
}

/* After 1000 pages SQLite moves what is in the log to the database; that this fails is no fault of the write.
 */
static int write_much(struct place *place)
{
    static char text[9 << 19];
    const struct store_setting setting = {"much", text};

    memset(text, 'x', sizeof text - 1);
    return store_setting_write(place->store, &setting, 1, place->why);
}

static const struct {
    const char *what;
    int (*write)(struct place *place);
} writes[] = {
    {"a user is made", put_user},
    {"a user is changed", change_user},
    {"the first administrator is made", make_first_admin},
    {"a user is removed", remove_user},
    {"a session begins", add_session},
    {"a session is used", see_session},
    {"a session ends", remove_session},
    {"a token is made", add_token},
    {"a token is configured", set_origin},
    {"a token is removed", remove_token},
    {"a bridge is changed", put_bridge},
    {"a bridge is removed", remove_bridge},
    {"a password is set", set_password},
    {"a password is removed", remove_password},
    {"settings are written", write_settings},
    {"a row is added to the audit log", append_audit},
    {"a user is made and the audit log says so", put_user_staged},
    {"records are kept", write_events},
    {"several are one", write_batch},
    {"the key is rotated", rotate_key},
    {"much is written", write_much},
};

static int run_with_fault(struct place *place, int (*run)(struct place *place), enum fault kind, bool lasts,
                          unsigned n)
{
    int r;

    *place->why = '\0';
    faults.kind = kind;
    faults.lasts = lasts;
    faults.n_tried = 0;
    faults.has_failed = false;
    faults.first = n;
    r = run(place);
    faults.first = 0;
    return r;
}

/* True once a pass has come through; a store that was not changed is the next pass'. */
static bool try_write(void **state, size_t i, unsigned n, enum fault kind, bool lasts)
{
    struct place *place = *state;
    char *before = dump(place), *after;
    int r = run_with_fault(place, writes[i].write, kind, lasts, n);

    after = dump(place);
    if (r > 0 || (r < 0 && !*place->why) || (r == 0) == (strcmp(before, after) == 0))
        fail_msg("%s, fault %d at %u%s: %d, \"%s\"\n%s\n%s", writes[i].what, (int)kind, n,
                 lasts ? " and on" : "", r, place->why, before, after);
    free(before);
    free(after);
    assert_row(writes[i].what, faults.has_failed || r == 0);
    if (r == 0) {
        tear_down(state);
        set_up(state);
    }
    return !faults.has_failed;
}

static void try_all(enum fault kind, bool lasts)
{
    for (size_t i = 0; i < N_ELEMENTS(writes); i++) {
        unsigned n = 1;
        void *state;

        set_up(&state);
        while (!try_write(&state, i, n, kind, lasts)) {
            n += n < 24 ? 1 : n / 4; /* the first are the ones that differ */
            assert_row(writes[i].what, n < 100000);
        }
        assert_row(writes[i].what, n > 1);
        tear_down(&state);
    }
}

static void test_a_write_that_a_disk_fails_changes_nothing_and_says_so(void **state)
{
    (void)state;
    try_all(FAULT_IO, false);
}

static void test_a_disk_that_is_full_from_then_on_changes_nothing_either(void **state)
{
    (void)state;
    try_all(FAULT_FULL, true);
}

static void test_a_write_for_which_sqlite_has_no_memory_changes_nothing(void **state)
{
    (void)state;
    try_all(FAULT_MEMORY, false);
}

static int open_store(struct place *place)
{
    return store_open(&place->store, place->dir, place->why);
}

/* Opening counts the starts, and nothing else. */
static void test_a_store_that_could_not_be_opened_opens_once_the_fault_is_gone(void **state)
{
    static const enum fault kinds[] = {FAULT_IO, FAULT_FULL, FAULT_MEMORY};
    struct place *place;

    (void)state;
    set_up(state);
    place = *state;
    for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
        bool has_failed = true;

        for (unsigned n = 1; has_failed; n += n < 24 ? 1 : n / 4) {
            struct store_user alice;
            int r;

            store_close(place->store);
            place->store = NULL;
            r = run_with_fault(place, open_store, kinds[i], false, n);
            has_failed = faults.has_failed;
            assert_row(place->why, r == 0 || (r < 0 && *place->why));
            if (r < 0 && open_store(place) < 0)
                fail_msg("fault %d at %u: %s", (int)kinds[i], n, place->why);
            assert_int_equal(store_user_find(place->store, "alice", &alice, place->why), 0);
        }
    }
    tear_down(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_that_a_disk_fails_changes_nothing_and_says_so),
        cmocka_unit_test(test_a_disk_that_is_full_from_then_on_changes_nothing_either),
        cmocka_unit_test(test_a_write_for_which_sqlite_has_no_memory_changes_nothing),
        cmocka_unit_test(test_a_store_that_could_not_be_opened_opens_once_the_fault_is_gone),
    };

    install_faults();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
