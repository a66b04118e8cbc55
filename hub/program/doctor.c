/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The order is that of dependence: who does not answer is asked nothing more, and who lets us in nowhere is
 * asked only what is open to anyone.
 */
#include "hub/program/doctor.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/base/text.h"
#include "hub/program/api_client.h"
#include "hub/program/doctor_local.h"

#define MOST_CLOCK_SKEW_S 5
#define PAGE "?limit=1000"

struct doctor {
    struct api_client_options api;
    struct api_client *client;
    struct doctor_report report;
    bool is_json;
    bool wants_help;
};

/* --- asking --------------------------------------------------------------------------------------------- */

/* 0, or API_STATUS_* of a hub that cannot be asked, which is a finding. */
static int ask(struct doctor *doctor, const char *method, const char *path, struct api_answer *answer)
{
    char why[API_CLIENT_WHY_SIZE];
    int r = api_client_ask(doctor->client, method, path, NULL, answer, why);

    if (r)
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "reach",
                          "Is the hub running, and is --api its management port (--mgmt)?", "%s", why);
    return r;
}

/* The JSON of an answer that says yes; NULL: what is in the way is a finding of @check. Borrowed. */
static json_t *ask_json(struct doctor *doctor, const char *check, const char *method, const char *path,
                        struct api_answer *answer)
{
    if (ask(doctor, method, path, answer))
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

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* --- the hub itself ------------------------------------------------------------------------------------- */

static int check_ready(struct doctor *doctor)
{
    struct api_answer answer = {0};
    int r = ask(doctor, "GET", "/readyz", &answer);

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

/* Where the hub's clock stands: it tells when it started and for how long it has run. */
static void check_clock(struct doctor *doctor, const json_t *hub)
{
    struct tm started = {0};
    double skew_s;

    if (!strptime(text_of(hub, "started_at"), "%Y-%m-%dT%H:%M:%S", &started))
        return;
    skew_s = difftime(timegm(&started) + (time_t)number_of(hub, "uptime_s"), time(NULL));
    if (skew_s > MOST_CLOCK_SKEW_S || skew_s < -MOST_CLOCK_SKEW_S)
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
    };
    bool is_clean = true;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long long n = number_of(counters, rows[i].name);

        is_clean = is_clean && n == 0;
        if (n > 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "losses", rows[i].advice,
                              "%lld %s since the start.", n, rows[i].what);
    }
    if (is_clean)
        doctor_report_add(&doctor->report, DOCTOR_OK, "losses", NULL, "None at this hub since its start.");
}

static void check_store(struct doctor *doctor, const json_t *fault)
{
    if (json_is_object(fault))
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "store",
                          "Mend the disk of the data directory: until then nothing can be changed.",
                          "The store cannot be written: %s.", text_of(fault, "detail"));
    else
        doctor_report_add(&doctor->report, DOCTOR_OK, "store", NULL, "It can be written.");
}

static void check_hub(struct doctor *doctor)
{
    struct api_answer answer = {0};
    const json_t *hub = ask_json(doctor, "hub", "GET", "/api/v1/hub", &answer);
    const char *version = text_of(hub, "version");

    if (hub && strcmp(version, COMMHUB_VERSION) != 0)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "version",
                          "Restart the hub if the program was renewed; or use the command of its version.",
                          "The hub is of version %s, this command of " COMMHUB_VERSION ".", version);
    else if (hub)
        doctor_report_add(&doctor->report, DOCTOR_OK, "version", NULL, "%s, as this command.", version);
    if (hub) {
        check_clock(doctor, hub);
        check_store(doctor, json_object_get(hub, "store_fault"));
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

    if (ask(doctor, "GET", "/metrics", &answer) == 0 && answer.status == 200) {
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

/* --- the mesh ------------------------------------------------------------------------------------------- */

static void check_bridge(struct doctor *doctor, const json_t *bridge)
{
    const char *state = text_of(bridge, "state");
    const char *step = text_of(bridge, "failed_step");
    const char *error = text_of(bridge, "last_error");
    const json_t *spool = json_object_get(bridge, "spool");
    long long lost =
        number_of(spool, "evicted") + number_of(spool, "expired") + number_of(spool, "turned_away");

    if (strcmp(state, "up") == 0 || strcmp(state, "paused") == 0)
        doctor_report_add(&doctor->report, DOCTOR_OK, "bridge", NULL, "%s is %s.", text_of(bridge, "name"),
                          state);
    else
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "bridge", *error ? error : "Ask again in a moment.",
                          "%s to %s is not up (%s)%s%s.", text_of(bridge, "name"), text_of(bridge, "address"),
                          state, *step ? "; it fails at the step " : "", step);
    if (lost > 0)
        doctor_report_add(&doctor->report, DOCTOR_WARN, "spool",
                          "Raise max_bytes or max_age_s of the bridge's `durable`, or bring its link up.",
                          "%lld durable messages of bridge %s were lost to its bounds.", lost,
                          text_of(bridge, "name"));
}

static void check_bridges(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = ask_json(doctor, "bridge", "GET", "/api/v1/bridges" PAGE, &answer);
    json_t *bridge;
    size_t i;

    json_array_foreach(json_object_get(page, "items"), i, bridge) check_bridge(doctor, bridge);
    api_client_answer_clear(&answer);
}

static void check_mesh(struct doctor *doctor)
{
    struct api_answer answer = {0};
    json_t *page = ask_json(doctor, "mesh", "GET", "/api/v1/mesh" PAGE, &answer);
    const json_t *items = json_object_get(page, "items");
    const char *own = text_of(json_array_get(items, 0), "version");
    json_t *hub;
    size_t i;

    json_array_foreach(items, i, hub)
    {
        const char *version = text_of(hub, "version");
        const char *name = text_of(hub, "server_id");

        if (i > 0 && *version && strcmp(version, own) != 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "mesh", "Bring all hubs to one version in time.",
                              "Hub %s is of version %s, this one of %s.", name, version, own);
        if (i > 0 && strcmp(text_of(hub, "health"), "degraded") == 0)
            doctor_report_add(&doctor->report, DOCTOR_WARN, "mesh", "Run doctor against that hub, too.",
                              "Hub %s has links that are not up.", name);
    }
    if (page)
        doctor_report_add(&doctor->report, DOCTOR_OK, "mesh", NULL, "%zu other hubs are known.",
                          json_array_size(items) > 0 ? json_array_size(items) - 1 : 0);
    api_client_answer_clear(&answer);
}

/* --- settings ------------------------------------------------------------------------------------------- */

static const json_t *setting_of(const json_t *items, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        if (strcmp(text_of(item, "name"), name) == 0)
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
    json_t *page = ask_json(doctor, "admin", "GET", "/api/v1/users" PAGE, &answer);
    json_t *user;
    size_t i, n = 0;

    json_array_foreach(json_object_get(page, "items"), i, user) n +=
        strcmp(text_of(user, "role"), "admin") == 0 && !json_is_true(json_object_get(user, "disabled"));
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
    const char *mgmt = text_of(setting_of(items, "mgmt"), "value");

    if (is_loopback(mgmt))
        return;
    check_admins(doctor);
    if (!*text_of(setting_of(items, "mgmt-tls-cert"), "value"))
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
    json_t *page = ask_json(doctor, "settings", "GET", "/api/v1/hub/settings", &answer);
    const json_t *items = json_object_get(page, "items");
    const char *value = text_of(setting_of(items, "data-dir"), "value");

    if (page) {
        check_pinned(doctor, items);
        check_exposure(doctor, items);
    }
    if (*value)
        doctor_local_data_dir(&doctor->report, value);
    for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++) {
        value = text_of(setting_of(items, certificates[i]), "value");
        if (*value)
            doctor_local_certificate(&doctor->report, certificates[i], value);
    }
    api_client_answer_clear(&answer);
}

static void check_audit(struct doctor *doctor)
{
    struct api_answer answer = {0};
    const json_t *verdict = ask_json(doctor, "audit", "POST", "/api/v1/audit/verify", &answer);

    if (verdict && !json_is_true(json_object_get(verdict, "is_whole")))
        doctor_report_add(&doctor->report, DOCTOR_FAIL, "audit",
                          "Somebody or something has changed the store: compare with a backup.",
                          "The chain is broken at row %lld.", number_of(verdict, "broken_at"));
    else if (verdict)
        doctor_report_add(&doctor->report, DOCTOR_OK, "audit", NULL, "The chain of %lld rows is whole.",
                          number_of(verdict, "checked"));
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
    check_bridges(doctor);
    check_mesh(doctor);
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

/* One argument, with its value: how many were taken, 0 where it is not understood. */
static int read_one(void *context, int argc, char **argv)
{
    struct doctor *doctor = context;
    int n = api_client_take_option(&doctor->api, argc, argv);

    if (n != 0)
        return n < 0 ? 0 : n;
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
        doctor->wants_help = true;
        return 1;
    }
    if ((strcmp(argv[0], "-o") != 0 && strcmp(argv[0], "--output") != 0) || argc < 2)
        return 0;
    doctor->is_json = strcmp(argv[1], "json") == 0;
    return doctor->is_json || strcmp(argv[1], "table") == 0 ? 2 : 0;
}

int doctor_command(int argc, char **argv)
{
    struct doctor doctor = {0};
    int r = api_client_read_arguments("doctor", read_one, &doctor, argc, argv);

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
