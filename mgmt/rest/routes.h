/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The table of routes
 *
 * A new resource is a row here, a function in the file of its noun, and a path in schema/rest/openapi.yaml; a
 * test holds table and document together.
 */
#ifndef COMMHUB_MGMT_REST_ROUTES_H
#define COMMHUB_MGMT_REST_ROUTES_H

#include "mgmt/rest/rest.h"

typedef void routes_handler(struct rest *rest, const struct request *request, struct reply *reply);

enum routes_access {
    ROUTES_OPEN,   /* anyone: no secret in it, and cheap */
    ROUTES_BEARER, /* a token */
    ROUTES_LIVE,   /* a token as header or WebSocket subprotocol; looked at by the handler */
};

struct route {
    const char *method;  /* GET serves HEAD too */
    const char *pattern; /* "/api/v1/channels/{name}" */
    enum routes_access access;
    bool takes_body; /* JSON */
    bool is_at_head; /* handled before a body is read */
    routes_handler *handle;
};

const struct route *routes_all(size_t *out_n);

enum {
    ROUTES_E_UNKNOWN = 1,
    ROUTES_E_METHOD, /* the path is known, but not with this method: out_allow says which */
};

#define ROUTES_ALLOW_SIZE 64

/* 0 or ROUTES_E_*. */
int routes_find(const struct request *request, const struct route **out_route,
                char out_allow[ROUTES_ALLOW_SIZE]);

#endif
