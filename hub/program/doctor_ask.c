/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/doctor_ask.h"

#include <time.h>

int doctor_ask(struct doctor *doctor, const char *method, const char *path, struct api_answer *answer)
{
    char why[API_CLIENT_WHY_SIZE];
    int r = api_client_ask(doctor->client, method, path, NULL, answer, why);

    if (r)
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "reach",
                          "Is the hub running, and is --api its management port (--mgmt)?", "%s", why);
    return r;
}

json_t *doctor_ask_json(struct doctor *doctor, const char *check, const char *method, const char *path,
                        struct api_answer *answer)
{
    if (doctor_ask(doctor, method, path, answer))
        return NULL;
    if (answer->status == 200 && answer->json)
        return answer->json;
    if (answer->status == 401 || answer->status == 403)
        doctor_report_add(&doctor->report, DOCTOR_WARN, check,
                          "Give the token of an administrator: --token-file.",
                          "Not looked at: the hub does not let this token see it (%u).", answer->status);
    else
        doctor_report_add(&doctor->report, DOCTOR_FAIL, check, "See the hub's log.", "%s was answered %u.",
                          path, answer->status);
    return NULL;
}

const char *doctor_ask_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

long long doctor_ask_number(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

bool doctor_ask_skew(const json_t *hub, double *out_s)
{
    struct tm started = {0};

    if (!strptime(doctor_ask_text(hub, "started_at"), "%Y-%m-%dT%H:%M:%S", &started))
        return false;
    *out_s = difftime(timegm(&started) + (time_t)doctor_ask_number(hub, "uptime_s"), time(NULL));
    return true;
}
