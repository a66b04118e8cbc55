/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Wrong input of every member of every body and of every argument of every query: where the fault is said to
 * be, and in what words
 *
 * The OpenAPI document says which there are: one without a row fails a test. A row whose member is "" has a
 * member that is not known, or, where the body is a patch of what another operation takes, any fault.
 */
#include <ctype.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "hub/base/check.h"
#include "mgmt/rest/openapi.h"
#include "tests/support/unit.h"
#include "tests/unit/mgmt/stand.h"

enum operation {
    PUT_BRIDGE,
    TEST_BRIDGE,
    PATCH_BRIDGE,
    PASSWORD,
    SETTINGS,
    DEFINITIONS,
    SETUP,
    SESSION,
    OWN_PASSWORD,
    PUT_USER,
    PATCH_USER,
    TOKENS,
    TRACE,
    BRIDGE, /* of a row: both that take a whole one */
};

static const struct {
    const char *method;
    const char *pattern;
    const char *target;
} operations[] = {
    [PUT_BRIDGE] = {"PUT", "/api/v1/bridges/{name}", "/api/v1/bridges/x"},
    [TEST_BRIDGE] = {"POST", "/api/v1/bridges/test", "/api/v1/bridges/test"},
    [PATCH_BRIDGE] = {"PATCH", "/api/v1/bridges/{name}", "/api/v1/bridges/old"},
    [PASSWORD] = {"PUT", "/api/v1/channels/{name}/password", "/api/v1/channels/c/password"},
    [SETTINGS] = {"PATCH", "/api/v1/hub/settings", "/api/v1/hub/settings"},
    [DEFINITIONS] = {"POST", "/api/v1/definitions", "/api/v1/definitions"},
    [SETUP] = {"POST", "/api/v1/setup", "/api/v1/setup"},
    [SESSION] = {"POST", "/api/v1/session", "/api/v1/session"},
    [OWN_PASSWORD] = {"PUT", "/api/v1/session/password", "/api/v1/session/password"},
    [PUT_USER] = {"PUT", "/api/v1/users/{name}", "/api/v1/users/bob"},
    [PATCH_USER] = {"PATCH", "/api/v1/users/{name}", "/api/v1/users/alice"},
    [TOKENS] = {"POST", "/api/v1/tokens", "/api/v1/tokens"},
    [TRACE] = {"POST", "/api/v1/trace", "/api/v1/trace"},
};

/* Messages' data is any JSON, and what is for another hub is judged there, by these same forms. */
static const char *const judged_elsewhere[] = {"/events/{event}/", "/broadcast", "/topics/{topic}/",
                                               "/api/v1/mesh/hubs/"};

/* @member is as the document has it: an item of an array is 0, what has any name is *. */
static const struct row {
    enum operation operation;
    const char *member;
    const char *body;
    const char *pointer;
    const char *detail;
} rows[] = {
    {BRIDGE, "#/kind", "{\"address\": \"tcp://a:1\", \"kind\": \"nats\"}", "#/kind",
     "must be one of native, reference, auto"},
    {BRIDGE, "#/address", "{\"address\": 5}", "#/address", "must be text, not a number"},
    {BRIDGE, "#/secret", "{\"address\": \"tcp://a:1\", \"secret\": 5}", "#/secret",
     "must be text, not a number"},
    {BRIDGE, "#/connection_secret", "{\"address\": \"tcp://a:1\", \"connection_secret\": {}}",
     "#/connection_secret", "must be text, not an object"},
    {BRIDGE, "#/cost", "{\"address\": \"tcp://a:1\", \"cost\": 0}", "#/cost",
     "must be a whole number from 1 to 65535"},
    {BRIDGE, "#/paused", "{\"address\": \"tcp://a:1\", \"paused\": \"no\"}", "#/paused",
     "must be true or false, not text"},
    {BRIDGE, "#/channels", "{\"address\": \"tcp://a:1\", \"channels\": []}", "#/channels",
     "must be an object, not an array"},
    {BRIDGE, "#/channels/allow", "{\"address\": \"tcp://a:1\", \"channels\": {\"allow\": \"a\"}}",
     "#/channels/allow", "must be an array, not text"},
    {BRIDGE, "#/channels/allow/0", "{\"address\": \"tcp://a:1\", \"channels\": {\"allow\": [\"\"]}}",
     "#/channels/allow/0", "must not be empty"},
    {BRIDGE, "#/channels/deny", "{\"address\": \"tcp://a:1\", \"channels\": {\"deny\": 1}}",
     "#/channels/deny", "must be an array, not a number"},
    {BRIDGE, "#/channels/deny/0", "{\"address\": \"tcp://a:1\", \"channels\": {\"deny\": [null]}}",
     "#/channels/deny/0", "must be text, not null"},
    {BRIDGE, "#/channels/in", "{\"address\": \"tcp://a:1\", \"channels\": {\"in\": 1}}", "#/channels/in",
     "must be an object, not a number"},
    {BRIDGE, "#/channels/in/allow", "{\"address\": \"tcp://a:1\", \"channels\": {\"in\": {\"allow\": {}}}}",
     "#/channels/in/allow", "must be an array, not an object"},
    {BRIDGE, "#/channels/in/allow/0",
     "{\"address\": \"tcp://a:1\", \"channels\": {\"in\": {\"allow\": [5]}}}", "#/channels/in/allow/0",
     "must be text, not a number"},
    {BRIDGE, "#/channels/in/deny", "{\"address\": \"tcp://a:1\", \"channels\": {\"in\": {\"deny\": true}}}",
     "#/channels/in/deny", "must be an array, not true or false"},
    {BRIDGE, "#/channels/in/deny/0", "{\"address\": \"tcp://a:1\", \"channels\": {\"in\": {\"deny\": [[]]}}}",
     "#/channels/in/deny/0", "must be text, not an array"},
    {BRIDGE, "#/channels/out", "{\"address\": \"tcp://a:1\", \"channels\": {\"out\": \"a\"}}",
     "#/channels/out", "must be an object, not text"},
    {BRIDGE, "#/channels/out/allow", "{\"address\": \"tcp://a:1\", \"channels\": {\"out\": {\"allow\": 5}}}",
     "#/channels/out/allow", "must be an array, not a number"},
    {BRIDGE, "#/channels/out/allow/0",
     "{\"address\": \"tcp://a:1\", \"channels\": {\"out\": {\"allow\": [\"a\", \"\"]}}}",
     "#/channels/out/allow/1", "must not be empty"},
    {BRIDGE, "#/channels/out/deny",
     "{\"address\": \"tcp://a:1\", \"channels\": {\"out\": {\"deny\": \"a\"}}}", "#/channels/out/deny",
     "must be an array, not text"},
    {BRIDGE, "#/channels/out/deny/0",
     "{\"address\": \"tcp://a:1\", \"channels\": {\"out\": {\"deny\": [1.5]}}}", "#/channels/out/deny/0",
     "must be text, not a number"},
    {BRIDGE, "#/remap", "{\"address\": \"tcp://a:1\", \"remap\": []}", "#/remap",
     "must be an object, not an array"},
    {BRIDGE, "#/remap/in", "{\"address\": \"tcp://a:1\", \"remap\": {\"in\": {}}}", "#/remap/in",
     "must be an array, not an object"},
    {BRIDGE, "#/remap/in/0", "{\"address\": \"tcp://a:1\", \"remap\": {\"in\": [\"a\"]}}", "#/remap/in/0",
     "must be an object, not text"},
    {BRIDGE, "#/remap/in/0/from", "{\"address\": \"tcp://a:1\", \"remap\": {\"in\": [{\"to\": \"a.\"}]}}",
     "#/remap/in/0/from", "is needed"},
    {BRIDGE, "#/remap/in/0/to",
     "{\"address\": \"tcp://a:1\", \"remap\": {\"in\": [{\"from\": \"a.\", \"to\": 1}]}}", "#/remap/in/0/to",
     "must be text, not a number"},
    {BRIDGE, "#/remap/out", "{\"address\": \"tcp://a:1\", \"remap\": {\"out\": \"a\"}}", "#/remap/out",
     "must be an array, not text"},
    {BRIDGE, "#/remap/out/0", "{\"address\": \"tcp://a:1\", \"remap\": {\"out\": [null]}}", "#/remap/out/0",
     "must be an object, not null"},
    {BRIDGE, "#/remap/out/0/from",
     "{\"address\": \"tcp://a:1\", \"remap\": {\"out\": [{\"from\": [], \"to\": \"\"}]}}",
     "#/remap/out/0/from", "must be text, not an array"},
    {BRIDGE, "#/remap/out/0/to", "{\"address\": \"tcp://a:1\", \"remap\": {\"out\": [{\"from\": \"a.\"}]}}",
     "#/remap/out/0/to", "is needed"},
    {BRIDGE, "#/classes", "{\"address\": \"tcp://a:1\", \"classes\": []}", "#/classes",
     "must be an array of at least one item"},
    {BRIDGE, "#/classes/0", "{\"address\": \"tcp://a:1\", \"classes\": [\"floods\"]}", "#/classes/0",
     "must be one of calls, sends, broadcasts, publishes, members"},
    {BRIDGE, "#/limits", "{\"address\": \"tcp://a:1\", \"limits\": 5}", "#/limits",
     "must be an object, not a number"},
    {BRIDGE, "#/limits/entries", "{\"address\": \"tcp://a:1\", \"limits\": {\"entries\": 0}}",
     "#/limits/entries", "must be a whole number from 1 to 1000000"},
    {BRIDGE, "#/limits/messages_per_s", "{\"address\": \"tcp://a:1\", \"limits\": {\"messages_per_s\": -1}}",
     "#/limits/messages_per_s", "must be a whole number from 0 to 10000000"},
    {BRIDGE, "#/limits/queue_bytes", "{\"address\": \"tcp://a:1\", \"limits\": {\"queue_bytes\": 1}}",
     "#/limits/queue_bytes", "must be a whole number from 65536 to 1073741824"},
    {BRIDGE, "#/limits/resend_bytes",
     "{\"address\": \"tcp://a:1\", \"limits\": {\"resend_bytes\": 2000000000}}", "#/limits/resend_bytes",
     "must be a whole number from 65536 to 1073741824"},
    {BRIDGE, "#/resume_window_s", "{\"address\": \"tcp://a:1\", \"resume_window_s\": 3601}",
     "#/resume_window_s", "must be a whole number from 1 to 3600"},
    {BRIDGE, "#/durable", "{\"address\": \"tcp://a:1\", \"durable\": \"all\"}", "#/durable",
     "must be an object, not text"},
    {BRIDGE, "#/durable/topics", "{\"address\": \"tcp://a:1\", \"durable\": {\"topics\": \"news\"}}",
     "#/durable/topics", "must be an array, not text"},
    {BRIDGE, "#/durable/topics/0", "{\"address\": \"tcp://a:1\", \"durable\": {\"topics\": [\"\"]}}",
     "#/durable/topics/0", "must not be empty"},
    {BRIDGE, "#/durable/max_bytes", "{\"address\": \"tcp://a:1\", \"durable\": {\"max_bytes\": 5}}",
     "#/durable/max_bytes", "must be a whole number from 65536 to 1099511627776"},
    {BRIDGE, "#/durable/max_age_s", "{\"address\": \"tcp://a:1\", \"durable\": {\"max_age_s\": 0}}",
     "#/durable/max_age_s", "must be a whole number from 1 to 31536000"},
    {BRIDGE, "#/durable/at_bound", "{\"address\": \"tcp://a:1\", \"durable\": {\"at_bound\": \"burst\"}}",
     "#/durable/at_bound", "must be one of drop_oldest, drop_newest, refuse"},
    {BRIDGE, "#/tls", "{\"address\": \"tcp://a:1\", \"tls\": true}", "#/tls",
     "must be an object, not true or false"},
    {BRIDGE, "#/tls/ca_file", "{\"address\": \"tcp://a:1\", \"tls\": {\"ca_file\": \"\"}}", "#/tls/ca_file",
     "must not be empty"},
    {BRIDGE, "#/tls/server_name", "{\"address\": \"tcp://a:1\", \"tls\": {\"server_name\": 1}}",
     "#/tls/server_name", "must be text, not a number"},
    {BRIDGE, "#/tls/cert_file", "{\"address\": \"tcp://a:1\", \"tls\": {\"cert_file\": []}}",
     "#/tls/cert_file", "must be text, not an array"},
    {BRIDGE, "#/tls/key_file", "{\"address\": \"tcp://a:1\", \"tls\": {\"key_file\": \"\"}}",
     "#/tls/key_file", "must not be empty"},
    {BRIDGE, "#/tls/pinned_name", "{\"address\": \"tcp://a:1\", \"tls\": {\"pinned_name\": {}}}",
     "#/tls/pinned_name", "must be text, not an object"},
    {BRIDGE, "#/management", "{\"address\": \"tcp://a:1\", \"management\": \"all\"}", "#/management",
     "must be one of none, read, write"},
    {BRIDGE, "", "{\"address\": \"tcp://a:1\", \"colour\": \"red\"}", "#/colour", "is not known here"},
    {BRIDGE, "",
     "{\"address\": \"tcp://a:1\", \"remap\": {\"in\": [{\"from\": \"\", \"to\": \"x.\", \"why\": 1}]}}",
     "#/remap/in/0/why", "is not known here"},
    {BRIDGE, "", "{\"address\": \"tcp://a:1\", \"tls\": {\"cert_file\": \"/c.pem\"}}", "#/tls/key_file",
     "the key is missing"},
    {BRIDGE, "", "{\"address\": \"nowhere\"}", "#/address", "an address begins with unix:, tcp:// or tls://"},
    {PATCH_BRIDGE, "", "{\"cost\": 0}", "#/cost", "must be a whole number from 1 to 65535"},
    {PASSWORD, "#/password", "{\"password\": \"\"}", "#/password", "must not be empty"},
    {PASSWORD, "", "{\"password\": \"p\", \"hint\": 1}", "#/hint", "is not known here"},
    {SETTINGS, "#/*", "{\"idle-timeout\": \"soon\"}", "#/idle-timeout", "It is no number."},
    {DEFINITIONS, "#/version", "{\"version\": 2}", "#/version", "must be 1"},
    {DEFINITIONS, "#/bridges", "{\"version\": 1, \"bridges\": []}", "#/bridges",
     "must be an object: what there is, by name"},
    {DEFINITIONS, "#/bridges/*", "{\"version\": 1, \"bridges\": {\"w\": 5}}", "#/bridges/w",
     "must be an object"},
    {DEFINITIONS, "#/bridges/*/address", "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"\"}}}",
     "#/bridges/w/address", "must not be empty"},
    {DEFINITIONS, "#/bridges/*/secret",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"secret\": 5}}}",
     "#/bridges/w/secret",
     "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take {\"file\": ...} and "
     "{\"env\": ...})"},
    {DEFINITIONS, "#/bridges/*/secret/stored",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"secret\": {\"stored\": true}}}}",
     "#/bridges/w/secret", "this hub has none stored: give it as {\"value\": \"...\"}"},
    {DEFINITIONS, "#/bridges/*/secret/value",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"secret\": {\"value\": 5}}}}",
     "#/bridges/w/secret",
     "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take {\"file\": ...} and "
     "{\"env\": ...})"},
    {DEFINITIONS, "#/bridges/*/connection_secret",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"connection_secret\": \"s\"}}}",
     "#/bridges/w/connection_secret",
     "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take {\"file\": ...} and "
     "{\"env\": ...})"},
    {DEFINITIONS, "#/bridges/*/connection_secret/stored",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"connection_secret\": {\"stored\": "
     "false}}}}",
     "#/bridges/w/connection_secret",
     "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take {\"file\": ...} and "
     "{\"env\": ...})"},
    {DEFINITIONS, "#/bridges/*/connection_secret/value",
     "{\"version\": 1, \"bridges\": {\"w\": {\"address\": \"tcp://a:1\", \"connection_secret\": {\"value\": "
     "null}}}}",
     "#/bridges/w/connection_secret",
     "must be {\"stored\": true}, {\"value\": \"...\"} or null (commands also take {\"file\": ...} and "
     "{\"env\": ...})"},
    {DEFINITIONS, "#/channels", "{\"version\": 1, \"channels\": \"v\"}", "#/channels",
     "must be an object: what there is, by name"},
    {DEFINITIONS, "#/channels/*", "{\"version\": 1, \"channels\": {\"v\": []}}", "#/channels/v",
     "must be an object"},
    {DEFINITIONS, "#/channels/*/password", "{\"version\": 1, \"channels\": {\"v\": {}}}",
     "#/channels/v/password", "is needed"},
    {DEFINITIONS, "#/channels/*/password/stored",
     "{\"version\": 1, \"channels\": {\"v\": {\"password\": {\"stored\": true}}}}", "#/channels/v/password",
     "this hub has none stored: give it as {\"value\": \"...\"}"},
    {DEFINITIONS, "#/channels/*/password/value",
     "{\"version\": 1, \"channels\": {\"v\": {\"password\": {\"value\": \"\"}}}}", "#/channels/v/password",
     "must have 1 to 1024 bytes"},
    {DEFINITIONS, "", "{\"version\": 1, \"users\": {}}", "#/users",
     "is not known; known are version, bridges, channels"},
    {SETUP, "#/name", "{\"name\": \"\", \"password\": \"long enough 1\"}", "#/name", "must not be empty"},
    {SETUP, "#/password", "{\"name\": \"a\", \"password\": \"short\"}", "#/password",
     "must have at least 10 bytes"},
    {SETUP, "", "{\"name\": \"a\", \"password\": \"long enough 1\", \"role\": \"admin\"}", "#/role",
     "is not known here"},
    {SESSION, "#/name", "{\"name\": 1, \"password\": \"p\"}", "#/name", "must be text, not a number"},
    {SESSION, "#/password", "{\"name\": \"a\", \"password\": null}", "#/password", "is needed"},
    {SESSION, "", "{\"name\": \"a\", \"password\": \"p\", \"stay\": true}", "#/stay", "is not known here"},
    {OWN_PASSWORD, "#/former_password", "{\"password\": \"long enough 1\"}", "#/former_password",
     "is needed"},
    {OWN_PASSWORD, "#/password", "{\"former_password\": \"x\", \"password\": \"short\"}", "#/password",
     "must have at least 10 bytes"},
    {OWN_PASSWORD, "", "{\"former_password\": \"x\", \"password\": \"long enough 1\", \"again\": 1}",
     "#/again", "is not known here"},
    {PUT_USER, "#/role", "{\"role\": \"root\", \"password\": \"long enough 1\"}", "#/role",
     "must be viewer, operator or admin"},
    {PUT_USER, "#/password", "{\"role\": \"viewer\"}", "#/password", "is needed for a new user"},
    {PUT_USER, "#/enabled", "{\"role\": \"viewer\", \"password\": \"long enough 1\", \"enabled\": 1}",
     "#/enabled", "must be true or false, not a number"},
    {PUT_USER, "", "{\"role\": \"viewer\", \"password\": \"long enough 1\", \"groups\": []}", "#/groups",
     "is not known here"},
    {PATCH_USER, "#/role", "{\"role\": 5}", "#/role", "must be text, not a number"},
    {PATCH_USER, "#/password", "{\"password\": \"short\"}", "#/password", "must have at least 10 bytes"},
    {PATCH_USER, "#/enabled", "{\"enabled\": \"yes\"}", "#/enabled", "must be true or false, not text"},
    {PATCH_USER, "", "{\"name\": \"other\"}", "#/name", "is not known here"},
    {TOKENS, "#/name", "{\"name\": \"configuration\", \"role\": \"viewer\"}", "#/name",
     "is the name of a token that is not made here"},
    {TOKENS, "#/role", "{\"name\": \"t\"}", "#/role", "is needed"},
    {TOKENS, "#/scopes", "{\"name\": \"t\", \"role\": \"viewer\", \"scopes\": \"mesh\"}", "#/scopes",
     "must be an array, not text"},
    {TOKENS, "#/scopes/0", "{\"name\": \"t\", \"role\": \"viewer\", \"scopes\": [\"all\"]}", "#/scopes/0",
     "must be hub, clients, channels, mesh, calls, events, definitions, access or audit"},
    {TOKENS, "#/lifetime_s", "{\"name\": \"t\", \"role\": \"viewer\", \"lifetime_s\": 59}", "#/lifetime_s",
     "must be a whole number from 60 to 316224000"},
    {TOKENS, "", "{\"name\": \"t\", \"role\": \"viewer\", \"token\": \"x\"}", "#/token", "is not known here"},
    {TRACE, "#/channel", "{\"channel\": \"\", \"event\": \"e\"}", "#/channel", "must not be empty"},
    {TRACE, "#/event", "{\"channel\": \"c\", \"event\": 7}", "#/event", "must be text, not a number"},
    {TRACE, "", "{\"channel\": \"c\", \"event\": \"e\", \"hops\": 3}", "#/hops", "is not known here"},
};

#define LONG_TEXT                                                                                            \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"   \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"   \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

/* An argument without @detail is text that is sought, and may be any. */
static const struct argument {
    const char *pattern; /* "": of all that have no row of their own */
    const char *name;
    const char *value;  /* and what else the query needs */
    const char *detail; /* how it begins */
} arguments[] = {
    {"", "limit", "0", "must be a number from 1 to 1000"},
    {"", "cursor", "0000000000000000.1",
     "must be what `next` of the page before was, asked for with the same"},
    {"", "sort", "colour", "must be one of "},
    {"", "dry_run", "perhaps", "must be true or false"},
    {"/api/v1/clients", "mode", "bus", "must be one of: client bridge"},
    {"/api/v1/bridges", "kind", "bus", "must be one of: native reference auto"},
    {"/api/v1/links", "kind", "auto", "must be one of: native reference"},
    {"/api/v1/routes", "kind", "way", "must be one of: hub service topic interest member profile"},
    {"/api/v1/tokens", "origin", "nowhere", "must be one of: api first_run configuration"},
    {"/api/v1/routes/why", "channel", "", "must be 1 to 255 bytes of UTF-8 without control characters"},
    {"/api/v1/routes/why", "event", "&channel=c", "must be 1 to 255 bytes of UTF-8 without control"},
    {"/api/v1/routes/why", "topic", "%07&channel=c", "must be 1 to 255 bytes of UTF-8 without control"},
    {"/api/v1/bridges/test", "name", "a%0Ab", "must be 1 to 255 bytes of UTF-8 without control characters"},
    {"", "event", "", "must be 1 to 255 bytes of UTF-8 without control characters"},
    {"", "protected", "maybe", "must be one of: true false"},
    {"", "is_local", "1", "must be one of: true false"},
    {"", "enabled", "yes", "must be one of: true false"},
    {"", "direction", "up", "must be one of: in out"},
    {"", "state", "down", "must be one of: paused dialing handshake syncing up degraded backoff refused"},
    {"", "health", "good", "must be one of: ok degraded unknown"},
    {"", "role", "root", "must be one of: viewer operator admin"},
    {"", "status", "99", "must be a number from 100 to 599"},
    {"", "timeout", "nan", "must be a number of seconds from 0.001 to 3600"},
    {"", "since", "-1", "must be the id of the last record that was seen"},
    {"", "streams", "logs,logs", "must be some of logs, errors, system, links"},
    {"", "level", "loud", "must be debug, info, warning or error"},
    {"", "text", LONG_TEXT, "must have 255 bytes at most"},
    {"", "wait", "61", "must be a number of seconds from 0 to 60"},
    {"", "from", "yesterday", "must be a time such as 2026-01-31T12:34:56Z"},
    {"", "until", "2026-13-01T00:00:00Z", "must be a time such as 2026-01-31T12:34:56Z"},
    {"", "mode", "some", "must be merge or replace"},
    {"/api/v1/channels/{name}/members", "mode", "<b>", NULL},
    {"", "id", "<b>", NULL},
    {"", "name", "<b>", NULL},
    {"", "address", "<b>", NULL},
    {"", "channel", "<b>", NULL},
    {"", "owner", "<b>", NULL},
    {"", "member", "<b>", NULL},
    {"", "bridge", "<b>", NULL},
    {"", "hub_id", "<b>", NULL},
    {"", "server_id", "<b>", NULL},
    {"", "version", "<b>", NULL},
    {"", "origin", "<b>", NULL},
    {"", "epoch", "<b>", NULL},
    {"", "user", "<b>", NULL},
    {"", "created_by", "<b>", NULL},
    {"", "who", "<b>", NULL},
    {"", "method", "<b>", NULL},
    {"", "target", "<b>", NULL},
    {"", "request_id", "<b>", NULL},
};

static struct stand stand;
static char session_headers[512];

static void sign_in(void)
{
    struct stand_answer answer =
        stand_ask_with(&stand, "POST", "/api/v1/session", "Content-Type: application/json\r\n",
                       "{\"name\": \"alice\", \"password\": \"long enough 1\"}");
    char *cookie = stand_header(&answer, "Set-Cookie");

    check(answer.status == 201 && cookie);
    snprintf(session_headers, sizeof session_headers,
             "Cookie: %.*s\r\nOrigin: http://hub\r\nContent-Type: application/json\r\n",
             (int)strcspn(cookie, ";"), cookie);
    free(cookie);
    stand_answer_clear(&answer);
}

static void make(const char *method, const char *target, const char *body)
{
    struct stand_answer answer = stand_ask(&stand, method, target, STAND_TOKEN, body);

    check(answer.status == 201);
    stand_answer_clear(&answer);
}

static int set_up(void **state)
{
    (void)state;
    stand_start(&stand, NULL);
    make("PUT", "/api/v1/users/alice", "{\"role\": \"operator\", \"password\": \"long enough 1\"}");
    make("PUT", "/api/v1/bridges/old", "{\"address\": \"tcp://a:1\"}");
    sign_in();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static const char *text(json_t *object, const char *name)
{
    const char *found = json_string_value(json_object_get(object, name));

    return found ? found : "(none)";
}

static void try_row(const struct row *row, enum operation operation)
{
    const char *method = operations[operation].method, *target = operations[operation].target;
    struct stand_answer answer = operation == OWN_PASSWORD
                                     ? stand_ask_with(&stand, method, target, session_headers, row->body)
                                     : stand_ask(&stand, method, target, STAND_TOKEN, row->body);
    json_t *errors = json_object_get(answer.json, "errors"), *error = json_array_get(errors, 0);

    if (answer.status != 422 || json_array_size(errors) != 1 ||
        strcmp(text(error, "pointer"), row->pointer) != 0 || strcmp(text(error, "detail"), row->detail) != 0)
        fail_msg("%s %s with %s: %d %s", method, target, row->body, answer.status, answer.body);
    stand_answer_clear(&answer);
}

static void test_a_wrong_member_is_pointed_at_and_told_what_it_must_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        if (rows[i].operation == BRIDGE) {
            try_row(&rows[i], PUT_BRIDGE);
            try_row(&rows[i], TEST_BRIDGE);
        } else {
            try_row(&rows[i], rows[i].operation);
        }
    }
    assert_int_equal(fake_controls.n_bridges, 1);
}

/* ---- what the document knows ---- */

static json_t *resolve(json_t *root, json_t *value)
{
    const char *reference;
    char section[32], part[64];

    while ((reference = json_string_value(json_object_get(value, "$ref")))) {
        assert_int_equal(sscanf(reference, "#/components/%31[a-zA-Z]/%63s", section, part), 2);
        value = json_object_get(json_object_get(json_object_get(root, "components"), section), part);
    }
    return value;
}

static bool has_row(enum operation operation, const char *member)
{
    for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
        bool is_of_both = rows[i].operation == BRIDGE && operation <= TEST_BRIDGE;

        if ((rows[i].operation == operation || is_of_both) && strcmp(rows[i].member, member) == 0)
            return true;
    }
    return false;
}

static void check_members(json_t *root, json_t *schema, enum operation operation, const char *at);

static void check_member(json_t *root, json_t *schema, enum operation operation, const char *at,
                         const char *name)
{
    char member[256];

    snprintf(member, sizeof member, "%s/%s", at, name);
    if (!has_row(operation, member))
        fail_msg("%s %s has no row for %s", operations[operation].method, operations[operation].pattern,
                 member);
    check_members(root, schema, operation, member);
}

static void check_members(json_t *root, json_t *schema, enum operation operation, const char *at)
{
    json_t *found = resolve(root, schema), *inner;
    const char *name;
    size_t i;

    json_array_foreach(json_object_get(found, "oneOf"), i, inner) check_members(root, inner, operation, at);
    json_array_foreach(json_object_get(found, "allOf"), i, inner) check_members(root, inner, operation, at);
    json_object_foreach(json_object_get(found, "properties"), name, inner)
        check_member(root, inner, operation, at, name);
    if (json_is_object(json_object_get(found, "additionalProperties")))
        check_member(root, json_object_get(found, "additionalProperties"), operation, at, "*");
    if (json_object_get(found, "items"))
        check_member(root, json_object_get(found, "items"), operation, at, "0");
}

static bool is_judged_elsewhere(const char *pattern)
{
    for (size_t i = 0; i < N_ELEMENTS(judged_elsewhere); i++) {
        if (strstr(pattern, judged_elsewhere[i]))
            return true;
    }
    return false;
}

static enum operation operation_of(const char *method, const char *pattern)
{
    for (enum operation operation = 0; operation < BRIDGE; operation++) {
        if (strcasecmp(operations[operation].method, method) == 0 &&
            strcmp(operations[operation].pattern, pattern) == 0)
            return operation;
    }
    fail_msg("no row is of %s %s", method, pattern);
    return BRIDGE;
}

static void check_operation(json_t *root, const char *method, const char *pattern, json_t *operation)
{
    json_t *content = json_object_get(resolve(root, json_object_get(operation, "requestBody")), "content");
    enum operation known;
    const char *type;
    json_t *body;

    if (!content || is_judged_elsewhere(pattern))
        return;
    known = operation_of(method, pattern);
    assert_row(pattern, known == SETTINGS || has_row(known, ""));
    json_object_foreach(content, type, body) check_members(root, json_object_get(body, "schema"), known, "#");
}

static void test_every_member_of_the_document_has_a_row(void **state)
{
    json_t *root = json_loadb((const char *)openapi_json, openapi_json_len, 0, NULL), *methods, *operation;
    const char *pattern, *method;

    (void)state;
    assert_non_null(root);
    json_object_foreach(json_object_get(root, "paths"), pattern, methods)
    {
        json_object_foreach(methods, method, operation) check_operation(root, method, pattern, operation);
    }
    json_decref(root);
}

/* ---- arguments of queries ---- */

static const struct argument *find_argument(const char *pattern, const char *name)
{
    const struct argument *found = NULL;

    for (size_t i = 0; i < N_ELEMENTS(arguments); i++) {
        bool is_own = strcmp(arguments[i].pattern, pattern) == 0;

        if (strcmp(arguments[i].name, name) == 0 && (is_own || (!found && !*arguments[i].pattern)))
            found = &arguments[i];
    }
    return found;
}

/* The pattern with a name in each place for one. */
static void write_target(char out_target[1024], const char *pattern, const struct argument *argument)
{
    size_t len = 0;

    for (const char *at = pattern; *at; at += *at == '{' ? strcspn(at, "}") + 1 : 1)
        out_target[len++] = *at == '{' ? 'x' : *at;
    snprintf(out_target + len, 1024 - len, "?%s=%s", argument->name, argument->value);
}

static void try_argument(const char *method, const char *pattern, const struct argument *argument)
{
    struct stand_answer answer;
    json_t *errors, *error;
    char target[1024];
    bool is_as_wanted;

    write_target(target, pattern, argument);
    answer = stand_ask(&stand, method, target, STAND_TOKEN, strcmp(method, "GET") == 0 ? NULL : "{}");
    errors = json_object_get(answer.json, "errors");
    error = json_array_get(errors, 0);
    is_as_wanted = argument->detail
                       ? answer.status == 400 && json_array_size(errors) == 1 &&
                             *text(error, "pointer") == '?' &&
                             strcmp(text(error, "pointer") + 1, argument->name) == 0 &&
                             strstr(text(error, "detail"), argument->detail) == text(error, "detail")
                       : answer.status == 200 || answer.status == 404;
    if (!is_as_wanted)
        fail_msg("%s %s: %d %s", method, target, answer.status, answer.body);
    stand_answer_clear(&answer);
}

static size_t try_arguments(json_t *root, const char *method, const char *pattern, json_t *operation)
{
    char capitals[16] = "";
    json_t *parameter;
    size_t i, n = 0;

    for (size_t k = 0; method[k] && k + 1 < sizeof capitals; k++)
        capitals[k] = (char)toupper(method[k]);
    json_array_foreach(json_object_get(operation, "parameters"), i, parameter)
    {
        json_t *found = resolve(root, parameter);
        const char *name = text(found, "name");
        const struct argument *argument = find_argument(pattern, name);

        if (strcmp(text(found, "in"), "query") != 0)
            continue;
        if (!argument)
            fail_msg("%s %s has no row for ?%s", method, pattern, name);
        try_argument(capitals, pattern, argument);
        n++;
    }
    return n;
}

static void test_a_wrong_argument_is_pointed_at_and_told_what_it_must_be(void **state)
{
    json_t *root = json_loadb((const char *)openapi_json, openapi_json_len, 0, NULL), *methods, *operation;
    const char *pattern, *method;
    size_t n = 0;

    (void)state;
    json_object_foreach(json_object_get(root, "paths"), pattern, methods)
    {
        if (strncmp(pattern, "/api/v1/mesh/hubs/", 18) == 0)
            continue; /* judged there, by these same routes */
        json_object_foreach(methods, method, operation) n += try_arguments(root, method, pattern, operation);
    }
    assert_true(n > 100);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_wrong_member_is_pointed_at_and_told_what_it_must_be, set_up,
                                        tear_down),
        cmocka_unit_test(test_every_member_of_the_document_has_a_row),
        cmocka_unit_test_setup_teardown(test_a_wrong_argument_is_pointed_at_and_told_what_it_must_be, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
