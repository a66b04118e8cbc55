/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an operator has defined, as one document: bridges, and channels with a password
 *
 *     {"version": 1,
 *      "bridges": {"west": {"address": ..., "secret": {"stored": true}, ...}},
 *      "channels": {"vault": {"password": {"stored": true}}}}
 *
 * The document is canonical: all members stand in it, sorted. A secret is never in it: {"stored": true} says
 * that the hub has one, and, in a document that is taken in, that it is to keep it; {"value": "..."} gives
 * one. Who may use the hub (users, tokens) is no part of it: that is not copied from hub to hub.
 */
#ifndef COMMHUB_MGMT_REST_DEFINITIONS_H
#define COMMHUB_MGMT_REST_DEFINITIONS_H

#include "mgmt/rest/bridge_form.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_bridge.h"

#define DEFINITIONS_DUMP (JSON_SORT_KEYS | JSON_INDENT(2))

enum definitions_mode {
    DEFINITIONS_MERGE,   /* what the document does not name stays */
    DEFINITIONS_REPLACE, /* is removed */
};

enum definitions_action { DEFINITIONS_SAME, DEFINITIONS_ADDED, DEFINITIONS_CHANGED, DEFINITIONS_REMOVED };

struct definitions_change {
    enum definitions_action action;
    const char *name;
    bool is_bridge;          /* else a channel */
    struct bridge_form form; /* of a bridge that is not removed */
    const char *password;    /* of a channel; NULL: stays, or is removed */
    json_t *work;            /* what form borrows from */
};

/* A document held against the store. */
struct definitions {
    struct store *store;
    json_t *document;
    struct store_bridges bridges; /* as they are */
    json_t *before;
    json_t *after;
    size_t n_changes;
    struct definitions_change *changes;
};

/* The document of what is stored: 0 or a negative errno and a sentence. */
int definitions_export(struct store *store, json_t **out_document, char out_why[STORE_WHY_SIZE]);

/*
 * Holds @document (borrowed until definitions_clear()) against the store. 0; or a negative errno and a
 * sentence. Faults of the document are noted in @faults, and then nothing is to be done with it. To be
 * cleared in any case.
 */
int definitions_read(struct definitions *definitions, struct store *store, json_t *document,
                     enum definitions_mode mode, struct problem_faults *faults, char out_why[STORE_WHY_SIZE]);
void definitions_clear(struct definitions *definitions);

/* Where the document says of a thing: @kind is "bridges" or "channels". */
void definitions_pointer(char out_pointer[JSON_FORM_POINTER_SIZE], const char *kind, const char *name);

/* Whether there is something to store. */
bool definitions_change_anything(const struct definitions *definitions);

/*
 * Stores all changes, or none: 0, or a negative errno and a sentence. With @asked, the audit row of who
 * asked, each object that changes has a row of its own: of the request that would have changed it alone.
 */
int definitions_store(const struct definitions *definitions, const struct store_audit *asked,
                      char out_why[STORE_WHY_SIZE]);

/* {added: ["bridges/west"], changed, removed, unchanged: 3}; NULL: out of memory. */
json_t *definitions_changes_json(const struct definitions *definitions);

#endif
