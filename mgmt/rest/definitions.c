/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/definitions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"
#include "hub/base/text.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/store/seal.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_password.h"

#define MOST_PASSWORD_BYTES 1024

static const char *const secret_members[] = {"secret", "connection_secret"};

#define N_SECRETS (sizeof secret_members / sizeof *secret_members)

/* ---- the document of what is ---- */

static json_t *stored_json(void)
{
    return json_pack("{s:b}", "stored", 1);
}

static const char *secret_of(const struct bridge_spec *spec, size_t i)
{
    return i == 0 ? spec->secret : spec->connection_secret;
}

static json_t *bridge_json(const struct bridge_spec *spec, bool has_tls)
{
    json_t *json = bridge_form_json(spec, has_tls);

    json_object_del(json, "name");
    json_object_del(json, "secret_set");
    json_object_del(json, "connection_secret_set");
    for (size_t i = 0; i < N_SECRETS; i++)
        json_object_set_new(json, secret_members[i], secret_of(spec, i) ? stored_json() : json_null());
    return json;
}

static int add_channel(struct bytes channel, struct bytes password, void *context)
{
    json_t *channels = context;

    (void)password;
    return json_object_setn_new(channels, (const char *)channel.ptr, channel.len,
                                json_pack("{s:o}", "password", stored_json())) < 0
               ? -ENOMEM
               : 0;
}

static int export(struct store *store, struct store_bridges *out_bridges, json_t **out_document,
                  char out_why[STORE_WHY_SIZE])
{
    json_t *bridges = json_object();
    json_t *channels = json_object();
    uint64_t n = 0;
    int r = store_bridge_count(store, &n);

    snprintf(out_why, STORE_WHY_SIZE, "out of memory");
    if (r == 0)
        r = store_bridge_list(store, 0, (size_t)n + 1, out_bridges, out_why);
    for (size_t i = 0; r == 0 && i < out_bridges->n; i++) {
        const struct store_bridge *row = out_bridges->rows[i];

        if (json_object_set_new(bridges, row->spec.name, bridge_json(&row->spec, row->has_tls)) < 0)
            r = -ENOMEM;
    }
    if (r == 0)
        r = store_password_each(store, add_channel, channels, out_why);
    *out_document = json_pack("{s:i, s:o, s:o}", "version", 1, "bridges", bridges, "channels", channels);
    return r == 0 && !*out_document ? -ENOMEM : r;
}

int definitions_export(struct store *store, json_t **out_document, char out_why[STORE_WHY_SIZE])
{
    struct store_bridges bridges = {0};
    int r = export(store, &bridges, out_document, out_why);

    store_bridge_list_clear(&bridges);
    if (r < 0) {
        json_decref(*out_document);
        *out_document = NULL;
    }
    return r;
}

/* ---- reading a document ---- */

struct reading {
    struct definitions *definitions;
    enum definitions_mode mode;
    struct problem_faults *faults;
    char *why;
};

/* "#/bridges/a~1b" */
void definitions_pointer(char out_pointer[JSON_FORM_POINTER_SIZE], const char *kind, const char *name)
{
    size_t len = (size_t)snprintf(out_pointer, JSON_FORM_POINTER_SIZE, "#/%s/", kind);

    for (; *name && len + 3 < JSON_FORM_POINTER_SIZE; name++) {
        const char *escaped = *name == '~' ? "~0" : *name == '/' ? "~1" : NULL;

        if (escaped)
            out_pointer[len++] = *escaped++;
        out_pointer[len++] = escaped ? *escaped : *name;
    }
    out_pointer[len] = '\0';
}

enum secret_kind { SECRET_NONE, SECRET_STORED, SECRET_VALUE, SECRET_WRONG };

/* What stands for a secret; *@out_value for SECRET_VALUE. */
static enum secret_kind read_secret(json_t *json, const char **out_value)
{
    const char *value = json_string_value(json_object_get(json, "value"));

    if (!json || json_is_null(json))
        return SECRET_NONE;
    if (json_object_size(json) != 1)
        return SECRET_WRONG;
    if (json_is_true(json_object_get(json, "stored")))
        return SECRET_STORED;
    *out_value = value;
    return value ? SECRET_VALUE : SECRET_WRONG;
}

static void complain_of_secret(struct reading *reading, const char *pointer, const char *member,
                               enum secret_kind kind)
{
    char full[JSON_FORM_POINTER_SIZE + 32];

    snprintf(full, sizeof full, "%s/%s", pointer, member);
    if (kind == SECRET_STORED)
        problem_add(reading->faults, full, "this hub has none stored: give it as {\"value\": \"...\"}");
    else
        problem_add(reading->faults, full,
                    "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take "
                    "{\"file\": ...} and {\"env\": ...})");
}

static const struct store_bridge *find_bridge(const struct definitions *definitions, const char *name)
{
    for (size_t i = 0; i < definitions->bridges.n; i++)
        if (strcmp(definitions->bridges.rows[i]->spec.name, name) == 0)
            return definitions->bridges.rows[i];
    return NULL;
}

static bool is_same_text(const char *left, const char *right)
{
    return left == right || (left && right && strcmp(left, right) == 0);
}

static struct definitions_change *add_change(struct definitions *definitions, const char *name,
                                             bool is_bridge)
{
    struct definitions_change *longer =
        reallocarray(definitions->changes, definitions->n_changes + 1, sizeof *longer);

    if (!longer)
        return NULL;
    definitions->changes = longer;
    longer += definitions->n_changes++;
    *longer = (struct definitions_change){.name = name, .is_bridge = is_bridge};
    return longer;
}

/* The members that a form reads have texts as secrets; the wish keeps what is only told of. */
static void read_bridge_secrets(struct reading *reading, struct definitions_change *change,
                                const char *pointer, const struct store_bridge *old, const char **out_kept)
{
    for (size_t i = 0; i < N_SECRETS; i++) {
        const char *value = NULL;
        enum secret_kind kind = read_secret(json_object_get(change->work, secret_members[i]), &value);
        const char *former = old ? secret_of(&old->spec, i) : NULL;

        out_kept[i] = kind == SECRET_STORED ? former : NULL;
        if (kind == SECRET_WRONG || (kind == SECRET_STORED && !former))
            complain_of_secret(reading, pointer, secret_members[i], kind);
        if (kind == SECRET_VALUE)
            json_object_set_new(change->work, secret_members[i], json_string(value));
        else
            json_object_del(change->work, secret_members[i]);
    }
}

static enum definitions_action compare_bridges(const struct definitions_change *change,
                                               const struct store_bridge *old, json_t *after)
{
    const struct bridge_spec *spec = &change->form.spec;
    json_t *before = old ? bridge_json(&old->spec, old->has_tls) : NULL;
    bool is_same = old && json_equal(before, after) && is_same_text(spec->secret, old->spec.secret) &&
                   is_same_text(spec->connection_secret, old->spec.connection_secret);

    json_decref(before);
    return !old ? DEFINITIONS_ADDED : is_same ? DEFINITIONS_SAME : DEFINITIONS_CHANGED;
}

static int read_bridge(struct reading *reading, const char *name, json_t *json)
{
    struct definitions_change *change = add_change(reading->definitions, name, true);
    const struct store_bridge *old = find_bridge(reading->definitions, name);
    struct json_form form = {.faults = reading->faults};
    const char *kept[N_SECRETS] = {0};
    json_t *after;

    if (!change)
        return -ENOMEM;
    definitions_pointer(form.pointer, "bridges", name);
    change->work = json_deep_copy(json);
    if (!json_is_object(json)) {
        problem_add(reading->faults, form.pointer, "must be an object");
        return 0;
    }
    read_bridge_secrets(reading, change, form.pointer, old, kept);
    form.object = change->work;
    change->form.spec.name = name;
    bridge_form_read(&change->form, &form);
    if (kept[0])
        change->form.spec.secret = kept[0];
    if (kept[1])
        change->form.spec.connection_secret = kept[1];
    if (problem_faults_are_any(reading->faults))
        return 0;
    after = bridge_json(&change->form.spec, change->form.has_tls);
    change->action = compare_bridges(change, old, after);
    return json_object_set_new(json_object_get(reading->definitions->after, "bridges"), name, after) < 0
               ? -ENOMEM
               : 0;
}

static int compare_passwords(struct reading *reading, struct definitions_change *change)
{
    cleanup_(seal_wipe) struct buffer old = {0};
    int r = store_password_find(reading->definitions->store, bytes_of_text(change->name), &old, reading->why);

    if (r < 0)
        return r;
    change->action = r == STORE_E_UNKNOWN ? DEFINITIONS_ADDED
                     : change->password && !bytes_equal_text(buffer_bytes(&old), change->password)
                         ? DEFINITIONS_CHANGED
                         : DEFINITIONS_SAME;
    return 0;
}

static int read_channel(struct reading *reading, const char *name, json_t *json)
{
    struct definitions_change *change = add_change(reading->definitions, name, false);
    struct json_form form = {.faults = reading->faults, .object = json_is_object(json) ? json : NULL};
    struct json_form password;
    enum secret_kind kind;
    int r;

    if (!change)
        return -ENOMEM;
    definitions_pointer(form.pointer, "channels", name);
    if (!json_is_object(json))
        problem_add(reading->faults, form.pointer, "must be an object");
    if (!name_is_valid(bytes_of_text(name)))
        problem_add(reading->faults, form.pointer, "the name must be " NAME_RULE);
    password = json_form_object(&form, "password", true);
    json_form_finish(&form);
    if (!password.object)
        return 0;
    kind = read_secret(password.object, &change->password);
    if (kind == SECRET_VALUE && (!*change->password || strlen(change->password) > MOST_PASSWORD_BYTES))
        problem_add(reading->faults, password.pointer, "must have 1 to %d bytes", MOST_PASSWORD_BYTES);
    r = compare_passwords(reading, change);
    if (kind == SECRET_WRONG || (kind == SECRET_STORED && change->action == DEFINITIONS_ADDED))
        complain_of_secret(reading, form.pointer, "password", kind);
    if (r < 0)
        return r;
    return add_channel(bytes_of_text(name), BYTES_NONE,
                       json_object_get(reading->definitions->after, "channels"));
}

/* A member of the document that has something for each name. */
static int read_each(struct reading *reading, const char *kind,
                     int (*read)(struct reading *reading, const char *name, json_t *json))
{
    json_t *all = json_object_get(reading->definitions->document, kind);
    char pointer[JSON_FORM_POINTER_SIZE];
    const char *name;
    json_t *json;
    int r = 0;

    if (all && !json_is_null(all) && !json_is_object(all)) {
        snprintf(pointer, sizeof pointer, "#/%s", kind);
        problem_add(reading->faults, pointer, "must be an object: what there is, by name");
    }
    json_object_foreach(all, name, json)
    {
        r = read(reading, name, json);
        if (r < 0)
            return r;
    }
    return r;
}

/* What stands in the store and not in the document: it stays, or is removed. */
static int read_rest(struct reading *reading, const char *kind)
{
    struct definitions *definitions = reading->definitions;
    json_t *named = json_object_get(definitions->document, kind);
    json_t *after = json_object_get(definitions->after, kind);
    const char *name;
    json_t *json;

    json_object_foreach(json_object_get(definitions->before, kind), name, json)
    {
        struct definitions_change *change;

        if (json_object_get(named, name))
            continue;
        change = add_change(definitions, name, strcmp(kind, "bridges") == 0);
        if (!change)
            return -ENOMEM;
        if (reading->mode == DEFINITIONS_REPLACE)
            change->action = DEFINITIONS_REMOVED;
        else if (json_object_set(after, name, json) < 0)
            return -ENOMEM;
    }
    return 0;
}

static void read_version(struct reading *reading)
{
    json_t *document = reading->definitions->document;
    const char *name;
    json_t *json;

    if (json_integer_value(json_object_get(document, "version")) != 1)
        problem_add(reading->faults, "#/version", "must be 1");
    json_object_foreach(document, name, json)
    {
        char pointer[JSON_FORM_POINTER_SIZE] = "#/";

        if (strcmp(name, "version") == 0 || strcmp(name, "bridges") == 0 || strcmp(name, "channels") == 0)
            continue;
        text_escape(bytes_of_text(name), pointer + 2, sizeof pointer - 2);
        problem_add(reading->faults, pointer, "is not known; known are version, bridges, channels");
    }
}

int definitions_read(struct definitions *definitions, struct store *store, json_t *document,
                     enum definitions_mode mode, struct problem_faults *faults, char out_why[STORE_WHY_SIZE])
{
    struct reading reading = {definitions, mode, faults, out_why};
    int r;

    *definitions = (struct definitions){.store = store, .document = document};
    definitions->after = json_pack("{s:i, s:{}, s:{}}", "version", 1, "bridges", "channels");
    r = export(store, &definitions->bridges, &definitions->before, out_why);
    if (r < 0)
        return r;
    if (!definitions->after)
        return -ENOMEM;
    read_version(&reading);
    r = read_each(&reading, "bridges", read_bridge);
    if (r == 0)
        r = read_each(&reading, "channels", read_channel);
    if (r == 0)
        r = read_rest(&reading, "bridges");
    return r == 0 ? read_rest(&reading, "channels") : r;
}

void definitions_clear(struct definitions *definitions)
{
    for (size_t i = 0; i < definitions->n_changes; i++) {
        bridge_form_clear(&definitions->changes[i].form);
        json_decref(definitions->changes[i].work);
    }
    free(definitions->changes);
    store_bridge_list_clear(&definitions->bridges);
    json_decref(definitions->before);
    json_decref(definitions->after);
}

/* ---- carrying out ---- */

static int store_change(struct store *store, const struct definitions_change *change,
                        char out_why[STORE_WHY_SIZE])
{
    struct bytes name = bytes_of_text(change->name);

    if (change->action == DEFINITIONS_SAME)
        return 0;
    if (change->action == DEFINITIONS_REMOVED)
        return change->is_bridge ? store_bridge_remove(store, change->name, out_why)
                                 : store_password_remove(store, name, out_why);
    return change->is_bridge ? store_bridge_put(store, &change->form.spec, change->form.has_tls, out_why)
                             : store_password_set(store, name, bytes_of_text(change->password), out_why);
}

/* "/api/v1/channels/a%2Fb/password" */
static void write_target(const struct definitions_change *change, char out[], size_t size)
{
    size_t len = (size_t)snprintf(out, size, "/api/v1/%s/", change->is_bridge ? "bridges" : "channels");

    for (const char *at = change->name; *at && len + 4 < size; at++) {
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *at))
            out[len++] = *at;
        else
            len += (size_t)snprintf(out + len, size - len, "%%%02X", (unsigned)(uint8_t)*at);
    }
    snprintf(out + len, size - len, "%s", change->is_bridge ? "" : "/password");
}

static json_t *member_of(json_t *document, const struct definitions_change *change)
{
    return json_incref(
        json_object_get(json_object_get(document, change->is_bridge ? "bridges" : "channels"), change->name));
}

static int record_change(struct store *store, const struct definitions *definitions,
                         const struct definitions_change *change, const struct store_audit *asked,
                         char out_why[STORE_WHY_SIZE])
{
    bool is_removed = change->action == DEFINITIONS_REMOVED;
    struct store_audit row = *asked;

    if (change->action == DEFINITIONS_SAME)
        return 0;
    row.omitted = 0;
    row.status = is_removed || !change->is_bridge ? 204 : change->action == DEFINITIONS_ADDED ? 201 : 200;
    snprintf(row.method, sizeof row.method, "%s", is_removed ? "DELETE" : "PUT");
    write_target(change, row.target, sizeof row.target);
    change_write(&row, member_of(definitions->before, change),
                 is_removed ? NULL : member_of(definitions->after, change));
    return store_audit_append(store, &row, STORE_AUDIT_MOST_ROWS, out_why);
}

bool definitions_change_anything(const struct definitions *definitions)
{
    for (size_t i = 0; i < definitions->n_changes; i++) {
        if (definitions->changes[i].action != DEFINITIONS_SAME)
            return true;
    }
    return false;
}

struct storing {
    const struct definitions *definitions;
    const struct store_audit *asked;
};

static int store_changes(struct store *store, void *context, char out_why[STORE_WHY_SIZE])
{
    const struct storing *storing = context;
    const struct definitions *definitions = storing->definitions;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < definitions->n_changes; i++) {
        r = store_change(store, &definitions->changes[i], out_why);
        if (r >= 0 && storing->asked)
            r = record_change(store, definitions, &definitions->changes[i], storing->asked, out_why);
    }
    return r < 0 ? r : 0;
}

int definitions_store(const struct definitions *definitions, const struct store_audit *asked,
                      char out_why[STORE_WHY_SIZE])
{
    return store_batch(definitions->store, store_changes, &(struct storing){definitions, asked}, out_why);
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(json_string_value(*(json_t *const *)left), json_string_value(*(json_t *const *)right));
}

static json_t *sorted(json_t *list)
{
    size_t n = json_array_size(list);
    json_t **items = calloc(n + 1, sizeof *items);
    json_t *result = items ? json_array() : NULL;

    for (size_t i = 0; items && i < n; i++)
        items[i] = json_array_get(list, i);
    if (items)
        qsort(items, n, sizeof *items, compare_texts);
    for (size_t i = 0; result && i < n; i++)
        json_array_append(result, items[i]);
    free(items);
    json_decref(list);
    return result;
}

json_t *definitions_changes_json(const struct definitions *definitions)
{
    json_t *lists[] = {[DEFINITIONS_ADDED] = json_array(),
                       [DEFINITIONS_CHANGED] = json_array(),
                       [DEFINITIONS_REMOVED] = json_array()};
    json_int_t n_same = 0;

    for (size_t i = 0; i < definitions->n_changes; i++) {
        const struct definitions_change *change = &definitions->changes[i];

        if (change->action == DEFINITIONS_SAME)
            n_same++;
        else
            json_array_append_new(
                lists[change->action],
                json_sprintf("%s/%s", change->is_bridge ? "bridges" : "channels", change->name));
    }
    return json_pack("{s:o, s:o, s:o, s:I}", "added", sorted(lists[DEFINITIONS_ADDED]), "changed",
                     sorted(lists[DEFINITIONS_CHANGED]), "removed", sorted(lists[DEFINITIONS_REMOVED]),
                     "unchanged", n_same);
}
