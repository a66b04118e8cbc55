/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A mesh of many hubs at work: services that come and go, links that carry nothing for a while and
 * return
 *
 * The judge counts what the hubs can reach. SIM_SERVICES and SIM_SECONDS (of virtual time) in the
 * environment give the size, and with SIM_STILL=1 nothing comes or goes; the figures of docs/performance.md
 * are those of 10000 and 3600.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <time.h>

#include "tests/support/unit.h"

#define MAX_HUBS 100U
#define ALL_KNOWN_MS 2000
#define MINUTE_MS 60000
#define SILENCE_EVERY_MINUTES 10
#define SILENCE_MS 10000

struct world {
    struct sim *sim;
    unsigned n_hubs;
    struct sim_client *providers[MAX_HUBS];
    struct sim_client *guest;
    unsigned n_services; /* of each hub, and one more while the guest is there */
};

static unsigned number_of(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void provide_all(struct world *world, unsigned hub)
{
    char name[32];

    snprintf(name, sizeof name, "room.%u", hub);
    world->providers[hub] = sim_connect(world->sim, hub, name);
    for (unsigned i = 0; i < world->n_services; i++) {
        char event[32];

        snprintf(event, sizeof event, "serve.%u.%u", hub, i);
        sim_provide(world->providers[hub], name, event, false, false);
    }
}

/* A ring, and as many chords as hubs. */
static void join_all(struct sim *sim, unsigned n_hubs)
{
    sim_join_ring(sim, n_hubs);
    for (unsigned left = n_hubs; left > 0;) {
        unsigned a = (unsigned)sim_random(sim, n_hubs);
        unsigned b = (unsigned)sim_random(sim, n_hubs);

        if (a == b)
            continue;
        sim_join(sim, sim_add_link(sim, a, b));
        left--;
    }
}

static void assert_all_are_known(struct world *world)
{
    size_t expected = (size_t)world->n_hubs * world->n_services + (world->guest != NULL);

    for (unsigned hub = 0; hub < world->n_hubs; hub += 9)
        assert_int_equal(sim_count_ways(world->sim, hub, ROUTE_SERVICE), expected);
}

static void guest_comes_or_goes(struct world *world)
{
    if (world->guest) {
        sim_disconnect(world->guest);
        world->guest = NULL;
        return;
    }
    world->guest = sim_connect(world->sim, (unsigned)sim_random(world->sim, world->n_hubs), "guest");
    sim_provide(world->guest, "hall", "serve", false, false);
}

/* Found out by the pulses. */
static void silence_a_link(struct world *world)
{
    unsigned link = (unsigned)sim_random(world->sim, sim_n_links(world->sim));

    sim_silence(world->sim, link);
    sim_run(world->sim, SILENCE_MS);
    assert_true(sim_link(world->sim, link)->is_cut[0] && sim_link(world->sim, link)->is_cut[1]);
    assert_all_are_known(world);
    sim_return(world->sim, link);
}

static void live(struct world *world, uint64_t for_ms)
{
    uint64_t end_ms = sim_now_ms(world->sim) + for_ms;

    if (getenv("SIM_STILL"))
        sim_run(world->sim, for_ms);
    for (unsigned minute = 0; sim_now_ms(world->sim) < end_ms; minute++) {
        guest_comes_or_goes(world);
        if (minute % SILENCE_EVERY_MINUTES == 0)
            silence_a_link(world);
        sim_run(world->sim, MINUTE_MS - sim_now_ms(world->sim) % MINUTE_MS);
    }
}

static double cpu_s(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void test_all_hubs_know_all_services_while_links_and_services_come_and_go(void **state)
{
    unsigned n_hubs = number_of("SIM_HUBS", 30);
    struct world world = {
        .sim = sim_new(n_hubs, 1),
        .n_hubs = n_hubs,
        .n_services = number_of("SIM_SERVICES", 300) / n_hubs,
    };
    unsigned seconds = number_of("SIM_SECONDS", 60);
    double joined_s;
    uint64_t n_entries;

    (void)state;
    sim_beat(world.sim);
    for (unsigned hub = 0; hub < n_hubs; hub++)
        provide_all(&world, hub);
    join_all(world.sim, n_hubs);
    sim_run(world.sim, ALL_KNOWN_MS);
    joined_s = cpu_s();
    n_entries = sim_count_entries(world.sim);
    assert_all_are_known(&world);
    live(&world, (uint64_t)seconds * 1000);
    assert_all_are_known(&world);
    assert_true(sim_count_frames(world.sim, LINK_MESSAGE_ECHO) > (uint64_t)seconds * sim_n_links(world.sim));
    sim_free(world.sim);
    print_message(
        "%u hubs, %u services: all known after %.2f s of processor time and %llu entries; %u s lived "
        "after %.2f s\n",
        n_hubs, n_hubs * world.n_services, joined_s, (unsigned long long)n_entries, seconds, cpu_s());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_hubs_know_all_services_while_links_and_services_come_and_go),
    };

    return cmocka_run_group_tests_name("scale in virtual time", tests, NULL, NULL);
}
