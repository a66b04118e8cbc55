/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Reading a request's fields and answering it
 *
 * A failure is answered to the client (as `response` where the request bears a request_id, as `error` else),
 * counted, and reported as the error policy has it.
 */
#ifndef COMMHUB_CORE_REQUEST_H
#define COMMHUB_CORE_REQUEST_H

#include "hub/core/clients.h"
#include "hub/wire/error_text.h"

/* The request_id as it stands if it is a str, else empty. */
struct bytes request_id(const struct message *message);

void request_succeed(struct client *client, const struct message *message);

void request_fail(struct hub *hub, struct client *client, const struct message *message, enum error_text text,
                  struct bytes first, struct bytes second);

/* ERROR_TOO_MANY: a cap on what one client may hold. */
void request_fail_too_many(struct hub *hub, struct client *client, const struct message *message,
                           const char *what, unsigned limit);

/* The same with the fields channel and event in the answer, which programs expect of a refused registration.
 */
void request_fail_registration(struct hub *hub, struct client *client, const struct message *message,
                               enum error_text text, struct bytes channel, struct bytes event);

/* What a client did wrong without asking for an answer, or what was answered already: count and report it. */
void request_report(struct hub *hub, struct client *client, struct bytes text);

/* A field that must be a valid name. Where it is not, the failure is answered: false. */
bool request_name(struct hub *hub, struct client *client, const struct message *message, enum message_key key,
                  struct bytes *out_name);

/* A bool field; missing and nil are false. Where it is something else, the failure is answered: false. */
bool request_flag(struct hub *hub, struct client *client, const struct message *message, enum message_key key,
                  bool *out_flag);

/* The channel's name, checked, that is not a system channel; else the failure is answered: false. */
bool request_plain_channel(struct hub *hub, struct client *client, const struct message *message,
                           struct bytes *out_name);

#endif
