/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Why a text is not JSON, in words that may be shown and logged
 *
 * What the reader of JSON says quotes the text, and that may be a secret. Any thread.
 */
#ifndef COMMHUB_MGMT_REST_JSON_FAULT_H
#define COMMHUB_MGMT_REST_JSON_FAULT_H

#include <jansson.h>

#define JSON_FAULT_SIZE (JSON_ERROR_TEXT_LENGTH + 48)

/* "string or '}' expected (line 3, column 7)": nothing of the text itself. */
void json_fault_write(const json_error_t *error, char out_text[JSON_FAULT_SIZE]);

#endif
