/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Wiring: acceptor and pump carry connections to the HTTP server, whose handlers are the REST interface; what
 * is upgraded goes to the live sockets. Started from the inside out, so that nothing arrives where nobody is;
 * stopped the other way round.
 */
#include "mgmt/mgmt.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/base/cleanup.h"
#include "mgmt/auth/admins.h"
#include "mgmt/auth/sessions.h"
#include "mgmt/auth/tokens.h"
#include "mgmt/http/acceptor.h"
#include "mgmt/http/http_server.h"
#include "mgmt/http/pump.h"
#include "mgmt/live/ws_server.h"
#include "mgmt/rest/errand_worker.h"
#include "mgmt/rest/rest.h"
#include "mgmt/store/store.h"
#include "webui/webui_assets.h"

struct mgmt {
    struct mgmt_options options;
    char address[ACCEPTOR_ADDRESS_SIZE];
    char epoch[STORE_EPOCH_SIZE];
    char *first_run_file;
    struct rest_setting *settings;
    struct tokens *tokens;
    struct sessions *sessions;
    struct rest rest;
    bool has_rest;
    struct store_watch *store_watch;
    struct errand_worker *errands;
    struct ws_server *live;
    struct pump *pump;
    struct http_server *http;
};

DEFINE_CLEANUP(struct mgmt *, mgmt_stop)

static void serve(void *context, int fd, const struct sockaddr *peer, socklen_t peer_len)
{
    struct mgmt *mgmt = context;

    http_server_serve(mgmt->http, fd, peer, peer_len);
}

static bool answer(void *context, struct bytes request, const struct sockaddr *peer,
                   struct buffer *out_answer)
{
    struct mgmt *mgmt = context;

    return http_server_answer(mgmt->http, request, peer, out_answer);
}

static void serve_upgraded(void *context, int fd)
{
    struct mgmt *mgmt = context;

    ws_server_serve(mgmt->live, fd);
}

static void tick(void *context, uint64_t now_ms)
{
    struct mgmt *mgmt = context;

    http_server_tick(mgmt->http, now_ms);
}

static void client_left(void *context, int fd)
{
    struct mgmt *mgmt = context;

    http_server_client_left(mgmt->http, fd);
}

static void refuse(void *context, unsigned status, const char *why, struct buffer *out_answer)
{
    struct mgmt *mgmt = context;

    http_server_refuse(mgmt->http, status, why, out_answer);
}

static bool live_has_room(void *context)
{
    struct mgmt *mgmt = context;

    return ws_server_has_room(mgmt->live);
}

struct connecting {
    struct server *server;
    int fd;
    char peer[REQUEST_PEER_TEXT + 4];
};

static void run_connect(void *argument)
{
    struct connecting *connecting = argument;

    server_control_adopt(connecting->server, connecting->fd, connecting->peer);
    free(connecting);
}

static int connect_hub(void *context, int fd, const char *peer)
{
    struct mgmt *mgmt = context;
    struct connecting *connecting = malloc(sizeof *connecting);

    if (connecting) {
        *connecting = (struct connecting){.server = mgmt->options.server, .fd = fd};
        snprintf(connecting->peer, sizeof connecting->peer, "ws %s", peer);
    }
    if (connecting && mailbox_post(mgmt->options.mailbox, run_connect, connecting) == 0)
        return 0;
    free(connecting);
    close(fd);
    return -ENOMEM;
}

/* `data` of the live metrics: counters and counts side by side. */
static char *live_metrics(void *context)
{
    struct mgmt *mgmt = context;
    struct summary summary = summary_recent(&mgmt->rest);
    json_t *data = summary_counters_json();
    json_t *counts = summary.is_reachable ? summary_counts_json(&summary) : NULL;
    char *text = NULL;

    if (data && (!counts || json_object_update(data, counts) == 0))
        text = json_dumps(data, JSON_COMPACT);
    json_decref(counts);
    json_decref(data);
    return text;
}

static void set_defaults(struct mgmt_options *options)
{
    if (!options->most_connections)
        options->most_connections = 2048;
    if (!options->most_live_sockets)
        options->most_live_sockets = 1536;
    if (!options->head_ms)
        options->head_ms = 10000;
    if (!options->idle_s)
        options->idle_s = 30;
    if (!options->requests_per_s)
        options->requests_per_s = 5000;
    if (!options->slow_live_ms)
        options->slow_live_ms = 30000;
}

static void on_store_change(void *context, const struct store_watch_state *state)
{
    struct mgmt *mgmt = context;
    char text[160];

    if (state->kind == STORE_WATCH_NONE) {
        /* As loud as needed to be heard where the fault was. */
        rest_announce(&mgmt->rest, LOG_WARN, "The store can be written again");
        return;
    }
    snprintf(text, sizeof text,
             "The store cannot be written: %s. Messages go on; writes of operators are refused until it can",
             store_watch_text(state->kind));
    rest_announce(&mgmt->rest, LOG_ERROR, text);
}

void mgmt_show_settings(struct mgmt *mgmt, const struct mgmt_setting *settings)
{
    for (size_t i = 0; i < mgmt->options.n_settings; i++)
        mgmt->settings[i] = (struct rest_setting){settings[i].name, settings[i].value};
}

static int start_rest(struct mgmt *mgmt)
{
    const struct mgmt_options *from = &mgmt->options;
    struct rest_options options = {
        .mailbox = from->mailbox,
        .server = from->server,
        .federation = from->federation,
        .log = from->log,
        .store = from->store,
        .keeper = from->keeper,
        .tokens = mgmt->tokens,
        .sessions = mgmt->sessions,
        .server_id = from->server_id,
        .version = from->version,
        .epoch = mgmt->epoch,
        .settings_face = from->settings_face,
        .n_settings = from->n_settings,
        .requests_per_s = from->requests_per_s,
        .is_secure = from->tls != NULL,
        .live_has_room = live_has_room,
        .live_context = mgmt,
    };
    int r;

    mgmt->settings = calloc(from->n_settings + 1, sizeof *mgmt->settings);
    if (!mgmt->settings)
        return -ENOMEM;
    mgmt_show_settings(mgmt, from->settings);
    options.settings = mgmt->settings;
    rest_init(&mgmt->rest, &options);
    mgmt->has_rest = true;
    r = store_watch_new(&mgmt->store_watch, from->store, on_store_change, mgmt);
    mgmt->rest.options.store_watch = mgmt->store_watch;
    return r;
}

static int start_live(struct mgmt *mgmt)
{
    struct store *store = mgmt->options.store;
    struct ws_server_options options = {
        .log = mgmt->options.log,
        .epoch = mgmt->epoch,
        .most_sessions = mgmt->options.most_live_sockets,
        .slow_ms = mgmt->options.slow_live_ms,
        .hub = {mgmt, connect_hub},
        .context = mgmt,
        .metrics = live_metrics,
    };

    /* Record ids begin anew with each start of the hub. */
    store_epoch(store, store_identity(store)->incarnation, mgmt->epoch);
    return ws_server_new(&mgmt->live, &options);
}

static int start_pump(struct mgmt *mgmt, char out_why[MGMT_WHY_SIZE])
{
    struct pump_options options = {
        .most_connections = mgmt->options.most_connections,
        .head_ms = mgmt->options.head_ms,
        .idle_ms = (uint64_t)mgmt->options.idle_s * 1000,
        .tls = mgmt->options.tls,
        .context = mgmt,
        .serve = serve,
        .answer = answer,
        .serve_upgraded = serve_upgraded,
        .client_left = client_left,
        .refuse = refuse,
        .tick = tick,
    };
    char why[ACCEPTOR_WHY_SIZE];
    int r = acceptor_listen(mgmt->options.listen, &options.listen_fd, mgmt->address, why);

    if (r < 0) {
        snprintf(out_why, MGMT_WHY_SIZE, "%s", why);
        return r;
    }
    return pump_new(&mgmt->pump, &options);
}

static int start_http(struct mgmt *mgmt)
{
    struct http_server_options options = {
        .most_connections = mgmt->options.most_connections,
        .idle_s = mgmt->options.idle_s,
        .is_secure = mgmt->options.tls != NULL,
        .content_security_policy = WEBUI_CONTENT_SECURITY_POLICY,
        .context = &mgmt->rest,
        .on_brief = rest_on_brief,
        .on_head = rest_on_head,
        .on_request = rest_on_request,
        .on_too_long = rest_on_too_long,
        .on_malformed = rest_on_malformed,
        .on_answered = rest_on_answered,
    };

    return http_server_new(&mgmt->http, &options, mgmt->pump);
}

/* Whoever reaches the port could try to be the first administrator: there must be one, or a token of his. */
static int check_exposure(const struct mgmt *mgmt, bool has_admin, char out_why[MGMT_WHY_SIZE])
{
    if (has_admin || acceptor_is_loopback(mgmt->options.listen) ||
        tokens_have(mgmt->tokens, STORE_TOKEN_CONFIGURATION))
        return 0;
    snprintf(
        out_why, MGMT_WHY_SIZE,
        "The management address %s is open to other machines, and the hub has no administrator yet: give "
        "--admin-token-file or COMMHUB_ADMIN_PASSWORD_FILE, or run `commhub admin init`, or listen on "
        "127.0.0.1 first",
        mgmt->options.listen);
    return -EACCES;
}

static int load_access(struct mgmt *mgmt, char out_why[MGMT_WHY_SIZE])
{
    const struct mgmt_options *options = &mgmt->options;
    bool made_admin = false, made_first_run = false;
    uint64_t n_admins = 0;
    int r = 0;

    if (options->admin_password_file)
        r = admins_make_from_file(options->store, options->admin_password_file, &made_admin, out_why);
    if (r == 0)
        r = store_user_count_admins(options->store, NULL, &n_admins, out_why);
    if (r == 0)
        r = tokens_new(&mgmt->tokens, options->store, options->token_file, n_admins == 0, &made_first_run,
                       out_why);
    if (r == 0)
        r = sessions_new(&mgmt->sessions, options->store, out_why);
    if (r == 0)
        r = check_exposure(mgmt, n_admins > 0, out_why);
    if (r == 0 && made_first_run) {
        mgmt->first_run_file = store_path(options->store, TOKENS_FIRST_RUN_FILE);
        r = mgmt->first_run_file ? 0 : -ENOMEM;
    }
    return r;
}

int mgmt_start(struct mgmt **out_mgmt, const struct mgmt_options *options, char out_why[MGMT_WHY_SIZE])
{
    cleanup_(mgmt_stopp) struct mgmt *mgmt = calloc(1, sizeof *mgmt);
    int r;

    snprintf(out_why, MGMT_WHY_SIZE, "The management plane cannot be started");
    if (!mgmt)
        return -ENOMEM;
    mgmt->options = *options;
    set_defaults(&mgmt->options);
    r = load_access(mgmt, out_why);
    if (r == 0)
        r = start_pump(mgmt, out_why);
    if (r == 0)
        r = start_rest(mgmt);
    if (r == 0)
        r = start_live(mgmt);
    if (r == 0)
        r = start_http(mgmt);
    if (r == 0)
        r = errand_worker_new(&mgmt->errands, &mgmt->rest);
    if (r == 0)
        r = pump_start(mgmt->pump);
    if (r < 0)
        return r;
    *out_mgmt = take(mgmt);
    return 0;
}

int mgmt_check_settings(const char *listen, const char *token_file, char out_why[MGMT_WHY_SIZE])
{
    int r = acceptor_check(listen, out_why);

    return r == 0 && token_file ? tokens_check_file(token_file, out_why) : r;
}

const char *mgmt_address(const struct mgmt *mgmt)
{
    return mgmt->address;
}

void mgmt_renew_tls(struct mgmt *mgmt, struct tls_context *tls)
{
    pump_renew_tls(mgmt->pump, tls);
}

const char *mgmt_first_run_token_file(const struct mgmt *mgmt)
{
    return mgmt->first_run_file;
}

/* The pump's tables must outlive the HTTP threads, which tell it of heads until they end. */
void mgmt_stop(struct mgmt *mgmt)
{
    if (!mgmt)
        return;
    if (mgmt->pump)
        pump_stop(mgmt->pump);
    http_server_free(mgmt->http);
    ws_server_free(mgmt->live);
    pump_free(mgmt->pump);
    errand_worker_free(mgmt->errands);
    store_watch_free(mgmt->store_watch);
    if (mgmt->has_rest)
        rest_clear(&mgmt->rest);
    sessions_free(mgmt->sessions);
    tokens_free(mgmt->tokens);
    free(mgmt->settings);
    free(mgmt->first_run_file);
    free(mgmt);
}
