/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The wiring: the one file, besides main.c, that knows all parts
 *
 * Everything is made in order of need and taken apart in reverse by clear(), which copes with a half-built
 * house. The loop runs on this thread; signals come through a signalfd, so that no handler ever interrupts
 * anything.
 */
#include "hub/program/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "federation/federation.h"
#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/name.h"
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "hub/io/mailbox.h"
#include "hub/program/configuration.h"
#include "hub/program/log_output.h"
#include "hub/program/secret_file.h"
#include "hub/program/serve_plan.h"
#include "hub/program/service_notice.h"
#include "hub/server/server.h"
#include "mgmt/live/keeper.h"
#include "mgmt/mgmt.h"
#include "mgmt/rest/definitions_file.h"
#include "mgmt/store/spool_file.h"
#include "mgmt/store/store.h"
#include "mgmt/store/store_bridge.h"
#include "mgmt/store/store_password.h"

#define LOG_RING_RECORDS 10000
#define DRAIN_GRACE_MS 3000      /* for outstanding calls; the whole end takes less than 5 s */
#define RESERVED_DESCRIPTORS 256 /* for listeners, links, the store */
/* The management plane has a third of the descriptors, but no more than so many; a connection of it takes
 * three or, as a client of the hub's protocol, five. */
#define MOST_MGMT_DESCRIPTORS 8192
#define DESCRIPTORS_A_MGMT_CONNECTION 4

#define MAX_SETTINGS 8

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct house {
    const struct serve_options *options; /* those of the start; texts of these stay */
    struct configuration *configuration; /* those in force */
    struct settings_face settings_face;
    struct serve_plan plan;
    char server_id[NAME_MAX_BYTES + 1];
    struct store_identity identity;

    struct log_output log_output;
    struct log *log;
    struct loop *loop;
    struct mailbox *mailbox;
    struct hub *hub;
    struct server *server;
    struct store *store;
    struct keeper *keeper;
    struct spool_file *spool;
    struct federation *federation;
    struct mgmt *mgmt;
    struct mgmt_setting settings[MAX_SETTINGS];
    struct loop_source signals;
    bool watches_signals; /* the loop has them */
    struct loop_timer watchdog;
    struct loop_timer log_timer;
    pthread_t reloader;
    bool has_reloader;
    atomic_bool is_reloading;
    bool is_ending;
    size_t most_connections;
    size_t most_mgmt_connections;
};

static int complain(const char *why)
{
    fprintf(stderr, "commhub: %s\n", why);
    return EXIT_FAILED;
}

/* --- building --- */

/* Raises the limit as far as may be, and shares it out. */
static void share_descriptors(struct house *house)
{
    struct rlimit limit = {512, 512};
    size_t n, mgmt;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    n = limit.rlim_cur > 2 * RESERVED_DESCRIPTORS ? limit.rlim_cur - RESERVED_DESCRIPTORS
                                                  : limit.rlim_cur / 2;
    mgmt = n / 3 < MOST_MGMT_DESCRIPTORS ? n / 3 : MOST_MGMT_DESCRIPTORS;
    house->most_mgmt_connections = mgmt / DESCRIPTORS_A_MGMT_CONNECTION;
    house->most_connections = n - mgmt;
}

static void note(void *context, enum log_level level, enum log_stream stream, const char *event,
                 const struct log_field *fields, size_t n_fields)
{
    struct house *house = context;

    log_record(house->log, level, stream, event, fields, n_fields);
}

/* A line of the hub's own; any thread. */
static void say(struct house *house, enum log_level level, const char *text)
{
    struct log_field fields[] = {
        log_text("message", bytes_of_text(text)),
        log_text("level", bytes_of_text(log_level_name(level))),
        log_text_or_null("client_id", BYTES_NONE),
        log_text("server_id", bytes_of_text(house->server_id)),
    };

    log_record(house->log, level, LOG_LOGS, "server_log", fields, 4);
}

static int configure_password(struct house *house, const struct password_entry *entry)
{
    return hub_configure_password(house->hub, bytes_of_text(entry->channel), bytes_of_text(entry->password),
                                  PASSWORD_BY_CONFIGURATION, entry->is_signed ? entry->key : NULL,
                                  server_time(house->server));
}

static int open_store(struct house *house)
{
    char why[STORE_WHY_SIZE];

    if (!*house->plan.data_dir) {
        random_hex(house->identity.hub_id, 16);
        memcpy(house->identity.server_id, "srv-", 4);
        random_hex(house->identity.server_id + 4, 4);
        house->identity.incarnation = 1;
        return 0;
    }
    if (store_open(&house->store, house->plan.data_dir, why) < 0)
        return complain(why);
    house->identity = *store_identity(house->store);
    return 0;
}

static struct keeper_bounds keeper_bounds_of(const struct serve_options *options)
{
    return (struct keeper_bounds){.most = options->keep_records, .days = options->keep_days};
}

static int start_keeper(struct house *house)
{
    struct keeper_bounds bounds = keeper_bounds_of(configuration_options(house->configuration));

    if (house->store && keeper_new(&house->keeper, house->log, house->store, &bounds) < 0)
        return complain("cannot start: out of memory or threads");
    return 0;
}

static void choose_server_id(struct house *house)
{
    const char *given = house->options->server_id;

    snprintf(house->server_id, sizeof house->server_id, "%s", given ? given : house->identity.server_id);
}

/* What the file names is pinned; system channels have passwords by the file alone. */
static int restore_password(struct bytes channel, struct bytes password, void *context)
{
    struct house *house = context;

    if (password_list_find(&house->plan.passwords, channel))
        return 0;
    return hub_configure_password(house->hub, channel, password, PASSWORD_BY_OPERATOR, NULL,
                                  server_time(house->server));
}

static int restore_bridge(const struct bridge_spec *spec, void *context)
{
    struct house *house = context;
    struct bridge_fault fault;
    char text[sizeof fault.why + 300];
    int r = federation_control_put_bridge(house->federation, spec, &fault);

    if (r <= 0 && r != -EINVAL)
        return r;
    /* Stored by another version, say: the others still run, and this one can be mended over REST. */
    snprintf(text, sizeof text, "Bridge %s is not started: %s", spec->name, fault.why);
    hub_log(house->hub, LOG_ERROR, bytes_of_text(text), BYTES_NONE, server_time(house->server));
    return 0;
}

/* What the operator has set over REST is as it was before the restart. */
static int restore(struct house *house)
{
    char why[STORE_WHY_SIZE];

    if (!house->store)
        return 0;
    if (house->options->definitions &&
        definitions_file_load(house->store, house->options->definitions, why) < 0)
        return complain(why);
    if (store_password_each(house->store, restore_password, house, why) < 0 ||
        store_bridge_each(house->store, restore_bridge, house, why) < 0)
        return complain(why);
    return 0;
}

static struct listener_options unix_options(const struct house *house)
{
    return (struct listener_options){.unix_mode = house->plan.unix_mode,
                                     .unix_group = house->options->unix_group};
}

static struct hub_options hub_options_of(const struct house *house, const struct serve_options *options)
{
    return (struct hub_options){
        .server_id = bytes_of_text(house->server_id),
        .channel_policy = options->channel_policy,
        .balance_policy = options->balance_policy,
        .error_policy = options->error_policy,
        .call_deadline_ms = options->call_deadline_ms,
    };
}

/* Secret and certificates are those of the house's plan. */
static struct server_options server_options_of(const struct house *house, const struct serve_options *options)
{
    return (struct server_options){
        .connection_secret = buffer_bytes(&house->plan.connection_secret),
        .takes_bridges = options->bridge_clients == BRIDGE_CLIENTS_TRUSTED,
        .idle_timeout_ms = options->idle_timeout_ms,
        .data_timeout_ms = options->data_timeout_ms,
        .max_frame_bytes = options->max_frame_bytes,
        .max_connections = options->max_connections ? options->max_connections : house->most_connections,
        .unix_socket = unix_options(house),
        .tls = house->plan.tls,
    };
}

static int build_hub(struct house *house)
{
    const struct serve_options *options = configuration_options(house->configuration);
    struct hub_options hub_options = hub_options_of(house, options);
    struct server_options server_options = server_options_of(house, options);
    struct outlet outlet = {.note = note, .context = house};

    if (hub_new(&house->hub, &hub_options, &outlet) < 0 ||
        server_new(&house->server, house->loop, house->hub, &server_options) < 0)
        return complain("cannot start: out of memory or descriptors");
    for (size_t i = 0; i < house->plan.passwords.n; i++)
        if (configure_password(house, &house->plan.passwords.entries[i]) < 0)
            return complain("cannot start: out of memory");
    return 0;
}

static int accept_link(void *context, struct stream *stream, struct bytes first_body,
                       const char *peer_address)
{
    return federation_accept_link(context, stream, first_body, peer_address);
}

static int open_spool(struct house *house)
{
    char why[SPOOL_FILE_WHY_SIZE];

    if (!house->store)
        return 0;
    return spool_file_open(&house->spool, house->plan.data_dir, house->mailbox, why) < 0 ? complain(why) : 0;
}

static int give_link_secret(struct house *house)
{
    char *secret = bytes_to_text(buffer_bytes(&house->plan.link_secret));
    int r = secret ? federation_set_link_secret(house->federation, secret) : -ENOMEM;

    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
    return r;
}

static int build_federation(struct house *house)
{
    struct federation_options options = {
        .incarnation = house->identity.incarnation,
        .server_id = bytes_of_text(house->server_id),
        .version = COMMHUB_VERSION,
        .max_frame_bytes = house->options->max_frame_bytes,
        .link_tls = house->plan.link_tls,
        .link_management = house->options->link_management,
        .link_peers = house->options->link_peer.texts,
        .n_link_peers = house->options->link_peer.n,
        .spool = house->spool ? spool_file_spool(house->spool) : NULL,
        .outlet = {.note = note, .context = house},
    };
    int r;

    memcpy(options.hub_id, house->identity.hub_id, sizeof options.hub_id);
    r = federation_new(&house->federation, house->loop, house->mailbox, house->hub, &options);
    if (r == 0)
        r = give_link_secret(house);
    if (r < 0)
        return complain("cannot start: out of memory");
    server_set_link_acceptor(house->server, accept_link, house->federation);
    return 0;
}

/* What GET /hub shows; never a secret. */
static size_t list_settings(const struct house *house, const struct serve_options *options,
                            struct mgmt_setting *out_settings)
{
    static const char *const channel_policies[] = {"terminate", "promote"};
    static const char *const balance_policies[] = {"least-active", "round-robin"};
    static const char *const error_policies[] = {"ignore", "raise", "broadcast"};
    size_t n = 0;

    out_settings[n++] = (struct mgmt_setting){"channel-policy", channel_policies[options->channel_policy]};
    out_settings[n++] = (struct mgmt_setting){"lb-policy", balance_policies[options->balance_policy]};
    out_settings[n++] = (struct mgmt_setting){"error-policy", error_policies[options->error_policy]};
    out_settings[n++] =
        (struct mgmt_setting){"connection-secret", house->plan.connection_secret.len ? "required" : "none"};
    out_settings[n++] = (struct mgmt_setting){
        "links", house->plan.link_secret.len || options->link_peer.n ? "accepted" : "refused"};
    out_settings[n++] = (struct mgmt_setting){"data-dir", house->plan.data_dir};
    return n;
}

static int build_mgmt(struct house *house)
{
    struct mgmt_options options = {
        .mailbox = house->mailbox,
        .server = house->server,
        .federation = house->federation,
        .log = house->log,
        .store = house->store,
        .keeper = house->keeper,
        .listen = house->options->mgmt,
        .tls = house->plan.mgmt_tls,
        .token_file = house->options->admin_token_file,
        .admin_password_file = house->options->admin_password_file,
        .server_id = house->server_id,
        .version = COMMHUB_VERSION,
        .settings_face = &house->settings_face,
        .settings = house->settings,
        .most_connections = house->most_mgmt_connections,
        .most_live_sockets = house->most_mgmt_connections * 3 / 4,
    };
    char why[MGMT_WHY_SIZE];

    if (strcmp(house->options->mgmt, "off") == 0)
        return 0;
    options.n_settings = list_settings(house, configuration_options(house->configuration), house->settings);
    return mgmt_start(&house->mgmt, &options, why) < 0 ? complain(why) : 0;
}

static int listen_everywhere(struct house *house)
{
    struct listener_options unix_socket = unix_options(house);
    char why[LISTENER_WHY_SIZE];

    for (size_t i = 0; i < house->plan.n_listen; i++)
        if (server_listen(house->server, &house->plan.listen[i], why) < 0)
            return complain(why);
    for (size_t i = 0; i < house->plan.n_link_listen; i++)
        if (federation_listen(house->federation, &house->plan.link_listen[i], &unix_socket, why) < 0)
            return complain(why);
    return 0;
}

/* --- other settings --- */

static void swap_buffers(struct buffer *a, struct buffer *b)
{
    struct buffer kept = *a;

    *a = *b;
    *b = kept;
}

static void swap_tls(struct tls_context **a, struct tls_context **b)
{
    struct tls_context *kept = *a;

    *a = *b;
    *b = kept;
}

/* Whoever has a channel whose password the file no longer says, or says otherwise, loses it. */
static int change_passwords(struct house *house, const struct password_list *former)
{
    const struct password_list *fresh = &house->plan.passwords;
    int r = 0;

    for (size_t i = 0; r == 0 && i < former->n; i++) {
        struct bytes channel = bytes_of_text(former->entries[i].channel);

        if (!password_list_find(fresh, channel))
            r = hub_configure_password(house->hub, channel, BYTES_NONE, PASSWORD_NONE, NULL,
                                       server_time(house->server));
    }
    for (size_t i = 0; r == 0 && i < fresh->n; i++) {
        const struct password_entry *entry = &fresh->entries[i];
        const struct password_entry *before = password_list_find(former, bytes_of_text(entry->channel));

        if (!before || strcmp(before->password, entry->password) != 0)
            r = configure_password(house, entry);
    }
    return r;
}

/* What the hub had so far is left in @plan, which is cleared behind us. */
static void apply(void *context, const struct serve_options *options, struct serve_plan *plan)
{
    struct house *house = context;
    struct hub_options hub_options = hub_options_of(house, options);
    struct server_options server_options;
    struct password_list former;

    swap_buffers(&house->plan.connection_secret, &plan->connection_secret);
    swap_buffers(&house->plan.link_secret, &plan->link_secret);
    former = house->plan.passwords;
    house->plan.passwords = plan->passwords;
    plan->passwords = former;
    swap_tls(&house->plan.tls, &plan->tls);
    swap_tls(&house->plan.link_tls, &plan->link_tls);
    /* A port that speaks plain HTTP keeps doing so, and one that speaks HTTPS never goes back. */
    if (house->plan.mgmt_tls && plan->mgmt_tls) {
        swap_tls(&house->plan.mgmt_tls, &plan->mgmt_tls);
        if (house->mgmt)
            mgmt_renew_tls(house->mgmt, house->plan.mgmt_tls);
    }
    server_options = server_options_of(house, options);
    server_set_options(house->server, &server_options);
    hub_set_options(house->hub, &hub_options);
    federation_set_link_tls(house->federation, house->plan.link_tls);
    if (give_link_secret(house) < 0 || change_passwords(house, &plan->passwords) < 0)
        say(house, LOG_ERROR, "Reload: out of memory: some secrets are as they were until the next start");
    house->log_output.format = options->log_format;
    house->log_output.threshold = options->log_level;
    if (house->keeper) {
        struct keeper_bounds bounds = keeper_bounds_of(options);

        keeper_set_bounds(house->keeper, &bounds);
    }
    list_settings(house, options, house->settings);
    if (house->mgmt)
        mgmt_show_settings(house->mgmt, house->settings);
}

static int make_configuration(struct house *house)
{
    struct configuration_options options = {
        .started = house->options,
        .store = house->store,
        .mailbox = house->mailbox,
        .context = house,
        .apply = apply,
    };
    char why[SERVE_WHY_SIZE];

    if (configuration_new(&house->configuration, &options, why) < 0)
        return complain(why);
    house->settings_face = configuration_face(house->configuration);
    house->log_output.format = configuration_options(house->configuration)->log_format;
    house->log_output.threshold = configuration_options(house->configuration)->log_level;
    return 0;
}

static void log_words(json_t *outcome, const char *name, char *out_text, size_t size)
{
    size_t len = 0;
    json_t *word;
    size_t i;

    *out_text = '\0';
    json_array_foreach(json_object_get(outcome, name), i, word)
    {
        if (len < size)
            len +=
                (size_t)snprintf(out_text + len, size - len, "%s%s", i ? ", " : "", json_string_value(word));
    }
}

/* On a thread of its own, for it reads files and waits for the loop. */
static void *run_reload(void *context)
{
    struct house *house = context;
    char why[SERVE_WHY_SIZE];
    char changed[400], needs_restart[400];
    char text[SERVE_WHY_SIZE + 64];
    json_t *outcome = NULL;
    int r;

    service_notice_send_reloading();
    r = configuration_reload(house->configuration, false, &outcome, why);
    service_notice_send("READY=1");
    if (r) {
        snprintf(text, sizeof text, "Reload: nothing was changed: %s", why);
        say(house, LOG_ERROR, text);
    } else {
        log_words(outcome, "changed", changed, sizeof changed);
        log_words(outcome, "needs_restart", needs_restart, sizeof needs_restart);
        snprintf(text, sizeof text, "Reload: certificates and secrets are read again; changed: %s%s%s",
                 *changed ? changed : "nothing", *needs_restart ? "; only a restart changes " : "",
                 needs_restart);
        say(house, *changed || *needs_restart ? LOG_WARN : LOG_INFO, text);
    }
    json_decref(outcome);
    atomic_store(&house->is_reloading, false);
    return NULL;
}

/* One at a time: a signal that comes while files are read is for what they hold now. */
static void reload(struct house *house)
{
    if (atomic_exchange(&house->is_reloading, true))
        return;
    if (house->has_reloader)
        pthread_join(house->reloader, NULL);
    house->has_reloader = pthread_create(&house->reloader, NULL, run_reload, house) == 0;
    if (!house->has_reloader) {
        atomic_store(&house->is_reloading, false);
        say(house, LOG_ERROR, "Reload: no thread can be made for it");
    }
}

/* --- signals --- */

static void on_drained(void *context)
{
    struct house *house = context;

    loop_stop(house->loop);
}

static void on_signal(struct loop_source *source, uint32_t ready)
{
    struct house *house = container_of(source, struct house, signals);
    struct signalfd_siginfo signal;

    (void)ready;
    if (read(source->fd, &signal, sizeof signal) != (ssize_t)sizeof signal)
        return;
    if (signal.ssi_signo == SIGHUP) {
        reload(house);
        return;
    }
    if (!house->is_ending) {
        service_notice_send("STOPPING=1");
        federation_drain(house->federation);
    }
    /* The first signal lets calls finish, a second one does not. */
    server_drain(house->server, house->is_ending ? 0 : DRAIN_GRACE_MS, on_drained, house);
    house->is_ending = true;
}

/* Before any thread is made, so that all of them have the signals blocked. */
static int take_signals(struct house *house)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    house->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    house->signals.events = EPOLLIN;
    house->signals.on_ready = on_signal;
    return house->signals.fd < 0 ? complain("cannot make a signalfd") : 0;
}

/* --- running --- */

static void say_ready(struct house *house)
{
    char text[ADDRESS_TEXT_SIZE];

    fputs("ready", stdout);
    for (size_t i = 0; i < server_listener_count(house->server); i++) {
        server_listener_text(house->server, i, text);
        printf(" %s", text);
    }
    for (size_t i = 0; federation_listener_text(house->federation, i, text); i++)
        printf(" link+%s", text);
    if (house->mgmt)
        printf(" %s://%s", house->plan.mgmt_tls ? "https" : "http", mgmt_address(house->mgmt));
    putchar('\n');
    fflush(stdout);
    service_notice_send("READY=1");
}

/* Said from the loop: a loop that hangs is found out. */
static void on_watchdog(struct loop_timer *timer)
{
    struct house *house = container_of(timer, struct house, watchdog);

    service_notice_send("WATCHDOG=1");
    loop_timer_arm(house->loop, timer, loop_now_ms(house->loop) + service_notice_watchdog_ms());
}

static int start_watchdog(struct house *house)
{
    uint64_t interval_ms = service_notice_watchdog_ms();

    if (interval_ms &&
        loop_timer_arm(house->loop, &house->watchdog, loop_now_ms(house->loop) + interval_ms) < 0)
        return complain("cannot start: out of memory");
    return 0;
}

/* Repeated lines are told of also where no other line comes. */
static void on_log_timer(struct loop_timer *timer)
{
    struct house *house = container_of(timer, struct house, log_timer);

    log_output_tick(&house->log_output);
    loop_timer_arm(house->loop, timer, loop_now_ms(house->loop) + LOG_OUTPUT_TICK_MS);
}

static int start_log_timer(struct house *house)
{
    if (loop_timer_arm(house->loop, &house->log_timer, loop_now_ms(house->loop) + LOG_OUTPUT_TICK_MS) < 0)
        return complain("cannot start: out of memory");
    return 0;
}

static int watch_signals(struct house *house)
{
    if (loop_add(house->loop, &house->signals) < 0)
        return complain("cannot watch for signals");
    house->watches_signals = true;
    return 0;
}

static int build(struct house *house)
{
    int r = take_signals(house);

    if (r == 0 && log_new(&house->log, LOG_RING_RECORDS) < 0)
        r = complain("cannot start: out of memory");
    if (r == 0)
        log_add_sink(house->log, log_output_write, &house->log_output);
    if (r == 0)
        r = open_store(house);
    if (r == 0)
        choose_server_id(house);
    if (r == 0)
        share_descriptors(house);
    if (r == 0 && (loop_new(&house->loop) < 0 || mailbox_new(&house->mailbox, house->loop) < 0))
        r = complain("cannot start: out of memory or descriptors");
    if (r == 0)
        r = make_configuration(house);
    if (r == 0)
        r = start_keeper(house);
    if (r == 0)
        r = build_hub(house);
    if (r == 0)
        r = open_spool(house);
    if (r == 0)
        r = build_federation(house);
    if (r == 0)
        r = restore(house);
    if (r == 0)
        r = watch_signals(house);
    if (r == 0)
        r = start_watchdog(house);
    if (r == 0)
        r = start_log_timer(house);
    if (r == 0)
        r = listen_everywhere(house);
    if (r == 0)
        r = build_mgmt(house);
    return r;
}

static void clear(struct house *house)
{
    if (house->mailbox)
        mailbox_close(house->mailbox); /* a request that waits for the loop is let go */
    if (house->has_reloader)
        pthread_join(house->reloader, NULL);
    mgmt_stop(house->mgmt);
    federation_free(house->federation);
    spool_file_stop(house->spool);
    server_free(house->server);
    hub_free(house->hub);
    if (house->mailbox)
        mailbox_free(house->mailbox);
    spool_file_free(house->spool);
    if (house->watches_signals)
        loop_remove(house->loop, &house->signals);
    if (house->signals.fd >= 0)
        close(house->signals.fd);
    if (house->loop) {
        loop_timer_disarm(house->loop, &house->watchdog);
        loop_timer_disarm(house->loop, &house->log_timer);
        loop_free(house->loop);
    }
    keeper_free(house->keeper); /* behind all that have something to say */
    configuration_free(house->configuration);
    store_close(house->store);
    if (house->log)
        log_free(house->log);
    log_output_clear(&house->log_output);
    serve_plan_clear(&house->plan);
}

int serve_run(const struct serve_options *options)
{
    struct house house = {
        .options = options,
        .signals = {.fd = -1},
    };
    char why[SERVE_WHY_SIZE];
    int status = 0;

    log_output_init(&house.log_output, options->log_format, options->log_level);
    loop_timer_init(&house.watchdog, on_watchdog);
    loop_timer_init(&house.log_timer, on_log_timer);
    if (serve_plan_make(&house.plan, options, why)) {
        complain(why);
        status = EXIT_USAGE;
    } else if (options->is_check_only) {
        puts("configuration is valid");
    } else {
        status = build(&house);
        if (status == 0) {
            say_ready(&house);
            status = loop_run(house.loop) < 0 ? complain("the event loop failed") : 0;
        }
    }
    clear(&house);
    return status;
}
