/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/json_fault.h"

#include <stdio.h>
#include <string.h>

#define QUOTATION " near '"

void json_fault_write(const json_error_t *error, char out_text[JSON_FAULT_SIZE])
{
    const char *quotation = strstr(error->text, QUOTATION);
    const char *text = error->text;
    size_t len = quotation ? (size_t)(quotation - text) : strlen(text);

    if (json_error_code(error) == json_error_invalid_argument) {
        snprintf(out_text, JSON_FAULT_SIZE, "there is nothing in it");
        return;
    }
    if (json_error_code(error) == json_error_null_character) {
        text = "a text has \\u0000, which is not taken";
        len = strlen(text);
    }
    snprintf(out_text, JSON_FAULT_SIZE, "%.*s (line %d, column %d)", (int)len, text, error->line,
             error->column);
}
