/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The generator's loop
 *
 * It has to cost far less than the server it measures, so it has its own loop and not that of hub/io: one
 * read into one scratch buffer for a readable connection, messages recognised by their length and a few
 * bytes, all that is to be sent copied from prepared frames and written once a turn. The clock is read once a
 * turn too. The time that a message waits inside the generator behind others of its turn is therefore part of
 * its latency.
 */
#include "hub/bench/run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE (256U * 1024)
#define EVENTS_A_TURN 512
#define JOINING_AT_ONCE 256U
#define NS_A_SECOND UINT64_C(1000000000)
#define NS_A_MS UINT64_C(1000000)
#define STALL_LIMIT_NS (20 * NS_A_SECOND)
#define REHEARSAL_NS (20 * NS_A_MS)
/* Hubs end a connection that says nothing for a minute. */
#define PING_INTERVAL_NS (25 * NS_A_SECOND)
/* Clients of their own would not all ping in one moment: in each of so many slices of that time as many do.
 */
#define PING_SLICES 250

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_A_SECOND + (uint64_t)now.tv_nsec;
}

void run_failed(struct run *run, const char *format, ...)
{
    va_list arguments;

    if (run->tally->has_failed)
        return;
    va_start(arguments, format);
    vsnprintf(run->tally->why, sizeof run->tally->why, format, arguments);
    va_end(arguments);
    run->tally->has_failed = true;
    atomic_store(&run->gates->has_failed, true);
}

const char *run_role_name(enum role role)
{
    switch (role) {
    case ROLE_CALLER:
        return "caller";
    case ROLE_PROVIDER:
        return "provider";
    case ROLE_PUBLISHER:
        return "publisher";
    case ROLE_SUBSCRIBER:
        return "subscriber";
    case ROLE_IDLE:
        return "connection";
    }
    return "";
}

int run_add(struct run *run, enum role role, uint32_t role_index)
{
    struct conduit *grown;
    uint32_t size;

    if (run->n_conduits == run->conduits_size) {
        size = run->conduits_size > 0 ? run->conduits_size * 2 : 64;
        grown = (struct conduit *)realloc(run->conduits, size * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        run->conduits = grown;
        run->conduits_size = size;
    }
    conduit_init(&run->conduits[run->n_conduits]);
    run->conduits[run->n_conduits].role = role;
    run->conduits[run->n_conduits].role_index = role_index;
    run->n_conduits++;
    return 0;
}

void run_joined(struct run *run, struct conduit *conduit)
{
    if (!conduit->has_joined)
        run->n_joined++;
    conduit->has_joined = true;
}

void run_settled(struct run *run, struct conduit *conduit)
{
    if (conduit->n_pings > 0)
        conduit->n_pings--;
    /* An earlier ping's answer says nothing of what was sent since. */
    if (conduit->n_pings > 0 || conduit->has_settled)
        return;
    conduit->has_settled = true;
    run->n_settled++;
}

static void mark_dirty(struct run *run, struct conduit *conduit)
{
    if (conduit->is_dirty)
        return;
    conduit->is_dirty = true;
    conduit->next_dirty = run->first_dirty;
    run->first_dirty = conduit;
}

uint8_t *run_put(struct run *run, struct conduit *conduit, size_t len)
{
    uint8_t *room = conduit_room(conduit, len);

    if (!room) {
        run_failed(run, "out of memory");
        return NULL;
    }
    mark_dirty(run, conduit);
    return room;
}

static void unexpected(struct run *run, const struct conduit *conduit, const char *what)
{
    run_failed(run, "%s %u was sent %s, which nobody sent to it", run_role_name(conduit->role),
               conduit->role_index, what);
}

void run_on_call(struct run *run, struct conduit *conduit, uint64_t id)
{
    if (run->load->on_call && conduit->role == ROLE_PROVIDER)
        run->load->on_call(run, conduit, id);
    else
        unexpected(run, conduit, "a call");
}

void run_on_reply(struct run *run, struct conduit *conduit, uint64_t id)
{
    if (run->load->on_reply && conduit->role == ROLE_CALLER)
        run->load->on_reply(run, conduit, id);
    else
        unexpected(run, conduit, "an answer");
}

void run_on_refusal(struct run *run, struct conduit *conduit, uint64_t id)
{
    if (run->load->on_refusal && conduit->role == ROLE_CALLER)
        run->load->on_refusal(run, conduit, id);
    else
        unexpected(run, conduit, "a refusal");
}

void run_on_chunk(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence)
{
    if (run->load->on_chunk && conduit->role == ROLE_CALLER)
        run->load->on_chunk(run, conduit, id, sequence);
    else
        unexpected(run, conduit, "a chunk");
}

void run_on_end(struct run *run, struct conduit *conduit, uint64_t id)
{
    if (run->load->on_end && conduit->role == ROLE_CALLER)
        run->load->on_end(run, conduit, id);
    else
        unexpected(run, conduit, "a stream's end");
}

void run_on_message(struct run *run, struct conduit *conduit, uint64_t sequence)
{
    if (run->load->on_message && conduit->role == ROLE_SUBSCRIBER)
        run->load->on_message(run, conduit, sequence);
    else
        unexpected(run, conduit, "a message");
}

uint32_t run_start(struct run *run, uint32_t n_most, uint64_t *out_start_ns)
{
    uint32_t n = run->n_budget < n_most ? (uint32_t)run->n_budget : n_most;

    *out_start_ns = run->now_ns;
    if (!run->may_start || n == 0)
        return 0;
    if (run->period_ns > 0) {
        /* One at a time, since each has a due time of its own. */
        if (run->next_due_ns > run->now_ns)
            return 0;
        *out_start_ns = run->next_due_ns;
        run->next_due_ns += run->period_ns;
        n = 1;
    }
    run->n_budget -= n;
    return n;
}

static void watch(struct run *run, struct conduit *conduit, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conduit};
    int operation = conduit->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    if (conduit->watched == events)
        return;
    if (epoll_ctl(run->epoll_fd, operation, conduit->fd, &event) < 0)
        run_failed(run, "epoll: %s", strerror(errno));
    conduit->watched = events;
}

static void connection_ended(struct run *run, const struct conduit *conduit, int error)
{
    run_failed(run, "the %s ended the connection of %s %u%s: %s", run->dialect->server,
               run_role_name(conduit->role), conduit->role_index,
               conduit->has_joined ? "" : " before it was ready",
               error == 0        ? "end of stream"
               : error == EPROTO ? "TLS failed (does the certificate bear the name, is its authority known?)"
                                 : strerror(error));
}

static void flush_dirty(struct run *run)
{
    struct conduit *conduit = run->first_dirty;
    int r;

    run->first_dirty = NULL;
    for (; conduit; conduit = conduit->next_dirty) {
        conduit->is_dirty = false;
        r = conduit_flush(conduit);
        if (r < 0 && r != -EAGAIN)
            connection_ended(run, conduit, -r);
        else
            watch(run, conduit, r < 0 && conduit_waits_for_room(conduit) ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void keep_rest(struct run *run, struct conduit *conduit, struct bytes rest)
{
    conduit->rest.len = 0;
    if (buffer_append_bytes(&conduit->rest, rest) < 0)
        run_failed(run, "out of memory");
}

static void read_conduit(struct run *run, struct conduit *conduit)
{
    struct buffer *scratch = &run->scratch;
    size_t used;
    ssize_t n;

    do {
        scratch->len = 0;
        if (buffer_append_bytes(scratch, buffer_bytes(&conduit->rest)) < 0 ||
            buffer_reserve(scratch, READ_SIZE) < 0) {
            run_failed(run, "out of memory");
            return;
        }
        n = conduit_read(conduit, scratch->ptr + scratch->len, READ_SIZE);
        if (n == -EAGAIN)
            break;
        if (n <= 0) {
            connection_ended(run, conduit, (int)-n);
            return;
        }
        scratch->len += (size_t)n;
        used = run->dialect->take(run, conduit, buffer_bytes(scratch));
        if (used < scratch->len || conduit->rest.len > 0)
            keep_rest(run, conduit, bytes_from(buffer_bytes(scratch), used));
    } while (conduit->tls && n == READ_SIZE && !run->tally->has_failed);
    if (conduit->out.len > 0)
        mark_dirty(run, conduit);
}

static void wait_events(struct run *run, uint64_t deadline_ns)
{
    struct epoll_event events[EVENTS_A_TURN];
    struct timespec timeout = {0};
    struct conduit *conduit;
    int n;

    if (run->may_start && run->period_ns > 0 && run->n_budget > 0 && run->next_due_ns < deadline_ns)
        deadline_ns = run->next_due_ns;
    if (deadline_ns > run->now_ns) {
        timeout.tv_sec = (time_t)((deadline_ns - run->now_ns) / NS_A_SECOND);
        timeout.tv_nsec = (long)((deadline_ns - run->now_ns) % NS_A_SECOND);
    }
    n = epoll_pwait2(run->epoll_fd, events, EVENTS_A_TURN, &timeout, NULL);
    run->now_ns = clock_ns(CLOCK_MONOTONIC);
    if (n < 0 && errno != EINTR)
        run_failed(run, "epoll: %s", strerror(errno));
    for (int i = 0; i < n && !run->tally->has_failed; i++) {
        conduit = (struct conduit *)events[i].data.ptr;
        if (events[i].events & ~(uint32_t)EPOLLOUT)
            read_conduit(run, conduit);
        if (events[i].events & EPOLLOUT)
            mark_dirty(run, conduit);
    }
}

static uint32_t n_ping_slices(const struct run *run)
{
    if (run->n_conduits == 0)
        return 1;
    return run->n_conduits < PING_SLICES ? run->n_conduits : PING_SLICES;
}

/* The next @n of them. */
static void ping(struct run *run, uint32_t n)
{
    for (; n > 0; n--) {
        struct conduit *conduit = &run->conduits[run->next_ping];

        run->next_ping = (run->next_ping + 1) % run->n_conduits;
        conduit->n_pings++;
        run->dialect->put_ping(run, conduit);
    }
    run->ping_due_ns = run->now_ns + PING_INTERVAL_NS / n_ping_slices(run);
}

static void turn(struct run *run, uint64_t deadline_ns)
{
    wait_events(run, deadline_ns < run->ping_due_ns ? deadline_ns : run->ping_due_ns);
    if (run->tally->has_failed)
        return;
    if (run->now_ns >= run->ping_due_ns)
        ping(run, (run->n_conduits + n_ping_slices(run) - 1) / n_ping_slices(run));
    run->load->pump(run);
    flush_dirty(run);
    if (atomic_load_explicit(&run->gates->has_failed, memory_order_relaxed))
        run_failed(run, "another generator failed");
}

/* Sends what was put outside of a turn, and waits for nothing. */
static void flush_now(struct run *run)
{
    run->now_ns = clock_ns(CLOCK_MONOTONIC);
    flush_dirty(run);
}

static void run_until(struct run *run, uint64_t deadline_ns)
{
    while (!run->tally->has_failed && run->now_ns < deadline_ns)
        turn(run, deadline_ns);
}

/* Until all has arrived that was started; a run that stands still is a failed one. */
static void run_until_quiet(struct run *run)
{
    uint64_t n_done = run->n_done;
    uint64_t limit_ns = run->now_ns + STALL_LIMIT_NS;

    while (!run->tally->has_failed && ((run->may_start && run->n_budget > 0) || !run->load->is_quiet(run))) {
        turn(run, limit_ns);
        if (run->n_done != n_done) {
            n_done = run->n_done;
            limit_ns = run->now_ns + STALL_LIMIT_NS;
        } else if (run->now_ns >= limit_ns) {
            run->load->verify(run);
            run_failed(run, "nothing arrived for %llu s", (unsigned long long)(STALL_LIMIT_NS / NS_A_SECOND));
        }
    }
}

static bool is_needed_first(const struct conduit *conduit)
{
    return conduit->role == ROLE_PROVIDER || conduit->role == ROLE_PUBLISHER;
}

static const struct address *address_for(const struct run *run, enum role role)
{
    bool is_far = run->options->has_far && (role == ROLE_PROVIDER || role == ROLE_SUBSCRIBER);

    return is_far ? &run->options->far_address : &run->options->address;
}

static void open_next(struct run *run)
{
    struct conduit *conduit = &run->conduits[run->n_opened];
    const struct address *address = address_for(run, conduit->role);
    const char *name = run->options->tls_name ? run->options->tls_name : address->host;
    char why[CONDUIT_WHY_SIZE];

    if (conduit_open(conduit, address, run->tls, name, why) < 0) {
        run_failed(run, "%s", why);
        return;
    }
    run->n_opened++;
    watch(run, conduit, EPOLLIN);
    run->dialect->begin(run, conduit);
    mark_dirty(run, conduit);
}

static bool may_open(const struct run *run)
{
    if (run->n_opened == run->n_conduits || run->n_opened - run->n_joined >= JOINING_AT_ONCE)
        return false;
    /* Whom the others need is there before they come. */
    return run->n_opened == run->n_joined || is_needed_first(&run->conduits[run->n_opened]) ||
           !is_needed_first(&run->conduits[run->n_opened - 1]);
}

static void join_all(struct run *run)
{
    uint64_t limit_ns = run->now_ns + STALL_LIMIT_NS;
    uint32_t n_joined = 0;

    while (!run->tally->has_failed && run->n_joined < run->n_conduits) {
        while (!run->tally->has_failed && may_open(run))
            open_next(run);
        flush_now(run);
        if (run->tally->has_failed || run->n_joined == run->n_conduits)
            return;
        wait_events(run, limit_ns);
        if (run->n_joined > n_joined) {
            n_joined = run->n_joined;
            limit_ns = run->now_ns + STALL_LIMIT_NS;
        } else if (run->now_ns >= limit_ns) {
            run_failed(run, "%u of %u connections are ready, and the %s says nothing more", run->n_joined,
                       run->n_conduits, run->dialect->server);
        }
    }
}

/* After this all that the server had for us is here. */
static void settle_all(struct run *run)
{
    uint64_t limit_ns;

    run->now_ns = clock_ns(CLOCK_MONOTONIC);
    limit_ns = run->now_ns + 3 * STALL_LIMIT_NS;
    run->n_settled = 0;
    for (uint32_t i = 0; i < run->n_conduits; i++)
        run->conduits[i].has_settled = false;
    ping(run, run->n_conduits);
    flush_now(run);
    while (!run->tally->has_failed && run->n_settled < run->n_conduits) {
        wait_events(run, limit_ns);
        flush_dirty(run);
        if (run->now_ns >= limit_ns)
            run_failed(run, "%u of %u connections got no answer to their ping",
                       run->n_conduits - run->n_settled, run->n_conduits);
    }
}

/* What the far hub's clients offer and want takes its way to ours. */
static void rehearse(struct run *run)
{
    uint64_t limit_ns = run->now_ns + STALL_LIMIT_NS;

    run->is_rehearsing = true;
    while (!run->tally->has_failed && !run->load->rehearse(run)) {
        flush_now(run);
        run_until(run, run->now_ns + REHEARSAL_NS);
        if (run->now_ns >= limit_ns)
            run_failed(run, "what is sent to the one hub does not reach those who are at the other");
    }
    run->is_rehearsing = false;
}

static void pass_gate(struct run *run, enum run_gate gate)
{
    if (run->tally->has_failed)
        return;
    atomic_fetch_add(&run->gates->n_arrived[gate], 1);
    while (atomic_load(&run->gates->n_arrived[gate]) < run->options->n_processes) {
        if (atomic_load(&run->gates->has_failed)) {
            run_failed(run, "another generator failed");
            return;
        }
        usleep(500);
    }
    run->now_ns = clock_ns(CLOCK_MONOTONIC);
}

static void read_servers(struct run *run, struct server_usage out_usages[BENCH_MAX_HUBS])
{
    int r;

    if (run->process > 0)
        return;
    for (uint32_t i = 0; i < run->options->n_hubs && !run->tally->has_failed; i++) {
        r = server_usage_read(run->options->hub_pids[i], &out_usages[i]);
        if (r < 0)
            run_failed(run, "cannot read the usage of program %d: %s", (int)run->options->hub_pids[i],
                       r == -ESRCH ? "it does not run any more" : strerror(-r));
    }
}

static void mark(struct run *run, struct run_mark *out_mark)
{
    out_mark->n_done = run->n_done;
    out_mark->at_ns = clock_ns(CLOCK_MONOTONIC);
    out_mark->own_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    read_servers(run, out_mark->servers);
}

static void begin_measuring(struct run *run)
{
    mark(run, &run->tally->begin);
    run->now_ns = clock_ns(CLOCK_MONOTONIC);
    run->next_due_ns = run->now_ns;
    run->is_measuring = true;
}

static void end_measuring(struct run *run)
{
    run->is_measuring = false;
    mark(run, &run->tally->end);
}

static void start_load(struct run *run, uint64_t n_budget)
{
    run->n_budget = n_budget;
    run->may_start = true;
    run->next_due_ns = run->now_ns;
    run->load->pump(run);
    flush_dirty(run);
}

static void stop_load(struct run *run)
{
    run->may_start = false;
    run_until_quiet(run);
}

static void measure_by_time(struct run *run)
{
    start_load(run, UINT64_MAX);
    run_until(run, run->now_ns + run->options->warmup_ms * NS_A_MS);
    begin_measuring(run);
    run_until(run, run->now_ns + run->options->duration_ms * NS_A_MS);
    end_measuring(run);
    stop_load(run);
}

/* Exactly so many, from a standing start to the last arrival. */
static void measure_by_count(struct run *run)
{
    start_load(run, UINT64_MAX);
    run_until(run, run->now_ns + run->options->warmup_ms * NS_A_MS);
    stop_load(run);
    pass_gate(run, RUN_GATE_WARM);
    begin_measuring(run);
    pass_gate(run, RUN_GATE_BEGUN);
    start_load(run, run->options->n_count);
    run_until_quiet(run);
    stop_load(run);
    pass_gate(run, RUN_GATE_DONE);
    end_measuring(run);
}

static int prepare(struct run *run)
{
    int r;

    run->now_ns = clock_ns(CLOCK_MONOTONIC);
    run->ping_due_ns = UINT64_MAX;
    run->period_ns = run->options->rate > 0 ? NS_A_SECOND / run->options->rate : 0;
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->epoll_fd < 0)
        return -errno;
    r = run->dialect->prepare(run);
    return r < 0 ? r : run->load->prepare(run);
}

static void release(struct run *run)
{
    for (uint32_t i = 0; i < run->n_conduits; i++)
        conduit_close(&run->conduits[i]);
    free(run->conduits);
    buffer_clear(&run->scratch);
    run->load->release(run);
    run->dialect->release(run);
    if (run->epoll_fd >= 0)
        close(run->epoll_fd);
}

int run_execute(struct run *run)
{
    int r = prepare(run);

    if (r < 0)
        run_failed(run, "cannot prepare the run: %s", strerror(-r));
    pass_gate(run, RUN_GATE_EMPTY);
    read_servers(run, run->tally->empty);
    pass_gate(run, RUN_GATE_MEMORY);
    join_all(run);
    if (!run->tally->has_failed)
        settle_all(run);
    if (!run->tally->has_failed && run->options->has_far)
        rehearse(run);
    pass_gate(run, RUN_GATE_JOINED);
    read_servers(run, run->tally->joined);
    run->tally->n_connections = run->n_conduits;
    if (!run->tally->has_failed) {
        if (run->options->n_count > 0)
            measure_by_count(run);
        else
            measure_by_time(run);
    }
    if (!run->tally->has_failed)
        settle_all(run);
    if (!run->tally->has_failed)
        run->load->verify(run);
    run->tally->n_verified = run->n_done;
    release(run);
    return run->tally->has_failed ? -1 : 0;
}
