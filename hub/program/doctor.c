/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The order is that of dependence: who does not answer is asked nothing more, and who lets us in nowhere is
 * asked only what is open to anyone.
 */
#include "hub/program/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/program/doctor_ask.h"
#include "hub/program/doctor_local.h"
#include "hub/program/doctor_mesh.h"

/* --- the hub itself ------------------------------------------------------------------------------------- */

static int check_ready(struct doctor *doctor)
{
    struct api_answer answer = {0};
    int r = doctor_ask(doctor, "GET", "/readyz", &answer);

    if (r == 0 && answer.status == 200)
        doctor_report_add(&doctor->report, DOCTOR_OK, "reach", NULL,
                          "The hub answers and takes connections.");
    else if (r == 0)
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "reach",
                          "Wait if it is ending; else see its log and restart it.",
                          "The hub answers, but takes no connections.");
    api_client_answer_clear(&answer);
    return r;
}

static void check_clock(struct doctor *doctor, const json_t *hub)
{
    double skew_s;

    if (!doctor_ask_skew(hub, &skew_s))
        return;
    if (skew_s > DOCTOR_MOST_SKEW_S || skew_s < -DOCTOR_MOST_SKEW_S)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "clock",
                          "Is time synchronised on both machines (timedatectl)? A clock that was set while "
                          "the hub ran shows here, too.",
                          "The hub's clock is %.0f s off this machine's.", skew_s);
    else
        doctor_report_add(&doctor->report, DOCTOR_OK, "clock", NULL, "As on this machine.");
}

static void check_losses(struct doctor *doctor, const json_t *counters)
{
    static const struct {
        const char *name;
        const char *what;
        const char *advice;
    } rows[] = {
        {"out_of_memory", "operations were refused for want of memory",
         "Give the machine or the hub's control group more memory, or lower --max-connections."},
        {"slow_consumers_closed", "connections were ended because they did not read",
         "See which in the log: these clients are too slow, or hang."},
        {"records_skipped", "records of the log were lost before the store could be written",
         "See the lines before and behind them (commhub tail --history --text missing), and the disk."},
    };
    bool is_clean = true;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long long n = doctor_ask_number(counters, rows[i].name);

        is_clean = is_clean && n == 0;
        if (n > 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "losses", rows[i].advice,
                              "%lld %s since the start.", n, rows[i].what);
    }
    if (is_clean)
        doctor_report_add(&doctor->report, DOCTOR_OK, "losses", NULL, "None at this hub since its start.");
}

static void check_records(struct doctor *doctor, const json_t *records)
{
    if (!json_is_object(records))
        doctor_report_add(&doctor->report, DOCTOR_OK, "records", NULL,
                          "None of the log are kept over a restart (--keep-records).");
    else
        doctor_report_add(
            &doctor->report, DOCTOR_OK, "records", NULL, "%lld of the log are kept, %.1f MiB%s%s.",
            doctor_ask_number(records, "kept"), (double)doctor_ask_number(records, "bytes") / (1 << 20),
            *doctor_ask_text(records, "oldest") ? ", since " : "", doctor_ask_text(records, "oldest"));
}

static void check_store(struct doctor *doctor, const json_t *fault)
{
    if (json_is_object(fault))
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "store",
                          "Mend the disk of the data directory: until then nothing can be changed.",
                          "The store cannot be written: %s.", doctor_ask_text(fault, "detail"));
    else
        doctor_report_add(&doctor->report, DOCTOR_OK, "store", NULL, "It can be written.");
}

static void check_hub(struct doctor *doctor)
{
    struct api_answer answer = {0};
    const json_t *hub = doctor_ask_json(doctor, "hub", "GET", "/api/v1/hub", &answer);
    const char *version = doctor_ask_text(hub, "version");

    if (hub && strcmp(version, COMMHUB_VERSION) != 0)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "version",
                          "Restart the hub if the program was renewed; or use the command of its version.",
                          "The hub is of version %s, this command of " COMMHUB_VERSION ".", version);
    else if (hub)
        doctor_report_add(&doctor->report, DOCTOR_OK, "version", NULL, "%s, as this command.", version);
    if (hub) {
        check_clock(doctor, hub);
        check_store(doctor, json_object_get(hub, "store_fault"));
        check_records(doctor, json_object_get(hub, "records"));
        check_losses(doctor, json_object_get(hub, "counters"));
    }
    api_client_answer_clear(&answer);
}

/* The value of a metric without labels; -1: it is not told. */
static double metric(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : "") {
        if (strncmp(at, name, len) == 0 && at[len] == ' ')
            return strtod(at + len, NULL);
    }
    return -1;
}

static void check_descriptors(struct doctor *doctor, const char *metrics)
{
    double open = metric(metrics, "process_open_fds");
    double most = metric(metrics, "process_max_fds");

    if (open < 0 || most <= 0)
        return;
    if (open > most * 0.8)
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "descriptors",
                          "Raise the limit of open files (LimitNOFILE= of the unit, ulimit -n) and restart.",
                          "%.0f of at most %.0f open files are in use.", open, most);
    else if (most < 4096)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "descriptors",
                          "Raise the limit of open files (LimitNOFILE= of the unit, ulimit -n) and restart.",
                          "The hub may open %.0f files: that is enough for few clients only.", most);
    else
        doctor_report_add(&doctor->report, DOCTOR_OK, "descriptors", NULL, "%.0f of %.0f open files.", open,
                          most);
}

static void check_metrics(struct doctor *doctor)
{
    struct api_answer answer = {0};

    if (doctor_ask(doctor, "GET", "/metrics", &answer) == 0 && answer.status == 200) {
        const char *text = (const char *)answer.body.ptr;
        double lost = metric(text, "commhub_mesh_calls_lost_total");

        check_descriptors(doctor, text);
        if (lost > 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "mesh-calls",
                              "See `commhub link list` for links that are cut again and again.",
                              "%.0f calls over the mesh ended with an error since the start.", lost);
    }
    api_client_answer_clear(&answer);
}

/* --- settings ------------------------------------------------------------------------------------------- */

static const json_t *setting_of(const json_t *items, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        if (strcmp(doctor_ask_text(item, "name"), name) == 0)
            return item;
    }
    return NULL;
}

static void check_pinned(struct doctor *doctor, const json_t *items)
{
    json_t *item;
    size_t i, n = 0;

    json_array_foreach(items, i, item) n += json_is_true(json_object_get(item, "is_pinned"));
    doctor_report_add(&doctor->report, DOCTOR_OK, "settings", NULL,
                      "%zu of %zu are pinned by file, environment or flags.", n, json_array_size(items));
}

/* HOST:PORT with a host that no other machine reaches. */
static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0 ||
           strncmp(address, "localhost:", 10) == 0;
}

static void check_admins(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = doctor_ask_json(doctor, "admin", "GET", "/api/v1/users" DOCTOR_PAGE, &answer);
    json_t *user;
    size_t i, n = 0;

    json_array_foreach(json_object_get(page, "items"), i, user) n +=
        strcmp(doctor_ask_text(user, "role"), "admin") == 0 && json_is_true(json_object_get(user, "enabled"));
    if (page && n == 0)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "admin",
                          "Make one: `commhub user put`, or `commhub admin init` while the hub is down.",
                          "The management port can be reached by others, and no administrator can sign in.");
    else if (page)
        doctor_report_add(&doctor->report, DOCTOR_OK, "admin", NULL, "%zu can sign in.", n);
    api_client_answer_clear(&answer);
}

static void check_exposure(struct doctor *doctor, const json_t *items)
{
    const char *mgmt = doctor_ask_text(setting_of(items, "mgmt"), "value");

    if (is_loopback(mgmt))
        return;
    check_admins(doctor);
    if (!*doctor_ask_text(setting_of(items, "mgmt-tls-cert"), "value"))
        doctor_report_add(&doctor->report, DOCTOR_WARN, "mgmt-tls",
                          "Give --mgmt-tls-cert and --mgmt-tls-key, or put a proxy with TLS before it.",
                          "The management port %s speaks plain HTTP: tokens and passwords can be read on the "
                          "way.",
                          mgmt);
}

static void check_settings(struct doctor *doctor)
{
    static const char *const certificates[] = {"tls-cert", "link-tls-cert", "mgmt-tls-cert", "tls-ca",
                                               "link-tls-ca"};
    struct api_answer answer = {0};
    json_t *page = doctor_ask_json(doctor, "settings", "GET", "/api/v1/hub/settings", &answer);
    const json_t *items = json_object_get(page, "items");
    const char *value = doctor_ask_text(setting_of(items, "data-dir"), "value");

    if (page) {
        check_pinned(doctor, items);
        check_exposure(doctor, items);
    }
    if (*value)
        doctor_local_data_dir(&doctor->report, value);
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        value = doctor_ask_text(setting_of(items, certificates[i]), "value");
        if (*value)
            doctor_local_certificate(&doctor->report, certificates[i], value);
    }
    api_client_answer_clear(&answer);
}

/* What the hub shows, which need not be what lies in the file. */
static void check_api_certificate(struct doctor *doctor)
{
    int days;

    if (api_client_certificate_days(doctor->client, &days))
        doctor_local_days(&doctor->report, "The certificate that the management port shows", days);
}

static void check_audit(struct doctor *doctor)
{
    struct api_answer answer = {0};
    const json_t *verdict = doctor_ask_json(doctor, "audit", "POST", "/api/v1/audit/verify", &answer);

    if (verdict && !json_is_true(json_object_get(verdict, "is_whole")))
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "audit",
                          "Somebody or something has changed the store: compare with a backup.",
                          "The chain is broken at row %lld.", doctor_ask_number(verdict, "broken_at"));
    else if (verdict)
        doctor_report_add(&doctor->report, DOCTOR_OK, "audit", NULL, "The chain of %lld rows is whole.",
                          doctor_ask_number(verdict, "checked"));
    api_client_answer_clear(&answer);
}

/* --- the command ---------------------------------------------------------------------------------------- */

static int examine(struct doctor *doctor)
{
    int r = check_ready(doctor);

    if (r)
        return r;
    check_hub(doctor);
    check_metrics(doctor);
    check_settings(doctor);
    check_api_certificate(doctor);
    doctor_mesh_check(doctor);
    check_audit(doctor);
    return doctor->report.worst == DOCTOR_FAIL ? API_STATUS_FAILED : API_STATUS_DONE;
}

static int run(struct doctor *doctor)
{
    char why[API_CLIENT_WHY_SIZE];
    bool is_written;
    int r = api_client_new(&doctor->client, &doctor->api, why);

    if (r) {
        fprintf(stderr, "commhub doctor: %s\n", why);
        return r;
    }
    doctor_report_init(&doctor->report);
    r = examine(doctor);
    is_written =
        doctor->is_json ? doctor_report_print_json(&doctor->report) : doctor_report_print(&doctor->report);
    doctor_report_clear(&doctor->report);
    api_client_free(doctor->client);
    return is_written || r ? r : API_STATUS_FAILED;
}

static bool read_output(void *context, const char *value)
{
    struct doctor *doctor = context;

    doctor->is_json = strcmp(value, "json") == 0;
    return doctor->is_json || strcmp(value, "table") == 0;
}

int doctor_command(int argc, char **argv)
{
    struct doctor doctor = {0};
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&doctor.api),
        {"--output", "-o", .read = read_output, .context = &doctor},
    };
    int r =
        api_client_read_arguments("doctor", rows, sizeof rows / sizeof *rows, argc, argv, &doctor.wants_help);

    if (r)
        return r;
    if (!doctor.wants_help)
        return run(&doctor);
    fputs(
        "Usage: commhub doctor [-o table|json] [--api URL] [--token-file FILE]\n\n"
        "Checks a running hub over its API, and the files it names where they are on this machine. A line a "
        "check:\n"
        "ok, warn or fail, and what to do. Nothing is changed. The token should be an administrator's.\n\n"
        "  -o, --output FORM  table or json\n" API_CLIENT_HELP
        "\nExit status: 0 nothing has failed (there may be warnings), 1 a check has failed, 2 wrong use,\n"
        "3 no answer in time, 4 no connection.\n",
        stdout);
    return API_STATUS_DONE;
}
