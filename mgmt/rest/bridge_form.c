/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/bridge_form.h"

#include <stdio.h>
#include <stdlib.h>

#include "hub/base/name.h"
#include "hub/io/address.h"
#include "mgmt/rest/json_value.h"

#define MOST_ADDRESS_BYTES 280
#define MOST_SECRET_BYTES 1024
#define MOST_PATTERN_BYTES 255
#define MOST_PATH_BYTES 1024

static const char *const kind_names[] = {
#define X(id, name) name,
    BRIDGE_KINDS(X)
#undef X
};

static const char *const class_names[] = {
#define X(id, name) name,
    BRIDGE_CLASSES(X)
#undef X
};

static const char *const at_bound_names[] = {
#define X(id, name) name,
    BRIDGE_AT_BOUNDS(X)
#undef X
};

static const char *const management_names[] = {
#define X(id, name) name,
    BRIDGE_MANAGEMENTS(X)
#undef X
};

/* --- reading -------------------------------------------------------------------------------------------- */

static void free_filter(struct bridge_filter *filter)
{
    free((void *)(uintptr_t)filter->allow.texts);
    free((void *)(uintptr_t)filter->deny.texts);
}

void bridge_form_clear(struct bridge_form *bridge)
{
    struct bridge_spec *spec = &bridge->spec;

    free_filter(&spec->channels);
    free_filter(&spec->in);
    free_filter(&spec->out);
    free((void *)(uintptr_t)spec->remap_in.rules);
    free((void *)(uintptr_t)spec->remap_out.rules);
    free((void *)(uintptr_t)spec->durable.topics.texts);
}

/* Left out or null: the former one stays (false). "" takes it away. */
static bool read_secret(struct json_form *form, const char *name, const char **out_secret)
{
    const char *secret = json_form_text(form, name, false, 0, MOST_SECRET_BYTES);

    *out_secret = secret && *secret ? secret : NULL;
    return secret != NULL;
}

static void read_patterns(struct json_form *form, const char *name, struct bridge_patterns *out_patterns)
{
    json_form_texts(form, name, BRIDGE_MAX_PATTERNS, MOST_PATTERN_BYTES, &out_patterns->texts,
                    &out_patterns->n);
}

static void read_filter(struct json_form *form, struct bridge_filter *out_filter)
{
    read_patterns(form, "allow", &out_filter->allow);
    read_patterns(form, "deny", &out_filter->deny);
}

static void read_channels(struct json_form *form, struct bridge_spec *spec)
{
    struct json_form channels = json_form_object(form, "channels", false);
    struct json_form in = json_form_object(&channels, "in", false);
    struct json_form out = json_form_object(&channels, "out", false);

    read_filter(&channels, &spec->channels);
    read_filter(&in, &spec->in);
    read_filter(&out, &spec->out);
    json_form_finish(&in);
    json_form_finish(&out);
    json_form_finish(&channels);
}

static void read_renames(struct json_form *form, const char *name, struct bridge_renames *out_renames)
{
    struct json_form list = json_form_array(form, name, BRIDGE_MAX_RENAMES);
    size_t n = json_array_size(list.object);
    struct bridge_rename *rules = n > 0 ? calloc(n, sizeof *rules) : NULL;

    if (n > 0 && !rules) {
        form->faults->failed = true;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        struct json_form rule = json_form_item(&list, i);

        rules[i].from = json_form_text(&rule, "from", true, 0, MOST_PATTERN_BYTES);
        rules[i].to = json_form_text(&rule, "to", true, 0, MOST_PATTERN_BYTES);
        json_form_finish(&rule);
    }
    *out_renames = (struct bridge_renames){.n = n, .rules = rules};
}

static void read_remap(struct json_form *form, struct bridge_spec *spec)
{
    struct json_form remap = json_form_object(form, "remap", false);

    read_renames(&remap, "in", &spec->remap_in);
    read_renames(&remap, "out", &spec->remap_out);
    json_form_finish(&remap);
}

static void read_limits(struct json_form *form, struct bridge_limits *limits)
{
    struct json_form inner = json_form_object(form, "limits", false);

    limits->entries =
        (uint32_t)json_form_number(&inner, "entries", 1, BRIDGE_MAX_ENTRIES, BRIDGE_DEFAULT_ENTRIES);
    limits->messages_per_s =
        (uint32_t)json_form_number(&inner, "messages_per_s", 0, BRIDGE_MAX_MESSAGES_PER_S, 0);
    limits->queue_bytes = (uint64_t)json_form_number(&inner, "queue_bytes", BRIDGE_MIN_BYTES,
                                                     BRIDGE_MAX_BYTES, BRIDGE_DEFAULT_QUEUE_BYTES);
    limits->resend_bytes = (uint64_t)json_form_number(&inner, "resend_bytes", BRIDGE_MIN_BYTES,
                                                      BRIDGE_MAX_BYTES, BRIDGE_DEFAULT_RESEND_BYTES);
    json_form_finish(&inner);
}

static void read_durable(struct json_form *form, struct bridge_durable *durable)
{
    struct json_form inner = json_form_object(form, "durable", false);

    read_patterns(&inner, "topics", &durable->topics);
    durable->max_bytes = (uint64_t)json_form_number(&inner, "max_bytes", BRIDGE_MIN_BYTES,
                                                    BRIDGE_MAX_DURABLE_BYTES, BRIDGE_DEFAULT_DURABLE_BYTES);
    durable->max_age_s = (uint32_t)json_form_number(&inner, "max_age_s", 1, BRIDGE_MAX_DURABLE_AGE_S,
                                                    BRIDGE_DEFAULT_DURABLE_AGE_S);
    durable->at_bound =
        (enum bridge_at_bound)json_form_choice(&inner, "at_bound", at_bound_names, BRIDGE_AT_BOUND_COUNT, 0);
    json_form_finish(&inner);
}

static bool read_tls(struct json_form *form, struct bridge_tls *tls)
{
    struct json_form inner = json_form_object(form, "tls", false);

    tls->ca_file = json_form_text(&inner, "ca_file", false, 1, MOST_PATH_BYTES);
    tls->server_name = json_form_text(&inner, "server_name", false, 1, MOST_PATTERN_BYTES);
    tls->cert_file = json_form_text(&inner, "cert_file", false, 1, MOST_PATH_BYTES);
    tls->key_file = json_form_text(&inner, "key_file", false, 1, MOST_PATH_BYTES);
    tls->pinned_name = json_form_text(&inner, "pinned_name", false, 1, MOST_PATTERN_BYTES);
    json_form_finish(&inner);
    return inner.object != NULL;
}

static void read_members(struct bridge_form *bridge, struct json_form *form)
{
    struct bridge_spec *spec = &bridge->spec;

    spec->kind = (enum bridge_kind)json_form_choice(form, "kind", kind_names, BRIDGE_KIND_COUNT, 0);
    spec->address = json_form_text(form, "address", true, 1, MOST_ADDRESS_BYTES);
    bridge->has_secret = read_secret(form, "secret", &spec->secret);
    bridge->has_connection_secret = read_secret(form, "connection_secret", &spec->connection_secret);
    spec->cost = (uint32_t)json_form_number(form, "cost", 1, BRIDGE_MAX_COST, 1);
    spec->is_paused = json_form_bool(form, "paused", false);
    read_channels(form, spec);
    read_remap(form, spec);
    spec->classes = json_form_choices(form, "classes", class_names, BRIDGE_CLASS_COUNT, BRIDGE_ALL_CLASSES);
    read_limits(form, &spec->limits);
    spec->resume_window_s = (uint32_t)json_form_number(form, "resume_window_s", 1, BRIDGE_MAX_RESUME_WINDOW_S,
                                                       BRIDGE_DEFAULT_RESUME_WINDOW_S);
    read_durable(form, &spec->durable);
    bridge->has_tls = read_tls(form, &spec->tls);
    spec->management = (enum bridge_management)json_form_choice(form, "management", management_names,
                                                                BRIDGE_MANAGEMENT_COUNT, 0);
    json_form_finish(form);
}

void bridge_form_complain(const struct bridge_fault *fault, const char *pointer,
                          struct problem_faults *faults)
{
    char whole[JSON_FORM_POINTER_SIZE + FEDERATION_MEMBER_SIZE + 2];

    snprintf(whole, sizeof whole, "%s%s%s", pointer, fault->member[0] ? "/" : "", fault->member);
    problem_add(faults, whole, "%s", fault->why);
}

void bridge_form_refuse(const struct bridge_fault *fault, const struct request *request, struct reply *reply)
{
    struct problem_faults faults = {0};

    bridge_form_complain(fault, "#", &faults);
    problem_reply_faults(reply, request, &faults);
}

static void check_whole(const struct bridge_spec *spec, const struct json_form *form)
{
    struct bridge_fault fault;

    if (federation_control_check_bridge(spec, &fault) != 0)
        bridge_form_complain(&fault, form->pointer, form->faults);
}

void bridge_form_read(struct bridge_form *bridge, struct json_form *form)
{
    const char *address;
    struct address parsed;
    const char *why;
    char pointer[JSON_FORM_POINTER_SIZE + 16];

    read_members(bridge, form);
    address = bridge->spec.address;
    if (!name_is_valid(bytes_of_text(bridge->spec.name)))
        problem_add(form->faults, strcmp(form->pointer, "#") == 0 ? "" : form->pointer,
                    "the bridge's name must be " NAME_RULE);
    snprintf(pointer, sizeof pointer, "%s/address", form->pointer);
    if (address && address_parse(address, &parsed, &why) < 0)
        problem_add(form->faults, pointer, "%s", why);
    if (!problem_faults_are_any(form->faults))
        check_whole(&bridge->spec, form);
}

void bridge_form_keep_secrets(struct bridge_form *bridge, const struct bridge_spec *old)
{
    if (old && !bridge->has_secret)
        bridge->spec.secret = old->secret;
    if (old && !bridge->has_connection_secret)
        bridge->spec.connection_secret = old->connection_secret;
}

/* --- showing -------------------------------------------------------------------------------------------- */

static json_t *patterns_json(const struct bridge_patterns *patterns)
{
    return json_value_texts(patterns->texts, patterns->n);
}

static json_t *filter_json(const struct bridge_filter *filter)
{
    return json_pack("{s:o, s:o}", "allow", patterns_json(&filter->allow), "deny",
                     patterns_json(&filter->deny));
}

static json_t *channels_json(const struct bridge_spec *spec)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "allow", patterns_json(&spec->channels.allow), "deny",
                     patterns_json(&spec->channels.deny), "in", filter_json(&spec->in), "out",
                     filter_json(&spec->out));
}

static json_t *renames_json(const struct bridge_renames *renames)
{
    json_t *list = json_array();

    for (size_t i = 0; i < renames->n; i++) {
        const struct bridge_rename *rule = &renames->rules[i];

        if (json_array_append_new(list, json_pack("{s:o, s:o}", "from", json_value_text(rule->from), "to",
                                                  json_value_text(rule->to)))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *bridge_form_classes_json(uint32_t classes)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < BRIDGE_CLASS_COUNT; i++) {
        if ((classes >> i & 1U) && json_array_append_new(list, json_value_text(class_names[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* What stands for the default in a spec that no form has filled in. */
static json_int_t number_or(uint64_t number, uint64_t otherwise)
{
    return (json_int_t)(number > 0 ? number : otherwise);
}

static json_t *limits_json(const struct bridge_limits *limits)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "entries", number_or(limits->entries, BRIDGE_DEFAULT_ENTRIES),
                     "messages_per_s", (json_int_t)limits->messages_per_s, "queue_bytes",
                     number_or(limits->queue_bytes, BRIDGE_DEFAULT_QUEUE_BYTES), "resend_bytes",
                     number_or(limits->resend_bytes, BRIDGE_DEFAULT_RESEND_BYTES));
}

static json_t *durable_json(const struct bridge_durable *durable)
{
    return json_pack("{s:o, s:I, s:I, s:s}", "topics", patterns_json(&durable->topics), "max_bytes",
                     number_or(durable->max_bytes, BRIDGE_DEFAULT_DURABLE_BYTES), "max_age_s",
                     number_or(durable->max_age_s, BRIDGE_DEFAULT_DURABLE_AGE_S), "at_bound",
                     at_bound_names[durable->at_bound]);
}

static json_t *tls_json(const struct bridge_tls *tls)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "ca_file", json_value_text_or_null(tls->ca_file),
                     "server_name", json_value_text_or_null(tls->server_name), "cert_file",
                     json_value_text_or_null(tls->cert_file), "key_file",
                     json_value_text_or_null(tls->key_file), "pinned_name",
                     json_value_text_or_null(tls->pinned_name));
}

static json_t *remap_json(const struct bridge_spec *spec)
{
    return json_pack("{s:o, s:o}", "in", renames_json(&spec->remap_in), "out",
                     renames_json(&spec->remap_out));
}

const char *bridge_form_kind_name(enum bridge_kind kind)
{
    return kind_names[kind];
}

json_t *bridge_form_json(const struct bridge_spec *spec, bool has_tls)
{
    return json_pack("{s:o, s:s, s:o, s:b, s:b, s:I, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s}", "name",
                     json_value_text(spec->name), "kind", bridge_form_kind_name(spec->kind), "address",
                     json_value_text(spec->address), "secret_set", spec->secret != NULL,
                     "connection_secret_set", spec->connection_secret != NULL, "cost", (json_int_t)spec->cost,
                     "paused", spec->is_paused, "channels", channels_json(spec), "remap", remap_json(spec),
                     "classes", bridge_form_classes_json(spec->classes ? spec->classes : BRIDGE_ALL_CLASSES),
                     "limits", limits_json(&spec->limits), "resume_window_s",
                     number_or(spec->resume_window_s, BRIDGE_DEFAULT_RESUME_WINDOW_S), "durable",
                     durable_json(&spec->durable), "tls", has_tls ? tls_json(&spec->tls) : json_null(),
                     "management", management_names[spec->management]);
}
