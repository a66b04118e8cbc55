/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * RFC 7396: a document that says what to change in another
 */
#ifndef COMMHUB_MGMT_REST_MERGE_PATCH_H
#define COMMHUB_MGMT_REST_MERGE_PATCH_H

#include <jansson.h>
#include <stdint.h>

/*
 * @target as @patch changes it, as a new value: members that are null in the patch go, objects are merged,
 * all else replaces. NULL: out of memory. @target may be NULL: nothing.
 */
json_t *merge_patch(const json_t *target, const json_t *patch);

#endif
