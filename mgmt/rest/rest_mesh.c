/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The whole mesh, as this hub knows it: what every hub tells about itself, this one first
 */
#include <stdlib.h>
#include <string.h>

#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct mesh_hub_list hubs;
    int result;
};

static bool step_list(void *argument)
{
    struct asking *asking = argument;

    asking->result = federation_control_hubs(asking->rest->options.federation, &asking->hubs);
    return asking->result == FEDERATION_E_GOES_ON;
}

static bool is_sound(const struct mesh_hub_link *link)
{
    return strcmp(link->state, "up") == 0 || strcmp(link->state, "paused") == 0;
}

/* A hub that can be reached is well if its links are; of an old one only that much is known. */
static const char *health_of(const struct mesh_hub *hub)
{
    if (!hub->has_profile)
        return "unknown";
    for (uint32_t i = 0; i < hub->n_named; i++) {
        if (!is_sound(&hub->links[i]))
            return "degraded";
    }
    return "ok";
}

static json_t *link_json(const struct mesh_hub_link *link)
{
    return json_pack("{s:o, s:o, s:s, s:o}", "hub_id", json_value_text_or_null(link->hub_id), "bridge",
                     json_value_text_or_null(link->bridge), "direction", link->is_outgoing ? "out" : "in",
                     "state", json_value_text(link->state));
}

static json_t *links_json(const struct mesh_hub *hub)
{
    json_t *links = json_array();

    for (uint32_t i = 0; i < hub->n_named; i++) {
        if (json_array_append_new(links, link_json(&hub->links[i]))) {
            json_decref(links);
            return NULL;
        }
    }
    return links;
}

static json_t *hub_json(const struct mesh_hub *hub)
{
    return json_pack("{s:s, s:o, s:b, s:I, s:s, s:o, s:o, s:I, s:I, s:o, s:I, s:o}", "hub_id", hub->hub_id,
                     "server_id", json_value_text(hub->server_id), "is_self", (int)hub->is_self,
                     "incarnation", (json_int_t)hub->incarnation, "health", health_of(hub), "version",
                     json_value_text_or_null(hub->version), "started",
                     hub->has_profile ? json_value_time(hub->started_s * 1000) : json_null(), "cost",
                     (json_int_t)hub->cost, "hops", (json_int_t)hub->n_hops, "via",
                     json_value_text_or_null(hub->via), "n_links", (json_int_t)hub->n_links, "links",
                     links_json(hub));
}

LISTING_COLUMN(mesh_hub, hub_id, text)
LISTING_COLUMN(mesh_hub, server_id, text)
LISTING_COLUMN(mesh_hub, version, text)
LISTING_COLUMN(mesh_hub, cost, number)
LISTING_COLUMN(mesh_hub, n_hops, number)
LISTING_COLUMN(mesh_hub, n_links, number)
LISTING_COLUMN(mesh_hub, started_s, number)

static struct listing_value column_health(const void *row)
{
    return (struct listing_value){.text = health_of(row)};
}

static json_t *row_json(const struct request *request, const void *row)
{
    (void)request;
    return hub_json(row);
}

static void free_hubs(void *memory)
{
    federation_control_clear_hubs(memory);
    free(memory);
}

/* The hubs are the chunk's, or, where there is no memory for it, cleared. */
static bool hand_over(struct mesh_hub_list *hubs, struct listing_chunk *out_chunk)
{
    struct mesh_hub_list *kept = malloc(sizeof *kept);

    if (!kept) {
        federation_control_clear_hubs(hubs);
        return false;
    }
    *kept = *hubs;
    *out_chunk = (struct listing_chunk){.rows = kept->hubs, .n = kept->n, .free = free_hubs, .memory = kept};
    return true;
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct asking asking = {.rest = ask->rest};
    bool is_run = rest_walk(ask->rest, step_list, &asking, ask->request, ask->reply);

    if (is_run && asking.result == 0 && hand_over(&asking.hubs, out_chunk))
        return true;
    if (is_run)
        problem_reply(ask->reply, ask->request, 500, "The hub could not answer: out of memory.");
    federation_control_clear_hubs(&asking.hubs);
    return false;
}

void rest_mesh_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"hub_id", column_hub_id, .sorts = true, LISTING_WHOLE},
        {"server_id", column_server_id, .sorts = true, LISTING_PART},
        {"health", column_health, .sorts = true, LISTING_WORD, "ok degraded unknown"},
        {"version", column_version, .sorts = true, LISTING_PART},
        {"started", column_started_s, .sorts = true},
        {"cost", column_cost, .sorts = true},
        {"hops", column_n_hops, .sorts = true},
        {"n_links", column_n_links, .sorts = true},
    };
    static const struct listing listing = {
        .name = "mesh",
        .order = "self_first",
        .row_bytes = sizeof(struct mesh_hub),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}
