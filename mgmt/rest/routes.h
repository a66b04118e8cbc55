/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The table of routes
 *
 * It is also the table of who may do what: a row names the role and the scope that are needed, and nothing
 * else decides. A new resource is a row here, a function in the file of its noun, and a path in
 * schema/rest/openapi.yaml; tests hold table and document together, and try every row with every role.
 */
#ifndef COMMHUB_MGMT_REST_ROUTES_H
#define COMMHUB_MGMT_REST_ROUTES_H

#include "mgmt/rest/rest.h"

typedef void routes_handler(struct rest *rest, const struct request *request, struct reply *reply);

#define ROUTES_BRIEF_ROWS 20

/*
 * Which requests are answered on the thread that carries the bytes of all connections: those whose handler
 * waits for nothing but an errand of the loop, and is done within some tens of microseconds. Never for the
 * store.
 */
enum route_brief {
    ROUTE_LONG,
    ROUTE_BRIEF_PAGE, /* with ?limit= of at most ROUTES_BRIEF_ROWS and nothing else in the query */
    ROUTE_BRIEF,
};

struct route {
    const char *method;    /* GET serves HEAD too */
    const char *pattern;   /* "/api/v1/channels/{name}" */
    enum role role;        /* that is needed; ROLE_NONE: open to anyone, so no secret in it, and cheap */
    enum scope scope;      /* that a token needs */
    const char *arguments; /* of the query, between blanks; NULL: none. `dry_run` is not named here */
    bool takes_body;       /* JSON; of PATCH: a merge patch */
    bool has_dry_run;      /* asks rest_is_dry_run(); a write without it refuses ?dry_run=true */
    bool is_conditional;   /* a write that asks etag_allows(); one without it refuses If-Match */
    bool is_quiet;     /* a POST that changes nothing lasting: in the audit log only where it is refused */
    bool is_websocket; /* handled as soon as the head is there; the credential may be a subprotocol */
    enum route_brief brief;
    routes_handler *handle;
};

const struct route *routes_all(size_t *out_n);

enum {
    ROUTES_E_UNKNOWN = 1,
    ROUTES_E_METHOD, /* the path is known, but not with this method: out_allow says which */
};

#define ROUTES_ALLOW_SIZE 80

/* 0 or ROUTES_E_*; out_allow is empty where the path is not known. */
int routes_find(const struct request *request, const struct route **out_route,
                char out_allow[ROUTES_ALLOW_SIZE]);

#endif
