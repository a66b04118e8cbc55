/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The log's records that outlast a restart
 *
 * Rows are numbered without holes: they are added at the new end and dropped at the old one, oldest first,
 * until as many, as young and as few bytes are left as the bounds say. Pages of dropped rows are used again,
 * so that the file stops growing there. Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_EVENT_H
#define COMMHUB_MGMT_STORE_STORE_EVENT_H

#include "hub/base/log.h"
#include "mgmt/store/store.h"

#define STORE_EVENT_TYPE_SIZE 32

/* The type of a row that stands for records which were not written; it is of every stream. */
#define STORE_EVENT_GAP "gap"

struct store_event {
    int64_t serial;       /* grows by one */
    uint64_t incarnation; /* of the hub, when it made the record, */
    uint64_t id;          /* and its number there */
    uint64_t time_ms;
    enum log_stream stream;
    enum log_level level;
    char type[STORE_EVENT_TYPE_SIZE];
    char *data; /* a JSON object */
};

struct store_event_bounds {
    uint64_t most;       /* rows */
    uint64_t most_bytes; /* of all rows together */
    uint64_t oldest_ms;  /* what is older goes; wall clock */
};

/* What is there. */
struct store_event_figures {
    uint64_t n;
    uint64_t bytes;
    uint64_t oldest_ms; /* 0: nothing */
};

enum { STORE_EVENT_E_MORE = 1 };

/*
 * Adds @events, whose serials do not count, and drops some of what is beyond the bounds, in one transaction;
 * @n may be 0. 0; STORE_EVENT_E_MORE where there is still something to drop; or a negative errno.
 */
int store_event_write(struct store *store, const struct store_event *events, size_t n,
                      const struct store_event_bounds *bounds, struct store_event_figures *out_figures,
                      char out_why[STORE_WHY_SIZE]);

/* What rows to show. */
struct store_event_filter {
    unsigned streams;     /* bits 1 << enum log_stream */
    enum log_level least; /* and what is graver */
    const char *text;     /* stands in a text of `data`, ASCII letters in either case; NULL: any */
    uint64_t from_ms;     /* made then or later, */
    uint64_t until_ms;    /* and before then */
    bool is_oldest_first;
};

struct store_events {
    struct store_event *rows;
    size_t n;
    int64_t reached; /* the row to go on behind */
    bool has_more;   /* there are rows behind that, wanted or not */
};

/*
 * At most @limit rows behind the serial @after (0: from the first), newest first unless the filter says
 * otherwise. It looks at some rows only, so that others get at the store: where few are wanted, go on.
 * 0 or a negative errno; store_event_list_clear() is the caller's where it is 0.
 */
int store_event_list(struct store *store, const struct store_event_filter *filter, int64_t after,
                     size_t limit, struct store_events *out_events, char out_why[STORE_WHY_SIZE]);
void store_event_list_clear(struct store_events *events);

#endif
