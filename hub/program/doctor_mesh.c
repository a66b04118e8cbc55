/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/doctor_mesh.h"

#include <stdio.h>
#include <string.h>

#define MOST_CLOCKS 16 /* of other hubs that are looked at: one that hangs costs 10 s */

static void check_bridge(struct doctor *doctor, const json_t *bridge)
{
    const char *state = doctor_ask_text(bridge, "state");
    const char *step = doctor_ask_text(bridge, "failed_step");
    const char *error = doctor_ask_text(bridge, "last_error");
    const json_t *spool = json_object_get(bridge, "spool");
    long long lost = doctor_ask_number(spool, "evicted") + doctor_ask_number(spool, "expired") +
                     doctor_ask_number(spool, "turned_away");

    if (strcmp(state, "up") == 0 || strcmp(state, "paused") == 0)
        doctor_report_add(&doctor->report, DOCTOR_OK, "bridge", NULL, "%s is %s.",
                          doctor_ask_text(bridge, "name"), state);
    else
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "bridge", *error ? error : "Ask again in a moment.",
                          "%s to %s is not up (%s)%s%s.", doctor_ask_text(bridge, "name"),
                          doctor_ask_text(bridge, "address"), state, *step ? "; it fails at the step " : "",
                          step);
    if (lost > 0)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "spool",
                          "Raise max_bytes or max_age_s of the bridge's `durable`, or bring its link up.",
                          "%lld durable messages of bridge %s were lost to its bounds.", lost,
                          doctor_ask_text(bridge, "name"));
}

static void check_bridges(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = doctor_ask_json(doctor, "bridge", "GET", "/api/v1/bridges" DOCTOR_PAGE, &answer);
    json_t *bridge;
    size_t i;

    json_array_foreach(json_object_get(page, "items"), i, bridge) check_bridge(doctor, bridge);
    api_client_answer_clear(&answer);
}

/* A table that had to be told anew: something was lost or counted wrongly on the way. */
static void check_links(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = doctor_ask_json(doctor, "link", "GET", "/api/v1/links" DOCTOR_PAGE, &answer);
    json_t *link;
    size_t i;

    json_array_foreach(json_object_get(page, "items"), i, link)
    {
        long long n = doctor_ask_number(json_object_get(link, "session"), "digest_mismatches");

        if (n > 0)
            doctor_report_add(
                &doctor->report, DOCTOR_WARN, "link",
                "It heals by itself. Where the number grows, report it with the support bundles "
                "of both hubs.",
                "The tables at the ends of the link to %s differed %lld times.",
                doctor_ask_text(link, "server_id"), n);
    }
    api_client_answer_clear(&answer);
}

/* Its own account of itself, asked through the mesh. False: it does not let us see it, or does not answer. */
static bool check_far_clock(struct doctor *doctor, const json_t *hub)
{
    struct api_answer answer = {0};
    char path[96];
    double skew_s;
    bool is_told;

    snprintf(path, sizeof path, "/api/v1/mesh/hubs/%.32s/hub", doctor_ask_text(hub, "hub_id"));
    is_told = doctor_ask(doctor, "GET", path, &answer) == 0 && answer.status == 200 &&
              doctor_ask_skew(answer.json, &skew_s);
    if (is_told && (skew_s > DOCTOR_MOST_SKEW_S || skew_s < -DOCTOR_MOST_SKEW_S))
        doctor_report_add(
            &doctor->report, DOCTOR_WARN, "clock", "Is time synchronised on that machine (timedatectl)?",
            "The clock of hub %s is %.0f s off this machine's.", doctor_ask_text(hub, "server_id"), skew_s);
    api_client_answer_clear(&answer);
    return is_told;
}

/* @hubs: the first is the one that is asked. Each costs a round trip through the mesh. */
static void check_far_clocks(struct doctor *doctor, const json_t *hubs)
{
    size_t n_others = json_array_size(hubs) - 1, n_told = 0;

    for (size_t i = 1; i <= n_others && i <= MOST_CLOCKS; i++)
        n_told += check_far_clock(doctor, json_array_get(hubs, i));
    doctor_report_add(&doctor->report, DOCTOR_OK, "clocks",
                      n_told < n_others ? "To have the others checked, grant `management` on the bridges, or "
                                          "run doctor against them."
                                        : NULL,
                      "Those of %zu of %zu other hubs were looked at.", n_told, n_others);
}

static void check_mesh(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = doctor_ask_json(doctor, "mesh", "GET", "/api/v1/mesh" DOCTOR_PAGE, &answer);
    const json_t *items = json_object_get(page, "items");
    const char *own = doctor_ask_text(json_array_get(items, 0), "version");
    json_t *hub;
    size_t i;

    json_array_foreach(items, i, hub)
    {
        const char *version = doctor_ask_text(hub, "version");
        const char *name = doctor_ask_text(hub, "server_id");

        if (i > 0 && *version && strcmp(version, own) != 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "mesh", "Bring all hubs to one version in time.",
                              "Hub %s is of version %s, this one of %s.", name, version, own);
        if (i > 0 && strcmp(doctor_ask_text(hub, "health"), "degraded") == 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "mesh", "Run doctor against that hub, too.",
                              "Hub %s has links that are not up.", name);
    }
    if (page)
        doctor_report_add(&doctor->report, DOCTOR_OK, "mesh", NULL, "%zu other hubs are known.",
                          json_array_size(items) > 0 ? json_array_size(items) - 1 : 0);
    if (json_array_size(items) > 1)
        check_far_clocks(doctor, items);
    api_client_answer_clear(&answer);
}

void doctor_mesh_check(struct doctor *doctor)
{
    check_bridges(doctor);
    check_links(doctor);
    check_mesh(doctor);
}
