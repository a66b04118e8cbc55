/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Counters, and how long things took
 *
 * One process-wide row of numbers named by an enum. Each is written by one thread at a time (the loop's, who
 * has the store's lock, or the one that keeps records), read by any thread (relaxed atomics: each number is
 * whole, the row as a whole may be some microseconds apart).
 */
#ifndef COMMHUB_BASE_METRICS_H
#define COMMHUB_BASE_METRICS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* enum, name in Prometheus and REST, what it counts */
#define METRICS_COUNTERS(X)                                                                                  \
    X(MESSAGES_IN, "messages_in", "Messages received from clients")                                          \
    X(MESSAGES_OUT, "messages_out", "Messages queued for clients")                                           \
    X(BYTES_IN, "bytes_in", "Bytes received from clients")                                                   \
    X(BYTES_OUT, "bytes_out", "Bytes queued for clients")                                                    \
    X(CONNECTIONS_ACCEPTED, "connections_accepted", "Connections accepted")                                  \
    X(CONNECTIONS_REFUSED, "connections_refused", "Connections closed before they were identified")          \
    X(CALLS, "calls", "Calls forwarded to a provider")                                                       \
    X(CALLS_FAILED, "calls_failed", "Calls answered with an error by the hub")                               \
    X(RESPONSES_DROPPED, "responses_dropped", "Responses that no outstanding call was waiting for")          \
    X(STREAM_CHUNKS, "stream_chunks", "Stream chunks forwarded")                                             \
    X(BROADCASTS, "broadcasts", "Broadcasts accepted")                                                       \
    X(SENDS, "sends", "One-way sends accepted")                                                              \
    X(PUBLISHES, "publishes", "Publishes accepted")                                                          \
    X(DELIVERIES, "deliveries", "Broadcasts and publishes delivered to one member")                          \
    X(LOOPS_DROPPED, "loops_dropped", "Messages dropped because this hub was in their path already")         \
    X(DUPLICATES_DROPPED, "duplicates_dropped", "Messages from the mesh that had come by another way")       \
    X(PROTOCOL_ERRORS, "protocol_errors", "Malformed or forbidden messages")                                 \
    X(AUTH_FAILURES, "auth_failures", "Wrong secrets, proofs and passwords")                                 \
    X(SLOW_CONSUMERS_CLOSED, "slow_consumers_closed", "Connections closed because they did not read")        \
    X(PRODUCERS_PAUSED, "producers_paused", "Times a producer was paused for a full consumer")               \
    X(STORE_WRITES_FAILED, "store_writes_failed", "Transactions of the store that were not carried out")     \
    X(RECORDS_KEPT, "records_kept", "Records of the log that were written to the store")                     \
    X(RECORDS_SKIPPED, "records_skipped", "Records that left the log before the store could be written")     \
    X(OUT_OF_MEMORY, "out_of_memory", "Operations refused for want of memory")

enum metrics_counter {
#define X(id, name, text) METRICS_##id,
    METRICS_COUNTERS(X)
#undef X
        METRICS_N_COUNTERS
};

extern _Atomic uint64_t metrics_counters[METRICS_N_COUNTERS];

static inline void metrics_add(enum metrics_counter counter, uint64_t n)
{
    /* One writer: a plain load and store is enough and spares the locked instruction. */
    uint64_t value = atomic_load_explicit(&metrics_counters[counter], memory_order_relaxed);

    atomic_store_explicit(&metrics_counters[counter], value + n, memory_order_relaxed);
}

static inline void metrics_count(enum metrics_counter counter)
{
    metrics_add(counter, 1);
}

static inline uint64_t metrics_read(enum metrics_counter counter)
{
    return atomic_load_explicit(&metrics_counters[counter], memory_order_relaxed);
}

/* How long things took: enum, name in Prometheus, what is measured */
#define METRICS_DURATIONS(X)                                                                                 \
    X(CALL, "call_duration_seconds", "From a call to its last answer, at this hub")                          \
    X(STORE_WRITE, "store_write_duration_seconds", "Transactions of the store that write, failed ones too")

enum metrics_duration {
#define X(id, name, text) METRICS_DURATION_##id,
    METRICS_DURATIONS(X)
#undef X
        METRICS_N_DURATIONS
};

#define METRICS_N_BOUNDS 12

/* Ascending; what took longer than the last is counted beyond it. */
extern const uint64_t metrics_bounds_us[METRICS_N_BOUNDS];

/* How many took how long: n[i] at most metrics_bounds_us[i] and more than the bound before. Any thread. */
struct metrics_histogram {
    _Atomic uint64_t n[METRICS_N_BOUNDS + 1];
    _Atomic uint64_t sum_us;
};

extern struct metrics_histogram metrics_histograms[METRICS_N_DURATIONS];

void metrics_note_duration(struct metrics_histogram *histogram, uint64_t us);

const char *metrics_duration_name(enum metrics_duration duration);
const char *metrics_duration_text(enum metrics_duration duration);

const char *metrics_name(enum metrics_counter counter);
const char *metrics_text(enum metrics_counter counter);

#endif
