/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The whole mesh, as this hub knows it: what every hub tells about itself, this one first
 */
#include <stdlib.h>
#include <string.h>

#include "mgmt/rest/json_value.h"
#include "mgmt/rest/page.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct mesh_hub *hubs;
    size_t n;
    int result;
};

static void run_ask(void *argument)
{
    struct asking *asking = argument;

    asking->result = federation_control_hubs(asking->rest->options.federation, &asking->hubs, &asking->n);
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

static json_t *hub_at(const void *rows, size_t place)
{
    const struct mesh_hub *hubs = rows;

    return hub_json(&hubs[place]);
}

void rest_mesh_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest};
    struct page page;

    if (!page_parse(&page, request, reply) || !rest_ask(rest, run_ask, &asking, request, reply))
        return;
    if (asking.result < 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    else
        json_value_reply(reply, 200, page_of_places(&page, asking.n, hub_at, asking.hubs));
    federation_control_free_hubs(asking.hubs, asking.n);
}
