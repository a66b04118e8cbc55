/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One mesh that guards the channel `vault`, and far hubs played by the test, which makes their proofs itself
 */
#include "federation/guards.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "federation/attributes.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define VAULT BYTES_LITERAL("vault")
#define PROOF_BYTES LINK_WIRE_CHANNEL_PROOF_BYTES

static const struct hub_id own = {{0x50}};
static const uint8_t secret[MESH_SECRET_BYTES] = {1};
static const uint8_t other_secret[MESH_SECRET_BYTES] = {2};
static const uint8_t key[MESH_SECRET_BYTES] = {0xa1};
static const uint8_t other_key[MESH_SECRET_BYTES] = {0xa2};

static struct mesh *mesh;
static unsigned n_asked;
static unsigned n_words[MESH_CHANNEL_REFUSED + 1];
static unsigned n_ended;
static unsigned n_sent[LINK_MESSAGE_TYPE_COUNT];
static unsigned n_entries;              /* other than of hubs, told as reachable */
static unsigned n_withdrawals;          /* likewise, as not */
static uint8_t last_proof[PROOF_BYTES]; /* of ours, told or taken back */
static unsigned n_handled;

static void count_entries(const struct link_message *message)
{
    struct msgpack_reader reader = msgpack_reader_of(message->entries.raw);
    struct link_entry entry = {0};

    for (uint32_t i = 0; i < message->entries.n; i++) {
        assert_int_equal(link_wire_next_entry(&reader, &entry), 0);
        if (entry.kind == ROUTE_HUB)
            continue;
        if (entry.change == LINK_ENTRY_SET)
            n_entries++;
        else
            n_withdrawals++;
    }
}

static void outlet_send(void *context, void *link, struct block *frame)
{
    struct link_message message;

    (void)context;
    (void)link;
    assert_int_equal(link_wire_read(frame_body(frame), &message), 0);
    n_sent[message.type]++;
    if (message.type == LINK_MESSAGE_ENTRIES)
        count_entries(&message);
    if (message.type == LINK_MESSAGE_PROVE || message.type == LINK_MESSAGE_UNPROVE)
        memcpy(last_proof, message.channel_proofs.ptr, PROOF_BYTES);
}

static void outlet_end_link(void *context, void *link, const char *reason)
{
    (void)context;
    (void)link;
    assert_non_null(reason);
    n_ended++;
}

static void outlet_on_synced(void *context, void *link)
{
    (void)context;
    (void)link;
}

static void outlet_wake(void *context)
{
    (void)context;
}

static void outlet_wake_at(void *context, uint64_t at_ms)
{
    (void)context;
    (void)at_ms;
}

static void outlet_warn(void *context, const char *event, const char *text)
{
    (void)context;
    (void)event;
    (void)text;
}

static void outlet_stretch(void *context, struct bytes channel, const uint8_t *asked)
{
    (void)context;
    assert_text(channel, "vault");
    assert_non_null(asked);
    n_asked++;
}

static void outlet_on_channel(void *context, void *link, struct bytes channel, enum mesh_channel_word word)
{
    (void)context;
    assert_non_null(link);
    assert_text(channel, "vault");
    n_words[word]++;
}

static int add_peer(void *context, struct origin *origin, struct bytes server_id, void **out_peer)
{
    (void)context;
    (void)server_id;
    *out_peer = origin;
    return 0;
}

static void peer_gone(void *context, void *peer, enum end_reason reason)
{
    (void)context;
    (void)peer;
    (void)reason;
}

static int offer(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    (void)peer;
    (void)entry;
    return 0;
}

static void retract(void *context, void *peer, const struct mesh_offer *entry)
{
    (void)context;
    (void)peer;
    (void)entry;
}

static void handle(void *context, void *peer, const struct message *message)
{
    (void)context;
    (void)peer;
    (void)message;
    n_handled++;
}

static void deliver(void *context, void *peer, const struct link_many *many)
{
    (void)peer;
    (void)context;
    (void)many;
    n_handled++;
}

static struct hub_time now(void)
{
    return (struct hub_time){1000, 1};
}

/* When what has changed twice is told. */
static struct hub_time rested(void)
{
    return (struct hub_time){1000 + PACER_LEAST_MS, 1};
}

static int set_up(void **state)
{
    struct mesh_options options = {own, 1, BYTES_LITERAL("me"), 0};
    struct mesh_outlet outlet = {.send = outlet_send,
                                 .end_link = outlet_end_link,
                                 .on_synced = outlet_on_synced,
                                 .wake = outlet_wake,
                                 .wake_at = outlet_wake_at,
                                 .warn = outlet_warn,
                                 .stretch = outlet_stretch,
                                 .on_channel = outlet_on_channel};
    struct mesh_core core = {.add_peer = add_peer,
                             .peer_gone = peer_gone,
                             .offer = offer,
                             .retract = retract,
                             .handle = handle,
                             .deliver = deliver};

    (void)state;
    n_asked = n_ended = n_entries = n_withdrawals = n_handled = 0;
    memset(n_words, 0, sizeof n_words);
    memset(n_sent, 0, sizeof n_sent);
    return mesh_new(&mesh, &options, &outlet, &core, now());
}

static int tear_down(void **state)
{
    (void)state;
    mesh_free(mesh);
    return 0;
}

static struct hub_id hub(uint8_t first)
{
    return (struct hub_id){{first}};
}

static uint64_t session_of(uint8_t peer)
{
    return 0x0102030405060700U + peer;
}

static struct mesh_link *join(uint8_t peer)
{
    struct mesh_link_options options = {(void *)(intptr_t)peer, hub(peer), 1, 0,    0,
                                        session_of(peer),       10,        0, NULL, BRIDGE_MANAGEMENT_NONE};
    struct mesh_link *link;

    assert_int_equal(mesh_link_up(mesh, &options, now(), &link), 0);
    return link;
}

/* As docs/federation.md says it is made. */
static void make_proof(const uint8_t *by_key, uint64_t session, struct hub_id prover, struct hub_id verifier,
                       uint8_t out_proof[PROOF_BYTES])
{
    struct buffer text = {0};

    buffer_append_text(&text, "commhub channel proof ");
    for (int shift = 56; shift >= 0; shift -= 8)
        buffer_append(&text, &(uint8_t){(uint8_t)(session >> shift)}, 1);
    buffer_append_bytes(&text, hub_id_bytes(&prover));
    buffer_append_bytes(&text, hub_id_bytes(&verifier));
    assert_non_null(HMAC(EVP_sha256(), by_key, MESH_SECRET_BYTES, text.ptr, text.len, out_proof, NULL));
    buffer_clear(&text);
}

static int say(struct mesh_link *link, enum link_message_type type, struct bytes proofs)
{
    struct link_message message = {.type = type, .channel_proofs = proofs};

    return mesh_link_receive(link, &message, now());
}

/* The far hub's honest proof, told or taken back. */
static void prove(struct mesh_link *link, uint8_t peer, const uint8_t *by_key, enum link_message_type type)
{
    uint8_t proof[PROOF_BYTES];

    make_proof(by_key, session_of(peer), hub(peer), own, proof);
    assert_int_equal(say(link, type, bytes_of(proof, PROOF_BYTES)), 0);
}

static void guard_vault(void)
{
    mesh_local_guard(mesh, VAULT, true, secret);
    mesh_channel_key(mesh, VAULT, secret, key, now());
}

static void provide_locally(void)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};

    mesh_local_service(mesh, VAULT, BYTES_LITERAL("add"), &service);
}

/* The far hub tells something of the vault. */
static void tell_entry(struct mesh_link *link, uint8_t peer, enum link_entry_change change, uint64_t counter)
{
    struct peering_service service = {.owner = BYTES_LITERAL("p"), .n_providers = 1};
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};
    struct link_entry entry = {
        .kind = ROUTE_SERVICE,
        .change = change,
        .origin = hub(peer),
        .channel = VAULT,
        .name = BYTES_LITERAL("there"),
        .incarnation = 1,
        .counter = counter,
    };
    struct buffer attributes = {0};
    struct buffer path = {0};
    struct link_entries entries = {0};

    attributes_write_service(&attributes, &service);
    path_append(&path, &(struct hop){hub(peer), session_of(peer)});
    entry.path = buffer_bytes(&path);
    entry.raw_attributes = buffer_bytes(&attributes);
    link_wire_append_entry(&entries, &entry);
    message.entries.n = 1;
    message.entries.raw = buffer_bytes(&entries.raw);
    assert_int_equal(mesh_link_receive(link, &message, now()), 0);
    buffer_clear(&attributes);
    buffer_clear(&path);
    link_wire_clear_entries(&entries);
}

static uint64_t n_refused(enum mesh_refusal refusal)
{
    return mesh_counts(mesh).refused[refusal];
}

static void test_a_key_is_asked_for_when_there_is_a_link_and_once(void **state)
{
    (void)state;
    mesh_local_guard(mesh, VAULT, true, secret);
    assert_int_equal(n_asked, 0);
    join(0x10);
    join(0x20);
    assert_int_equal(n_asked, 1);
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 0);
    mesh_channel_key(mesh, VAULT, secret, key, now());
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 2);
    join(0x30);
    assert_int_equal(n_asked, 1);
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 3);
}

static void test_a_proof_binds_the_session_and_who_proves_to_whom(void **state)
{
    uint8_t expected[PROOF_BYTES];

    (void)state;
    guard_vault();
    join(0x10);
    mesh_channel_key(mesh, VAULT, secret, key, now());
    make_proof(key, session_of(0x10), own, hub(0x10), expected);
    assert_memory_equal(last_proof, expected, PROOF_BYTES);
}

static void test_a_key_of_an_earlier_password_is_passed_over(void **state)
{
    (void)state;
    join(0x10);
    mesh_local_guard(mesh, VAULT, true, secret);
    mesh_local_guard(mesh, VAULT, true, other_secret);
    mesh_channel_key(mesh, VAULT, secret, key, now());
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 0);
    mesh_channel_key(mesh, VAULT, other_secret, other_key, now());
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 1);
}

static void test_whichever_proof_comes_first_both_prove(void **state)
{
    struct mesh_link *early = join(0x10);
    struct mesh_link *late;

    (void)state;
    provide_locally();
    mesh_local_guard(mesh, VAULT, true, secret);
    assert_int_equal(n_withdrawals, 1);
    prove(early, 0x10, key, LINK_MESSAGE_PROVE);
    assert_int_equal(n_words[MESH_CHANNEL_PROVEN], 0);
    n_entries = 0;
    mesh_channel_key(mesh, VAULT, secret, key, now());
    assert_int_equal(n_words[MESH_CHANNEL_PROVEN], 1);
    mesh_settle(mesh, rested());
    assert_int_equal(n_entries, 1);
    late = join(0x20);
    assert_int_equal(n_entries, 1);
    prove(late, 0x20, key, LINK_MESSAGE_PROVE);
    assert_int_equal(n_words[MESH_CHANNEL_PROVEN], 2);
    assert_int_equal(n_entries, 2);
    prove(late, 0x20, key, LINK_MESSAGE_UNPROVE);
    assert_int_equal(n_words[MESH_CHANNEL_UNPROVEN], 1);
    assert_int_equal(n_withdrawals, 2);
}

static void test_no_false_proof_opens_the_channel(void **state)
{
    static const struct {
        const char *what;
        const uint8_t *by_key;
        uint64_t session;
        uint8_t prover;
        uint8_t verifier;
    } rows[] = {
        {"another password's", other_key, 0, 0x10, 0x50},
        {"a replay of another session", key, 42, 0x10, 0x50},
        {"our own, sent back", key, 0, 0x50, 0x10},
        {"one for another hub", key, 0, 0x10, 0x20},
        {"another hub's, passed on", key, 0, 0x20, 0x50},
    };
    struct mesh_link *link = join(0x10);
    uint8_t proof[PROOF_BYTES];

    (void)state;
    provide_locally();
    guard_vault();
    mesh_channel_key(mesh, VAULT, secret, key, now());
    n_entries = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_proof(rows[i].by_key, rows[i].session ? rows[i].session : session_of(0x10), hub(rows[i].prover),
                   hub(rows[i].verifier), proof);
        assert_row(rows[i].what, say(link, LINK_MESSAGE_PROVE, bytes_of(proof, PROOF_BYTES)) == 0);
        assert_row(rows[i].what, !guards_let(link, VAULT) && n_entries == 0);
    }
    make_proof(key, session_of(0x10), hub(0x10), own, proof);
    proof[31] ^= 1;
    assert_int_equal(say(link, LINK_MESSAGE_PROVE, bytes_of(proof, PROOF_BYTES)), 0);
    assert_false(guards_let(link, VAULT));
    assert_int_equal(mesh_link_guards(link).n_foreign, 6);
    assert_int_equal(mesh_link_guards(link).n_unproven, 1);
    prove(link, 0x10, key, LINK_MESSAGE_PROVE);
    assert_true(guards_let(link, VAULT));
    assert_int_equal(mesh_link_guards(link).n_proven, 1);
}

static void test_what_is_no_row_of_proofs_breaks_the_rules(void **state)
{
    static const uint8_t zeros[1025 * PROOF_BYTES];
    struct mesh_link *link = join(0x10);

    (void)state;
    assert_int_equal(say(link, LINK_MESSAGE_PROVE, BYTES_NONE), MESH_E_BAD_MESSAGE);
    assert_int_equal(say(link, LINK_MESSAGE_PROVE, bytes_of(zeros, 33)), MESH_E_BAD_MESSAGE);
    assert_int_equal(say(link, LINK_MESSAGE_PROVE, bytes_of(zeros, sizeof zeros)), MESH_E_BAD_MESSAGE);
    assert_int_equal(say(link, LINK_MESSAGE_UNPROVE, bytes_of(zeros, 32)), 0);
}

static void test_no_more_proofs_are_kept_than_there_is_room_for(void **state)
{
    static uint8_t batch[1024 * PROOF_BYTES];
    struct mesh_link *link = join(0x10);

    (void)state;
    for (unsigned n = 0; n < GUARDS_MAX_HEARD / 1024 + 1; n++) {
        for (unsigned i = 0; i < 1024; i++) {
            memcpy(batch + (size_t)i * PROOF_BYTES, &n, sizeof n);
            memcpy(batch + (size_t)i * PROOF_BYTES + sizeof n, &i, sizeof i);
        }
        assert_int_equal(say(link, LINK_MESSAGE_PROVE, bytes_of(batch, sizeof batch)), 0);
    }
    assert_int_equal(mesh_link_guards(link).n_foreign, GUARDS_MAX_HEARD);
    assert_int_equal(n_refused(MESH_REFUSED_OVER_LIMIT), 1024);
}

static void test_what_comes_without_a_proof_is_refused_and_told_once(void **state)
{
    struct mesh_link *link = join(0x10);

    (void)state;
    guard_vault();
    tell_entry(link, 0x10, LINK_ENTRY_SET, 1);
    tell_entry(link, 0x10, LINK_ENTRY_SET, 2);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    assert_int_equal(n_refused(MESH_REFUSED_UNPROVEN), 2);
    assert_int_equal(n_words[MESH_CHANNEL_REFUSED], 1);
}

static void test_not_even_a_withdrawal_is_taken_without_a_proof(void **state)
{
    struct mesh_link *honest = join(0x10);
    struct mesh_link *liar = join(0x20);

    (void)state;
    guard_vault();
    mesh_channel_key(mesh, VAULT, secret, key, now());
    prove(honest, 0x10, key, LINK_MESSAGE_PROVE);
    tell_entry(honest, 0x10, LINK_ENTRY_SET, 1);
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
    tell_entry(liar, 0x10, LINK_ENTRY_DEAD, 99);
    assert_int_equal(mesh_counts(mesh).n_candidates, 2);
    assert_int_equal(n_refused(MESH_REFUSED_UNPROVEN), 1);
    prove(honest, 0x10, key, LINK_MESSAGE_UNPROVE);
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
}

static void test_messages_pass_by_proven_links_only(void **state)
{
    static const uint8_t call[] = "\x84\xa4type\xa4"
                                  "call\xa7"
                                  "channel\xa5vault\xa5"
                                  "event\xa3"
                                  "add\xa9sender_id\xa1x";
    struct hub_id far = hub(0x10);
    struct hub_id to = own;
    struct mesh_link *link = join(0x10);
    struct link_message one = {.type = LINK_MESSAGE_ONE};
    struct link_message many = {.type = LINK_MESSAGE_MANY};

    (void)state;
    guard_vault();
    one.one = (struct link_one){.to = own,
                                .from = far,
                                .trail = hub_id_bytes(&far),
                                .channel = VAULT,
                                .event = BYTES_LITERAL("add"),
                                .body = bytes_of(call, sizeof call - 1)};
    many.many = (struct link_many){.origin = far,
                                   .incarnation = 1,
                                   .seq = 1,
                                   .to = hub_id_bytes(&to),
                                   .trail = hub_id_bytes(&far),
                                   .channel = VAULT,
                                   .body = bytes_of(call, sizeof call - 1)};
    assert_int_equal(mesh_link_receive(link, &one, now()), 0);
    assert_int_equal(mesh_link_receive(link, &many, now()), 0);
    assert_int_equal(n_handled, 0);
    assert_int_equal(n_refused(MESH_REFUSED_UNPROVEN), 2);
    assert_int_equal(n_words[MESH_CHANNEL_REFUSED], 1);
}

static void test_a_channel_of_another_name_on_the_other_side_is_not_proven_and_that_is_said(void **state)
{
    struct bridge_rename rule = {.from = "vault", .to = "far.vault"};
    struct bridge_spec spec = {.cost = 10, .remap_out = {1, &rule}};
    struct link_message end = {.type = LINK_MESSAGE_END};
    struct mesh_link_options options = {
        NULL, hub(0x10), 1, 0, 0, session_of(0x10), 10, 0, NULL, BRIDGE_MANAGEMENT_NONE};
    struct bridge_policy *policy;
    struct mesh_link *link;

    (void)state;
    assert_int_equal(bridge_policy_new(&policy, &spec), 0);
    options.owner = &spec;
    options.policy = policy;
    assert_int_equal(mesh_link_up(mesh, &options, now(), &link), 0);
    guard_vault();
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 0);
    assert_int_equal(mesh_link_receive(link, &end, now()), 0);
    assert_int_equal(n_words[MESH_CHANNEL_RENAMED], 1);
    mesh_link_down(link, now());
    bridge_policy_unref(policy);
}

/* Such a link has no owner any more whom one could ask what it is. */
static void test_of_a_link_that_is_over_and_lingers_nothing_is_said(void **state)
{
    struct link_message end = {.type = LINK_MESSAGE_END};
    struct mesh_link *link = join(0x10);

    (void)state;
    assert_int_equal(mesh_link_receive(link, &end, now()), 0);
    mesh_local_guard(mesh, VAULT, true, secret);
    mesh_link_down(link, now());
    mesh_channel_key(mesh, VAULT, secret, key, now());
    assert_int_equal(n_words[MESH_CHANNEL_UNPROVEN], 0);
    assert_int_equal(n_sent[LINK_MESSAGE_PROVE], 0);
}

static void test_a_lifted_guard_asks_for_what_it_had_refused(void **state)
{
    struct mesh_link *link = join(0x10);

    (void)state;
    join(0x20);
    tell_entry(link, 0x10, LINK_ENTRY_SET, 1);
    guard_vault();
    assert_int_equal(mesh_counts(mesh).n_candidates, 1);
    mesh_local_guard(mesh, VAULT, false, NULL);
    assert_int_equal(n_sent[LINK_MESSAGE_AGAIN], 1);
}

static void test_without_memory_nothing_is_told_that_should_be_guarded(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        struct mesh_link *link = join(0x10);
        bool is_armed = allocation_fail_at(n);

        n_ended = 0;
        provide_locally();
        mesh_local_guard(mesh, VAULT, true, secret);
        mesh_channel_key(mesh, VAULT, secret, key, now());
        allocation_fail_never();
        /* Whatever failed, the channel is not let through; who can't be told is cut off, to begin anew. */
        assert_false(guards_let(link, VAULT));
        if (is_armed && allocation_has_failed() && !guards_has(mesh, VAULT))
            assert_int_equal(n_ended, 1);
        mesh_link_down(link, now());
        mesh_local_guard(mesh, VAULT, false, NULL);
        mesh_take_incomplete(mesh);
        if (!is_armed)
            break;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_key_is_asked_for_when_there_is_a_link_and_once),
        TEST(test_a_proof_binds_the_session_and_who_proves_to_whom),
        TEST(test_a_key_of_an_earlier_password_is_passed_over),
        TEST(test_whichever_proof_comes_first_both_prove),
        TEST(test_no_false_proof_opens_the_channel),
        TEST(test_what_is_no_row_of_proofs_breaks_the_rules),
        TEST(test_no_more_proofs_are_kept_than_there_is_room_for),
        TEST(test_what_comes_without_a_proof_is_refused_and_told_once),
        TEST(test_not_even_a_withdrawal_is_taken_without_a_proof),
        TEST(test_messages_pass_by_proven_links_only),
        TEST(test_a_channel_of_another_name_on_the_other_side_is_not_proven_and_that_is_said),
        TEST(test_of_a_link_that_is_over_and_lingers_nothing_is_said),
        TEST(test_a_lifted_guard_asks_for_what_it_had_refused),
        TEST(test_without_memory_nothing_is_told_that_should_be_guarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
