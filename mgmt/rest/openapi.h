/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * schema/rest/openapi.yaml as JSON; made when building
 */
#ifndef COMMHUB_MGMT_REST_OPENAPI_H
#define COMMHUB_MGMT_REST_OPENAPI_H

#include <stddef.h>

extern const unsigned char openapi_json[]; /* closed by a zero */
extern const size_t openapi_json_len;      /* without it */

#endif
