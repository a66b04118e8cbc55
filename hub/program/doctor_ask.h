/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Asking the hub that doctor examines, and reading what it says
 */
#ifndef COMMHUB_PROGRAM_DOCTOR_ASK_H
#define COMMHUB_PROGRAM_DOCTOR_ASK_H

#include "hub/program/api_client.h"
#include "hub/program/doctor_report.h"

#define DOCTOR_PAGE "?limit=1000"
#define DOCTOR_MOST_SKEW_S 5

struct doctor {
    struct api_client_options api;
    struct api_client *client;
    struct doctor_report report;
    bool is_json;
    bool wants_help;
};

/* 0, or API_STATUS_* of a hub that cannot be asked, which is a finding. */
int doctor_ask(struct doctor *doctor, const char *method, const char *path, struct api_answer *answer);

/* The JSON of an answer that says yes; NULL: what is in the way is a finding of @check. Borrowed. */
json_t *doctor_ask_json(struct doctor *doctor, const char *check, const char *method, const char *path,
                        struct api_answer *answer);

/* A member of an object, "" or 0 where there is none. Borrowed. */
const char *doctor_ask_text(const json_t *object, const char *name);
long long doctor_ask_number(const json_t *object, const char *name);

/*
 * How far the clock of a hub, as it tells itself (GET /api/v1/hub), is before this machine's: it says when it
 * started and for how long it has run. False: it does not say.
 */
bool doctor_ask_skew(const json_t *hub, double *out_s);

#endif
