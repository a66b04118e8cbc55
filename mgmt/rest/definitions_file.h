/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Definitions from a file, whose secrets may lie elsewhere: {"file": "..."}, {"env": "..."}
 */
#ifndef COMMHUB_MGMT_REST_DEFINITIONS_FILE_H
#define COMMHUB_MGMT_REST_DEFINITIONS_FILE_H

#include <jansson.h>

#include "mgmt/store/store.h"

/* For the start: takes in all of the file, or nothing. 0, or a negative errno and a sentence. */
int definitions_file_load(struct store *store, const char *file, char out_why[STORE_WHY_SIZE]);

/* Replaces what refers to secrets by their values: 0 or a negative errno and a sentence. */
int definitions_file_resolve(json_t *document, char out_why[STORE_WHY_SIZE]);

#endif
