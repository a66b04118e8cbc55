/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/page.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

struct asking {
    struct rest *rest;
    struct page page;
    struct view_clients view;
    int result;
};

static void run_ask(void *argument)
{
    struct asking *asking = argument;

    asking->result = server_control_clients(asking->rest->options.server, asking->page.after,
                                            asking->page.limit, &asking->view);
}

static json_t *client_json(const struct view_client *client)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "id", json_value_text(client->id), "mode",
                     json_value_text(client->mode), "address", json_value_text_or_null(client->address),
                     "since", json_value_time(client->since_s * 1000), "channels",
                     json_value_texts(client->channels, client->n_channels), "queued_bytes",
                     (json_int_t)client->queued_bytes, "messages_in", (json_int_t)client->messages_in,
                     "messages_out", (json_int_t)client->messages_out);
}

static json_t *page_json(const struct view_clients *view)
{
    json_t *items = json_array();

    for (size_t i = 0; i < view->n_clients; i++) {
        if (json_array_append_new(items, client_json(&view->clients[i]))) {
            json_decref(items);
            return NULL;
        }
    }
    return json_value_page(items, view->has_more && view->n_clients
                                      ? page_cursor(view->clients[view->n_clients - 1].serial)
                                      : NULL);
}

void rest_clients_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct asking asking = {.rest = rest};

    if (!page_parse(&asking.page, request, reply) || !rest_ask(rest, run_ask, &asking, request, reply))
        return;
    if (asking.result < 0) {
        problem_reply(reply, request, 500, "The hub could not answer: out of memory.");
        return;
    }
    json_value_reply(reply, 200, page_json(&asking.view));
    hub_view_free(asking.view.view);
}

/* ---- ending one ---- */

struct kicking {
    struct rest *rest;
    struct bytes id;
    int result;
};

static void run_kick(void *argument)
{
    struct kicking *kicking = argument;

    kicking->result = server_control_kick(kicking->rest->options.server, kicking->id);
}

void rest_clients_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *id = request->segments[RESOURCES_NAME_SEGMENT];
    struct kicking kicking = {.rest = rest, .id = bytes_of_text(id)};

    change_note(request, json_pack("{s:o}", "id", json_value_text(id)), NULL);
    if (!rest_ask(rest, run_kick, &kicking, request, reply))
        return;
    if (kicking.result) {
        problem_reply(reply, request, 404, "There is no client of that id (any more).");
        return;
    }
    rest_log(rest, LOG_INFO, request, "The client %s was disconnected", id);
    reply_set_empty(reply, 204);
}
