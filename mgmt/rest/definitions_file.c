/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/definitions_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/rest/change.h"
#include "mgmt/rest/definitions.h"
#include "mgmt/rest/json_fault.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_audit.h"

#define MOST_SECRET_FILE_BYTES 4096
#define MOST_DOCUMENT_BYTES ((size_t)4 * 1024 * 1024)

/* ---- secrets that lie elsewhere ---- */

static int read_file(const char *path, json_t **out_value, char out_why[STORE_WHY_SIZE])
{
    char text[MOST_SECRET_FILE_BYTES];
    int r = data_dir_read(path, text, sizeof text);

    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "The secret's file %s cannot be read: %s", path, strerror(-r));
        return r;
    }
    text[strcspn(text, "\r\n")] = '\0';
    *out_value = json_string(text);
    explicit_bzero(text, sizeof text);
    if (*out_value)
        return 0;
    snprintf(out_why, STORE_WHY_SIZE, "The secret's file %s is not UTF-8", path);
    return -EINVAL;
}

static int read_environment(const char *name, json_t **out_value, char out_why[STORE_WHY_SIZE])
{
    const char *text = getenv(name);

    *out_value = text ? json_string(text) : NULL;
    if (*out_value)
        return 0;
    snprintf(out_why, STORE_WHY_SIZE, "The environment has no %s, which a secret refers to", name);
    return -ENOENT;
}

static int resolve(json_t *owner, const char *member, char out_why[STORE_WHY_SIZE])
{
    json_t *secret = json_object_get(owner, member);
    const char *file = json_string_value(json_object_get(secret, "file"));
    const char *name = json_string_value(json_object_get(secret, "env"));
    json_t *value = NULL;
    int r = 0;

    if (json_object_size(secret) != 1 || (!file && !name))
        return 0;
    r = file ? read_file(file, &value, out_why) : read_environment(name, &value, out_why);
    if (r == 0 && json_object_set_new(owner, member, json_pack("{s:o}", "value", value)) < 0)
        r = -ENOMEM;
    return r;
}

int definitions_file_resolve(json_t *document, char out_why[STORE_WHY_SIZE])
{
    const char *name;
    json_t *json;
    int r = 0;

    json_object_foreach(json_object_get(document, "bridges"), name, json)
    {
        if (r == 0)
            r = resolve(json, "secret", out_why);
        if (r == 0)
            r = resolve(json, "connection_secret", out_why);
    }
    json_object_foreach(json_object_get(document, "channels"), name, json)
    {
        if (r == 0)
            r = resolve(json, "password", out_why);
    }
    return r;
}

/* ---- at start ---- */

/* The first fault, as a sentence. */
static int refuse_faults(const char *file, struct problem_faults *faults, char out_why[STORE_WHY_SIZE])
{
    json_t *first = json_array_get(faults->list, 0);
    const char *pointer = json_string_value(json_object_get(first, "pointer"));
    const char *detail = json_string_value(json_object_get(first, "detail"));

    snprintf(out_why, STORE_WHY_SIZE, "The definitions in %s cannot be: %s %s%s", file,
             pointer ? pointer : "", detail ? detail : "out of memory",
             json_array_size(faults->list) > 1 ? " (and more)" : "");
    json_decref(faults->list);
    return -EINVAL;
}

/* With a row of the audit log for the whole, and one for each object. */
static int store_recorded(const struct definitions *definitions, const char *file,
                          char out_why[STORE_WHY_SIZE])
{
    struct store_audit row;
    int r;

    store_audit_run(&row, STORE_AUDIT_CONFIGURATION, "commhub serve --definitions %s", file);
    change_write(&row, NULL, definitions_changes_json(definitions));
    store_audit_stage(&row, STORE_AUDIT_MOST_ROWS);
    r = definitions_store(definitions, &row, out_why);
    store_audit_stage(NULL, 0);
    return r;
}

static int take_in(struct store *store, const char *file, json_t *document, char out_why[STORE_WHY_SIZE])
{
    struct problem_faults faults = {0};
    struct definitions definitions;
    int r = definitions_file_resolve(document, out_why);

    if (r < 0)
        return r;
    r = definitions_read(&definitions, store, document, DEFINITIONS_MERGE, &faults, out_why);
    if (r == 0 && problem_faults_are_any(&faults))
        r = refuse_faults(file, &faults, out_why);
    if (r == 0 && definitions_change_anything(&definitions))
        r = store_recorded(&definitions, file, out_why);
    definitions_clear(&definitions);
    return r;
}

int definitions_file_load(struct store *store, const char *file, char out_why[STORE_WHY_SIZE])
{
    cleanup_free_ char *text = malloc(MOST_DOCUMENT_BYTES);
    char fault[JSON_FAULT_SIZE];
    json_error_t error;
    json_t *document;
    int r = text ? data_dir_read(file, text, MOST_DOCUMENT_BYTES) : -ENOMEM;

    if (r < 0) {
        snprintf(out_why, STORE_WHY_SIZE, "The definitions %s cannot be read: %s", file, strerror(-r));
        return r;
    }
    document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!document) {
        json_fault_write(&error, fault);
        snprintf(out_why, STORE_WHY_SIZE, "The definitions %s are not JSON: %s", file, fault);
        return -EINVAL;
    }
    r = take_in(store, file, document, out_why);
    json_decref(document);
    return r;
}
