/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_wire.h"

#include "federation/path.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/unit.h"

static const uint8_t zeros[64];
static const struct hub_id hub_a = {{0xaa}};
static const struct hub_id hub_b = {{0xbb}};

/* One message of each type with everything that it may hold. */
static struct link_message example(enum link_message_type type)
{
    struct link_message message = {.type = type};
    struct link_greeting greeting = {1, hub_a, 7, BYTES_LITERAL("alpha"), bytes_of(zeros, 32), 9, 65536};
    struct link_one one = {
        .to = hub_a,
        .life = 3,
        .from = hub_b,
        .incarnation = 7,
        .seq = 9,
        .trail = bytes_of(zeros, 32),
        .detour = 1,
        .part = 5,
        .back = bytes_of(zeros, 16),
        .channel = BYTES_LITERAL("room"),
        .event = BYTES_LITERAL("add"),
        .taken = bytes_of(zeros, 32),
        .body = BYTES_LITERAL("body"),
    };
    struct link_many many = {
        .origin = hub_a,
        .incarnation = 7,
        .seq = 9,
        .to = bytes_of(zeros, 48),
        .trail = bytes_of(zeros, 48),
        .detour = 2,
        .channel = BYTES_LITERAL("room"),
        .topic = BYTES_LITERAL("temp"),
        .stamp = bytes_of(zeros, 32),
        .body = BYTES_LITERAL("body"),
    };

    switch (type) {
    case LINK_MESSAGE_GREETING:
    case LINK_MESSAGE_CHALLENGE:
        message.greeting = greeting;
        break;
    case LINK_MESSAGE_PROOF:
        message.proven = (struct link_proven){
            .proof = bytes_of(zeros, 32), .cost = 10, .resume = {77, true, 5, 2, 60}, .is_trial = true};
        break;
    case LINK_MESSAGE_ACCEPT:
        message.proven = (struct link_proven){.proof = bytes_of(zeros, 32),
                                              .is_trial = true,
                                              .release = BYTES_LITERAL("0.1.0"),
                                              .resume = {0, true, 6, 2, 0}};
        break;
    case LINK_MESSAGE_REFUSE:
        message.refusal = (struct link_refusal){BYTES_LITERAL("why"), BYTES_LITERAL("because")};
        break;
    case LINK_MESSAGE_HELLO:
    case LINK_MESSAGE_ECHO:
        message.at_us = UINT64_C(1) << 40;
        break;
    case LINK_MESSAGE_ACK:
        message.ack = (struct link_ack){UINT64_C(1) << 40, 1 << 20, 0};
        break;
    case LINK_MESSAGE_DIGEST:
        message.digest = UINT64_MAX;
        break;
    case LINK_MESSAGE_SESSION:
        message.session.number = UINT64_MAX;
        message.session.cuts = 3;
        message.session.age_us = 1500;
        message.session.state = LINK_SESSION_OVER;
        break;
    case LINK_MESSAGE_PROVE:
    case LINK_MESSAGE_UNPROVE:
        message.channel_proofs = bytes_of(zeros, 2 * LINK_WIRE_CHANNEL_PROOF_BYTES);
        break;
    case LINK_MESSAGE_AGAIN:
        message.channel = BYTES_LITERAL("room");
        break;
    case LINK_MESSAGE_ONE:
    case LINK_MESSAGE_PROBE:
    case LINK_MESSAGE_PROBED:
        message.one = one;
        break;
    case LINK_MESSAGE_MANY:
        message.many = many;
        break;
    case LINK_MESSAGE_HOLD:
        message.hold = (struct link_hold){hub_a, hub_b, bytes_of(zeros, 16), BYTES_LITERAL("worker"), true};
        break;
    case LINK_MESSAGE_ERRAND:
        message.errand =
            (struct link_errand){hub_a, hub_b, bytes_of(zeros, 16), 77, ERRAND_REFUSED, BYTES_LITERAL("no")};
        break;
    case LINK_MESSAGE_ENTRIES:
    case LINK_MESSAGE_END:
    case LINK_MESSAGE_TELL_ALL:
    case LINK_MESSAGE_BEGIN:
    case LINK_MESSAGE_VOID:
    case LINK_MESSAGE_TYPE_COUNT:
        break;
    }
    return message;
}

static void test_every_message_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (unsigned type = 0; type < LINK_MESSAGE_TYPE_COUNT; type++) {
        struct link_message written = example((enum link_message_type)type);
        struct block *frame = link_wire_write(&written, 5);
        struct block *again;
        struct link_message read;

        assert_non_null(frame);
        assert_row(link_wire_type_name(written.type), link_wire_read(frame_body(frame), &read) == 0);
        assert_int_equal(read.type, type);
        assert_int_equal(read.number, 5);
        again = link_wire_write(&read, 5);
        assert_bytes(block_bytes(again), block_bytes(frame));
        block_unref(frame);
        block_unref(again);
    }
}

static void test_a_message_to_one_keeps_every_field(void **state)
{
    struct link_message written = example(LINK_MESSAGE_ONE);
    struct block *frame = link_wire_write(&written, 1);
    struct link_message read;

    (void)state;
    assert_int_equal(link_wire_read(frame_body(frame), &read), 0);
    assert_true(hub_id_equal(&read.one.to, &hub_a) && hub_id_equal(&read.one.from, &hub_b));
    assert_int_equal(read.one.life, 3);
    assert_int_equal(read.one.incarnation, 7);
    assert_int_equal(read.one.seq, 9);
    assert_int_equal(hub_id_list_count(read.one.trail), 2);
    assert_int_equal(read.one.detour, 1);
    assert_int_equal(read.one.part, 5);
    assert_int_equal(hub_id_list_count(read.one.back), 1);
    assert_text(read.one.channel, "room");
    assert_text(read.one.event, "add");
    assert_text(read.one.body, "body");
    block_unref(frame);
}

static void test_a_proof_says_what_becomes_of_the_earlier_session(void **state)
{
    static const struct link_resume cases[] = {
        {0, false, 0, 0, 0}, {77, false, 0, 4, 0}, {77, true, 0, 4, 30}, {77, true, 9, 1, 3600}};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(cases); i++) {
        struct link_message written = example(LINK_MESSAGE_PROOF);
        struct link_message read;
        struct block *frame;

        written.proven.resume = cases[i];
        frame = link_wire_write(&written, 0);
        assert_int_equal(link_wire_read(frame_body(frame), &read), 0);
        assert_true(read.proven.resume.session == cases[i].session &&
                    read.proven.resume.cuts == cases[i].cuts);
        assert_true(read.proven.resume.is_wanted == cases[i].is_wanted);
        assert_true(read.proven.resume.received == cases[i].received);
        assert_true(read.proven.resume.window_s == cases[i].window_s);
        block_unref(frame);
    }
}

static void test_a_detour_begins_within_the_trail_and_a_session_has_a_known_state(void **state)
{
    struct link_message message = example(LINK_MESSAGE_ONE);
    struct link_message session = example(LINK_MESSAGE_SESSION);
    struct link_message read;
    struct block *frame;

    (void)state;
    message.one.detour = 2;
    frame = link_wire_write(&message, 1);
    assert_int_equal(link_wire_read(frame_body(frame), &read), LINK_WIRE_E_BAD_FIELD);
    block_unref(frame);
    session.session.state = (enum link_session_state)3;
    frame = link_wire_write(&session, 1);
    assert_int_equal(link_wire_read(frame_body(frame), &read), LINK_WIRE_E_BAD_FIELD);
    block_unref(frame);
}

static void test_a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (unsigned type = 0; type < LINK_MESSAGE_TYPE_COUNT; type++) {
        struct link_message written = example((enum link_message_type)type);
        struct block *frame = link_wire_write(&written, 5);
        struct bytes body = frame_body(frame);
        struct link_message read;

        for (size_t len = 0; len < body.len; len++)
            assert_int_not_equal(link_wire_read(bytes_of(body.ptr, len), &read), 0);
        block_unref(frame);
    }
}

static void write_pair(struct buffer *out, const char *key, const char *value)
{
    msgpack_write_str(out, bytes_of_text(key));
    msgpack_write_str(out, bytes_of_text(value));
}

static int read_map(const char *const *texts, uint32_t n_pairs)
{
    struct buffer body = {0};
    struct link_message read;
    int r;

    msgpack_write_map(&body, n_pairs);
    for (uint32_t i = 0; i < n_pairs; i++)
        write_pair(&body, texts[2 * i], texts[2 * i + 1]);
    r = link_wire_read(buffer_bytes(&body), &read);
    buffer_clear(&body);
    return r;
}

static void test_faults_have_their_outcomes(void **state)
{
    (void)state;
    assert_int_equal(read_map((const char *[]){"type", "end"}, 1), 0);
    assert_int_equal(read_map((const char *[]){"type", "end", "later", "x"}, 2), 0);
    assert_int_equal(read_map((const char *[]){"type", "nonsense"}, 1), LINK_WIRE_E_UNKNOWN_TYPE);
    assert_int_equal(read_map((const char *[]){"later", "x"}, 1), LINK_WIRE_E_BAD_FIELD);
    assert_int_equal(read_map((const char *[]){"type", "hello"}, 1), LINK_WIRE_E_BAD_FIELD);
    assert_int_equal(read_map((const char *[]){"type", "hello", "at", "noon"}, 2), LINK_WIRE_E_BAD_FIELD);
    assert_int_equal(read_map((const char *[]){"type", "end", "n", "one"}, 2), LINK_WIRE_E_BAD_FIELD);
    assert_int_equal(read_map((const char *[]){"type", "end", "type", "end"}, 2), LINK_WIRE_E_MALFORMED);
}

static int read_ack(int64_t one, struct link_message *out_read)
{
    struct buffer body = {0};
    int r;

    msgpack_write_map(&body, one != 0 ? 3 : 2);
    write_pair(&body, "type", "ack");
    msgpack_write_str(&body, BYTES_LITERAL("received"));
    msgpack_write_u64(&body, 7);
    if (one != 0) {
        msgpack_write_str(&body, BYTES_LITERAL("one"));
        msgpack_write_i64(&body, one);
    }
    r = link_wire_read(buffer_bytes(&body), out_read);
    buffer_clear(&body);
    return r;
}

static void test_an_acknowledgement_without_credit_grants_all_and_credit_is_not_negative(void **state)
{
    struct link_message read;

    (void)state;
    assert_int_equal(read_ack(0, &read), 0);
    assert_true(read.ack.received == 7 && read.ack.one == UINT64_MAX && read.ack.many == UINT64_MAX);
    assert_int_equal(read_ack(512, &read), 0);
    assert_true(read.ack.one == 512 && read.ack.many == UINT64_MAX);
    assert_int_equal(read_ack(-1, &read), LINK_WIRE_E_BAD_FIELD);
}

static void test_a_hold_names_a_client_and_is_on_or_off(void **state)
{
    static const struct {
        const char *client;
        uint8_t state;
        int outcome;
    } rows[] = {
        {"worker", 0, 0},
        {"worker", 1, 0},
        {"worker", 2, LINK_WIRE_E_BAD_FIELD},
        {"", 1, LINK_WIRE_E_BAD_FIELD},
        {"a\nb", 1, LINK_WIRE_E_BAD_FIELD},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        struct link_message written = example(LINK_MESSAGE_HOLD);
        struct link_message read;
        struct block *frame;

        written.hold.client = bytes_of_text(rows[i].client);
        frame = link_wire_write(&written, 1);
        frame->ptr[frame->len - 1] = rows[i].state; /* the last field */
        assert_row(rows[i].client, link_wire_read(frame_body(frame), &read) == rows[i].outcome);
        block_unref(frame);
    }
}

static void test_lists_of_hubs_have_whole_ids(void **state)
{
    struct link_message message = example(LINK_MESSAGE_MANY);
    struct link_message read;
    struct block *frame;

    (void)state;
    message.many.to.len -= 1;
    frame = link_wire_write(&message, 1);
    assert_int_equal(link_wire_read(frame_body(frame), &read), LINK_WIRE_E_BAD_FIELD);
    block_unref(frame);
}

static struct link_entry example_entry(void)
{
    return (struct link_entry){
        .kind = 1,
        .change = LINK_ENTRY_SET,
        .origin = hub_a,
        .channel = BYTES_LITERAL("room"),
        .name = BYTES_LITERAL("add"),
        .incarnation = 3,
        .counter = UINT64_MAX,
        .cost = 40,
        .path = bytes_of(zeros, 2 * PATH_HOP_BYTES),
        .raw_attributes = BYTES_LITERAL("\x80"),
    };
}

static void test_entries_are_read_one_after_the_other(void **state)
{
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};
    struct link_message read;
    struct link_entry entry = example_entry();
    struct msgpack_reader reader;
    struct link_entries entries = {0};
    struct block *frame;

    (void)state;
    link_wire_append_entry(&entries, &entry);
    entry.change = LINK_ENTRY_DEAD;
    entry.path = BYTES_NONE;
    entry.first_channel = BYTES_LITERAL("hall");
    link_wire_append_entry(&entries, &entry);
    message.entries.n = entries.n;
    message.entries.raw = buffer_bytes(&entries.raw);
    frame = link_wire_write(&message, 1);
    assert_int_equal(link_wire_read(frame_body(frame), &read), 0);
    assert_int_equal(read.entries.n, 2);
    reader = msgpack_reader_of(read.entries.raw);
    entry = (struct link_entry){0};
    assert_int_equal(link_wire_next_entry(&reader, &entry), 0);
    assert_text(entry.channel, "room");
    assert_int_equal(entry.first_channel.len, 0);
    assert_true(entry.counter == UINT64_MAX);
    assert_int_equal(path_n_hops(entry.path), 2);
    assert_int_equal(link_wire_next_entry(&reader, &entry), 0);
    assert_int_equal(entry.change, LINK_ENTRY_DEAD);
    assert_text(entry.first_channel, "hall");
    assert_true(msgpack_reader_is_at_end(&reader));
    assert_int_equal(link_wire_next_entry(&reader, &entry), LINK_WIRE_E_BAD_FIELD);
    block_unref(frame);
    link_wire_clear_entries(&entries);
}

/* What each of the entries must be, in one message. */
static void assert_come_back(const struct link_entry *written, size_t n)
{
    struct link_entries entries = {0};
    struct link_entry read = {0};
    struct msgpack_reader reader;

    for (size_t i = 0; i < n; i++)
        link_wire_append_entry(&entries, &written[i]);
    assert_int_equal(entries.n, n);
    reader = msgpack_reader_of(buffer_bytes(&entries.raw));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(link_wire_next_entry(&reader, &read), 0);
        assert_true(hub_id_equal(&read.origin, &written[i].origin));
        assert_true(bytes_equal(read.channel, written[i].channel));
        assert_true(bytes_equal(read.first_channel, written[i].first_channel));
        assert_true(read.replaced == written[i].replaced);
        assert_int_equal(read.held_back, written[i].held_back);
        if (written[i].change != LINK_ENTRY_SET)
            continue;
        assert_true(bytes_equal(read.path, written[i].path));
        assert_true(bytes_equal(read.raw_attributes, written[i].raw_attributes));
    }
    assert_true(msgpack_reader_is_at_end(&reader));
    link_wire_clear_entries(&entries);
}

static void test_an_entry_says_what_it_replaces_with_and_without_another_name(void **state)
{
    struct link_entry entries[] = {example_entry(), example_entry()};

    (void)state;
    entries[0].replaced = entries[1].replaced = UINT64_MAX;
    entries[1].first_channel = BYTES_LITERAL("hall");
    assert_come_back(entries, 2);
}

static void test_an_entry_says_what_is_held_back_on_its_way_and_the_next_one_does_not(void **state)
{
    struct link_entry entries[] = {example_entry(), example_entry(), example_entry()};

    (void)state;
    entries[0].held_back = UINT8_MAX;
    entries[1].held_back = 2;
    entries[1].first_channel = BYTES_LITERAL("hall");
    entries[1].replaced = 1;
    assert_come_back(entries, 3);
}

static void test_what_an_entry_has_in_common_with_those_before_it_is_said_once(void **state)
{
    struct link_entry entries[6];
    struct link_entries one = {0};
    struct link_entries two = {0};

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(entries); i++)
        entries[i] = example_entry();
    entries[1].change = LINK_ENTRY_LOST;
    entries[2].path.len = PATH_HOP_BYTES;
    entries[3].channel = BYTES_LITERAL("hall");
    entries[4].origin.octets[0]++;
    entries[5].raw_attributes = BYTES_LITERAL("\x81\xa1"
                                              "a\x01");
    assert_come_back(entries, N_ELEMENTS(entries));
    link_wire_append_entry(&one, &entries[0]);
    link_wire_append_entry(&two, &entries[0]);
    link_wire_append_entry(&two, &entries[0]);
    assert_true(two.raw.len - one.raw.len + 2 * PATH_HOP_BYTES + HUB_ID_BYTES < one.raw.len);
    link_wire_begin_entries(&two);
    link_wire_append_entry(&two, &entries[0]);
    assert_true(bytes_equal(buffer_bytes(&one.raw), buffer_bytes(&two.raw)));
    link_wire_clear_entries(&one);
    link_wire_clear_entries(&two);
}

/* MessagePack, of so many bytes. */
static struct bytes attributes_of(size_t len)
{
    static uint8_t raw[2 * LINK_WIRE_MAX_REPEATED_BYTES] = {0xc5};

    raw[1] = (uint8_t)((len - 3) >> 8);
    raw[2] = (uint8_t)(len - 3);
    return bytes_of(raw, len);
}

/* The same entry twice, with attributes of so many bytes. */
static void write_twice(struct link_entries *out, size_t attributes_len)
{
    struct link_entry entry = example_entry();

    entry.raw_attributes = attributes_of(attributes_len);
    link_wire_append_entry(out, &entry);
    link_wire_append_entry(out, &entry);
}

/* Or a short message could make a hub keep a thousand times its length. */
static void test_long_attributes_are_said_each_time_and_must_be(void **state)
{
    struct link_entry entry = example_entry();
    struct link_entries entries = {0};
    struct link_entries other = {0};
    struct link_entry read = {0};
    struct msgpack_reader reader;
    struct bytes second;

    (void)state;
    write_twice(&entries, LINK_WIRE_MAX_REPEATED_BYTES);
    assert_true(entries.raw.len < 2 * LINK_WIRE_MAX_REPEATED_BYTES);
    link_wire_begin_entries(&entries);
    write_twice(&entries, LINK_WIRE_MAX_REPEATED_BYTES + 1);
    assert_true(entries.raw.len > 2 * LINK_WIRE_MAX_REPEATED_BYTES);

    write_twice(&other, 4);
    reader = msgpack_reader_of(buffer_bytes(&other.raw));
    assert_int_equal(link_wire_next_entry(&reader, &read), 0);
    second = bytes_from(reader.bytes, reader.offset);
    link_wire_begin_entries(&entries);
    entry.raw_attributes = attributes_of(LINK_WIRE_MAX_REPEATED_BYTES + 1);
    link_wire_append_entry(&entries, &entry);
    buffer_append_bytes(&entries.raw, second);
    reader = msgpack_reader_of(buffer_bytes(&entries.raw));
    assert_int_equal(link_wire_next_entry(&reader, &read), 0);
    assert_int_equal(link_wire_next_entry(&reader, &read), LINK_WIRE_E_BAD_FIELD);
    link_wire_clear_entries(&entries);
    link_wire_clear_entries(&other);
}

static void test_the_first_entry_has_nothing_to_repeat(void **state)
{
    struct link_entries entries = {0};
    struct link_entry read = {0};
    struct msgpack_reader reader;
    struct bytes second;

    (void)state;
    write_twice(&entries, 4);
    reader = msgpack_reader_of(buffer_bytes(&entries.raw));
    assert_int_equal(link_wire_next_entry(&reader, &read), 0);
    second = bytes_from(reader.bytes, reader.offset);
    assert_int_equal(link_wire_next_entry(&reader, &read), 0);
    reader = msgpack_reader_of(second);
    assert_int_equal(link_wire_next_entry(&reader, &read), LINK_WIRE_E_BAD_FIELD);
    link_wire_clear_entries(&entries);
}

static void test_an_entry_with_a_broken_path_or_name_is_refused(void **state)
{
    struct link_entry entries[] = {example_entry(), example_entry(), example_entry(), example_entry(),
                                   example_entry()};

    (void)state;
    entries[0].path.len -= 1;
    entries[1].name = BYTES_LITERAL("a\nb");
    entries[2].change = (enum link_entry_change)7;
    entries[3].path = BYTES_NONE;
    entries[4].raw_attributes = BYTES_NONE;
    for (size_t i = 0; i < N_ELEMENTS(entries); i++) {
        struct link_entries written = {0};
        struct link_entry read = {0};
        struct msgpack_reader reader;

        link_wire_append_entry(&written, &entries[i]);
        reader = msgpack_reader_of(buffer_bytes(&written.raw));
        assert_int_equal(link_wire_next_entry(&reader, &read), LINK_WIRE_E_BAD_FIELD);
        link_wire_clear_entries(&written);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_is_read_as_it_was_written),
        cmocka_unit_test(test_a_message_to_one_keeps_every_field),
        cmocka_unit_test(test_a_proof_says_what_becomes_of_the_earlier_session),
        cmocka_unit_test(test_a_detour_begins_within_the_trail_and_a_session_has_a_known_state),
        cmocka_unit_test(test_a_message_cut_anywhere_is_refused),
        cmocka_unit_test(test_faults_have_their_outcomes),
        cmocka_unit_test(test_an_acknowledgement_without_credit_grants_all_and_credit_is_not_negative),
        cmocka_unit_test(test_a_hold_names_a_client_and_is_on_or_off),
        cmocka_unit_test(test_lists_of_hubs_have_whole_ids),
        cmocka_unit_test(test_entries_are_read_one_after_the_other),
        cmocka_unit_test(test_an_entry_says_what_it_replaces_with_and_without_another_name),
        cmocka_unit_test(test_an_entry_says_what_is_held_back_on_its_way_and_the_next_one_does_not),
        cmocka_unit_test(test_what_an_entry_has_in_common_with_those_before_it_is_said_once),
        cmocka_unit_test(test_long_attributes_are_said_each_time_and_must_be),
        cmocka_unit_test(test_the_first_entry_has_nothing_to_repeat),
        cmocka_unit_test(test_an_entry_with_a_broken_path_or_name_is_refused),
    };

    return cmocka_run_group_tests_name("link_wire", tests, NULL, NULL);
}
