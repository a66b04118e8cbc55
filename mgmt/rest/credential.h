/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What a request brings to say who asks
 */
#ifndef COMMHUB_MGMT_REST_CREDENTIAL_H
#define COMMHUB_MGMT_REST_CREDENTIAL_H

#include "mgmt/http/request.h"

#define CREDENTIAL_MOST_BYTES 1024

/* What stands behind "Bearer " in Authorization; empty if nothing does. */
struct bytes credential_bearer(const struct request *request);

/*
 * The token that a WebSocket's handshake names as a protocol, for browsers cannot set Authorization there:
 * "bearer.TOKEN", or "bearer-hex." and its bytes in lowercase hex, decoded into @room. Empty if there is
 * none.
 */
struct bytes credential_protocol(const struct request *request, uint8_t room[CREDENTIAL_MOST_BYTES]);

/* The ticket that a WebSocket's handshake names: "ticket.TICKET". Empty if there is none. */
struct bytes credential_ticket(const struct request *request);

/* The value of the cookie of that name; empty if there is none. */
struct bytes credential_cookie(const struct request *request, const char *name);

#endif
