/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/doctor_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "hub/base/text.h"

static const char *const words[] = {[DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "fail"};

void doctor_report_init(struct doctor_report *report)
{
    *report = (struct doctor_report){.findings = json_array()};
}

void doctor_report_clear(struct doctor_report *report)
{
    json_decref(report->findings);
    *report = (struct doctor_report){0};
}

/* Names come from strangers, and not all that is cut is UTF-8 still. */
static json_t *text_json(const char *text)
{
    char shown[2048];

    text_escape(bytes_of_text(text), shown, sizeof shown);
    return json_string(shown);
}

void doctor_report_add(struct doctor_report *report, enum doctor_verdict verdict, const char *check,
                       const char *advice, const char *format, ...)
{
    char detail[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (verdict > report->worst)
        report->worst = verdict;
    json_array_append_new(report->findings, json_pack("{s:s, s:s, s:o, s:o}", "check", check, "verdict",
                                                      words[verdict], "detail", text_json(detail), "advice",
                                                      advice ? text_json(advice) : json_null()));
}

bool doctor_report_print(const struct doctor_report *report)
{
    json_t *finding;
    size_t i;

    json_array_foreach(report->findings, i, finding)
    {
        const char *advice = json_string_value(json_object_get(finding, "advice"));

        printf("%-4s  %-12s %s\n", json_string_value(json_object_get(finding, "verdict")),
               json_string_value(json_object_get(finding, "check")),
               json_string_value(json_object_get(finding, "detail")));
        if (advice)
            printf("      %-12s -> %s\n", "", advice);
    }
    return fflush(stdout) == 0;
}

bool doctor_report_print_json(const struct doctor_report *report)
{
    json_t *all = json_pack("{s:s, s:O}", "verdict", words[report->worst], "findings", report->findings);
    bool is_written = all && json_dumpf(all, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;

    json_decref(all);
    return is_written && fflush(stdout) == 0;
}
