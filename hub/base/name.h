/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The rule for ids and names: 1 to 255 bytes of valid UTF-8 without control characters
 * (docs/protocol.md, "Where CommHub is stricter").
 */
#ifndef COMMHUB_BASE_NAME_H
#define COMMHUB_BASE_NAME_H

#include "hub/base/bytes.h"

#define NAME_MAX_BYTES 255
/* What a name must be, for sentences. */
#define NAME_RULE "1 to 255 bytes of UTF-8 without control characters"

bool name_is_valid(struct bytes name);

#endif
