/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One bridge as an operator wants it
 *
 * Plain data that the management plane stores and shows and federation carries out; all texts are borrowed. A
 * number that is 0 and a text that is NULL mean the default, so that a zeroed spec with a name, an address
 * and a cost is a sound one.
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_SPEC_H
#define COMMHUB_FEDERATION_BRIDGE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What listens at the address. */
#define BRIDGE_KINDS(X)                                                                                      \
    X(NATIVE, "native")       /* another CommHub */                                                          \
    X(REFERENCE, "reference") /* a hub of the Python package comm-ipc */                                     \
    X(AUTO, "auto")           /* either: found out when it answers */

enum bridge_kind {
#define X(id, name) BRIDGE_##id,
    BRIDGE_KINDS(X)
#undef X
        BRIDGE_KIND_COUNT
};

/* What may cross a bridge, as bits of a set. */
#define BRIDGE_CLASSES(X)                                                                                    \
    X(CALLS, "calls")                                                                                        \
    X(SENDS, "sends")                                                                                        \
    X(BROADCASTS, "broadcasts")                                                                              \
    X(PUBLISHES, "publishes")                                                                                \
    X(MEMBERS, "members")

enum bridge_class {
#define X(id, name) BRIDGE_##id,
    BRIDGE_CLASSES(X)
#undef X
        BRIDGE_CLASS_COUNT
};

#define BRIDGE_ALL_CLASSES ((1U << BRIDGE_CLASS_COUNT) - 1U)

/* What a spool that is full does with what comes next. */
#define BRIDGE_AT_BOUNDS(X)                                                                                  \
    X(DROP_OLDEST, "drop_oldest")                                                                            \
    X(DROP_NEWEST, "drop_newest")                                                                            \
    X(REFUSE, "refuse")

enum bridge_at_bound {
#define X(id, name) BRIDGE_AT_BOUND_##id,
    BRIDGE_AT_BOUNDS(X)
#undef X
        BRIDGE_AT_BOUND_COUNT
};

/* What operators of the far hub may do on this one. */
#define BRIDGE_MANAGEMENTS(X)                                                                                \
    X(NONE, "none")                                                                                          \
    X(READ, "read")                                                                                          \
    X(WRITE, "write")

enum bridge_management {
#define X(id, name) BRIDGE_MANAGEMENT_##id,
    BRIDGE_MANAGEMENTS(X)
#undef X
        BRIDGE_MANAGEMENT_COUNT
};

/* Channel patterns, in which * stands for any characters. */
struct bridge_patterns {
    size_t n;
    const char *const *texts;
};

/* A channel passes if no deny pattern and, where there are allow patterns, one of them matches. */
struct bridge_filter {
    struct bridge_patterns allow;
    struct bridge_patterns deny;
};

/* A channel whose name begins with @from is named with @to in its place on the other side of the link. */
struct bridge_rename {
    const char *from;
    const char *to;
};

struct bridge_renames {
    size_t n;
    const struct bridge_rename *rules;
};

#define BRIDGE_DEFAULT_ENTRIES 100000U
#define BRIDGE_DEFAULT_QUEUE_BYTES (UINT64_C(64) << 20)
#define BRIDGE_DEFAULT_RESEND_BYTES (UINT64_C(8) << 20)
#define BRIDGE_DEFAULT_RESUME_WINDOW_S 30U
#define BRIDGE_DEFAULT_DURABLE_BYTES (UINT64_C(64) << 20)
#define BRIDGE_DEFAULT_DURABLE_AGE_S 86400U

#define BRIDGE_MAX_COST 65535U
#define BRIDGE_MAX_ENTRIES 1000000U
#define BRIDGE_MAX_MESSAGES_PER_S 10000000U
#define BRIDGE_MIN_BYTES (UINT64_C(64) << 10) /* of a queue, resend buffer or spool */
#define BRIDGE_MAX_BYTES (UINT64_C(1) << 30)
#define BRIDGE_MAX_RESUME_WINDOW_S 3600U
#define BRIDGE_MAX_DURABLE_BYTES (UINT64_C(1) << 40)
#define BRIDGE_MAX_DURABLE_AGE_S 31536000U /* a year */
#define BRIDGE_MAX_PATTERNS 256U           /* of one list */
#define BRIDGE_MAX_RENAMES 64U             /* of one direction */

struct bridge_limits {
    uint32_t entries;        /* that the far side may tell */
    uint32_t messages_per_s; /* of each direction; 0: no limit */
    uint64_t queue_bytes;
    uint64_t resend_bytes;
};

/* Topics whose messages wait on disk for a link that is down; none: nothing waits. */
struct bridge_durable {
    struct bridge_patterns topics;
    uint64_t max_bytes;
    uint32_t max_age_s;
    enum bridge_at_bound at_bound;
};

struct bridge_tls {
    const char *ca_file;     /* NULL: the system's */
    const char *server_name; /* NULL: the address' host */
    const char *cert_file;   /* with key_file: what we show of ourselves */
    const char *key_file;
    const char *pinned_name; /* that the far certificate must bear */
};

struct bridge_spec {
    const char *name;
    enum bridge_kind kind;
    const char *address;           /* unix:, tcp:// or tls:// */
    const char *secret;            /* NULL or "": the hub's own link secret */
    const char *connection_secret; /* of a reference hub; NULL or "": it has none */
    uint32_t cost;                 /* 1..BRIDGE_MAX_COST */
    bool is_paused;
    struct bridge_filter channels; /* for both directions */
    struct bridge_filter in;       /* of what comes from the far side, besides */
    struct bridge_filter out;
    struct bridge_renames remap_in; /* from the far side's names to ours */
    struct bridge_renames remap_out;
    uint32_t classes; /* set of 1 << enum bridge_class; 0: all */
    struct bridge_limits limits;
    uint32_t resume_window_s;
    struct bridge_durable durable;
    struct bridge_tls tls;
    enum bridge_management management;
};

#endif
