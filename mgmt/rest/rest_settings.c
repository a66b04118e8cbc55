/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/change.h"
#include "mgmt/rest/etag.h"
#include "mgmt/rest/json_form.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/settings_face.h"

static const struct settings_face *face_of(struct rest *rest)
{
    return rest->options.settings_face;
}

static json_t *page_json(struct rest *rest)
{
    return json_value_page(face_of(rest)->list(face_of(rest)->context), NULL);
}

void rest_settings_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    etag_reply(reply, request, 200, page_json(rest), NULL);
}

/* {name: value} of those that @wishes names. */
static json_t *named_settings(struct rest *rest, json_t *wishes)
{
    json_t *all = face_of(rest)->list(face_of(rest)->context);
    json_t *named = json_object();
    json_t *item;
    size_t i;

    json_array_foreach(all, i, item)
    {
        const char *name = json_string_value(json_object_get(item, "name"));

        if (name && json_object_get(wishes, name))
            json_object_set(named, name, json_object_get(item, "value"));
    }
    json_decref(all);
    return named;
}

static void reply_refusal(struct reply *reply, const struct request *request, int r,
                          struct problem_faults *faults, const char *why)
{
    if (r < 0)
        rest_reply_store_fault(reply, request, r, why);
    else if (r == SETTINGS_FACE_E_PINNED)
        problem_reply_faults_as(reply, request, 409, faults);
    else if (problem_faults_are_any(faults))
        problem_reply_faults(reply, request, faults);
    else
        problem_reply(reply, request, 422, "%s", why);
}

static void patch_locked(struct rest *rest, json_t *wishes, const struct request *request,
                         struct reply *reply)
{
    const struct settings_face *face = face_of(rest);
    struct problem_faults faults = {0};
    char why[SETTINGS_FACE_WHY_SIZE] = "";
    int r = face->change(face->context, wishes, true, &faults, why);

    if (r) {
        reply_refusal(reply, request, r, &faults, why);
        return;
    }
    if (change_is_tried(request, reply, 200, named_settings(rest, wishes), json_incref(wishes)))
        return;
    r = face->change(face->context, wishes, false, &faults, why);
    if (r) {
        reply_refusal(reply, request, r, &faults, why);
        return;
    }
    rest_log(rest, LOG_INFO, request, "Settings were changed");
    rest_settings_list(rest, request, reply);
}

void rest_settings_patch(struct rest *rest, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};
    struct json_form form;
    json_t *root, *now;

    if (!json_form_read(&form, &root, &faults, request, reply))
        return;
    pthread_mutex_lock(&rest->write_mutex);
    now = page_json(rest);
    if (etag_allows(request, now, reply))
        patch_locked(rest, root, request, reply);
    pthread_mutex_unlock(&rest->write_mutex);
    json_decref(now);
    json_decref(root);
}

void rest_settings_reload(struct rest *rest, const struct request *request, struct reply *reply)
{
    const struct settings_face *face = face_of(rest);
    char why[SETTINGS_FACE_WHY_SIZE] = "";
    json_t *outcome = NULL;
    bool is_trial = rest_is_dry_run(request);
    int r = face->reload(face->context, is_trial, &outcome, why);

    if (r > 0)
        problem_reply(reply, request, 422, "Nothing was changed: %s", why);
    else if (r < 0)
        problem_reply(reply, request, 500, "Nothing was changed: %s", why);
    else if (!is_trial || !change_is_tried(request, reply, 200, NULL, outcome))
        json_value_reply(reply, 200, outcome);
}
