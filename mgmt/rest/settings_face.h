/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The settings of the program, as the management plane sees and changes them
 *
 * A table of functions that the program brings, for it alone knows flags, environment and file. Any thread
 * but the loop's: each may read files and waits for the loop.
 */
#ifndef COMMHUB_MGMT_REST_SETTINGS_FACE_H
#define COMMHUB_MGMT_REST_SETTINGS_FACE_H

#include "mgmt/rest/problem.h"

#define SETTINGS_FACE_WHY_SIZE 1024

enum {
    SETTINGS_FACE_E_INVALID = 1, /* faults are added */
    SETTINGS_FACE_E_PINNED,      /* faults say where each is set */
    SETTINGS_FACE_E_REFUSED,     /* out_why says what is wrong; nothing was changed */
};

struct settings_face {
    void *context;

    /* [{name, value, origin, is_pinned, changes}], in the order of the help; NULL: out of memory. */
    json_t *(*list)(void *context);

    /*
     * Changes what @wishes names, to null: as it would be without the change; all or nothing, kept in the
     * store. Only checks where @is_trial. 0, SETTINGS_FACE_E_*, or a negative errno of the store and
     * @out_why.
     */
    int (*change)(void *context, json_t *wishes, bool is_trial, struct problem_faults *faults,
                  char out_why[SETTINGS_FACE_WHY_SIZE]);

    /*
     * Reads file, certificates and secrets again: {changed, needs_restart}, names each, in *@out_outcome.
     * Only checks where @is_trial. 0, SETTINGS_FACE_E_REFUSED or a negative errno, with @out_why.
     */
    int (*reload)(void *context, bool is_trial, json_t **out_outcome, char out_why[SETTINGS_FACE_WHY_SIZE]);
};

#endif
