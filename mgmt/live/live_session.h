/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One browser on the live socket, without the socket
 *
 * The log's ring is the only buffer: a session holds how far it has read. A session that falls behind the
 * ring's oldest record is told the count of what it missed. Messages: schema/live/live.schema.json. One
 * thread.
 */
#ifndef COMMHUB_MGMT_LIVE_LIVE_SESSION_H
#define COMMHUB_MGMT_LIVE_LIVE_SESSION_H

#include "hub/base/buffer.h"
#include "hub/base/log.h"

#define LIVE_SESSION_ERROR_SIZE 160
#define LIVE_SESSION_SOUGHT_SIZE 256

/* Which records of its streams a reader wants; {0}: all. */
struct live_filter {
    enum log_level least;                  /* and what is graver */
    char sought[LIVE_SESSION_SOUGHT_SIZE]; /* stands in a text of the record, whatever the case; "": anything
                                            */
};

struct live_session {
    bool owes_hello;
    bool owes_reset;
    bool owes_metrics;
    bool wants_metrics;
    bool may_audit;   /* the stream audit is for those who may read the audit log */
    unsigned streams; /* bits 1 << enum log_stream */
    struct live_filter filter;
    uint64_t position;                   /* the last record that was told or passed over */
    char error[LIVE_SESSION_ERROR_SIZE]; /* "": none */
};

/* What all sessions tell. Borrowed. */
struct live_source {
    struct log *log;
    const char *epoch;
    const char *metrics; /* the newest `data` of a metrics message, as JSON; NULL: none */
    uint64_t metrics_wall_ms;
};

/* The target of a socket's head that says so: the head is made by mgmt/rest, which knows who asks. */
#define LIVE_SESSION_AUDIT_TARGET "/audit"

/* A session that owes the hello. */
void live_session_init(struct live_session *session, bool may_audit);

/* A message of the browser: subscribes, or makes an error that is owed. */
void live_session_receive(struct live_session *session, const struct live_source *source, struct bytes text);

/*
 * Goes on behind @since, or, where that is not to be had or is of another @epoch (NULL: of this one), at the
 * oldest record with a reset.
 */
void live_session_resume(struct live_session *session, const struct live_source *source, const char *epoch,
                         uint64_t since);

/* A fresh metrics object is there. */
void live_session_note_metrics(struct live_session *session);

/* True if there may be something to tell. */
bool live_session_has_more(const struct live_session *session, struct log *log);

enum { LIVE_SESSION_MESSAGE = 1 };

/*
 * Appends the next message. LIVE_SESSION_MESSAGE, 0 where there is none now (ask live_session_has_more()
 * whether to come again at once), or -ENOMEM.
 */
int live_session_next(struct live_session *session, const struct live_source *source, struct buffer *out);

#endif
