/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a bridge's policy lets through and what not, seen by clients. Hub 0 has the bridge; "near" is a client
 * there, "far" one at hub 1.
 */
#include "federation/probe.h"
#include "federation/route_why.h"
#include "tests/sim/sim.h"

#include "tests/support/unit.h"

#define SETTLED_MS 500

struct pair {
    struct sim *sim;
    struct bridge_policy policy;
    unsigned link;
    struct sim_client *near;
    struct sim_client *far;
};

static struct pair begin(const struct bridge_spec *spec)
{
    struct pair pair = {.sim = sim_new(5, 1)};

    assert_int_equal(bridge_policy_init(&pair.policy, spec), 0);
    pair.link = sim_add_link(pair.sim, 0, 1);
    pair.near = sim_connect(pair.sim, 0, "near");
    pair.far = sim_connect(pair.sim, 1, "far");
    pair.near->answers = 1;
    pair.far->answers = 1;
    return pair;
}

/* The pair was moved since begin(), and the policy with it. */
static void join(struct pair *pair)
{
    sim_link(pair->sim, pair->link)->policy = &pair->policy;
    sim_join(pair->sim, pair->link);
    sim_run(pair->sim, SETTLED_MS);
}

static void end(struct pair *pair)
{
    sim_free(pair->sim);
    bridge_policy_clear(&pair->policy);
}

static bool has_answer(struct pair *pair, struct sim_client *from, const char *channel,
                       const char *request_id)
{
    const struct sim_received *answer;

    sim_call(from, channel, "do", request_id, 1);
    sim_run(pair->sim, SETTLED_MS);
    answer = sim_answer(from, request_id);
    assert_non_null(answer);
    return answer->error[0] == '\0' && answer->data == 2;
}

static void test_calls_go_out_where_only_out_is_allowed(void **state)
{
    const char *none[] = {"*"};
    struct bridge_spec spec = {.in.deny = {1, none}};
    struct pair pair = begin(&spec);

    (void)state;
    join(&pair);
    sim_provide(pair.near, "room", "do", true, false);
    sim_provide(pair.far, "hall", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    assert_true(has_answer(&pair, pair.near, "hall", "out"));
    assert_false(has_answer(&pair, pair.far, "room", "in"));
    end(&pair);
}

static void test_broadcasts_and_publishes_follow_the_direction(void **state)
{
    const char *none[] = {"quiet*"};
    struct bridge_spec spec = {.out.deny = {1, none}};
    struct pair pair = begin(&spec);

    (void)state;
    join(&pair);
    sim_open(pair.near, "quiet");
    sim_open(pair.far, "quiet");
    sim_declare(pair.near, "quiet", "topic");
    sim_subscribe(pair.far, "quiet", "topic", true);
    sim_declare(pair.far, "quiet", "other");
    sim_subscribe(pair.near, "quiet", "other", true);
    sim_run(pair.sim, SETTLED_MS);
    sim_broadcast(pair.near, "quiet", 1);
    sim_broadcast(pair.far, "quiet", 2);
    sim_publish(pair.near, "quiet", "topic", 3);
    sim_publish(pair.far, "quiet", "other", 4);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(pair.far, MESSAGE_BROADCAST, NULL, 1), 0);
    assert_int_equal(sim_count(pair.near, MESSAGE_BROADCAST, NULL, 2), 1);
    assert_int_equal(sim_count(pair.far, MESSAGE_RECEIVE, NULL, 3), 0);
    assert_int_equal(sim_count(pair.near, MESSAGE_RECEIVE, NULL, 4), 1);
    end(&pair);
}

static void test_only_the_chosen_classes_cross(void **state)
{
    struct bridge_spec spec = {.classes = 1U << BRIDGE_CALLS};
    struct pair pair = begin(&spec);

    (void)state;
    join(&pair);
    sim_open(pair.near, "room");
    sim_open(pair.far, "room");
    sim_provide(pair.far, "room", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    assert_true(has_answer(&pair, pair.near, "room", "call"));
    sim_send(pair.near, "room", "do", 5);
    sim_broadcast(pair.near, "room", 6);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(pair.far, MESSAGE_SEND, NULL, 5), 0);
    assert_int_equal(sim_count(pair.far, MESSAGE_BROADCAST, NULL, 6), 0);
    assert_int_equal(sim_count(pair.near, MESSAGE_METADATA_UPDATE, "far", 0), 0);
    end(&pair);
}

/* A square of which one side carries calls alone: hub 0 with hub 1, and the other way round by 3 and 2. Hub 4
 * hangs on hub 0. */
static struct pair begin_square(void)
{
    struct bridge_spec spec = {.classes = 1U << BRIDGE_CALLS};

    return begin(&spec);
}

/* Answers a link of the other way round. */
static unsigned join_square(struct pair *pair)
{
    unsigned middle = sim_add_link(pair->sim, 2, 3);

    sim_join(pair->sim, middle);
    sim_join(pair->sim, sim_add_link(pair->sim, 1, 2));
    sim_join(pair->sim, sim_add_link(pair->sim, 3, 0));
    sim_join(pair->sim, sim_add_link(pair->sim, 4, 0));
    join(pair);
    return middle;
}

static uint64_t count_ones(const struct pair *pair, unsigned link)
{
    const uint64_t *n = sim_link(pair->sim, link)->n_frames[LINK_MESSAGE_ONE];

    return n[0] + n[1];
}

static void test_sends_go_round_a_bridge_that_holds_them_back_and_calls_go_over_it(void **state)
{
    struct pair pair = begin_square();
    struct sim_client *further = sim_connect(pair.sim, 4, "further");
    unsigned middle = join_square(&pair);

    (void)state;
    sim_provide(pair.near, "room", "do", true, false);
    sim_provide(pair.far, "hall", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    assert_true(has_answer(&pair, pair.near, "hall", "out"));
    assert_true(has_answer(&pair, pair.far, "room", "in"));
    assert_true(has_answer(&pair, further, "hall", "further"));
    assert_int_equal(count_ones(&pair, pair.link), 6);
    assert_int_equal(count_ones(&pair, middle), 0);
    sim_send(pair.near, "hall", "do", 5);
    sim_send(pair.far, "room", "do", 6);
    sim_send(further, "hall", "do", 7);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(pair.far, MESSAGE_SEND, NULL, 5), 1);
    assert_int_equal(sim_count(pair.near, MESSAGE_SEND, NULL, 6), 1);
    assert_int_equal(sim_count(pair.far, MESSAGE_SEND, NULL, 7), 1);
    assert_int_equal(count_ones(&pair, pair.link), 6);
    assert_int_equal(count_ones(&pair, middle), 3);
    end(&pair);
}

static void test_calls_stay_when_the_way_round_is_lost_and_sends_return_with_it(void **state)
{
    struct pair pair = begin_square();
    struct sim_client *further = sim_connect(pair.sim, 4, "further");
    unsigned middle = join_square(&pair);

    (void)state;
    sim_provide(pair.far, "hall", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    sim_cut(pair.sim, middle, 1);
    sim_run(pair.sim, 5000);
    assert_true(has_answer(&pair, further, "hall", "alone"));
    sim_send(further, "hall", "do", 5);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(pair.far, MESSAGE_SEND, NULL, 5), 0);
    sim_join(pair.sim, middle);
    sim_run(pair.sim, 5000);
    sim_send(further, "hall", "do", 6);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(pair.far, MESSAGE_SEND, NULL, 6), 1);
    assert_true(has_answer(&pair, further, "hall", "again"));
    end(&pair);
}

static void test_a_way_that_holds_calls_back_is_explained_and_listed(void **state)
{
    struct bridge_spec spec = {.classes = 1U << BRIDGE_SENDS};
    struct pair pair = begin(&spec);
    struct route_question question = {.channel = "hall", .event = "do"};
    struct route_filter filter = {.kind = "service"};
    struct route_page page = {.limit = 4};
    struct route_why *why;

    (void)state;
    (void)join_square(&pair);
    sim_provide(pair.far, "hall", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    assert_true(has_answer(&pair, pair.near, "hall", "round"));
    assert_int_equal(route_why(sim_mesh(pair.sim, 0), &question, &why), 0);
    assert_int_equal(why->n_ways, 2);
    for (size_t i = 0; i < why->n_ways; i++) {
        bool is_short = why->ways[i].n_hops == 1;

        assert_int_equal(why->ways[i].held_back, is_short ? 1U << BRIDGE_CALLS : 0);
        assert_int_equal(why->ways[i].is_chosen, !is_short);
        assert_true(!is_short || strstr(why->ways[i].reason, "holds this class of messages back"));
    }
    route_why_free(why);
    assert_int_equal(route_why_list(sim_mesh(pair.sim, 0), &filter, &page), 0);
    assert_int_equal(page.n, 1);
    assert_int_equal(page.rows[0].held_back, 0);
    assert_int_equal(page.rows[0].n_hops, 3);
    free(page.rows);
    end(&pair);
}

static void test_a_channel_has_another_name_on_the_far_side(void **state)
{
    const struct bridge_rename rule[] = {{"", "west."}};
    struct bridge_spec spec = {.remap_out = {1, rule}};
    struct pair pair = begin(&spec);
    struct sim_client *further = sim_connect(pair.sim, 2, "further");

    (void)state;
    sim_join(pair.sim, sim_add_link(pair.sim, 1, 2));
    join(&pair);
    sim_open(pair.near, "room");
    sim_open(further, "west.room");
    sim_provide(pair.near, "room", "do", true, false);
    sim_provide(pair.far, "west.hall", "do", true, false);
    sim_declare(pair.near, "room", "topic");
    sim_subscribe(further, "west.room", "topic", true);
    sim_run(pair.sim, SETTLED_MS);
    assert_true(has_answer(&pair, further, "west.room", "in"));
    assert_true(has_answer(&pair, pair.near, "hall", "out"));
    sim_broadcast(pair.near, "room", 1);
    sim_broadcast(further, "west.room", 2);
    sim_publish(pair.near, "room", "topic", 3);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(further, MESSAGE_BROADCAST, NULL, 1), 1);
    assert_int_equal(sim_count(pair.near, MESSAGE_BROADCAST, NULL, 2), 1);
    assert_int_equal(sim_count(further, MESSAGE_RECEIVE, NULL, 3), 1);
    for (size_t i = 0; i < further->n_received; i++)
        assert_row("a name of the other side", strcmp(further->received[i].channel, "room") != 0);
    for (size_t i = 0; i < pair.near->n_received; i++)
        assert_row("a name of the other side", strncmp(pair.near->received[i].channel, "west.", 5) != 0);
    end(&pair);
}

/* Hub 0 and hub 2 are linked too, so hub 2 hears of each channel by two ways. */
static void test_a_bridge_that_gets_another_rule_carries_everything_under_the_new_name(void **state)
{
    const struct bridge_rename first[] = {{"", "west."}};
    const struct bridge_rename second[] = {{"", "east."}};
    struct bridge_spec spec = {.remap_out = {1, first}};
    struct bridge_policy policy;
    struct pair pair = begin(&spec);
    struct sim_client *third = sim_connect(pair.sim, 2, "third");
    unsigned anew = sim_add_link(pair.sim, 0, 1);

    (void)state;
    spec.remap_out.rules = second;
    assert_int_equal(bridge_policy_init(&policy, &spec), 0);
    sim_link(pair.sim, anew)->policy = &policy;
    join(&pair);
    sim_join(pair.sim, sim_add_link(pair.sim, 0, 2));
    sim_open(pair.near, "room");
    sim_open(third, "room");
    sim_open(pair.far, "west.room");
    sim_run(pair.sim, SETTLED_MS);
    sim_open(pair.far, "east.room");
    sim_provide(pair.far, "east.room", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    sim_cut(pair.sim, pair.link, 1);
    sim_run(pair.sim, 5);
    sim_join(pair.sim, anew);
    sim_run(pair.sim, 5000);
    sim_broadcast(pair.near, "room", 1);
    sim_broadcast(third, "room", 2);
    sim_broadcast(pair.far, "west.room", 3);
    sim_broadcast(pair.far, "east.room", 4);
    assert_true(has_answer(&pair, pair.near, "room", "call"));
    for (uint64_t data = 1; data <= 2; data++)
        assert_int_equal(sim_count(pair.far, MESSAGE_BROADCAST, NULL, data), 1);
    assert_int_equal(sim_count(third, MESSAGE_BROADCAST, NULL, 3), 0);
    assert_int_equal(sim_count(third, MESSAGE_BROADCAST, NULL, 4), 1);
    assert_int_equal(sim_count(pair.near, MESSAGE_BROADCAST, NULL, 4), 1);
    assert_false(sim_has_warned(pair.sim, 0, "remap_conflict"));
    end(&pair);
    bridge_policy_clear(&policy);
}

static void test_a_renamed_service_is_withdrawn_under_its_name_there(void **state)
{
    const struct bridge_rename rule[] = {{"west.", ""}};
    struct bridge_spec spec = {.remap_in = {1, rule}};
    struct pair pair = begin(&spec);
    char *dump;

    (void)state;
    join(&pair);
    sim_provide(pair.far, "west.hall", "do", false, false);
    sim_run(pair.sim, SETTLED_MS);
    dump = sim_dump(pair.sim, 0);
    assert_non_null(strstr(dump, "service hall:do"));
    assert_null(strstr(dump, "west."));
    free(dump);
    sim_disconnect(pair.far);
    sim_run(pair.sim, SETTLED_MS);
    dump = sim_dump(pair.sim, 0);
    assert_null(strstr(dump, "hall"));
    free(dump);
    end(&pair);
}

static void test_a_circle_of_bridges_that_renames_is_refused_and_told(void **state)
{
    const struct bridge_rename rule[] = {{"", "x."}};
    struct bridge_spec spec = {.remap_out = {1, rule}};
    struct pair pair = begin(&spec);
    struct sim_client *third = sim_connect(pair.sim, 2, "third");

    (void)state;
    join(&pair);
    sim_join(pair.sim, sim_add_link(pair.sim, 1, 2));
    sim_join(pair.sim, sim_add_link(pair.sim, 2, 0));
    sim_run(pair.sim, SETTLED_MS);
    /* One name at hub 0, two channels at hub 2: straight "room", and "x.room" by hub 1. */
    sim_open(third, "room");
    sim_run(pair.sim, SETTLED_MS);
    sim_open(third, "x.room");
    sim_run(pair.sim, SETTLED_MS);
    assert_true(sim_has_warned(pair.sim, 0, "remap_conflict"));
    assert_true(sim_has_warned(pair.sim, 1, "remap_conflict"));
    sim_broadcast(pair.near, "room", 7);
    sim_broadcast(pair.far, "x.room", 8);
    sim_run(pair.sim, SETTLED_MS);
    assert_int_equal(sim_count(third, MESSAGE_BROADCAST, NULL, 7), 1);
    assert_int_equal(sim_count(third, MESSAGE_BROADCAST, NULL, 8), 1);
    for (size_t i = 0; i < third->n_received; i++) {
        if (third->received[i].type == MESSAGE_BROADCAST)
            assert_string_equal(third->received[i].channel, third->received[i].data == 7 ? "room" : "x.room");
    }
    end(&pair);
}

static void test_entries_over_the_limit_are_refused_with_a_warning_before(void **state)
{
    struct bridge_spec spec = {.limits.entries = 20};
    struct pair pair = begin(&spec);
    char event[32];
    char *dump;

    (void)state;
    join(&pair);
    for (unsigned i = 0; i < 14; i++) {
        snprintf(event, sizeof event, "do%02u", i);
        sim_provide(pair.far, "room", event, true, false);
    }
    sim_run(pair.sim, SETTLED_MS);
    assert_true(sim_has_warned(pair.sim, 0, "nearly_over_limit"));
    for (unsigned i = 14; i < 30; i++) {
        snprintf(event, sizeof event, "do%02u", i);
        sim_provide(pair.far, "room", event, true, false);
    }
    sim_run(pair.sim, SETTLED_MS);
    assert_true(sim_has_warned(pair.sim, 0, "\nover_limit"));
    dump = sim_dump(pair.sim, 0);
    assert_non_null(strstr(dump, "room:do13"));
    assert_null(strstr(dump, "room:do29"));
    free(dump);
    end(&pair);
}

static void test_messages_over_the_limit_are_answered_or_dropped_and_counted(void **state)
{
    struct bridge_spec spec = {.limits.messages_per_s = 10};
    struct pair pair = begin(&spec);
    char request_id[32];
    size_t n_errors = 0;
    size_t n_answers = 0;

    (void)state;
    join(&pair);
    sim_provide(pair.far, "room", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(request_id, sizeof request_id, "%u", i);
        sim_call(pair.near, "room", "do", request_id, 1);
    }
    sim_run(pair.sim, SETTLED_MS);
    for (unsigned i = 0; i < 30; i++) {
        const struct sim_received *answer;

        snprintf(request_id, sizeof request_id, "%u", i);
        answer = sim_answer(pair.near, request_id);
        assert_non_null(answer);
        n_errors += answer->error[0] != '\0';
        n_answers += answer->error[0] == '\0';
    }
    assert_int_equal(n_answers, 10);
    assert_int_equal(n_errors, 20);
    assert_true(sim_has_warned(pair.sim, 0, "too_many_messages"));
    assert_int_equal(mesh_counts(sim_mesh(pair.sim, 0)).refused[MESH_REFUSED_TOO_FAST], 20);
    sim_run(pair.sim, 1000);
    assert_true(has_answer(&pair, pair.near, "room", "later"));
    end(&pair);
}

static struct route_why *explain(struct sim *sim, unsigned hub, const char *channel, const char *event)
{
    struct route_question question = {.channel = channel, .event = event};
    struct route_why *why;

    assert_int_equal(route_why(sim_mesh(sim, hub), &question, &why), 0);
    return why;
}

static void test_a_choice_is_explained_with_the_rung_on_which_each_way_lost(void **state)
{
    struct bridge_spec spec = {.cost = 1};
    struct pair pair = begin(&spec);
    struct route_why *why;

    (void)state;
    join(&pair);
    sim_join(pair.sim, sim_add_link(pair.sim, 1, 2));
    sim_join(pair.sim, sim_add_link(pair.sim, 2, 0));
    sim_provide(pair.far, "room", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    why = explain(pair.sim, 0, "room", "do");
    assert_false(why->is_local);
    assert_int_equal(why->n_ways, 2);
    for (size_t i = 0; i < why->n_ways; i++) {
        const struct route_way *way = &why->ways[i];

        assert_string_equal(way->origin.name, "hub-1");
        assert_int_equal(way->is_chosen, way->n_hops == 1);
        assert_non_null(strstr(way->reason, way->n_hops == 1 ? "taken" : "costs more"));
    }
    assert_int_equal(why->n_borders, 2);
    assert_null(why->borders[0].reason_out);
    route_why_free(why);
    sim_provide(pair.near, "room", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    why = explain(pair.sim, 0, "room", "do");
    assert_true(why->is_local);
    assert_int_equal(why->n_ways, 3);
    for (size_t i = 0; i < why->n_ways; i++)
        assert_int_equal(why->ways[i].is_chosen, why->ways[i].is_own);
    route_why_free(why);
    end(&pair);
}

static void test_what_a_filter_refused_is_explained(void **state)
{
    const char *deny[] = {"secret*"};
    struct bridge_spec spec = {.channels.deny = {1, deny}};
    struct pair pair = begin(&spec);
    struct route_why *why;

    (void)state;
    join(&pair);
    sim_provide(pair.far, "secret", "do", true, false);
    sim_run(pair.sim, SETTLED_MS);
    why = explain(pair.sim, 0, "secret", "do");
    assert_int_equal(why->n_ways, 0);
    assert_non_null(strstr(why->verdict, "no hub"));
    assert_non_null(strstr(why->borders[0].reason_out, "filter"));
    assert_int_equal(why->n_refusals, 1);
    assert_string_equal(why->refusals[0].reason, "filtered");
    assert_string_equal(why->refusals[0].origin.name, "hub-1");
    route_why_free(why);
    end(&pair);
}

static void test_the_list_of_routes_comes_in_pages_and_takes_filters(void **state)
{
    struct bridge_spec spec = {0};
    struct pair pair = begin(&spec);
    struct route_filter filter = {.kind = "service", .channel = "room", .origin = "hub-1"};
    bool has_more = true;
    uint64_t after = 0;
    size_t n_seen = 0;
    char event[32];

    (void)state;
    join(&pair);
    for (unsigned i = 0; i < 7; i++) {
        snprintf(event, sizeof event, "do%u", i);
        sim_provide(pair.far, i == 3 ? "hall" : "room", event, true, false);
    }
    sim_run(pair.sim, SETTLED_MS);
    while (has_more) {
        struct route_page page = {.after = after, .limit = 4};

        while (route_why_list(sim_mesh(pair.sim, 0), &filter, &page) == ROUTE_WHY_E_GOES_ON)
            ;
        for (size_t i = 0; i < page.n; i++) {
            assert_true(page.rows[i].serial > after);
            after = page.rows[i].serial;
            assert_string_equal(page.rows[i].channel, "room");
            assert_string_equal(page.rows[i].via.name, "hub-1");
        }
        n_seen += page.n;
        after = page.after;
        has_more = page.has_more;
        free(page.rows);
    }
    assert_int_equal(n_seen, 6);
    end(&pair);
}

static struct trace_report *reported;

static void on_report(void *context, struct trace_report *report)
{
    (void)context;
    assert_null(reported);
    reported = report;
}

static void probe(struct sim *sim, unsigned hub, const char *channel, const char *event)
{
    struct trace_asker asker = {.on_report = on_report};
    uint64_t id;

    free(reported);
    reported = NULL;
    assert_int_equal(
        probe_begin(sim_mesh(sim, hub), bytes_of_text(channel), bytes_of_text(event), &asker, &id), 0);
}

static void assert_step(size_t at, const char *hub, const char *decision)
{
    assert_true(at < reported->n_steps);
    assert_string_equal(reported->steps[at].hub.name, hub);
    assert_string_equal(reported->steps[at].decision, decision);
}

static void test_a_probe_tells_hub_by_hub_where_a_call_goes(void **state)
{
    struct sim *sim = sim_new(4, 1);
    struct sim_client *provider = sim_connect(sim, 3, "provider");

    (void)state;
    sim_join_chain(sim, 4);
    sim_provide(provider, "room", "do", false, false);
    sim_run(sim, SETTLED_MS);
    probe(sim, 0, "room", "do");
    assert_null(reported);
    sim_run(sim, SETTLED_MS);
    assert_non_null(reported);
    assert_int_equal(reported->n_steps, 4);
    assert_step(0, "hub-0", "sent_on");
    assert_step(1, "hub-1", "sent_on");
    assert_step(2, "hub-2", "sent_on");
    assert_step(3, "hub-3", "arrived");
    assert_true(reported->has_arrived);
    assert_string_equal(reported->steps[0].via, "hub-1");
    assert_true(reported->steps[0].elapsed_us > reported->steps[1].elapsed_us);
    assert_true(reported->steps[1].elapsed_us > reported->steps[2].elapsed_us);
    assert_true(reported->steps[2].elapsed_us > 0);
    assert_int_equal(reported->steps[2].queue_wait_ms, SIM_QUEUE_WAIT_MS);
    assert_int_equal(reported->steps[3].queue_wait_ms, 0);
    assert_int_equal(reported->elapsed_us, reported->steps[0].elapsed_us);
    assert_int_equal(sim_count(provider, MESSAGE_CALL, NULL, 0), 0);
    probe(sim, 3, "room", "do");
    assert_non_null(reported);
    assert_step(0, "hub-3", "arrived");
    probe(sim, 3, "room", "undo");
    assert_non_null(reported);
    assert_false(reported->has_arrived);
    assert_step(0, "hub-3", "no_provider");
    free(reported);
    reported = NULL;
    sim_free(sim);
}

static void test_a_probe_that_is_held_back_names_the_hub_and_the_reason(void **state)
{
    struct bridge_spec spec = {.limits.messages_per_s = 1};
    struct pair pair = begin(&spec);
    struct sim_client *third = sim_connect(pair.sim, 2, "third");

    (void)state;
    join(&pair);
    sim_join(pair.sim, sim_add_link(pair.sim, 2, 0));
    sim_provide(pair.far, "room", "do", false, false);
    sim_run(pair.sim, SETTLED_MS);
    sim_call(third, "room", "do", "first", 1); /* takes what may pass in this second */
    sim_run(pair.sim, 100);
    probe(pair.sim, 2, "room", "do");
    sim_run(pair.sim, SETTLED_MS);
    assert_non_null(reported);
    assert_false(reported->has_arrived);
    assert_int_equal(reported->n_steps, 2);
    assert_step(1, "hub-0", "too_fast");
    assert_non_null(strstr(reported->verdict, "hub-0"));
    free(reported);
    reported = NULL;
    end(&pair);
}

static void test_a_probe_without_an_answer_says_behind_which_hub_it_was_lost(void **state)
{
    struct bridge_spec spec = {0};
    struct pair pair = begin(&spec);

    (void)state;
    join(&pair);
    sim_provide(pair.far, "room", "do", false, false);
    sim_run(pair.sim, SETTLED_MS);
    probe(pair.sim, 0, "room", "do");
    sim_cut(pair.sim, pair.link, 1);
    sim_run(pair.sim, 2 * PROBE_WAIT_MS);
    mesh_settle(sim_mesh(pair.sim, 0), (struct hub_time){sim_now_ms(pair.sim), 1});
    assert_non_null(reported);
    assert_false(reported->has_arrived);
    assert_step(0, "hub-0", "sent_on");
    assert_non_null(strstr(reported->verdict, "lost behind hub-0"));
    free(reported);
    reported = NULL;
    end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_go_out_where_only_out_is_allowed),
        cmocka_unit_test(test_broadcasts_and_publishes_follow_the_direction),
        cmocka_unit_test(test_only_the_chosen_classes_cross),
        cmocka_unit_test(test_sends_go_round_a_bridge_that_holds_them_back_and_calls_go_over_it),
        cmocka_unit_test(test_calls_stay_when_the_way_round_is_lost_and_sends_return_with_it),
        cmocka_unit_test(test_a_way_that_holds_calls_back_is_explained_and_listed),
        cmocka_unit_test(test_a_channel_has_another_name_on_the_far_side),
        cmocka_unit_test(test_a_bridge_that_gets_another_rule_carries_everything_under_the_new_name),
        cmocka_unit_test(test_a_renamed_service_is_withdrawn_under_its_name_there),
        cmocka_unit_test(test_a_circle_of_bridges_that_renames_is_refused_and_told),
        cmocka_unit_test(test_entries_over_the_limit_are_refused_with_a_warning_before),
        cmocka_unit_test(test_messages_over_the_limit_are_answered_or_dropped_and_counted),
        cmocka_unit_test(test_a_choice_is_explained_with_the_rung_on_which_each_way_lost),
        cmocka_unit_test(test_what_a_filter_refused_is_explained),
        cmocka_unit_test(test_the_list_of_routes_comes_in_pages_and_takes_filters),
        cmocka_unit_test(test_a_probe_tells_hub_by_hub_where_a_call_goes),
        cmocka_unit_test(test_a_probe_that_is_held_back_names_the_hub_and_the_reason),
        cmocka_unit_test(test_a_probe_without_an_answer_says_behind_which_hub_it_was_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
