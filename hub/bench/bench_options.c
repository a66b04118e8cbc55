/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The command line. Every wrong argument is told by name, with what would be right.
 */
#include "hub/bench/bench_options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hub/base/text.h"
#include "hub/bench/server_usage.h"

#define MAX_PAYLOAD_BYTES (16U * 1024 * 1024)
#define MAX_SECONDS 86400.0

static const char *const mode_names[N_MODES] = {
    [MODE_RPC] = "rpc",       [MODE_PUBSUB] = "pubsub", [MODE_BROADCAST] = "broadcast",
    [MODE_STREAM] = "stream", [MODE_IDLE] = "idle",
};

static const char *const mode_texts[N_MODES] = {
    [MODE_RPC] = "--clients callers, each with --inflight calls outstanding, against one provider",
    [MODE_PUBSUB] = "one publisher, --clients subscribers of its topic",
    [MODE_BROADCAST] = "one sender, --clients other members of its channel",
    [MODE_STREAM] = "--clients callers, each reading streams of --chunks chunks",
    [MODE_IDLE] = "--clients connections that do nothing; memory of the server for each",
};

enum option_id {
    OPTION_ADDRESS = 256,
    OPTION_FAR_ADDRESS,
    OPTION_SECRET_FILE,
    OPTION_TLS_CA,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_TLS_NAME,
    OPTION_CLIENTS,
    OPTION_INFLIGHT,
    OPTION_GROUP,
    OPTION_CHUNKS,
    OPTION_PAYLOAD,
    OPTION_DURATION,
    OPTION_WARMUP,
    OPTION_COUNT,
    OPTION_RATE,
    OPTION_PROCESSES,
    OPTION_OPEN,
    OPTION_ENVELOPE,
    OPTION_HUB_PID,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option long_options[] = {
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"far-address", required_argument, NULL, OPTION_FAR_ADDRESS},
    {"connection-secret-file", required_argument, NULL, OPTION_SECRET_FILE},
    {"tls-ca", required_argument, NULL, OPTION_TLS_CA},
    {"tls-cert", required_argument, NULL, OPTION_TLS_CERT},
    {"tls-key", required_argument, NULL, OPTION_TLS_KEY},
    {"tls-name", required_argument, NULL, OPTION_TLS_NAME},
    {"clients", required_argument, NULL, OPTION_CLIENTS},
    {"inflight", required_argument, NULL, OPTION_INFLIGHT},
    {"group", required_argument, NULL, OPTION_GROUP},
    {"chunks", required_argument, NULL, OPTION_CHUNKS},
    {"payload", required_argument, NULL, OPTION_PAYLOAD},
    {"duration", required_argument, NULL, OPTION_DURATION},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"processes", required_argument, NULL, OPTION_PROCESSES},
    {"open", required_argument, NULL, OPTION_OPEN},
    {"envelope", required_argument, NULL, OPTION_ENVELOPE},
    {"hub-pid", required_argument, NULL, OPTION_HUB_PID},
    {"json", required_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void print_usage(const struct dialect *dialect)
{
    printf("usage: %s MODE [options]\n\nMeasures a running %s under load.\n\n", dialect->program,
           dialect->server);
    for (int mode = 0; mode < N_MODES; mode++) {
        if (dialect->modes >> mode & 1U)
            printf("  %-10s %s\n", mode_names[mode], mode_texts[mode]);
    }
    puts("\n"
         "Where:\n"
         "  --address ADDR      unix:/path, tcp://host:port or tls://host:port\n"
         "                      (default: $COMM_IPC_SOCKET, else the default socket)\n"
         "  --far-address ADDR  where providers and subscribers are, if not there too: another hub\n"
         "                      of the mesh. The load begins when they are reached\n"
         "  --connection-secret-file FILE\n"
         "  --tls-ca FILE       authorities to believe instead of the system's\n"
         "  --tls-cert FILE, --tls-key FILE   certificate to show\n"
         "  --tls-name NAME     name in the server's certificate (default: the host)\n"
         "\n"
         "What:\n"
         "  --clients N         callers, subscribers, streams or connections (default 1; idle: 1000)\n"
         "  --inflight N        outstanding at once: calls of each caller, messages that not all\n"
         "                      subscribers have, chunks of each stream (default 64)\n"
         "  --group K           rpc: K providers in one group (default: one, no group)\n"
         "  --chunks N          stream: chunks of one stream (default 1000)\n"
         "  --payload BYTES     of each call, answer, message, chunk (default 16, least 12)\n"
         "  --envelope client|lean   keys of a message: those Python clients send (default), or\n"
         "                      those a hub needs\n"
         "  --open none|own|shared   idle: channel each connection opens (default none)\n"
         "  --rate N            start N a second (not as fast as answers come)\n"
         "  --processes N       run N generators at once, each with all of the above\n"
         "\n"
         "How long:\n"
         "  --warmup S          seconds before measuring begins (default 1)\n"
         "  --duration S        seconds of measuring (default 5; idle: 2)\n"
         "  --count N           measure N operations instead\n"
         "\n"
         "Result:\n"
         "  --hub-pid PID       also its processor time and memory; given again for each hub between\n"
         "                      the two ends, the sum and each one's share\n"
         "  --json FILE         JSON as well; with - JSON to stdout in place of the table\n"
         "\n"
         "An operation is a call with its answer, a message delivered to one subscriber, or a chunk.\n"
         "Latency runs from starting an operation to its arrival, both at the generator. Without\n"
         "--rate the next one starts when one has arrived: a server that stalls is asked less while\n"
         "it does, and the percentiles do not show what would have come in meanwhile (coordinated\n"
         "omission). With --rate an operation starts when it is due, though its sending may have to\n"
         "wait for a place among --inflight: the percentiles include that wait.\n"
         "\n"
         "Every delivery is counted: a lost, doubled, or reordered one fails the run.\n"
         "Exit status: 0, 1 when the run failed, 2 when an argument is wrong.");
}

__attribute__((format(printf, 2, 3))) static int refuse(const struct dialect *dialect, const char *format,
                                                        ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "%s: ", dialect->program);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see %s --help)\n", dialect->program);
    va_end(arguments);
    return -EINVAL;
}

struct reading {
    const struct dialect *dialect;
    const char *name; /* of the option that is read */
    const char *value;
};

static int read_number(const struct reading *reading, uint64_t least, uint64_t most, uint64_t *out_value)
{
    if (text_to_u64(reading->value, least, most, out_value) == 0)
        return 0;
    return refuse(reading->dialect, "--%s: \"%s\" is not a number from %llu to %llu", reading->name,
                  reading->value, (unsigned long long)least, (unsigned long long)most);
}

static int read_u32(const struct reading *reading, uint32_t least, uint32_t most, uint32_t *out_value)
{
    uint64_t value = 0;
    int r = read_number(reading, least, most, &value);

    *out_value = (uint32_t)value;
    return r;
}

static int read_seconds(const struct reading *reading, double least, uint64_t *out_ms)
{
    char *end;
    double seconds = strtod(reading->value, &end);

    if (*end || end == reading->value || !(seconds >= least) || seconds > MAX_SECONDS)
        return refuse(reading->dialect, "--%s: \"%s\" is not a number of seconds from %g to %g",
                      reading->name, reading->value, least, MAX_SECONDS);
    *out_ms = (uint64_t)(seconds * 1000.0 + 0.5);
    return 0;
}

static int read_address(const struct reading *reading, struct address *out_address)
{
    const char *why;

    if (address_parse(reading->value, out_address, &why) < 0)
        return refuse(reading->dialect, "--%s: \"%s\": %s", reading->name, reading->value, why);
    if (out_address->kind != ADDRESS_UNIX && out_address->port == 0)
        return refuse(reading->dialect, "--%s: \"%s\" has no port to connect to", reading->name,
                      reading->value);
    return 0;
}

static int read_secret(const struct reading *reading, struct bench_options *options)
{
    int fd = open(reading->value, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, options->secret, sizeof options->secret);
    int error = errno;

    if (fd >= 0)
        close(fd);
    if (n < 0)
        return refuse(reading->dialect, "--%s: cannot read \"%s\": %s", reading->name, reading->value,
                      strerror(error));
    /* The line's end is not part of the secret. */
    while (n > 0 && n < BENCH_SECRET_SIZE && strchr("\r\n", options->secret[n - 1]))
        n--;
    if (n == 0 || n == BENCH_SECRET_SIZE)
        return refuse(reading->dialect, "--%s: \"%s\" is empty or longer than %d bytes", reading->name,
                      reading->value, BENCH_SECRET_SIZE - 1);
    options->secret[n] = '\0';
    options->has_secret = true;
    return 0;
}

static int read_pid(const struct reading *reading, struct bench_options *options)
{
    struct server_usage usage;
    uint32_t pid;
    int r = read_u32(reading, 1, 1U << 22, &pid);

    if (r < 0)
        return r;
    if (options->n_hubs == BENCH_MAX_HUBS)
        return refuse(reading->dialect, "--%s: at most %u hubs", reading->name, BENCH_MAX_HUBS);
    r = server_usage_read((pid_t)pid, &usage);
    if (r < 0)
        return refuse(reading->dialect, "--%s: cannot read the usage of program %u: %s", reading->name, pid,
                      r == -ESRCH ? "it does not run" : strerror(-r));
    options->hub_pids[options->n_hubs++] = (pid_t)pid;
    return 0;
}

/* One of @n words: its place, or -EINVAL. */
static int read_word(const struct reading *reading, const char *const *words, int n)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(reading->value, words[i]) == 0)
            return i;
    }
    return refuse(reading->dialect, "--%s: \"%s\" is neither %s nor %s", reading->name, reading->value,
                  words[0], words[n - 1]);
}

static int read_open(const struct reading *reading, enum bench_open *out_open)
{
    static const char *const words[] = {"none", "own", "shared"};
    int word = read_word(reading, words, 3);

    if (word >= 0)
        *out_open = (enum bench_open)word;
    return word < 0 ? word : 0;
}

static int read_envelope(const struct reading *reading, enum bench_envelope *out_envelope)
{
    static const char *const words[] = {"client", "lean"};
    int word = read_word(reading, words, 2);

    if (word >= 0)
        *out_envelope = (enum bench_envelope)word;
    return word < 0 ? word : 0;
}

static int read_payload(const struct reading *reading, size_t *out_bytes)
{
    uint64_t bytes = 0;
    int r = read_number(reading, DIALECT_PAYLOAD_LEAST, MAX_PAYLOAD_BYTES, &bytes);

    *out_bytes = (size_t)bytes;
    return r;
}

static int read_option(enum option_id id, const struct reading *reading, struct bench_options *options)
{
    switch (id) {
    case OPTION_ADDRESS:
        return read_address(reading, &options->address);
    case OPTION_FAR_ADDRESS:
        options->has_far = true;
        return read_address(reading, &options->far_address);
    case OPTION_SECRET_FILE:
        return read_secret(reading, options);
    case OPTION_TLS_CA:
        options->tls_files.ca = reading->value;
        return 0;
    case OPTION_TLS_CERT:
        options->tls_files.certificate = reading->value;
        return 0;
    case OPTION_TLS_KEY:
        options->tls_files.key = reading->value;
        return 0;
    case OPTION_TLS_NAME:
        options->tls_name = reading->value;
        return 0;
    case OPTION_CLIENTS:
        return read_u32(reading, 1, BENCH_MAX_CLIENTS, &options->n_clients);
    case OPTION_INFLIGHT:
        return read_u32(reading, 1, BENCH_MAX_INFLIGHT, &options->n_inflight);
    case OPTION_GROUP:
        return read_u32(reading, 1, BENCH_MAX_CALLERS, &options->n_group);
    case OPTION_CHUNKS:
        return read_u32(reading, 1, UINT32_MAX, &options->n_chunks);
    case OPTION_PAYLOAD:
        return read_payload(reading, &options->payload_bytes);
    case OPTION_DURATION:
        return read_seconds(reading, 0.001, &options->duration_ms);
    case OPTION_WARMUP:
        return read_seconds(reading, 0.0, &options->warmup_ms);
    case OPTION_COUNT:
        return read_number(reading, 1, UINT64_MAX / 2, &options->n_count);
    case OPTION_RATE:
        return read_number(reading, 1, 1000000000U, &options->rate);
    case OPTION_PROCESSES:
        return read_u32(reading, 1, BENCH_MAX_PROCESSES, &options->n_processes);
    case OPTION_OPEN:
        return read_open(reading, &options->open);
    case OPTION_ENVELOPE:
        return read_envelope(reading, &options->envelope);
    case OPTION_HUB_PID:
        return read_pid(reading, options);
    case OPTION_JSON:
        options->json = reading->value;
        return 0;
    case OPTION_HELP:
        print_usage(reading->dialect);
        return BENCH_OPTIONS_HELP;
    }
    return -EINVAL;
}

static int read_mode(const struct dialect *dialect, const char *text, enum mode *out_mode)
{
    for (int mode = 0; mode < N_MODES; mode++) {
        if (strcmp(text, mode_names[mode]) != 0)
            continue;
        *out_mode = (enum mode)mode;
        return dialect->modes >> mode & 1U ? 0
                                           : refuse(dialect, "%s has no mode \"%s\"", dialect->server, text);
    }
    return refuse(dialect, "\"%s\" is not a mode", text);
}

static int default_address(const struct dialect *dialect, struct address *out_address)
{
    const char *path = getenv("COMM_IPC_SOCKET");
    const char *folder = getenv("XDG_RUNTIME_DIR");
    const char *user = getenv("USER");
    char text[ADDRESS_TEXT_SIZE];
    struct reading reading = {.dialect = dialect, .name = "address", .value = text};

    if (path && *path)
        snprintf(text, sizeof text, "unix:%s", path);
    else if (folder && *folder)
        snprintf(text, sizeof text, "unix:%s/comm-ipc.default.sock", folder);
    else
        snprintf(text, sizeof text, "unix:/tmp/comm-ipc.%s.sock", user && *user ? user : "default");
    return read_address(&reading, out_address);
}

/* What only all options together show. */
static int check_whole(const struct dialect *dialect, struct bench_options *options)
{
    bool has_calls = options->mode == MODE_RPC || options->mode == MODE_STREAM;

    if (options->n_clients == 0)
        options->n_clients = options->mode == MODE_IDLE ? 1000 : 1;
    if (options->duration_ms == 0)
        options->duration_ms = options->mode == MODE_IDLE ? 2000 : 5000;
    if (has_calls && options->n_clients > BENCH_MAX_CALLERS)
        return refuse(dialect, "--clients: at most %u callers", BENCH_MAX_CALLERS);
    if (options->n_group > 0 && (options->mode != MODE_RPC || !dialect->has_groups))
        return refuse(dialect, "--group: only calls (mode rpc) of a server that knows groups have it");
    if (options->has_secret && !dialect->has_secret)
        return refuse(dialect, "--connection-secret-file: %s has none", dialect->server);
    if (options->mode == MODE_IDLE && (options->n_count > 0 || options->rate > 0))
        return refuse(dialect, "--count and --rate: idle connections send nothing");
    if (options->has_far && (options->mode == MODE_IDLE || !dialect->has_mesh))
        return refuse(dialect, "--far-address: nothing goes from one %s to another", dialect->server);
    if (!options->tls_files.certificate != !options->tls_files.key)
        return refuse(dialect, "--tls-cert and --tls-key go together");
    return 0;
}

int bench_options_parse(int argc, char **argv, const struct dialect *dialect,
                        struct bench_options *out_options)
{
    struct reading reading = {.dialect = dialect};
    bool has_mode = false;
    int place = 0;
    int id;
    int r = 0;

    *out_options = (struct bench_options){
        .n_inflight = 64, .n_chunks = 1000, .payload_bytes = 16, .warmup_ms = 1000, .n_processes = 1};
    out_options->address.kind = ADDRESS_UNIX;
    optind = 1;
    opterr = 0;
    /* "-": an argument that is no option comes as id 1, wherever it stands. */
    while (r == 0 && (id = getopt_long(argc, argv, "-h", long_options, &place)) != -1) {
        if (id == 1) {
            r = has_mode ? refuse(dialect, "\"%s\" is one argument too many", optarg)
                         : read_mode(dialect, optarg, &out_options->mode);
            has_mode = true;
            continue;
        }
        if (id == '?')
            return refuse(dialect, "\"%s\" is no option, or lacks its value", argv[optind - 1]);
        if (id == 'h')
            id = OPTION_HELP;
        else
            reading.name = long_options[place].name;
        reading.value = optarg;
        r = read_option((enum option_id)id, &reading, out_options);
    }
    if (r != 0)
        return r;
    if (!has_mode)
        return refuse(dialect, "a mode is missing");
    if (out_options->address.host[0] == '\0')
        r = default_address(dialect, &out_options->address);
    return r < 0 ? r : check_whole(dialect, out_options);
}

const char *bench_options_mode_name(enum mode mode)
{
    return mode_names[mode];
}
