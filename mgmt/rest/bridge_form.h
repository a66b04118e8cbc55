/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A bridge's wish as JSON: the body of a write, and the same members in what is shown
 */
#ifndef COMMHUB_MGMT_REST_BRIDGE_FORM_H
#define COMMHUB_MGMT_REST_BRIDGE_FORM_H

#include "federation/federation_control.h"
#include "mgmt/rest/json_form.h"

struct bridge_form {
    struct bridge_spec spec; /* borrows from the body; defaults are filled in */
    bool has_tls;
    bool has_secret; /* else the former one stays */
    bool has_connection_secret;
};

/*
 * Reads all members; faults are noted, also that the whole can't be. spec.name is the caller's to set before.
 * To be cleared in any case.
 */
void bridge_form_read(struct bridge_form *bridge, struct json_form *form);
void bridge_form_clear(struct bridge_form *bridge);

/* What is wrong with the bridge that stands at @pointer. */
void bridge_form_complain(const struct bridge_fault *fault, const char *pointer,
                          struct problem_faults *faults);

/* 422: the body's bridge can't be. */
void bridge_form_refuse(const struct bridge_fault *fault, const struct request *request, struct reply *reply);

/* What the form does not say of secrets stays as @old has it. NULL: there is none. */
void bridge_form_keep_secrets(struct bridge_form *bridge, const struct bridge_spec *old);

/* "native" and so on. */
const char *bridge_form_kind_name(enum bridge_kind kind);

/* The names of a set of 1 << enum bridge_class; NULL: out of memory. */
json_t *bridge_form_classes_json(uint32_t classes);

/* Name and wish, without secrets (but whether there are any); NULL: out of memory. */
json_t *bridge_form_json(const struct bridge_spec *spec, bool has_tls);

#endif
