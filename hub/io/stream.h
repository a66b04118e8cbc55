/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One connected byte stream: its incoming remainder, its outbox, its end
 *
 * In: the loop reads into one scratch buffer shared by all streams and offers the bytes to on_bytes(); what
 * the owner does not consume is kept and offered again in front of what comes next. An idle stream holds no
 * buffer. Memory for a remainder grows with what has really arrived, never with what a length announces.
 *
 * Out: stream_send() queues a block and the outbox is written once, at the end of the turn, with one writev.
 * Small blocks are copied together, large ones are shared by reference. Marks: above `high` stream_is_full()
 * says so and on_drained() comes when the outbox has fallen to `low`; above `max` nothing more is taken.
 *
 * End: on_end() is called exactly once, never from inside stream_send(), stream_end() or stream_pause(), but
 * at the end of the turn; it is the last callback. The owner may free the stream in it, as in any other
 * callback. All on the loop's thread.
 */
#ifndef COMMHUB_IO_STREAM_H
#define COMMHUB_IO_STREAM_H

#include "hub/base/block.h"
#include "hub/io/loop.h"

struct stream;
struct tls_context;

enum stream_end {
    STREAM_ENDED_BY_PEER,   /* end of file */
    STREAM_ENDED_BY_OWNER,  /* stream_end() */
    STREAM_ENDED_BY_ERROR,  /* reading or writing failed; detail says how */
    STREAM_ENDED_BY_TLS,    /* handshake or record failure */
    STREAM_ENDED_BY_MEMORY, /* no memory for what came in or goes out */
};

struct stream_marks {
    size_t high_bytes;
    size_t low_bytes;
    size_t max_bytes;
};

struct stream_events {
    /* The TLS handshake is done; not called for plain streams, which are ready at once. */
    void (*on_ready)(void *owner);
    /* Bytes in order; answers how many were consumed. May send, pause and end the stream. */
    size_t (*on_bytes)(void *owner, struct bytes in);
    /* The outbox was above high and has fallen to low. */
    void (*on_drained)(void *owner);
    /* The last callback. @detail is text for the log, never NULL. */
    void (*on_end)(void *owner, enum stream_end end, const char *detail);
};

/*
 * Takes over a connected, non-blocking @fd (closed also on failure). @tls NULL: plain; else the handshake
 * begins in the role the context was made for. @events and @marks must outlive the stream. 0 or a negative
 * errno.
 */
int stream_new(struct stream **out_stream, struct loop *loop, int fd, struct tls_context *tls,
               const struct stream_events *events, const struct stream_marks *marks, void *owner);

/* Closes at once and without on_end(). NULL is fine. */
void stream_free(struct stream *stream);

enum {
    STREAM_E_FULL = 1, /* the block would lift the outbox above max; nothing was queued */
    STREAM_E_ENDING,   /* the stream is ending; nothing was queued */
};

/* Queues @block (takes its own reference if it needs one): 0, STREAM_E_*, or -ENOMEM. */
int stream_send(struct stream *stream, struct block *block);

/*
 * Ends the stream: reads no more; writes what is queued for at most @linger_ms (0: drops it), waits within
 * the same time for the peer to close so that nothing written is lost, then closes and tells on_end(). A
 * second call with 0 cuts a lingering end short; any other does nothing.
 */
void stream_end(struct stream *stream, uint32_t linger_ms);

/*
 * Reading stops (the kernel's buffer then pushes back on the peer) and starts again; calls nest. A peer that
 * closes meanwhile is noticed after the pause, so that what it sent before is heard; at once if bytes wait
 * for it, for they will never drain.
 */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* A TCP peer that has not acknowledged for so long what was written, or has let no more be written, is given
 * up by the kernel. Nothing for other sockets. */
void stream_set_patience(struct stream *stream, uint32_t ms);

/*
 * Another owner takes over a live stream, also from inside on_bytes(): what that call does not consume is
 * offered to the new owner at the end of the turn, and from now on all events are its own.
 */
void stream_set_owner(struct stream *stream, const struct stream_events *events,
                      const struct stream_marks *marks, void *owner);

bool stream_is_full(const struct stream *stream); /* outbox above high and not yet back at low */
size_t stream_outbox_bytes(const struct stream *stream);

/* How long the outbox keeps what is queued, in milliseconds: what was sampled last, or what is being sampled
 * where that has waited for longer already. One block at a time is watched. */
uint32_t stream_queue_wait_ms(const struct stream *stream);

/* Bytes written and read in all; for progress, rates and the management plane. */
uint64_t stream_written_bytes(const struct stream *stream);
uint64_t stream_read_bytes(const struct stream *stream);

/* The common name of the peer's verified certificate, "" if there is none. Valid as long as the stream. */
const char *stream_peer_name(const struct stream *stream);

/* Whether that certificate bears @name: exactly, as common name or as alternative name (DNS or IP). */
bool stream_peer_bears(const struct stream *stream, const char *name);

#endif
