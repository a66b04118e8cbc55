/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Bridges: the stored wish and, beside it, the state that the link has reached
 *
 * A write: read the body, ask federation whether it can be, store it in one transaction, tell the hub. If the
 * hub does not take it, the former wish is stored again.
 */
#include <errno.h>
#include <stdlib.h>

#include "mgmt/rest/bridge_form.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/etag.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/merge_patch.h"
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_bridge.h"

struct asking {
    struct rest *rest;
    struct link_status *links;
    size_t n_links;
    const struct bridge_spec *spec;
    const char *name; /* to remove */
    struct bridge_fault fault;
    int result;
};

/* ---- showing ---- */

static void run_links(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        federation_control_links(asking->rest->options.federation, &asking->links, &asking->n_links);
}

static bool ask_links(struct asking *asking, const struct request *request, struct reply *reply)
{
    if (!rest_ask(asking->rest, run_links, asking, request, reply))
        return false;
    if (asking->result == 0)
        return true;
    problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    return false;
}

static const struct link_status *link_of(const struct asking *asking, const char *bridge)
{
    for (size_t i = 0; i < asking->n_links; i++) {
        if (asking->links[i].is_outgoing && strcmp(asking->links[i].bridge, bridge) == 0)
            return &asking->links[i];
    }
    return NULL;
}

static json_t *peer_json(const struct link_status *link)
{
    if (!link || !*link->hub_id)
        return json_null();
    return json_pack("{s:o, s:o}", "hub_id", json_value_text(link->hub_id), "server_id",
                     json_value_text(link->server_id));
}

static json_t *spool_json(const struct durable_status *status)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "messages", (json_int_t)status->n_messages,
                     "bytes", (json_int_t)status->n_bytes, "stored", (json_int_t)status->n_stored,
                     "delivered", (json_int_t)status->n_delivered, "evicted", (json_int_t)status->n_evicted,
                     "expired", (json_int_t)status->n_expired, "turned_away",
                     (json_int_t)status->n_turned_away);
}

static const char *state_name(const struct bridge_spec *spec, const struct link_status *link)
{
    enum link_state otherwise = spec->is_paused ? LINK_PAUSED : LINK_DIALING; /* the link is not made yet */

    return link_state_name(link ? link->state : otherwise);
}

static json_t *bridge_json(const struct store_bridge *bridge, const struct link_status *link)
{
    const struct bridge_spec *spec = &bridge->spec;
    json_t *wish = bridge_form_json(spec, bridge->has_tls);
    json_t *state =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "state", state_name(spec, link), "state_since",
                  link ? json_value_time(link->since_ms) : json_null(), "reason",
                  json_value_text_or_null(link ? link->reason : NULL), "last_error",
                  json_value_text_or_null(link ? link->last_error : NULL), "failed_step",
                  json_value_text_or_null(link ? link_step_name(link->failed_step) : NULL), "peer",
                  peer_json(link), "spool", spool_json(link ? &link->durable : &(struct durable_status){0}));

    if (json_object_update(wish, state)) {
        json_decref(wish);
        wish = NULL;
    }
    json_decref(state);
    return wish;
}

/* A row of the list. */
struct row {
    const struct store_bridge *bridge;
    const struct link_status *link; /* NULL: none is made yet */
};

/* What the rows of a list are of. */
struct showing {
    struct store_bridges bridges;
    struct link_status *links;
    struct row *rows;
};

static struct listing_value column_name(const void *row)
{
    return (struct listing_value){.text = ((const struct row *)row)->bridge->spec.name};
}

static struct listing_value column_address(const void *row)
{
    return (struct listing_value){.text = ((const struct row *)row)->bridge->spec.address};
}

static struct listing_value column_kind(const void *row)
{
    return (struct listing_value){.text =
                                      bridge_form_kind_name(((const struct row *)row)->bridge->spec.kind)};
}

static struct listing_value column_state(const void *row)
{
    const struct row *shown = row;

    return (struct listing_value){.text = state_name(&shown->bridge->spec, shown->link)};
}

static struct listing_value column_cost(const void *row)
{
    return (struct listing_value){.number = ((const struct row *)row)->bridge->spec.cost};
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct row *)row)->bridge->serial;
}

static json_t *row_json(const struct request *request, const void *row)
{
    const struct row *shown = row;

    (void)request;
    return bridge_json(shown->bridge, shown->link);
}

static void free_showing(void *memory)
{
    struct showing *showing = memory;

    store_bridge_list_clear(&showing->bridges);
    free(showing->links);
    free(showing->rows);
    free(showing);
}

static bool fill_rows(struct showing *showing, const struct asking *asking)
{
    const struct store_bridges *bridges = &showing->bridges;

    showing->rows = calloc(bridges->n + 1, sizeof *showing->rows);
    for (size_t i = 0; showing->rows && i < bridges->n; i++)
        showing->rows[i] = (struct row){bridges->rows[i], link_of(asking, bridges->rows[i]->spec.name)};
    return showing->rows != NULL;
}

/* The links first: a bridge that is made in between shows none. */
static bool read_showing(struct showing *showing, const struct listing_ask *ask)
{
    struct asking asking = {.rest = ask->rest};
    char why[STORE_WHY_SIZE];
    int r;

    if (!ask_links(&asking, ask->request, ask->reply))
        return false;
    showing->links = asking.links;
    r = store_bridge_list(ask->rest->options.store, (int64_t)ask->after, ask->limit, &showing->bridges, why);
    if (r < 0)
        rest_reply_store_fault(ask->reply, ask->request, r, why);
    else if (fill_rows(showing, &asking))
        return true;
    else
        problem_reply(ask->reply, ask->request, 500, "out of memory");
    return false;
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct showing *showing = calloc(1, sizeof *showing);
    size_t n;

    if (!showing) {
        problem_reply(ask->reply, ask->request, 500, "out of memory");
        return false;
    }
    if (!read_showing(showing, ask)) {
        free_showing(showing);
        return false;
    }
    n = showing->bridges.n;
    *out_chunk = (struct listing_chunk){.rows = showing->rows,
                                        .n = n,
                                        .reached = n ? place_of(&showing->rows[n - 1]) : ask->after,
                                        .has_more = showing->bridges.has_more,
                                        .free = free_showing,
                                        .memory = showing};
    return true;
}

void rest_bridges_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"name", column_name, .sorts = true, LISTING_PART},
        {"kind", column_kind, .sorts = true, LISTING_WORD, RESOURCES_BRIDGE_KINDS},
        {"address", column_address, .sorts = true, LISTING_PART},
        {"state", column_state, .sorts = true, LISTING_WORD, RESOURCES_LINK_STATES},
        {"cost", column_cost, .sorts = true},
    };
    static const struct listing listing = {
        .name = "bridges",
        .order = "created",
        .row_bytes = sizeof(struct row),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* The row of @name as it now is, or a 404. */
static void reply_row(struct rest *rest, const char *name, unsigned status, const struct request *request,
                      struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *bridge = NULL;
    struct asking asking = {.rest = rest};
    char why[STORE_WHY_SIZE];
    int r = store_bridge_find(rest->options.store, name, &bridge, why);

    if (r == STORE_E_UNKNOWN)
        problem_reply(reply, request, 404, "There is no bridge of that name.");
    else if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (ask_links(&asking, request, reply)) {
        json_t *wish = bridge_form_json(&bridge->spec, bridge->has_tls);

        etag_reply(reply, request, status, bridge_json(bridge, link_of(&asking, name)), wish);
        json_decref(wish);
    }
    free(asking.links);
}

void rest_bridges_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    reply_row(rest, request->segments[RESOURCES_NAME_SEGMENT], 200, request, reply);
}

/* ---- writing ---- */

static void run_put(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        federation_control_put_bridge(asking->rest->options.federation, asking->spec, &asking->fault);
}

static void run_judge(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        federation_control_judge_bridge(asking->rest->options.federation, asking->spec, &asking->fault);
}

static void run_remove(void *argument)
{
    struct asking *asking = argument;

    asking->result = federation_control_remove_bridge(asking->rest->options.federation, asking->name);
}

static void take_back(struct rest *rest, const char *name, const struct store_bridge *old,
                      const struct request *request)
{
    char why[STORE_WHY_SIZE];
    int r = old ? store_bridge_put(rest->options.store, &old->spec, old->has_tls, why)
                : store_bridge_remove(rest->options.store, name, why);

    if (r < 0)
        rest_log(rest, LOG_ERROR, request,
                 "The bridge %s is stored otherwise than it runs, and could not be taken "
                 "back: %s",
                 name, why);
}

/* Whoever looks into the log for a bridge that is not there has not seen the answer. */
static void refuse(struct rest *rest, const char *name, struct problem_faults *faults,
                   const struct request *request, struct reply *reply)
{
    char why[512];

    problem_first(faults, why, sizeof why);
    if (!rest_is_dry_run(request))
        rest_log(rest, LOG_WARN, request, "The bridge %.255s was refused, and nothing was changed: %s", name,
                 why);
    problem_reply_faults(reply, request, faults);
}

/* Whether the hub has judged it well, or has put it. */
static bool ask_hub(void (*run)(void *argument), struct asking *asking, const struct request *request,
                    struct reply *reply)
{
    struct problem_faults faults = {0};

    if (!rest_ask(asking->rest, run, asking, request, reply))
        return false;
    if (asking->result == 0)
        return true;
    if (asking->result == FEDERATION_E_INVALID) {
        bridge_form_complain(&asking->fault, "#", &faults);
        refuse(asking->rest, asking->spec->name, &faults, request, reply);
        return false;
    }
    problem_reply(reply, request, 500, "The hub did not take the bridge: out of memory.");
    return false;
}

/* The write lock is held; @before is how @old is shown, NULL where there is none. */
static void put(struct rest *rest, struct bridge_form *wish, const struct store_bridge *old,
                const json_t *before, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest, .spec = &wish->spec};
    unsigned status = old ? 200 : 201;
    char why[STORE_WHY_SIZE];
    int r;

    bridge_form_keep_secrets(wish, old ? &old->spec : NULL);
    if (!ask_hub(run_judge, &asking, request, reply))
        return;
    if (change_is_tried(request, reply, status, json_deep_copy(before),
                        bridge_form_json(&wish->spec, wish->has_tls)))
        return;
    r = store_bridge_put(rest->options.store, &wish->spec, wish->has_tls, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    if (!ask_hub(run_put, &asking, request, reply)) {
        take_back(rest, wish->spec.name, old, request);
        return;
    }
    rest_log(rest, LOG_INFO, request, "The bridge %s to %s was %s", wish->spec.name, wish->spec.address,
             old ? "replaced" : "made");
    reply_row(rest, wish->spec.name, status, request, reply);
}

/* What the form says is read, judged and put. The write lock is held. */
static void put_form(struct rest *rest, struct json_form *form, const struct store_bridge *old,
                     const struct request *request, struct reply *reply)
{
    cleanup_(bridge_form_clear) struct bridge_form wish = {.spec.name =
                                                               request->segments[RESOURCES_NAME_SEGMENT]};
    json_t *before = old ? bridge_form_json(&old->spec, old->has_tls) : NULL;

    bridge_form_read(&wish, form);
    if (problem_faults_are_any(form->faults))
        refuse(rest, wish.spec.name, form->faults, request, reply);
    else if (etag_allows(request, before, reply))
        put(rest, &wish, old, before, request, reply);
    json_decref(before);
}

static void put_locked(struct rest *rest, struct json_form *form, const struct request *request,
                       struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *old = NULL;
    char why[STORE_WHY_SIZE];
    int r = store_bridge_find(rest->options.store, request->segments[RESOURCES_NAME_SEGMENT], &old, why);

    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        put_form(rest, form, old, request, reply);
}

void rest_bridges_put(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    pthread_mutex_lock(&rest->write_mutex);
    put_locked(rest, &form, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
    json_decref(root);
}

/* True and the stored bridge for store_bridge_free(), or the reply is filled. */
static bool find(struct rest *rest, struct store_bridge **out_bridge, const struct request *request,
                 struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    int r =
        store_bridge_find(rest->options.store, request->segments[RESOURCES_NAME_SEGMENT], out_bridge, why);

    if (r == 0)
        return true;
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else
        problem_reply(reply, request, 404, "There is no bridge of that name.");
    return false;
}

/* The bridge as the body of a PUT that would change nothing. */
static json_t *wish_json(const struct store_bridge *bridge)
{
    json_t *wish = bridge_form_json(&bridge->spec, bridge->has_tls);

    json_object_del(wish, "name");
    json_object_del(wish, "secret_set");
    json_object_del(wish, "connection_secret_set");
    return wish;
}

static void patch_locked(struct rest *rest, const json_t *patch, const struct request *request,
                         struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *old = NULL;
    struct problem_faults faults = {0};
    struct json_form form = {.pointer = "#", .faults = &faults};
    json_t *wish;

    if (!find(rest, &old, request, reply))
        return;
    wish = wish_json(old);
    form.object = wish ? merge_patch(wish, patch) : NULL;
    if (form.object)
        put_form(rest, &form, old, request, reply);
    else
        problem_reply(reply, request, 500, "out of memory");
    json_decref(form.object);
    json_decref(wish);
}

static void apply_patch(struct rest *rest, const json_t *patch, const struct request *request,
                        struct reply *reply)
{
    pthread_mutex_lock(&rest->write_mutex);
    patch_locked(rest, patch, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
}

void rest_bridges_patch(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    apply_patch(rest, root, request, reply);
    json_decref(root);
}

static void set_paused(struct rest *rest, bool is_paused, const struct request *request, struct reply *reply)
{
    json_t *change = json_pack("{s:b}", "paused", is_paused);

    if (change)
        apply_patch(rest, change, request, reply);
    else
        problem_reply(reply, request, 500, "out of memory");
    json_decref(change);
}

void rest_bridges_pause(struct rest *rest, const struct request *request, struct reply *reply)
{
    set_paused(rest, true, request, reply);
}

void rest_bridges_resume(struct rest *rest, const struct request *request, struct reply *reply)
{
    set_paused(rest, false, request, reply);
}

static void run_retry(void *argument)
{
    struct asking *asking = argument;

    asking->result = federation_control_retry_bridge(asking->rest->options.federation, asking->name);
}

/* True: it is only tried. */
static bool retry_is_tried(struct rest *rest, const struct request *request, struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *bridge = NULL;
    char why[STORE_WHY_SIZE];
    int r;

    if (!rest_is_dry_run(request))
        return false;
    r = store_bridge_find(rest->options.store, request->segments[RESOURCES_NAME_SEGMENT], &bridge, why);
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == STORE_E_UNKNOWN)
        problem_reply(reply, request, 404, "There is no bridge of that name.");
    else
        change_is_tried(request, reply, 200, NULL, NULL);
    return true;
}

void rest_bridges_retry(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest, .name = request->segments[RESOURCES_NAME_SEGMENT]};

    if (retry_is_tried(rest, request, reply) || !rest_ask(rest, run_retry, &asking, request, reply))
        return;
    if (asking.result)
        problem_reply(reply, request, 404, "There is no bridge of that name.");
    else
        reply_row(rest, asking.name, 200, request, reply);
}

/* A bridge that the hub does not know, though it is stored, is gone either way. */
static void remove_stored(struct rest *rest, const struct store_bridge *old, const struct request *request,
                          struct reply *reply)
{
    const char *name = request->segments[RESOURCES_NAME_SEGMENT];
    struct asking asking = {.rest = rest, .name = name};
    char why[STORE_WHY_SIZE];
    int r = store_bridge_remove(rest->options.store, name, why);

    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
    } else if (!rest_ask(rest, run_remove, &asking, request, reply)) {
        take_back(rest, name, old, request);
    } else {
        rest_log(rest, LOG_INFO, request, "The bridge %s was removed", name);
        reply_set_empty(reply, 204);
    }
}

static void delete_locked(struct rest *rest, const struct request *request, struct reply *reply)
{
    cleanup_(store_bridge_freep) struct store_bridge *old = NULL;
    json_t *before;

    if (!find(rest, &old, request, reply))
        return;
    before = bridge_form_json(&old->spec, old->has_tls);
    if (etag_allows(request, before, reply) &&
        !change_is_tried(request, reply, 204, json_deep_copy(before), NULL))
        remove_stored(rest, old, request, reply);
    json_decref(before);
}

void rest_bridges_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    pthread_mutex_lock(&rest->write_mutex);
    delete_locked(rest, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
}
