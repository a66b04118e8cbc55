/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Base64 with padding (RFC 4648, chapter 4)
 */
#ifndef COMMHUB_MGMT_REST_BASE64_H
#define COMMHUB_MGMT_REST_BASE64_H

#include "hub/base/buffer.h"

/* Appends @bytes as base64: 0 or -ENOMEM. */
int base64_append(struct bytes bytes, struct buffer *out);

/* Appends what @text stands for: 0, BASE64_E_MALFORMED or -ENOMEM. */
enum { BASE64_E_MALFORMED = 1 };
int base64_decode(struct bytes text, struct buffer *out);

#endif
