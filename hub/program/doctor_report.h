/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What was found: a line a check, in the order of looking
 */
#ifndef COMMHUB_PROGRAM_DOCTOR_REPORT_H
#define COMMHUB_PROGRAM_DOCTOR_REPORT_H

#include <jansson.h>
#include <stdbool.h>

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* An array of findings {check, verdict, detail, advice}; NULL: out of memory. */
struct doctor_report {
    json_t *findings;
    enum doctor_verdict worst;
};

void doctor_report_init(struct doctor_report *report);
void doctor_report_clear(struct doctor_report *report);

/* @advice says what to do; NULL: nothing. */
void doctor_report_add(struct doctor_report *report, enum doctor_verdict verdict, const char *check,
                       const char *advice, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* One line a finding, and what to do below it; or JSON {verdict, findings}. False: it could not be written.
 */
bool doctor_report_print(const struct doctor_report *report);
bool doctor_report_print_json(const struct doctor_report *report);

#endif
