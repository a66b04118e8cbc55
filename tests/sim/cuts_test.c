/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Nothing is lost, nothing comes twice and streams stay in order while links are cut: a cut every second of
 * virtual time under a steady load, on meshes of several shapes. The judge counts at the receivers.
 *
 * SIM_MESSAGES=1000000 in the environment makes each run so long, SIM_SEED=7 is added to each run's seed, and
 * SIM_STORM="ring of 5, for good" runs that one alone.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "tests/support/unit.h"

#define STEP_MS 20
#define MESSAGES_A_STEP 4
#define CUT_EVERY_MS 1000
#define CALL_EVERY_MS 100
#define FIRST_CALL 1000 /* the data of the first one */
#define STREAM_EVERY 10 /* calls; this one asks for a stream */
#define N_CHUNKS 60U    /* of a stream, one each millisecond */
/* Long enough for black holes to be noticed and links to linger and tables to settle. */
#define REST_MS 8000

enum cuts {
    CUTS_RETURN,      /* within the window; several at a time, and they may part the mesh */
    CUTS_BLACK_HOLE,  /* the same, noticed after up to 3 s */
    CUTS_BLACK_HOLES, /* two each second */
    CUTS_FINAL,       /* for good; a new link comes seconds later. The mesh stays in one piece. */
    CUTS_RENEW,       /* the same, but the new link comes before the next cut: one each second in any shape */
};

struct storm {
    const char *what;
    void (*join)(struct sim *sim, unsigned n);
    unsigned n;
    enum cuts cuts;
    uint64_t seed;
};

/* A call, and what came of it as its judge has counted. */
struct asked {
    bool is_stream;
    bool is_disordered; /* a chunk has come out of its turn, or behind the end */
    unsigned n_executions;
    unsigned n_ends;
    uint64_t last; /* the data of the latest answer */
    char error[128];
};

struct weather {
    const struct storm *storm;
    struct sim *sim;
    struct sim_client *clients[SIM_MAX_HUBS];
    struct sim_client *streamers[SIM_MAX_HUBS]; /* they answer with streams */
    uint64_t back_ms[SIM_MAX_LINKS];            /* when a link that is cut comes back; 0: it stands */
    uint64_t n_sent;
    uint64_t n_cuts;
    unsigned n_calls;
    struct asked *calls;
};

/* A ring with chords: connected whatever one link is taken away. */
static void join_random(struct sim *sim, unsigned n)
{
    sim_join_ring(sim, n);
    for (unsigned i = 0; i < n; i++) {
        unsigned a = (unsigned)sim_random(sim, n);
        unsigned b = (unsigned)sim_random(sim, n);

        if (a != b)
            sim_join(sim, sim_add_link(sim, a, b));
    }
}

/* The test run has only time for so many. */
static uint64_t messages_wanted(uint64_t otherwise)
{
    const char *text = getenv("SIM_MESSAGES");

    return text ? strtoull(text, NULL, 10) : otherwise;
}

static uint64_t seed_of(const struct storm *storm)
{
    const char *text = getenv("SIM_SEED");

    return storm->seed + (text ? strtoull(text, NULL, 10) : 0);
}

static bool is_wanted(const struct storm *storm)
{
    const char *wanted = getenv("SIM_STORM");

    return !wanted || strcmp(wanted, storm->what) == 0;
}

static bool reaches(const struct weather *weather, unsigned without, unsigned from, bool *reached)
{
    unsigned n_reached = 0;

    reached[from] = true;
    for (bool has_changed = true; has_changed;) {
        has_changed = false;
        for (unsigned i = 0; i < sim_n_links(weather->sim); i++) {
            const struct sim_link *link = sim_link(weather->sim, i);

            if (i == without || weather->back_ms[i] || reached[link->a] == reached[link->b])
                continue;
            reached[link->a] = reached[link->b] = true;
            has_changed = true;
        }
    }
    for (unsigned i = 0; i < weather->storm->n; i++)
        n_reached += reached[i];
    return n_reached == weather->storm->n;
}

static bool is_final(const struct storm *storm)
{
    return storm->cuts == CUTS_FINAL || storm->cuts == CUTS_RENEW;
}

/* How long a link that is gone for good stays away. */
static uint64_t away_ms(struct weather *weather)
{
    return weather->storm->cuts == CUTS_FINAL ? 4000 + sim_random(weather->sim, 3000)
                                              : 100 + sim_random(weather->sim, 800);
}

static bool may_cut(const struct weather *weather, unsigned link)
{
    bool reached[SIM_MAX_HUBS] = {false};

    if (weather->back_ms[link])
        return false;
    return !is_final(weather->storm) || reaches(weather, link, 0, reached);
}

static void cut_one(struct weather *weather)
{
    struct sim *sim = weather->sim;
    unsigned link = (unsigned)sim_random(sim, sim_n_links(sim));

    if (!may_cut(weather, link))
        return;
    weather->n_cuts++;
    switch (weather->storm->cuts) {
    case CUTS_RETURN:
        sim_interrupt(sim, link, 50);
        weather->back_ms[link] = sim_now_ms(sim) + 1 + sim_random(sim, 3000);
        break;
    case CUTS_BLACK_HOLE:
    case CUTS_BLACK_HOLES:
        sim_interrupt(sim, link, 3000);
        weather->back_ms[link] = sim_now_ms(sim) + 1 + sim_random(sim, 6000);
        break;
    case CUTS_FINAL:
    case CUTS_RENEW:
        /* As in life: an interruption that is given up, or (a goodbye) an end at once. */
        if (sim_random(sim, 2))
            sim_interrupt(sim, link, 50);
        else
            sim_cut(sim, link, 50);
        weather->back_ms[link] = sim_now_ms(sim) + away_ms(weather);
        break;
    }
}

static void come_back(struct weather *weather, unsigned index)
{
    struct sim *sim = weather->sim;
    struct sim_link *link = sim_link(sim, index);

    weather->back_ms[index] = 0;
    if (is_final(weather->storm)) {
        sim_give_up(sim, index);
        sim_join(sim, index);
    } else {
        sim_return(sim, index);
    }
    assert_true(link->is_joined);
}

static void change_weather(struct weather *weather)
{
    struct sim *sim = weather->sim;

    for (unsigned i = 0; i < sim_n_links(sim); i++) {
        if (weather->back_ms[i] && weather->back_ms[i] <= sim_now_ms(sim))
            come_back(weather, i);
    }
    if (sim_now_ms(sim) % CUT_EVERY_MS >= STEP_MS)
        return;
    cut_one(weather);
    if (weather->storm->cuts == CUTS_BLACK_HOLES)
        cut_one(weather);
}

static void call_somebody(struct weather *weather)
{
    unsigned from = (unsigned)sim_random(weather->sim, weather->storm->n);
    unsigned to = (unsigned)sim_random(weather->sim, weather->storm->n);
    bool is_stream = weather->n_calls % STREAM_EVERY == 0;
    const struct sim_client *asked = is_stream ? weather->streamers[to] : weather->clients[to];
    char request[32];

    weather->calls[weather->n_calls].is_stream = is_stream;
    snprintf(request, sizeof request, "r%u", weather->n_calls);
    sim_call(weather->clients[from], "room", asked->id, request, FIRST_CALL + weather->n_calls++);
}

static void connect_streamer(struct weather *weather, unsigned hub)
{
    char id[32];

    snprintf(id, sizeof id, "s%u", hub);
    weather->streamers[hub] = sim_connect(weather->sim, hub, id);
    weather->streamers[hub]->answers = N_CHUNKS;
    sim_provide(weather->streamers[hub], "room", id, false, true);
}

static void begin(struct weather *weather, uint64_t n_messages)
{
    struct sim *sim = sim_new(weather->storm->n, seed_of(weather->storm));

    weather->sim = sim;
    weather->calls =
        calloc(n_messages / MESSAGES_A_STEP * STEP_MS / CALL_EVERY_MS + 1, sizeof *weather->calls);
    assert_non_null(weather->calls);
    weather->storm->join(sim, weather->storm->n);
    for (unsigned i = 0; i < weather->storm->n; i++) {
        char id[32];

        snprintf(id, sizeof id, "c%u", i);
        weather->clients[i] = sim_connect(sim, i, id);
        weather->clients[i]->answers = 1;
        sim_open(weather->clients[i], "room");
        sim_provide(weather->clients[i], "room", id, false, false);
        sim_tally(weather->clients[i], n_messages);
        connect_streamer(weather, i);
    }
    sim_run(sim, 1000);
}

static void note_answer(struct asked *asked, const struct sim_received *answer)
{
    if (answer->error[0]) {
        snprintf(asked->error, sizeof asked->error, "%s", answer->error);
        asked->n_ends++;
        return;
    }
    if (asked->is_stream)
        asked->is_disordered |= answer->data != asked->last + 1 || asked->n_ends > 0;
    asked->last = answer->data;
    asked->n_ends += !asked->is_stream || answer->is_final;
}

/* What the client got since it was looked at last. */
static void take_note(struct weather *weather, struct sim_client *client)
{
    for (size_t i = 0; i < client->n_received; i++) {
        const struct sim_received *received = &client->received[i];

        if (received->type == MESSAGE_CALL)
            weather->calls[received->data - FIRST_CALL].n_executions++;
        else if (received->type == MESSAGE_RESPONSE && received->request_id[0] == 'r')
            note_answer(&weather->calls[strtoul(received->request_id + 1, NULL, 10)], received);
    }
    client->n_received = 0;
}

static void take_notes(struct weather *weather)
{
    for (unsigned i = 0; i < weather->storm->n; i++) {
        take_note(weather, weather->clients[i]);
        take_note(weather, weather->streamers[i]);
    }
}

static void run(struct weather *weather, uint64_t n_messages)
{
    while (weather->n_sent < n_messages) {
        change_weather(weather);
        for (unsigned i = 0; i < MESSAGES_A_STEP && weather->n_sent < n_messages; i++) {
            unsigned from = (unsigned)sim_random(weather->sim, weather->storm->n);

            sim_broadcast(weather->clients[from], "room", ++weather->n_sent);
            /* The sender has none of its own. */
            weather->clients[from]->tally[weather->n_sent]++;
        }
        if (sim_now_ms(weather->sim) % CALL_EVERY_MS < STEP_MS)
            call_somebody(weather);
        sim_run(weather->sim, STEP_MS);
        take_notes(weather);
    }
    for (unsigned i = 0; i < sim_n_links(weather->sim); i++) {
        if (weather->back_ms[i])
            come_back(weather, i);
    }
    sim_run(weather->sim, REST_MS);
    take_notes(weather);
}

static void judge_broadcasts(const struct weather *weather)
{
    uint64_t n_lost = 0;
    uint64_t n_twice = 0;

    for (unsigned i = 0; i < weather->storm->n; i++) {
        for (uint64_t number = 1; number <= weather->n_sent; number++) {
            n_lost += weather->clients[i]->tally[number] == 0;
            n_twice += weather->clients[i]->tally[number] > 1;
        }
    }
    if (n_lost > 0 || n_twice > 0)
        fail_msg("%s: %llu cuts, %llu lost, %llu twice; no way was known for %llu", weather->storm->what,
                 (unsigned long long)weather->n_cuts, (unsigned long long)n_lost, (unsigned long long)n_twice,
                 (unsigned long long)sim_count_refused(weather->sim, MESH_REFUSED_NO_ROUTE));
}

static bool is_dark(const struct storm *storm)
{
    return storm->cuts == CUTS_BLACK_HOLE || storm->cuts == CUTS_BLACK_HOLES;
}

/* It has ended once, was carried out once, and had its answers in order. */
static void judge_call(const struct storm *storm, unsigned call, const struct asked *asked)
{
    uint64_t right = asked->is_stream ? N_CHUNKS : FIRST_CALL + 1 + call;

    if (asked->n_ends != 1 || asked->n_executions > 1)
        fail_msg("%s: call %u has ended %u times and was carried out %u times", storm->what, call,
                 asked->n_ends, asked->n_executions);
    if (asked->is_disordered)
        fail_msg("%s: the chunks of call %u came out of order", storm->what, call);
    if (!asked->error[0] && asked->last != right)
        fail_msg("%s: call %u has ended with %llu", storm->what, call, (unsigned long long)asked->last);
}

/* Where a hub has been out of reach for more than 10 s its callers are not kept waiting, and do not know; and
 * now and then a hub has no way for a moment, for which calls do not wait. */
static size_t most_errors(const struct weather *weather)
{
    return is_dark(weather->storm) ? weather->n_calls : weather->n_calls / 1000;
}

static void judge_calls(const struct weather *weather)
{
    const char *error = "";
    size_t n_errors = 0;

    for (unsigned call = 0; call < weather->n_calls; call++) {
        const struct asked *asked = &weather->calls[call];

        judge_call(weather->storm, call, asked);
        n_errors += asked->error[0] != '\0';
        error = asked->error[0] ? asked->error : error;
    }
    if (n_errors > most_errors(weather))
        fail_msg("%s: %zu of %u calls have ended with an error, the last with \"%s\"", weather->storm->what,
                 n_errors, weather->n_calls, error);
    print_message("%s: %llu messages, %llu cuts, %u calls, %zu of them ended with an error\n",
                  weather->storm->what, (unsigned long long)weather->n_sent,
                  (unsigned long long)weather->n_cuts, weather->n_calls, n_errors);
}

static void survive(const struct storm *storm, uint64_t n_messages)
{
    struct weather *weather;

    if (!is_wanted(storm))
        return;
    weather = calloc(1, sizeof *weather);
    assert_non_null(weather);
    weather->storm = storm;
    begin(weather, n_messages);
    run(weather, n_messages);
    judge_broadcasts(weather);
    judge_calls(weather);
    assert_row(storm->what, weather->n_cuts >= 3);
    sim_free(weather->sim);
    free(weather->calls);
    free(weather);
}

static void test_links_that_return_within_their_window_lose_and_repeat_nothing(void **state)
{
    static const struct storm storms[] = {
        {"pair", sim_join_chain, 2, CUTS_RETURN, 1},
        {"chain of 4", sim_join_chain, 4, CUTS_RETURN, 2},
        {"ring of 3", sim_join_ring, 3, CUTS_RETURN, 3},
        {"ring of 5", sim_join_ring, 5, CUTS_RETURN, 4},
        {"full mesh of 5", sim_join_full, 5, CUTS_RETURN, 5},
        {"random mesh of 8", join_random, 8, CUTS_RETURN, 6},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(storms); i++)
        survive(&storms[i], messages_wanted(4000));
}

static void test_links_that_carry_nothing_for_seconds_lose_and_repeat_nothing(void **state)
{
    static const struct storm storms[] = {
        {"chain of 3, a black hole", sim_join_chain, 3, CUTS_BLACK_HOLE, 1},
        {"ring of 5, a black hole", sim_join_ring, 5, CUTS_BLACK_HOLE, 2},
        {"full mesh of 5, a black hole", sim_join_full, 5, CUTS_BLACK_HOLE, 3},
        {"random mesh of 8, a black hole", join_random, 8, CUTS_BLACK_HOLE, 4},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(storms); i++)
        survive(&storms[i], messages_wanted(4000));
}

static void test_links_that_carry_nothing_at_the_same_time_lose_and_repeat_nothing(void **state)
{
    static const struct storm storms[] = {
        {"ring of 5, two black holes", sim_join_ring, 5, CUTS_BLACK_HOLES, 4},
        {"full mesh of 5, two black holes", sim_join_full, 5, CUTS_BLACK_HOLES, 1},
        {"random mesh of 8, two black holes", join_random, 8, CUTS_BLACK_HOLES, 1},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(storms); i++)
        survive(&storms[i], messages_wanted(2000));
}

static void test_links_that_go_for_good_lose_and_repeat_nothing_while_there_is_another_path(void **state)
{
    static const struct storm storms[] = {
        {"ring of 3, for good", sim_join_ring, 3, CUTS_FINAL, 1},
        {"ring of 5, for good", sim_join_ring, 5, CUTS_FINAL, 2},
        {"full mesh of 5, for good", sim_join_full, 5, CUTS_FINAL, 3},
        {"random mesh of 8, for good", join_random, 8, CUTS_FINAL, 4},
        {"random mesh of 8 again, for good", join_random, 8, CUTS_FINAL, 5},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(storms); i++)
        survive(&storms[i], messages_wanted(4000));
}

static void test_links_of_which_one_is_lost_each_second_and_made_anew_lose_and_repeat_nothing(void **state)
{
    static const struct storm storms[] = {
        {"ring of 3, renewed", sim_join_ring, 3, CUTS_RENEW, 1},
        {"ring of 5, renewed", sim_join_ring, 5, CUTS_RENEW, 2},
        {"full mesh of 5, renewed", sim_join_full, 5, CUTS_RENEW, 3},
        {"random mesh of 8, renewed", join_random, 8, CUTS_RENEW, 4},
    };

    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(storms); i++)
        survive(&storms[i], messages_wanted(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_that_return_within_their_window_lose_and_repeat_nothing),
        cmocka_unit_test(test_links_that_carry_nothing_for_seconds_lose_and_repeat_nothing),
        cmocka_unit_test(test_links_that_carry_nothing_at_the_same_time_lose_and_repeat_nothing),
        cmocka_unit_test(test_links_that_go_for_good_lose_and_repeat_nothing_while_there_is_another_path),
        cmocka_unit_test(test_links_of_which_one_is_lost_each_second_and_made_anew_lose_and_repeat_nothing),
    };

    return cmocka_run_group_tests_name("cuts in virtual time", tests, NULL, NULL);
}
