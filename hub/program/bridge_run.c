/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/bridge_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "federation/federation.h"
#include "hub/base/name.h"
#include "hub/base/random.h"
#include "hub/base/text.h"
#include "hub/program/log_output.h"
#include "hub/program/options.h"
#include "hub/program/secret_file.h"

#define LOG_RING_RECORDS 1000
#define WATCH_MS 100U

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The two hubs, each with what it takes to reach it. */
enum { FROM, TO, N_SIDES };

struct side {
    const char *address;
    const char *secret_file;
    const char *tls_ca;
    const char *tls_name;
    char *secret;
};

struct patterns {
    const char *texts[BRIDGE_MAX_PATTERNS];
    size_t n;
};

struct bridge_run {
    struct side sides[N_SIDES];
    const char *name;
    struct patterns channels;
    struct patterns denied;
    const char *log_format;
    bool is_verbose;
    bool wants_help;

    char made_name[16];
    struct log_output log_output;
    bool has_told_ready;
    struct log *log;
    struct loop *loop;
    struct mailbox *mailbox;
    struct hub *hub;
    struct federation *federation;
    struct loop_source signals;
    bool watches_signals; /* the loop has them */
    struct loop_timer watch;
};

static const char *const side_names[N_SIDES] = {"from", "to"};

/* --- arguments ------------------------------------------------------------------------------------------ */

static void print_usage(FILE *out)
{
    fputs(
        "Usage: commhub bridge-run --from ADDRESS --to ADDRESS [OPTION ...]\n"
        "\n"
        "Joins two hubs of the CommIPC protocol in both directions, until it is told to end (SIGTERM).\n"
        "An address is unix:/path, tcp://host:port or tls://host:port.\n"
        "\n"
        "      --from ADDRESS           one hub\n"
        "      --to ADDRESS             the other hub\n"
        "      --channel NAME           a channel that crosses, or a pattern with *; may be repeated\n"
        "                               (default: all but system channels)\n"
        "      --deny NAME              a channel that does not cross, or a pattern; may be repeated\n"
        "      --from-secret-file FILE  holds the connection secret of that hub\n"
        "      --to-secret-file FILE\n"
        "      --from-tls-ca FILE       certificates to trust with tls:// (PEM; default: the system's)\n"
        "      --to-tls-ca FILE\n"
        "      --from-tls-name NAME     that the hub's certificate bears (default: the address' host)\n"
        "      --to-tls-name NAME\n"
        "      --name NAME              by which both hubs see the bridge (default: bridge-, 8 hex digits)\n"
        "      --log-format FORMAT      text or json (default: text)\n"
        "      --verbose                tell more\n"
        "\n"
        "Prints `ready` once both hubs are reached, and tries again for ever what it cannot reach.\n"
        "Exit status: 0 ended as told, 1 failed, 2 wrong usage.\n",
        out);
}

static int complain(const char *text)
{
    fprintf(stderr, "commhub bridge-run: %s\nSee commhub bridge-run --help.\n", text);
    return EXIT_USAGE;
}

static bool add_pattern(void *context, const char *pattern)
{
    struct patterns *patterns = context;

    if (patterns->n == BRIDGE_MAX_PATTERNS)
        return false;
    patterns->texts[patterns->n++] = pattern;
    return true;
}

/* 0, or the exit status. */
static int read_options(struct bridge_run *run, int argc, char **argv)
{
    struct side *from = &run->sides[FROM];
    struct side *to = &run->sides[TO];
    const struct option rows[] = {
        {"--from", .value = &from->address},
        {"--to", .value = &to->address},
        {"--from-secret-file", .value = &from->secret_file},
        {"--to-secret-file", .value = &to->secret_file},
        {"--from-tls-ca", .value = &from->tls_ca},
        {"--to-tls-ca", .value = &to->tls_ca},
        {"--from-tls-name", .value = &from->tls_name},
        {"--to-tls-name", .value = &to->tls_name},
        {"--channel", .read = add_pattern, .context = &run->channels},
        {"--deny", .read = add_pattern, .context = &run->denied},
        {"--name", .value = &run->name},
        {"--log-format", .value = &run->log_format},
        {"--verbose", .is_given = &run->is_verbose},
    };
    int i = options_read(rows, sizeof rows / sizeof *rows, argc, argv, &run->wants_help);
    char shown[128];
    char sentence[256];

    if (i == argc)
        return 0;
    text_escape(bytes_of_text(argv[i]), shown, sizeof shown);
    snprintf(sentence, sizeof sentence, "%s is not known here, or its value is missing", shown);
    return complain(sentence);
}

static int read_arguments(struct bridge_run *run, int argc, char **argv)
{
    char sentence[256];
    int status = read_options(run, argc, argv);

    if (status || run->wants_help)
        return status;
    for (int i = 0; i < N_SIDES; i++) {
        if (run->sides[i].address)
            continue;
        snprintf(sentence, sizeof sentence, "--%s ADDRESS is missing", side_names[i]);
        return complain(sentence);
    }
    if (run->log_format && strcmp(run->log_format, "text") != 0 && strcmp(run->log_format, "json") != 0)
        return complain("--log-format must be text or json");
    if (run->name && !name_is_valid(bytes_of_text(run->name)))
        return complain("--name must be 1 to 255 bytes of UTF-8 without control characters");
    return 0;
}

static int read_secret(struct side *side)
{
    struct buffer secret = {0};
    char why[SECRET_FILE_WHY_SIZE];

    if (!side->secret_file)
        return 0;
    if (secret_file_read(side->secret_file, &secret, why) < 0)
        return complain(why);
    side->secret = buffer_take_text(&secret);
    return side->secret ? 0 : EXIT_FAILED;
}

static struct bridge_spec spec_of(const struct bridge_run *run, int which)
{
    const struct side *side = &run->sides[which];

    return (struct bridge_spec){
        .name = side_names[which],
        .kind = BRIDGE_REFERENCE,
        .address = side->address,
        .connection_secret = side->secret,
        .cost = 1,
        .channels = {.allow = {run->channels.n, run->channels.texts},
                     .deny = {run->denied.n, run->denied.texts}},
        .tls = {.ca_file = side->tls_ca, .server_name = side->tls_name},
    };
}

/* What can be known to be wrong before anything is connected. */
static int check_sides(struct bridge_run *run)
{
    struct bridge_fault fault;
    char sentence[sizeof fault.why + 16];

    if (strcmp(run->sides[FROM].address, run->sides[TO].address) == 0)
        return complain("--from and --to are the same hub");
    for (int i = 0; i < N_SIDES; i++) {
        int r = read_secret(&run->sides[i]);
        struct bridge_spec spec = spec_of(run, i);

        if (r != 0)
            return r;
        if (federation_control_check_bridge(&spec, &fault) == 0)
            continue;
        snprintf(sentence, sizeof sentence, "--%s: %s", side_names[i], fault.why);
        return complain(sentence);
    }
    return 0;
}

/* --- running -------------------------------------------------------------------------------------------- */

static int fail(const char *why)
{
    fprintf(stderr, "commhub bridge-run: %s\n", why);
    return EXIT_FAILED;
}

static void note(void *context, enum log_level level, enum log_stream stream, const char *event,
                 const struct log_field *fields, size_t n_fields)
{
    struct bridge_run *run = context;

    log_record(run->log, level, stream, event, fields, n_fields);
}

static void on_signal(struct loop_source *source, uint32_t ready)
{
    struct bridge_run *run = container_of(source, struct bridge_run, signals);
    struct signalfd_siginfo signal;

    (void)ready;
    if (read(source->fd, &signal, sizeof signal) != (ssize_t)sizeof signal)
        return;
    federation_drain(run->federation);
    loop_stop(run->loop);
}

static int take_signals(struct bridge_run *run)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    run->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    run->signals.events = EPOLLIN;
    run->signals.on_ready = on_signal;
    return run->signals.fd < 0 ? fail("cannot make a signalfd") : 0;
}

static bool are_up(const struct bridge_run *run)
{
    struct link_status *links;
    size_t n_links;
    size_t n_up = 0;

    if (federation_control_links(run->federation, &links, &n_links) < 0)
        return false;
    for (size_t i = 0; i < n_links; i++)
        n_up += links[i].state == LINK_UP;
    free(links);
    return n_up == N_SIDES;
}

/* A timer that has been armed before is armed again without memory. */
static void on_watch(struct loop_timer *timer)
{
    struct bridge_run *run = container_of(timer, struct bridge_run, watch);

    log_output_tick(&run->log_output);
    if (!run->has_told_ready && are_up(run)) {
        printf("ready %s %s\n", run->sides[FROM].address, run->sides[TO].address);
        fflush(stdout);
        run->has_told_ready = true;
    }
    (void)loop_timer_arm(run->loop, timer,
                         loop_now_ms(run->loop) + (run->has_told_ready ? LOG_OUTPUT_TICK_MS : WATCH_MS));
}

static int put_sides(struct bridge_run *run)
{
    struct bridge_fault fault;

    for (int i = 0; i < N_SIDES; i++) {
        struct bridge_spec spec = spec_of(run, i);
        int r = federation_control_put_bridge(run->federation, &spec, &fault);

        if (r != 0)
            return r < 0 ? fail("out of memory") : complain(fault.why);
    }
    return 0;
}

static int build(struct bridge_run *run)
{
    struct outlet outlet = {.note = note, .context = run};
    struct hub_options hub_options = {.server_id = bytes_of_text(run->name)};
    struct federation_options options = {
        .incarnation = 1,
        .server_id = bytes_of_text(run->name),
        .version = COMMHUB_VERSION,
        .outlet = outlet,
    };

    random_hex(options.hub_id, 16);
    if (log_new(&run->log, LOG_RING_RECORDS) < 0)
        return fail("out of memory");
    log_add_sink(run->log, log_output_write, &run->log_output);
    loop_timer_init(&run->watch, on_watch);
    if (loop_new(&run->loop) < 0 || mailbox_new(&run->mailbox, run->loop) < 0 ||
        hub_new(&run->hub, &hub_options, &outlet) < 0 ||
        federation_new(&run->federation, run->loop, run->mailbox, run->hub, &options) < 0 ||
        loop_timer_arm(run->loop, &run->watch, WATCH_MS) < 0 || loop_add(run->loop, &run->signals) < 0)
        return fail("out of memory or descriptors");
    run->watches_signals = true;
    return put_sides(run);
}

static void clear(struct bridge_run *run)
{
    federation_free(run->federation);
    hub_free(run->hub);
    mailbox_free(run->mailbox);
    if (run->loop) {
        loop_timer_disarm(run->loop, &run->watch);
        if (run->watches_signals)
            loop_remove(run->loop, &run->signals);
        loop_free(run->loop);
    }
    if (run->signals.fd >= 0)
        close(run->signals.fd);
    log_free(run->log);
    log_output_clear(&run->log_output);
    for (int i = 0; i < N_SIDES; i++) {
        if (run->sides[i].secret)
            explicit_bzero(run->sides[i].secret, strlen(run->sides[i].secret));
        free(run->sides[i].secret);
    }
}

static void choose_name(struct bridge_run *run)
{
    if (run->name)
        return;
    memcpy(run->made_name, "bridge-", 7);
    random_hex(run->made_name + 7, 4);
    run->name = run->made_name;
}

int bridge_run_command(int argc, char **argv)
{
    struct bridge_run run = {.signals = {.fd = -1}};
    int status = read_arguments(&run, argc, argv);

    if (run.wants_help) {
        print_usage(stdout);
        return 0;
    }
    choose_name(&run);
    log_output_init(&run.log_output,
                    run.log_format && strcmp(run.log_format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
                    run.is_verbose ? LOG_FROM_DEBUG : LOG_FROM_INFO);
    if (status == 0)
        status = check_sides(&run);
    if (status == 0)
        status = take_signals(&run);
    if (status == 0)
        status = build(&run);
    if (status == 0 && loop_run(run.loop) < 0)
        status = fail("the event loop failed");
    clear(&run);
    return status;
}
