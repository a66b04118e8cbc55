/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Definitions over REST: stored in one transaction first, then the hub is told of each change
 *
 * What the hub cannot take then (it is out of memory) it takes at its next start; the answer says so.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/wire/signature.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/definitions.h"
#include "mgmt/rest/etag.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"

#define SYSTEM_CHANNEL_PREFIX "__comm_ipc_"
#define PLAN_TYPE "application/vnd.commhub.plan+json"

static void reply_json(struct reply *reply, const char *type, json_t *json)
{
    char *text = json ? json_dumps(json, DEFINITIONS_DUMP) : NULL;
    char *line = NULL;

    if (text && asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    json_decref(json);
    reply_set_text(reply, 200, type, line);
}

void rest_definitions_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE], tag[ETAG_SIZE];
    json_t *document;
    int r = definitions_export(rest->options.store, &document, why);

    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    etag_write(document, NULL, tag);
    if (etag_is_known(request, tag)) {
        json_decref(document);
        reply_set_empty(reply, 304);
    } else {
        reply_json(reply, "application/json", document);
    }
    reply_add_header(reply, "ETag", tag);
}

/* ---- what the hub says to it ---- */

struct asking {
    struct rest *rest;
    const struct definitions *definitions;
    uint8_t (*keys)[SIGNATURE_KEY_BYTES]; /* of system channels, a place a change */
    const char *pinned;                   /* a channel */
    struct problem_faults faults;         /* bridges that this hub would not take */
    size_t n_failed;
};

static bool is_channel(const struct definitions_change *change)
{
    return !change->is_bridge && change->action != DEFINITIONS_SAME;
}

static void find_pinned(struct asking *asking)
{
    const struct definitions *definitions = asking->definitions;

    for (size_t i = 0; i < definitions->n_changes && !asking->pinned; i++) {
        const struct definitions_change *change = &definitions->changes[i];
        struct view *view;
        struct view_channel channel;

        if (!is_channel(change) || server_control_channel(asking->rest->options.server,
                                                          bytes_of_text(change->name), &view, &channel) != 0)
            continue;
        if (channel.password_origin == PASSWORD_BY_CONFIGURATION)
            asking->pinned = change->name;
        view_free(view);
    }
}

static void judge_bridges(struct asking *asking)
{
    const struct definitions *definitions = asking->definitions;

    for (size_t i = 0; i < definitions->n_changes; i++) {
        const struct definitions_change *change = &definitions->changes[i];
        char pointer[JSON_FORM_POINTER_SIZE];
        struct bridge_fault fault;

        if (!change->is_bridge || change->action == DEFINITIONS_SAME ||
            change->action == DEFINITIONS_REMOVED ||
            federation_control_judge_bridge(asking->rest->options.federation, &change->form.spec, &fault) !=
                FEDERATION_E_INVALID)
            continue;
        definitions_pointer(pointer, "bridges", change->name);
        bridge_form_complain(&fault, pointer, &asking->faults);
    }
}

static void run_judge(void *argument)
{
    find_pinned(argument);
    judge_bridges(argument);
}

/* ---- telling the hub ---- */

static int tell_change(struct asking *asking, size_t i)
{
    const struct definitions_change *change = &asking->definitions->changes[i];
    struct federation *federation = asking->rest->options.federation;
    struct bytes name = bytes_of_text(change->name);
    struct bridge_fault fault;

    if (change->action == DEFINITIONS_SAME)
        return 0;
    if (change->is_bridge && change->action == DEFINITIONS_REMOVED)
        return federation_control_remove_bridge(federation, change->name) < 0;
    if (change->is_bridge)
        return federation_control_put_bridge(federation, &change->form.spec, &fault);
    return server_control_set_password(
        asking->rest->options.server, name,
        change->action == DEFINITIONS_REMOVED ? BYTES_NONE : bytes_of_text(change->password),
        bytes_start_with(name, BYTES_LITERAL(SYSTEM_CHANNEL_PREFIX)) ? asking->keys[i] : NULL);
}

static void run_tell(void *argument)
{
    struct asking *asking = argument;

    for (size_t i = 0; i < asking->definitions->n_changes; i++)
        asking->n_failed += tell_change(asking, i) != 0;
}

/* Deriving takes long: here, not on the loop. */
static bool derive_keys(struct asking *asking)
{
    const struct definitions *definitions = asking->definitions;
    int r = 0;

    asking->keys = calloc(definitions->n_changes + 1, sizeof *asking->keys);
    for (size_t i = 0; asking->keys && r == 0 && i < definitions->n_changes; i++) {
        const struct definitions_change *change = &definitions->changes[i];

        if (is_channel(change) && change->password &&
            bytes_start_with(bytes_of_text(change->name), BYTES_LITERAL(SYSTEM_CHANNEL_PREFIX)))
            r = signature_derive_key(bytes_of_text(change->password), bytes_of_text(change->name),
                                     asking->keys[i]);
    }
    return asking->keys && r == 0;
}

/* ---- the request ---- */

static void refuse(struct rest *rest, struct problem_faults *faults, const struct request *request,
                   struct reply *reply)
{
    char why[512];

    problem_first(faults, why, sizeof why);
    if (!rest_is_dry_run(request))
        rest_log(rest, LOG_WARN, request, "Definitions were refused, and nothing was changed: %s", why);
    problem_reply_faults(reply, request, faults);
}

static void reply_plan(const struct definitions *definitions, struct reply *reply)
{
    json_t *plan = definitions_changes_json(definitions);

    if (plan &&
        json_object_update_new(plan, json_pack("{s:b, s:i, s:O, s:O}", "dry_run", 1, "status", 200, "before",
                                               definitions->before, "after", definitions->after)) < 0) {
        json_decref(plan);
        plan = NULL;
    }
    reply_json(reply, PLAN_TYPE, plan);
}

static void apply(struct asking *asking, const struct request *request, struct reply *reply)
{
    struct rest *rest = asking->rest;
    char why[STORE_WHY_SIZE];
    int r;

    if (!rest_ask(rest, run_judge, asking, request, reply))
        return;
    if (problem_faults_are_any(&asking->faults)) {
        refuse(rest, &asking->faults, request, reply);
        return;
    }
    if (asking->pinned) {
        problem_reply(reply, request, 409,
                      "The password of channel %s is set by the hub's configuration: change it there.",
                      asking->pinned);
        return;
    }
    if (rest_is_dry_run(request)) {
        reply_plan(asking->definitions, reply);
        return;
    }
    if (!derive_keys(asking)) {
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    change_stage(request, 200, NULL, definitions_changes_json(asking->definitions));
    r = definitions_store(asking->definitions, request->audit, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    rest_log(rest, LOG_INFO, request, "Definitions were taken in");
    if (!rest_ask(rest, run_tell, asking, request, reply))
        return;
    if (asking->n_failed)
        problem_reply(reply, request, 500,
                      "All is stored, but the hub has not taken %zu of the changes: it does when it is "
                      "started again.",
                      asking->n_failed);
    else
        reply_json(reply, "application/json", definitions_changes_json(asking->definitions));
}

static void take_in(struct rest *rest, json_t *document, enum definitions_mode mode,
                    const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct definitions definitions;
    struct asking asking = {.rest = rest, .definitions = &definitions};
    char why[STORE_WHY_SIZE];
    int r;

    pthread_mutex_lock(&rest->write_mutex);
    r = definitions_read(&definitions, rest->options.store, document, mode, &faults, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        json_decref(faults.list);
    } else if (problem_faults_are_any(&faults)) {
        refuse(rest, &faults, request, reply);
    } else if (etag_allows(request, definitions.before, reply)) {
        apply(&asking, request, reply);
    }
    pthread_mutex_unlock(&rest->write_mutex);
    if (asking.keys)
        OPENSSL_cleanse(asking.keys, definitions.n_changes * sizeof *asking.keys);
    free(asking.keys);
    definitions_clear(&definitions);
}

void rest_definitions_post(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *mode = request_argument(request, "mode");
    bool is_replace = mode && strcmp(mode, "replace") == 0;
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root;

    if (mode && !is_replace && strcmp(mode, "merge") != 0) {
        problem_reply_argument(reply, request, "mode", "must be merge or replace");
        return;
    }
    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    take_in(rest, root, is_replace ? DEFINITIONS_REPLACE : DEFINITIONS_MERGE, request, reply);
    json_decref(root);
}
