/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/spool_file.h"

#include <pthread.h> /* the file has a thread of its own */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/io/loop.h"
#include "mgmt/store/db.h"
#include "tests/support/unit.h"

#define LANE 5

struct place {
    char dir[40];
    struct loop *loop;
    struct mailbox *mailbox;
    struct spool_file *file;
    const struct spool *spool;
    /* What was told. */
    uint64_t stored;
    char read[256]; /* number:body, with spaces between */
    int n_readings;
    uint64_t n_delivered;
    uint64_t n_lost;
    struct spool_loss loss;
    struct spool_mark marked;
    int n_faults;
    int n_failed_puts;
};

static void on_stored(void *context, uint64_t lane, uint64_t number)
{
    struct place *place = context;

    assert_int_equal(lane, LANE);
    place->stored = number;
}

static void on_read(void *context, uint64_t lane, const struct spool_row *rows, size_t n_rows)
{
    struct place *place = context;
    size_t len = 0;

    assert_int_equal(lane, LANE);
    place->n_readings++;
    place->read[0] = '\0';
    for (size_t i = 0; i < n_rows && len < sizeof place->read - 40; i++)
        len += (size_t)snprintf(place->read + len, sizeof place->read - len, "%s%llu:%.*s", i ? " " : "",
                                (unsigned long long)rows[i].number, (int)rows[i].body.len,
                                (const char *)rows[i].body.ptr);
}

static void on_delivered(void *context, uint64_t lane, uint64_t n_messages, uint64_t n_bytes)
{
    struct place *place = context;

    assert_int_equal(lane, LANE);
    assert_int_equal(n_bytes, 3 * n_messages);
    place->n_delivered += n_messages;
}

static void on_lost(void *context, const char *bridge, const struct spool_loss *loss)
{
    struct place *place = context;

    assert_true(strcmp(bridge, "west") == 0 || loss->n_messages == 0);
    assert_int_equal(loss->n_bytes, 3 * loss->n_messages);
    place->n_lost += loss->n_messages;
    place->loss = *loss;
}

static void on_marked(void *context, const struct spool_mark *mark)
{
    ((struct place *)context)->marked = *mark;
}

static void on_fault(void *context, const char *why)
{
    assert_true(strlen(why) > 0);
    ((struct place *)context)->n_faults++;
}

static void on_put_failed(void *context, uint64_t lane, size_t n_bytes)
{
    assert_true(lane != 0 && n_bytes == 3);
    ((struct place *)context)->n_failed_puts++;
}

static const struct spool_listener listener = {
    .on_stored = on_stored,
    .on_read = on_read,
    .on_delivered = on_delivered,
    .on_lost = on_lost,
    .on_marked = on_marked,
    .on_fault = on_fault,
    .on_put_failed = on_put_failed,
};

static void open_place(struct place *place)
{
    char why[SPOOL_FILE_WHY_SIZE];

    assert_int_equal(loop_new(&place->loop), 0);
    assert_int_equal(mailbox_new(&place->mailbox, place->loop), 0);
    if (spool_file_open(&place->file, place->dir, place->mailbox, why) < 0)
        fail_msg("%s", why);
    place->spool = spool_file_spool(place->file);
    place->spool->listen(place->spool->context, &listener, place);
}

static void close_place(struct place *place)
{
    spool_file_stop(place->file);
    mailbox_free(place->mailbox);
    spool_file_free(place->file);
    loop_free(place->loop);
}

static void reopen(struct place *place)
{
    close_place(place);
    open_place(place);
}

static int set_up(void **state)
{
    static struct place place;

    place = (struct place){.dir = "/tmp/commhub-spool-XXXXXX"};
    assert_non_null(mkdtemp(place.dir));
    open_place(&place);
    *state = &place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    char path[64];

    close_place(place);
    snprintf(path, sizeof path, "%s/spool.db", place->dir);
    unlink(path);
    return rmdir(place->dir);
}

/* Reads the whole lane; all that was asked for before has been done then, and told. */
static const char *read_all(struct place *place, uint64_t after)
{
    int before = place->n_readings;

    assert_int_equal(place->spool->read(place->spool->context, LANE, after), 0);
    while (place->n_readings == before)
        assert_true(loop_turn(place->loop, 1000) >= 0);
    return place->read;
}

static void open_lane(struct place *place)
{
    const struct spool_lane lane = {
        .id = LANE, .bridge = "west", .channel = BYTES_LITERAL("room"), .topic = BYTES_LITERAL("news")};

    assert_int_equal(place->spool->open(place->spool->context, &lane), 0);
}

static void put(struct place *place, uint64_t number, uint64_t wall_s, const char *body)
{
    assert_int_equal(place->spool->put(place->spool->context, LANE, number, wall_s, bytes_of_text(body)), 0);
}

static void put_three(struct place *place)
{
    open_lane(place);
    put(place, 1, 100, "one");
    put(place, 2, 200, "two");
    put(place, 4, 300, "six");
}

static void test_messages_come_back_in_their_order(void **state)
{
    struct place *place = *state;

    put_three(place);
    assert_string_equal(read_all(place, 0), "1:one 2:two 4:six");
    assert_int_equal(place->stored, 4);
    assert_string_equal(read_all(place, 1), "2:two 4:six");
    assert_string_equal(read_all(place, 4), "");
}

static void test_what_was_delivered_goes(void **state)
{
    struct place *place = *state;

    put_three(place);
    assert_int_equal(place->spool->drop(place->spool->context, LANE, 3), 0);
    assert_string_equal(read_all(place, 0), "4:six");
    assert_int_equal(place->n_delivered, 2);
}

static void test_the_oldest_go_first_and_no_more_than_asked_for(void **state)
{
    struct place *place = *state;

    put_three(place);
    assert_int_equal(place->spool->evict(place->spool->context, "west", 4), 0);
    assert_string_equal(read_all(place, 0), "4:six");
    assert_int_equal(place->n_lost, 2);
    assert_false(place->loss.is_by_age);
    assert_int_equal(place->loss.asked_bytes, 4);
    assert_int_equal(place->spool->evict(place->spool->context, "east", 4), 0);
    assert_string_equal(read_all(place, 0), "4:six");
}

static void test_what_is_too_old_goes(void **state)
{
    struct place *place = *state;

    put_three(place);
    assert_int_equal(place->spool->expire(place->spool->context, "west", 200), 0);
    assert_string_equal(read_all(place, 0), "2:two 4:six");
    assert_true(place->loss.is_by_age);
}

static int see_lane(const struct spool_lane *lane, void *to)
{
    struct place *place = to;

    assert_int_equal(lane->id, LANE);
    assert_string_equal(lane->bridge, "west");
    assert_text(lane->channel, "room");
    assert_text(lane->topic, "news");
    assert_int_equal(lane->last_number, 4);
    place->n_delivered = lane->n_messages * 100 + lane->n_bytes;
    return 0;
}

static int see_mark(const struct spool_mark *mark, void *to)
{
    ((struct place *)to)->marked = *mark;
    return 0;
}

static int see_bridge(const char *bridge, const uint8_t *hub_id, void *to)
{
    (void)to;
    assert_string_equal(bridge, "west");
    assert_int_equal(hub_id[15], 9);
    return 0;
}

static void test_all_is_there_after_a_restart(void **state)
{
    struct place *place = *state;
    const struct spool_mark mark = {UINT64_MAX - 1, 3, 99};
    const uint8_t hub_id[SPOOL_HUB_ID_BYTES] = {[15] = 9};
    uint64_t id = place->spool->id;

    put_three(place);
    assert_int_equal(place->spool->drop(place->spool->context, LANE, 1), 0);
    assert_int_equal(place->spool->mark(place->spool->context, &mark), 0);
    assert_int_equal(place->spool->know(place->spool->context, "west", hub_id), 0);
    reopen(place);
    assert_int_equal(place->spool->id, id);
    assert_int_equal(place->spool->each_lane(place->spool->context, see_lane, place), 0);
    assert_int_equal(place->n_delivered, 206);
    assert_int_equal(place->spool->each_mark(place->spool->context, see_mark, place), 0);
    assert_memory_equal(&place->marked, &mark, sizeof mark);
    assert_int_equal(place->spool->each_bridge(place->spool->context, see_bridge, place), 0);
    assert_string_equal(read_all(place, 0), "2:two 4:six");
}

static void test_a_removed_bridge_takes_its_messages_with_it(void **state)
{
    struct place *place = *state;

    put_three(place);
    assert_int_equal(place->spool->forget(place->spool->context, "west"), 0);
    assert_string_equal(read_all(place, 0), "");
}

static void test_what_the_disk_refuses_is_told_and_the_next_is_stored(void **state)
{
    struct place *place = *state;

    open_lane(place);
    put(place, 1, 100, "one");
    (void)read_all(place, 0);
    put(place, 1, 100, "two"); /* the number is taken */
    while (place->n_failed_puts == 0)
        assert_true(loop_turn(place->loop, 1000) >= 0);
    assert_int_equal(place->n_faults, 1);
    put(place, 2, 100, "six");
    assert_string_equal(read_all(place, 0), "1:one 2:six");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_messages_come_back_in_their_order),
        T(test_what_was_delivered_goes),
        T(test_the_oldest_go_first_and_no_more_than_asked_for),
        T(test_what_is_too_old_goes),
        T(test_all_is_there_after_a_restart),
        T(test_a_removed_bridge_takes_its_messages_with_it),
        T(test_what_the_disk_refuses_is_told_and_the_next_is_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
