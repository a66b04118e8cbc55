/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/openapi.h"
#include "mgmt/rest/resources.h"

void rest_openapi_get(struct rest *rest, const struct request *request, struct reply *reply)
{
    (void)rest;
    (void)request;
    reply_set_static(reply, 200, "application/json", bytes_of(openapi_json, openapi_json_len));
}
