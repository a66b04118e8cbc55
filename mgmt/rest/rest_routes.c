/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What can be reached, and why one way is taken and not another
 */
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"
#include "mgmt/rest/bridge_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct route_filter filter;
    struct route_page page;
    struct route_question question;
    struct route_why *why;
    int result;
};

static json_t *hub_json(const struct route_hub *hub)
{
    if (!*hub->id)
        return json_null();
    return json_pack("{s:o, s:o}", "hub_id", json_value_text(hub->id), "server_id",
                     json_value_text_or_null(hub->name));
}

/* A list of @n items of @size bytes each; NULL: out of memory. */
static json_t *list_json(const void *items, size_t n, size_t size, json_t *(*item_json)(const void *item))
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        if (json_array_append_new(list, item_json((const char *)items + i * size))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- the list ------------------------------------------------------------------------------------------- */

static json_t *row_json(const struct request *request, const void *item)
{
    const struct route_row *row = item;

    (void)request;
    return json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:I, s:I, s:I, s:o}", "kind", row->kind, "channel",
                     json_value_text_or_null(row->channel), "name", json_value_text_or_null(row->name),
                     "origin", hub_json(&row->origin), "is_own", (int)row->is_own, "via", hub_json(&row->via),
                     "cost", (json_int_t)row->cost, "hops", (json_int_t)row->n_hops, "ways",
                     (json_int_t)row->n_ways, "held_back", bridge_form_classes_json(row->held_back));
}

LISTING_COLUMN(route_row, kind, text)
LISTING_COLUMN(route_row, channel, text)
LISTING_COLUMN(route_row, name, text)
LISTING_COLUMN(route_row, cost, number)
LISTING_COLUMN(route_row, n_hops, number)
LISTING_COLUMN(route_row, n_ways, number)

static uint64_t place_of(const void *row)
{
    return ((const struct route_row *)row)->serial;
}

static bool step_list(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        federation_control_routes(asking->rest->options.federation, &asking->filter, &asking->page);
    return asking->result == FEDERATION_E_GOES_ON;
}

static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct asking asking = {
        .rest = ask->rest,
        .filter = {.kind = listing_argument(ask, "kind"),
                   .channel = listing_argument(ask, "channel"),
                   .name = listing_argument(ask, "name"),
                   .origin = listing_argument(ask, "origin")},
        .page = {.after = ask->after, .limit = ask->limit},
    };
    const struct route_page *page = &asking.page;
    bool is_run = rest_walk(ask->rest, step_list, &asking, ask->request, ask->reply);

    *out_chunk = listing_rows(page->rows, page->n, page->after, page->has_more);
    if (is_run && asking.result == 0)
        return true;
    if (is_run)
        problem_reply(ask->reply, ask->request, 500, "The hub could not answer: out of memory.");
    free(page->rows);
    return false;
}

void rest_routes_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"kind", column_kind, .sorts = true, LISTING_BY_SOURCE, "hub service topic interest member profile"},
        {"channel", column_channel, .sorts = true, LISTING_BY_SOURCE},
        {"name", column_name, .sorts = true, LISTING_BY_SOURCE},
        {"origin", .match = LISTING_BY_SOURCE},
        {"cost", column_cost, .sorts = true},
        {"hops", column_n_hops, .sorts = true},
        {"ways", column_n_ways, .sorts = true},
    };
    static const struct listing listing = {
        .name = "routes",
        .order = "heard",
        .row_bytes = sizeof(struct route_row),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* --- why ------------------------------------------------------------------------------------------------ */

static json_t *hop_json(const void *item)
{
    return hub_json(item);
}

static json_t *way_json(const void *item)
{
    const struct route_way *way = item;

    return json_pack("{s:b, s:s, s:o, s:b, s:o, s:I, s:o, s:o, s:I, s:I, s:b}", "chosen", (int)way->is_chosen,
                     "reason", way->reason ? way->reason : "", "origin", hub_json(&way->origin), "is_own",
                     (int)way->is_own, "via", hub_json(&way->via), "cost", (json_int_t)way->cost, "held_back",
                     bridge_form_classes_json(way->held_back), "path",
                     list_json(way->hops, way->n_hops, sizeof *way->hops, hop_json), "providers",
                     (json_int_t)way->n_providers, "outstanding", (json_int_t)way->n_outstanding,
                     "best_of_origin", (int)way->is_best);
}

static json_t *border_json(const void *item)
{
    const struct route_border *border = item;

    return json_pack("{s:o, s:o, s:o}", "peer", hub_json(&border->peer), "held_back_out",
                     json_value_text_or_null(border->reason_out), "held_back_in",
                     json_value_text_or_null(border->reason_in));
}

static json_t *refusal_json(const void *item)
{
    const struct route_refusal *refusal = item;

    return json_pack("{s:o, s:o, s:o, s:s, s:s}", "time", json_value_time(refusal->at_ms), "peer",
                     hub_json(&refusal->peer), "origin", hub_json(&refusal->origin), "reason",
                     refusal->reason, "detail", refusal->text);
}

static json_t *why_json(const struct route_question *question, const struct route_why *why)
{
    return json_pack(
        "{s:o, s:o, s:o, s:s, s:b, s:o, s:b, s:o, s:o}", "channel", json_value_text(question->channel),
        "event", json_value_text_or_null(question->event), "topic", json_value_text_or_null(question->topic),
        "verdict", why->verdict, "is_local", (int)why->is_local, "ways",
        list_json(why->ways, why->n_ways, sizeof *why->ways, way_json), "has_more_ways",
        (int)why->has_more_ways, "links",
        list_json(why->borders, why->n_borders, sizeof *why->borders, border_json), "refused_lately",
        list_json(why->refusals, why->n_refusals, sizeof *why->refusals, refusal_json));
}

static void run_why(void *argument)
{
    struct asking *asking = argument;

    asking->result =
        federation_control_why(asking->rest->options.federation, &asking->question, &asking->why);
}

static void judge_name(struct problem_faults *faults, const char *pointer, const char *name)
{
    if (name && !name_is_valid(bytes_of_text(name)))
        problem_add(faults, pointer, "must be " NAME_RULE);
}

static void judge(const struct route_question *question, struct problem_faults *faults)
{
    if (!question->channel)
        problem_add(faults, "?channel", "is needed");
    if (question->event && question->topic)
        problem_add(faults, "?topic", "stands beside event: ask for one of them");
    judge_name(faults, "?channel", question->channel);
    judge_name(faults, "?event", question->event);
    judge_name(faults, "?topic", question->topic);
}

void rest_routes_why(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {
        .rest = rest,
        .question = {.channel = request_argument(request, "channel"),
                     .event = request_argument(request, "event"),
                     .topic = request_argument(request, "topic")},
    };
    struct problem_faults faults = {0};

    judge(&asking.question, &faults);
    if (problem_faults_are_any(&faults)) {
        problem_reply_arguments(reply, request, &faults);
        return;
    }
    if (!rest_ask(rest, run_why, &asking, request, reply))
        return;
    if (asking.result != 0)
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
    else
        json_value_reply(reply, 200, why_json(&asking.question, asking.why));
    federation_control_free_why(asking.why);
}
