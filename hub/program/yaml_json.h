/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * YAML as JSON and back
 *
 * One document of what JSON can say: no anchors, tags or keys that are no text; a key twice is refused. What
 * stands without quotes is a number, true, false or null where JSON reads it as such, and text else ("no" is
 * text).
 */
#ifndef COMMHUB_PROGRAM_YAML_JSON_H
#define COMMHUB_PROGRAM_YAML_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define YAML_JSON_WHY_SIZE 256

/* A new value; NULL and a sentence that names the line. */
json_t *yaml_json_read(const char *text, size_t len, char out_why[YAML_JSON_WHY_SIZE]);

/* Keys sorted; false: it could not be written. */
bool yaml_json_write(const json_t *json, FILE *out);

#endif
