/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The audit log: who changed what, and who tried to
 *
 * Each row has a hash over the row before's hash and all of its own members, so that no row can be altered or
 * taken out unseen. What is dropped for age leaves its last hash behind, where the kept part hangs. Whoever
 * may write to the database and knows this can build the whole chain anew: for that, keep the newest hash
 * elsewhere now and then. Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_AUDIT_H
#define COMMHUB_MGMT_STORE_STORE_AUDIT_H

#include "mgmt/auth/principal.h"
#include "mgmt/store/store.h"

#define STORE_AUDIT_HASH_BYTES 32
#define STORE_AUDIT_CHANGE_SIZE 4096
#define STORE_AUDIT_MOST_ROWS 100000
#define STORE_AUDIT_CONFIGURATION                                                                            \
    "configuration" /* who: the hub at its start, by file, environment or flags */

struct store_audit {
    int64_t serial; /* grows by one */
    uint64_t time_ms;
    char who[PRINCIPAL_NAME_SIZE]; /* "": nobody known */
    char address[64];              /* "": of this machine */
    char request_id[72];
    char method[16];
    char target[1024];                    /* as asked, cut where it is longer */
    int64_t status;                       /* of the answer */
    char before[STORE_AUDIT_CHANGE_SIZE]; /* JSON without secrets; "": nothing */
    char after[STORE_AUDIT_CHANGE_SIZE];
    int64_t omitted; /* refusals of strangers that were not recorded since the row before */
    uint8_t hash[STORE_AUDIT_HASH_BYTES];
};

/*
 * Fills a row for a write that no request asks for: @who is "command:root" or STORE_AUDIT_CONFIGURATION, and
 * the method RUN of what @format says was run.
 */
void store_audit_run(struct store_audit *out_row, const char *who, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends: serial and hash are set. Of more than @most rows the oldest go. 0 or a negative errno. */
int store_audit_append(struct store *store, struct store_audit *row, int64_t most,
                       char out_why[STORE_WHY_SIZE]);

/*
 * Stages @row for the calling thread: the next transaction of its own that succeeds commits the row along
 * with what it writes, or neither of them. Only then is the row's serial set. @row must live until it is not
 * staged any more, which NULL brings about in any case.
 */
void store_audit_stage(struct store_audit *row, int64_t most);

/* What rows to show; NULL and 0: any. */
struct store_audit_filter {
    const char *who;
    const char *method;
    const char *target; /* how it begins */
    const char *request_id;
    int64_t status;
    bool is_oldest_first;
};

struct store_audits {
    struct store_audit *rows; /* for the caller to free() */
    size_t n;
    bool has_more;
};

/* At most @limit rows behind the serial @after (0: from the first), newest first unless the filter says
 * otherwise. 0 or a negative errno. */
int store_audit_list(struct store *store, const struct store_audit_filter *filter, int64_t after,
                     size_t limit, struct store_audits *out_rows, char out_why[STORE_WHY_SIZE]);

struct store_audit_verdict {
    int64_t n_checked;
    int64_t
        broken_at; /* the first row that is not as it was written, or should be there and is not; 0: none */
    char newest_hash[2 * STORE_AUDIT_HASH_BYTES + 1];
};

/* Follows the whole chain. 0 or a negative errno. */
int store_audit_verify(struct store *store, struct store_audit_verdict *out_verdict,
                       char out_why[STORE_WHY_SIZE]);

#endif
