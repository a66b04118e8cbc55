/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/federation_control.h"

#include <errno.h>
#include <stdio.h>

#include "federation/bridge_check.h"
#include "federation/federation_state.h"
#include "federation/link.h"
#include "federation/link_dial.h"
#include "federation/mesh_view.h"
#include "federation/probe.h"
#include "federation/reference_link.h"
#include "federation/route_why.h"
#include "federation/trial.h"
#include "hub/base/name.h"

int federation_control_check_bridge(const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    return bridge_check(spec, out_fault);
}

static struct bridge *find(const struct federation *federation, const char *name)
{
    for (struct list *at = federation->bridges.next; at != &federation->bridges; at = at->next) {
        struct bridge *bridge = container_of(at, struct bridge, in_federation);

        if (strcmp(bridge->name, name) == 0)
            return bridge;
    }
    return NULL;
}

static void remove_bridge(struct federation *federation, struct bridge *bridge)
{
    durable_bridge_gone(federation->durable, bridge);
    if (bridge->link)
        link_close(bridge->link, LINK_REFUSAL_REMOVED);
    if (bridge->reference)
        reference_link_free(bridge->reference, "removed");
    bridge_free(bridge);
}

/* What listens is found out as the client that a Python hub expects. */
static int begin_link(struct federation *federation, struct bridge *bridge)
{
    return bridge->kind == BRIDGE_NATIVE ? link_new(federation, bridge)
                                         : reference_link_new(federation, bridge);
}

/* A bridge that this hub could make, on no list yet. */
static int make_bridge(const struct federation *federation, const struct bridge_spec *spec,
                       struct bridge **out_bridge, struct bridge_fault *out_fault)
{
    struct bridge *bridge;
    int r = bridge_new(&bridge, spec, out_fault);

    if (r != 0)
        return r;
    if (bridge->kind == BRIDGE_NATIVE && !bridge->secret && !federation->link_secret &&
        !bridge_is_certified(bridge)) {
        bridge_free(bridge);
        *out_fault = (struct bridge_fault){
            .member = "secret",
            .why = "secret is missing: give the bridge one, or a certificate (tls.cert_file) and the other "
                   "hub's name (tls.pinned_name), or start the hub with --link-secret-file"};
        return FEDERATION_E_INVALID;
    }
    *out_bridge = bridge;
    return 0;
}

int federation_control_judge_bridge(const struct federation *federation, const struct bridge_spec *spec,
                                    struct bridge_fault *out_fault)
{
    struct bridge *bridge;
    int r = make_bridge(federation, spec, &bridge, out_fault);

    if (r == 0)
        bridge_free(bridge);
    return r;
}

int federation_control_put_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  struct bridge_fault *out_fault)
{
    struct bridge *bridge;
    struct bridge *previous;
    int r = make_bridge(federation, spec, &bridge, out_fault);

    if (r != 0)
        return r;
    previous = find(federation, spec->name);
    if (previous)
        remove_bridge(federation, previous);
    list_append(&federation->bridges, &bridge->in_federation);
    r = durable_bridge(federation->durable, bridge);
    if (r == 0 && !federation->is_draining)
        r = begin_link(federation, bridge);
    if (r < 0)
        remove_bridge(federation, bridge);
    return r;
}

int federation_control_remove_bridge(struct federation *federation, const char *name)
{
    struct bridge *bridge = find(federation, name);

    if (!bridge)
        return FEDERATION_E_UNKNOWN;
    durable_bridge_removed(federation->durable, name);
    remove_bridge(federation, bridge);
    return 0;
}

static int pause_bridge(struct federation *federation, struct bridge *bridge)
{
    bridge->is_paused = true;
    if (bridge->link)
        link_pause(bridge->link);
    if (!bridge->reference)
        return 0;
    reference_link_free(bridge->reference, "paused");
    return begin_link(federation, bridge);
}

static int unpause_bridge(struct federation *federation, struct bridge *bridge)
{
    bridge->is_paused = false;
    if (bridge->link)
        link_unpause(bridge->link);
    if (!bridge->reference)
        return 0;
    reference_link_free(bridge->reference, "unpaused");
    return begin_link(federation, bridge);
}

int federation_control_pause_bridge(struct federation *federation, const char *name, bool is_paused)
{
    struct bridge *bridge = find(federation, name);

    if (!bridge)
        return FEDERATION_E_UNKNOWN;
    if (bridge->is_paused == is_paused || federation->is_draining)
        return 0;
    return is_paused ? pause_bridge(federation, bridge) : unpause_bridge(federation, bridge);
}

int federation_control_retry_bridge(struct federation *federation, const char *name)
{
    struct bridge *bridge = find(federation, name);

    if (!bridge)
        return FEDERATION_E_UNKNOWN;
    if (bridge->link)
        link_dial_retry(bridge->link);
    if (bridge->reference)
        reference_link_retry(bridge->reference);
    return 0;
}

int federation_control_try_bridge(struct federation *federation, const struct bridge_spec *spec,
                                  const struct trial_asker *asker, uint64_t *out_id,
                                  struct bridge_fault *out_fault)
{
    struct bridge *bridge;
    int r = make_bridge(federation, spec, &bridge, out_fault);

    if (r != 0)
        return r;
    r = trial_begin(federation, bridge, asker, out_id);
    return r == TRIAL_E_TOO_MANY ? FEDERATION_E_BUSY : r;
}

bool federation_control_forget_trial(struct federation *federation, uint64_t id)
{
    return trial_forget(federation, id);
}

int federation_control_links(struct federation *federation, struct link_status **out_links, size_t *out_n)
{
    size_t n = 0;

    for (struct link *link = link_first(federation); link; link = link_next(federation, link))
        n++;
    for (struct reference_link *link = reference_link_first(federation); link;
         link = reference_link_next(federation, link))
        n++;
    *out_links = calloc(n + 1, sizeof **out_links);
    if (!*out_links)
        return -ENOMEM;
    *out_n = 0;
    for (struct link *link = link_first(federation); link; link = link_next(federation, link)) {
        struct link_status *status = &(*out_links)[*out_n];

        link_describe(link, status);
        /* One that only writes its goodbye is no link any more. */
        if (status->state != LINK_ENDED)
            (*out_n)++;
    }
    for (struct reference_link *link = reference_link_first(federation); link;
         link = reference_link_next(federation, link))
        reference_link_describe(link, &(*out_links)[(*out_n)++]);
    return 0;
}

int federation_control_hubs(struct federation *federation, struct mesh_hub_list *list)
{
    int r = mesh_view_hubs(federation->mesh, list);

    return r == MESH_VIEW_E_GOES_ON ? FEDERATION_E_GOES_ON : r;
}

void federation_control_clear_hubs(struct mesh_hub_list *list)
{
    mesh_view_clear(list);
}

static bool is_name_or_none(const char *name)
{
    return !name || name_is_valid(bytes_of_text(name));
}

int federation_control_why(struct federation *federation, const struct route_question *question,
                           struct route_why **out_why)
{
    if (!name_is_valid(bytes_of_text(question->channel)) || !is_name_or_none(question->event) ||
        !is_name_or_none(question->topic))
        return FEDERATION_E_BAD_NAME;
    return route_why(federation->mesh, question, out_why);
}

int federation_control_trace(struct federation *federation, const char *channel, const char *event,
                             const struct trace_asker *asker, uint64_t *out_id)
{
    int r;

    if (!name_is_valid(bytes_of_text(channel)) || !name_is_valid(bytes_of_text(event)))
        return FEDERATION_E_BAD_NAME;
    r = probe_begin(federation->mesh, bytes_of_text(channel), bytes_of_text(event), asker, out_id);
    return r == PROBE_E_TOO_MANY ? FEDERATION_E_BUSY : r;
}

bool federation_control_forget_trace(struct federation *federation, uint64_t id)
{
    return probe_forget(federation->mesh, id);
}

void federation_control_free_why(struct route_why *why)
{
    route_why_free(why);
}

int federation_control_routes(struct federation *federation, const struct route_filter *filter,
                              struct route_page *page)
{
    int r = route_why_list(federation->mesh, filter, page);

    return r == ROUTE_WHY_E_GOES_ON ? FEDERATION_E_GOES_ON : r;
}

void federation_control_serve_errands(struct federation *federation, federation_errand_handler *serve,
                                      void *context)
{
    federation->errands.serve = serve;
    federation->errands.serve_context = context;
}

int federation_control_ask(struct federation *federation, const char *hub_id, bool may_write,
                           struct bytes body, federation_answer_handler *handle, void *context)
{
    return errand_desk_ask(federation, hub_id, may_write, body, handle, context);
}

int federation_control_answer(struct federation *federation, const char *hub_id, uint64_t serial,
                              struct bytes body)
{
    return errand_desk_answer(federation, hub_id, serial, body);
}

struct mesh_counts federation_control_counts(const struct federation *federation)
{
    return mesh_counts(federation->mesh);
}

struct federation_identity federation_control_identity(const struct federation *federation)
{
    struct federation_identity identity = {.incarnation = federation->incarnation};

    hub_id_text(&federation->hub_id, identity.hub_id);
    return identity;
}
