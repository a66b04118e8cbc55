/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The life of a stream
 *
 *     SHAKING --> OPEN --> FLUSHING --> DRAINING --> ENDED
 *
 * SHAKING is TLS only. FLUSHING writes what is queued after stream_end() and reads nothing. DRAINING has told
 * the peer that nothing more follows and throws away what still comes: closing a TCP socket with unread input
 * makes the kernel send a reset, and a reset destroys at the peer what it has not read yet, which would be
 * the very error message that explains the end. ENDED has no descriptor any more and waits for the end of the
 * turn to tell on_end(). Any state may fall straight to ENDED.
 *
 * Reading. All streams of a loop read into the pool's scratch and offer the bytes from there. What the owner
 * leaves becomes the stream's remainder, in memory of its own. A small remainder is copied in front of the
 * scratch next time, because a copy of it is cheaper than reading into small memory; a large one, part of a
 * large message, is read on to in place. A remainder's memory at most doubles what has arrived.
 *
 * Writing happens in one place, deferred() at the end of the turn; EPOLLOUT only notes that it may be tried
 * again. While EPOLLOUT is awaited nothing is tried.
 *
 * Every callback may free the stream. So callbacks are made only between enter() and leave(), and a stream
 * freed in between is cut off at once but its memory goes in leave().
 */
#include "hub/io/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "hub/io/outbox.h"
#include "hub/io/pool.h"
#include "hub/io/transport.h"

/* Up to here a remainder is copied in front of the scratch, above it grows in place. */
#define REMAINDER_COPY_MOST (16u * 1024)
/* A writev with more pieces gains nothing: by then the bytes, not the call, are the cost. */
#define MOST_PIECES 64
/* Fairness: a turn's share of one stream. The rest follows next turn. */
#define MOST_WRITTEN_A_TURN (1024u * 1024)
/* What a transport holds above the descriptor is read in portions of this size. */
#define PENDING_PORTION (32u * 1024)
/* How long a peer whose handshake failed may take to read why. */
#define TLS_FAREWELL_MS 250

enum stream_state {
    STREAM_SHAKING,
    STREAM_OPEN,
    STREAM_FLUSHING,
    STREAM_DRAINING,
    STREAM_ENDED,
};

/* Bytes that the owner has not consumed: from begin to before end. */
struct remainder {
    size_t begin;
    size_t end;
    size_t size;
    uint8_t bytes[];
};

struct stream {
    struct loop_source source;
    struct loop *loop;
    struct transport transport;
    const struct stream_events *events;
    const struct stream_marks *marks;
    void *owner;
    struct remainder *remainder;
    struct outbox outbox;
    uint64_t n_written;
    uint64_t n_read;
    struct loop_deferred deferred;
    struct loop_timer linger;

    const char *step;      /* what failed, static text */
    int error;             /* its errno, 0: no failure */
    uint32_t sample_bytes; /* until the block that is watched has left; 0: none is */
    uint32_t sampled_ms;   /* when it was queued; the clock's low bits */
    uint32_t last_wait_ms; /* of the one before it */
    uint16_t n_pauses;
    uint8_t state; /* enum stream_state */
    uint8_t end;   /* enum stream_end, from FLUSHING on */

    bool is_busy : 1;         /* inside enter() and leave() */
    bool is_freed : 1;        /* inside them stream_free() was called */
    bool is_told : 1;         /* on_end() was called */
    bool is_full : 1;         /* the outbox was above high and has not fallen to low since */
    bool is_blocked : 1;      /* the descriptor took no more: EPOLLOUT is awaited */
    bool is_write_due : 1;    /* and has come */
    bool is_deaf : 1;         /* the peer takes nothing more, see hear_out() */
    bool is_offer_due : 1;    /* resumed with a remainder */
    bool is_read_due : 1;     /* the transport holds bytes that epoll does not know of */
    bool is_parked : 1;       /* taken out of epoll, see park() */
    bool shakes_by_write : 1; /* the handshake waits to write, not to read */
};

/* ------------------------------------------------------------------------------- memory and interest */

static void release(struct stream *stream)
{
    free(stream->remainder);
    free(stream);
}

/* Everything but the memory itself; the stream is ENDED then. Does no harm twice. */
static void cut_off(struct stream *stream)
{
    if (stream->transport.fd < 0)
        return;
    if (!stream->is_parked)
        loop_remove(stream->loop, &stream->source);
    loop_timer_disarm(stream->loop, &stream->linger);
    close(stream->transport.fd);
    stream->transport.fd = -1;
    outbox_clear(&stream->outbox, loop_pool(stream->loop));
    stream->state = STREAM_ENDED;
}

static void enter(struct stream *stream)
{
    check(!stream->is_busy);
    stream->is_busy = true;
}

static void leave(struct stream *stream)
{
    stream->is_busy = false;
    if (stream->is_freed)
        release(stream);
}

static bool is_reading(const struct stream *stream)
{
    return stream->state == STREAM_OPEN && stream->n_pauses == 0;
}

static uint32_t wanted_events(const struct stream *stream)
{
    uint32_t out = stream->is_blocked ? EPOLLOUT : 0;

    switch ((enum stream_state)stream->state) {
    case STREAM_SHAKING:
        return stream->shakes_by_write ? EPOLLOUT : EPOLLIN;
    case STREAM_OPEN:
        if (!is_reading(stream))
            return out;
        return stream->transport.wants_write ? EPOLLIN | EPOLLOUT : EPOLLIN | out;
    case STREAM_FLUSHING:
        return out;
    case STREAM_DRAINING:
        return EPOLLIN;
    case STREAM_ENDED:
        return 0;
    }
    unreachable();
}

static void finish(struct stream *stream, enum stream_end end, const char *step, int error);

static void aim(struct stream *stream)
{
    uint32_t events = wanted_events(stream);
    int r;

    if (stream->state == STREAM_ENDED)
        return;
    if (!stream->is_parked) {
        loop_want(stream->loop, &stream->source, events);
        return;
    }
    if (events == 0)
        return;
    stream->source.events = events;
    r = loop_add(stream->loop, &stream->source);
    if (r < 0)
        finish(stream, STREAM_ENDED_BY_ERROR, "asking for more failed", -r);
    else
        stream->is_parked = false;
}

/*
 * The peer is gone, but the owner wants no input now: what the peer has sent before stays in the kernel until
 * resume. Epoll would report the hangup every turn, so the stream leaves it until then.
 */
static void park(struct stream *stream)
{
    loop_remove(stream->loop, &stream->source);
    stream->is_parked = true;
}

/* ----------------------------------------------------------------------------------------------- end */

/* The stream is over; on_end() follows in deferred(). An end that lingers keeps the reason it began with. */
static void finish(struct stream *stream, enum stream_end end, const char *step, int error)
{
    if (stream->state == STREAM_ENDED)
        return;
    if (stream->state < STREAM_FLUSHING)
        stream->end = (uint8_t)end;
    if (!stream->step) {
        stream->step = step;
        stream->error = error;
    }
    stream->state = STREAM_ENDED;
    loop_defer(stream->loop, &stream->deferred);
}

static void describe(const struct stream *stream, char *out_text, size_t size)
{
    const char *words =
        stream->transport.table->detail ? stream->transport.table->detail(&stream->transport) : NULL;
    size_t n_unread = stream->remainder ? stream->remainder->end - stream->remainder->begin : 0;

    if (stream->error)
        snprintf(out_text, size, "%s: %s", stream->step, words ? words : strerrordesc_np(stream->error));
    else if (stream->end == STREAM_ENDED_BY_PEER && n_unread)
        snprintf(out_text, size, "closed by the peer within a message, after %zu bytes of it", n_unread);
    else
        snprintf(out_text, size, "%s", stream->step ? stream->step : "closed by us");
}

static void tell_end(struct stream *stream)
{
    char detail[384];

    describe(stream, detail, sizeof detail);
    cut_off(stream);
    stream->is_told = true;
    stream->events->on_end(stream->owner, (enum stream_end)stream->end, detail);
}

static void linger(struct stream *stream, enum stream_end end, uint32_t linger_ms)
{
    stream->end = (uint8_t)end;
    stream->state = STREAM_FLUSHING;
    if (loop_timer_arm(stream->loop, &stream->linger, loop_now_ms(stream->loop) + linger_ms) < 0)
        finish(stream, end, NULL, 0);
    else
        loop_defer(stream->loop, &stream->deferred);
}

static void on_linger_due(struct loop_timer *timer)
{
    struct stream *stream = container_of(timer, struct stream, linger);

    finish(stream, STREAM_ENDED_BY_OWNER,
           stream->state == STREAM_DRAINING ? "closed by us, while the peer kept its side open"
                                            : "closed by us before the peer had read everything",
           0);
}

static void discard_input(struct stream *stream)
{
    struct pool *pool = loop_pool(stream->loop);
    /* Past the transport: nobody is going to look at these bytes. */
    ssize_t n = recv(stream->transport.fd, pool->scratch, POOL_SCRATCH_SIZE, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        finish(stream, STREAM_ENDED_BY_OWNER, NULL, 0);
}

/* ------------------------------------------------------------------------------------------- reading */

/* Room for @more bytes behind what is there; NULL: out of memory, and @remainder is as it was. */
static struct remainder *grow(struct remainder *remainder, size_t more)
{
    struct remainder *grown;
    size_t size;

    if (remainder->size - remainder->end >= more)
        return remainder;
    memmove(remainder->bytes, remainder->bytes + remainder->begin, remainder->end - remainder->begin);
    remainder->end -= remainder->begin;
    remainder->begin = 0;
    if (remainder->size - remainder->end >= more)
        return remainder;
    size = 2 * remainder->size > remainder->end + more ? 2 * remainder->size : remainder->end + more;
    grown = realloc(remainder, sizeof *grown + size);
    if (grown)
        grown->size = size;
    return grown;
}

/*
 * Makes @rest, which lies in @held or (NULL) in the scratch, the remainder. It stays in place unless more
 * than half of the memory would lie idle.
 */
static int keep(struct stream *stream, struct remainder *held, struct bytes rest)
{
    struct remainder *fresh;

    if (rest.len == 0) {
        free(held);
        return 0;
    }
    if (held && held->size <= 2 * rest.len) {
        held->begin = (size_t)(rest.ptr - held->bytes);
        stream->remainder = held;
        return 0;
    }
    fresh = malloc(sizeof *fresh + rest.len);
    if (fresh) {
        fresh->begin = 0;
        fresh->end = rest.len;
        fresh->size = rest.len;
        memcpy(fresh->bytes, rest.ptr, rest.len);
        stream->remainder = fresh;
    }
    free(held);
    return fresh ? 0 : -ENOMEM;
}

/* Offers @in to the owner. @held: the memory it lies in, NULL for the scratch; ownership passes to here. */
static void offer(struct stream *stream, struct remainder *held, struct bytes in)
{
    size_t n_consumed = stream->events->on_bytes(stream->owner, in);

    check(n_consumed <= in.len);
    if (stream->state != STREAM_OPEN) {
        free(held);
        return;
    }
    if (keep(stream, held, bytes_of(in.ptr + n_consumed, in.len - n_consumed)) < 0)
        finish(stream, STREAM_ENDED_BY_MEMORY, "no memory for what came in", 0);
}

static void after_failed_read(struct stream *stream, ssize_t n)
{
    if (n == -EAGAIN && !stream->is_deaf)
        return;
    if (n == 0)
        finish(stream, STREAM_ENDED_BY_PEER, "closed by the peer", 0);
    else if (n == -EPROTO)
        finish(stream, STREAM_ENDED_BY_TLS, "TLS failed", (int)-n);
    else
        finish(stream, STREAM_ENDED_BY_ERROR, stream->is_deaf ? "writing failed" : "reading failed",
               stream->is_deaf ? EPIPE : (int)-n);
}

static ssize_t read_some(struct stream *stream, void *ptr, size_t size)
{
    struct transport *transport = &stream->transport;
    ssize_t n = transport->table->read(transport, ptr, size);

    if (n > 0) {
        stream->n_read += (uint64_t)n;
        stream->is_read_due = transport->table->is_pending && transport->table->is_pending(transport);
        if (stream->is_read_due)
            loop_defer(stream->loop, &stream->deferred);
    }
    return n;
}

static void read_in_place(struct stream *stream, size_t most)
{
    struct remainder *held = grow(stream->remainder, PENDING_PORTION);
    size_t room;
    ssize_t n;

    if (!held) {
        finish(stream, STREAM_ENDED_BY_MEMORY, "no memory for what came in", 0);
        return;
    }
    stream->remainder = held;
    room = held->size - held->end;
    n = read_some(stream, held->bytes + held->end, room < most ? room : most);
    if (n <= 0) {
        after_failed_read(stream, n);
        return;
    }
    held->end += (size_t)n;
    stream->remainder = NULL;
    offer(stream, held, bytes_of(held->bytes + held->begin, held->end - held->begin));
}

static void read_to_scratch(struct stream *stream, size_t most)
{
    uint8_t *scratch = loop_pool(stream->loop)->scratch;
    struct remainder *held = stream->remainder;
    size_t n_held = held ? held->end - held->begin : 0;
    ssize_t n = read_some(stream, scratch + n_held, most - n_held);

    if (n <= 0) {
        after_failed_read(stream, n);
        return;
    }
    if (held) {
        memcpy(scratch, held->bytes + held->begin, n_held);
        free(held);
        stream->remainder = NULL;
    }
    offer(stream, NULL, bytes_of(scratch, n_held + (size_t)n));
}

/* At most @most bytes, and at most a scratch-full. */
static void read_bytes(struct stream *stream, size_t most)
{
    struct remainder *held = stream->remainder;
    size_t n_held = held ? held->end - held->begin : 0;

    stream->transport.wants_write = false;
    stream->is_read_due = false;
    if (n_held > REMAINDER_COPY_MOST)
        read_in_place(stream, most);
    else
        read_to_scratch(stream, most < POOL_SCRATCH_SIZE - n_held ? most + n_held : POOL_SCRATCH_SIZE);
}

static void offer_again(struct stream *stream)
{
    struct remainder *held = stream->remainder;

    stream->is_offer_due = false; /* before, for the owner may pause and resume in the callback */
    if (!held)
        return;
    stream->remainder = NULL;
    offer(stream, held, bytes_of(held->bytes + held->begin, held->end - held->begin));
}

/* ------------------------------------------------------------------------------------------- writing */

static uint32_t sample_age_ms(const struct stream *stream)
{
    return stream->sample_bytes ? (uint32_t)loop_now_ms(stream->loop) - stream->sampled_ms : 0;
}

static void begin_sample(struct stream *stream)
{
    if (stream->sample_bytes > 0 || stream->outbox.n_bytes > UINT32_MAX)
        return;
    stream->sample_bytes = (uint32_t)stream->outbox.n_bytes;
    stream->sampled_ms = (uint32_t)loop_now_ms(stream->loop);
}

static void advance_sample(struct stream *stream, size_t n_written)
{
    if (n_written < stream->sample_bytes) {
        stream->sample_bytes -= (uint32_t)n_written;
    } else if (stream->sample_bytes > 0) {
        stream->last_wait_ms = sample_age_ms(stream);
        stream->sample_bytes = 0;
    }
}

/* 0: all is written, -EAGAIN: the rest has to wait, or the transport's failure. */
static int write_outbox(struct stream *stream)
{
    struct transport *transport = &stream->transport;
    size_t n_now = 0;

    while (stream->outbox.n_bytes > 0 && n_now < MOST_WRITTEN_A_TURN) {
        struct iovec pieces[MOST_PIECES];
        size_t n_asked;
        int n_pieces = outbox_peek(&stream->outbox, pieces, MOST_PIECES, &n_asked);
        ssize_t n = transport->table->writev(transport, pieces, n_pieces);

        if (n < 0)
            return (int)n;
        outbox_consume(&stream->outbox, loop_pool(stream->loop), (size_t)n);
        stream->n_written += (uint64_t)n;
        advance_sample(stream, (size_t)n);
        n_now += (size_t)n;
        if ((size_t)n < n_asked)
            break;
    }
    return stream->outbox.n_bytes > 0 ? -EAGAIN : 0;
}

/*
 * The peer has closed, and what we had for it is lost; but what it said before is still to be heard, and it
 * may be a scratch-full or more. So the stream ends when its input does, or pauses.
 */
static void hear_out(struct stream *stream)
{
    outbox_clear(&stream->outbox, loop_pool(stream->loop));
    stream->is_deaf = true;
    stream->is_read_due = true;
    loop_defer(stream->loop, &stream->deferred);
}

static void flush(struct stream *stream)
{
    int r = write_outbox(stream);

    stream->is_write_due = false;
    stream->is_blocked = r == -EAGAIN;
    /* A TLS session is of no use after a failed write. */
    if (r == -EPIPE && is_reading(stream) && !stream->transport.session)
        hear_out(stream);
    else if (r < 0 && r != -EAGAIN)
        finish(stream, r == -EPROTO ? STREAM_ENDED_BY_TLS : STREAM_ENDED_BY_ERROR, "writing failed", -r);
}

static void shut_down(struct stream *stream)
{
    /* A transport that has failed is not asked any more. */
    int r = stream->error ? 0 : stream->transport.table->shutdown(&stream->transport);

    if (stream->error && shutdown(stream->transport.fd, SHUT_WR) < 0)
        r = -errno;
    stream->is_write_due = false;
    stream->is_blocked = r == -EAGAIN;
    if (r == 0)
        stream->state = STREAM_DRAINING;
    else if (r != -EAGAIN)
        finish(stream, STREAM_ENDED_BY_OWNER, NULL, 0);
}

static void tell_drained(struct stream *stream)
{
    if (!stream->is_full || stream->outbox.n_bytes > stream->marks->low_bytes)
        return;
    stream->is_full = false;
    stream->events->on_drained(stream->owner);
}

static bool may_write(const struct stream *stream)
{
    return (stream->state == STREAM_OPEN || stream->state == STREAM_FLUSHING) &&
           (!stream->is_blocked || stream->is_write_due);
}

static void deferred(struct loop_deferred *link)
{
    struct stream *stream = container_of(link, struct stream, deferred);

    enter(stream);
    if (stream->is_offer_due && is_reading(stream))
        offer_again(stream);
    if (stream->is_read_due && is_reading(stream))
        read_bytes(stream, PENDING_PORTION);
    if (may_write(stream) && stream->outbox.n_bytes > 0)
        flush(stream);
    if (stream->state == STREAM_FLUSHING && stream->outbox.n_bytes == 0 && may_write(stream))
        shut_down(stream);
    if (stream->is_deaf && stream->n_pauses > 0)
        finish(stream, STREAM_ENDED_BY_ERROR, "writing failed", EPIPE);
    if (stream->state == STREAM_OPEN)
        tell_drained(stream);
    aim(stream);
    if (stream->state == STREAM_ENDED && !stream->is_told && !stream->is_freed) {
        /* A peer that only closed its own side may still read the answers of this turn. */
        if (!stream->error && !stream->is_blocked)
            (void)write_outbox(stream);
        tell_end(stream);
    }
    leave(stream);
}

/* --------------------------------------------------------------------------------------------- events */

static void shake(struct stream *stream)
{
    int r = stream->transport.table->handshake(&stream->transport);

    if (r == TRANSPORT_WANTS_READ || r == TRANSPORT_WANTS_WRITE) {
        stream->shakes_by_write = r == TRANSPORT_WANTS_WRITE;
        return;
    }
    if (r < 0) {
        stream->step = "TLS handshake failed";
        stream->error = -r;
        outbox_clear(&stream->outbox, loop_pool(stream->loop));
        linger(stream, STREAM_ENDED_BY_TLS, TLS_FAREWELL_MS);
        return;
    }
    stream->state = STREAM_OPEN;
    stream->is_read_due = stream->transport.table->is_pending(&stream->transport);
    loop_defer(stream->loop, &stream->deferred);
    stream->events->on_ready(stream->owner);
}

static void open_ready(struct stream *stream, uint32_t events)
{
    bool is_gone = events & (EPOLLHUP | EPOLLERR);

    if (stream->is_blocked && (is_gone || (events & EPOLLOUT))) {
        stream->is_write_due = true;
        loop_defer(stream->loop, &stream->deferred);
    } else if (is_gone && !is_reading(stream)) {
        park(stream);
    }
    if (is_reading(stream) && (is_gone || (events & EPOLLIN) || stream->transport.wants_write))
        read_bytes(stream, POOL_SCRATCH_SIZE);
}

static void on_ready(struct loop_source *source, uint32_t events)
{
    struct stream *stream = container_of(source, struct stream, source);

    enter(stream);
    switch ((enum stream_state)stream->state) {
    case STREAM_SHAKING:
        shake(stream);
        break;
    case STREAM_OPEN:
        open_ready(stream, events);
        break;
    case STREAM_FLUSHING:
        stream->is_write_due = true;
        loop_defer(stream->loop, &stream->deferred);
        break;
    case STREAM_DRAINING:
        discard_input(stream);
        break;
    case STREAM_ENDED:
        break;
    }
    aim(stream);
    leave(stream);
}

/* --------------------------------------------------------------------------------------------- public */

/* An idle connection costs this and what the kernel needs; a hub keeps ten thousand of them. */
_Static_assert(sizeof(struct stream) <= 200, "an idle stream stays small");

static int start(struct stream *stream, int fd, struct tls_context *tls)
{
    int r;

    transport_plain_init(&stream->transport, fd);
    if (tls) {
        r = transport_tls_init(&stream->transport, fd, tls);
        if (r < 0)
            return r;
        /* Both ends of a handshake are begun by calling it; a socket that is writable says "now". */
        stream->shakes_by_write = true;
    }
    stream->state = tls ? STREAM_SHAKING : STREAM_OPEN;
    stream->source = (struct loop_source){.fd = fd, .events = wanted_events(stream), .on_ready = on_ready};
    r = loop_add(stream->loop, &stream->source);
    if (r < 0 && stream->transport.table->clear)
        stream->transport.table->clear(&stream->transport);
    return r;
}

int stream_new(struct stream **out_stream, struct loop *loop, int fd, struct tls_context *tls,
               const struct stream_events *events, const struct stream_marks *marks, void *owner)
{
    struct stream *stream = calloc(1, sizeof *stream);
    int r = -ENOMEM;

    if (!stream)
        goto failed;
    stream->loop = loop;
    stream->events = events;
    stream->marks = marks;
    stream->owner = owner;
    outbox_init(&stream->outbox);
    loop_deferred_init(&stream->deferred, deferred);
    loop_timer_init(&stream->linger, on_linger_due);
    r = start(stream, fd, tls);
    if (r < 0)
        goto failed;
    *out_stream = stream;
    return 0;

failed:
    free(stream);
    close(fd);
    return r;
}

void stream_free(struct stream *stream)
{
    if (!stream)
        return;
    cut_off(stream);
    loop_undefer(&stream->deferred);
    if (stream->transport.table->clear)
        stream->transport.table->clear(&stream->transport);
    if (stream->is_busy)
        stream->is_freed = true;
    else
        release(stream);
}

int stream_send(struct stream *stream, struct block *block)
{
    int r;

    if (stream->state >= STREAM_FLUSHING || stream->is_deaf)
        return STREAM_E_ENDING;
    if (block->len > stream->marks->max_bytes ||
        stream->outbox.n_bytes > stream->marks->max_bytes - block->len)
        return STREAM_E_FULL;
    r = outbox_add(&stream->outbox, loop_pool(stream->loop), block);
    if (r < 0)
        return r;
    begin_sample(stream);
    if (stream->outbox.n_bytes > stream->marks->high_bytes)
        stream->is_full = true;
    if (!stream->is_blocked)
        loop_defer(stream->loop, &stream->deferred);
    return 0;
}

void stream_end(struct stream *stream, uint32_t linger_ms)
{
    if (linger_ms == 0 || stream->state == STREAM_SHAKING) {
        if (stream->state == STREAM_ENDED)
            return;
        outbox_clear(&stream->outbox, loop_pool(stream->loop));
        finish(stream, STREAM_ENDED_BY_OWNER, NULL, 0);
    } else if (stream->state == STREAM_OPEN) {
        linger(stream, STREAM_ENDED_BY_OWNER, linger_ms);
    }
}

void stream_pause(struct stream *stream)
{
    check(stream->n_pauses < UINT16_MAX);
    if (stream->n_pauses++ == 0 && stream->state == STREAM_OPEN)
        loop_defer(stream->loop, &stream->deferred);
}

void stream_resume(struct stream *stream)
{
    check(stream->n_pauses > 0);
    if (--stream->n_pauses > 0 || stream->state != STREAM_OPEN)
        return;
    stream->is_offer_due = true;
    loop_defer(stream->loop, &stream->deferred);
}

void stream_set_patience(struct stream *stream, uint32_t ms)
{
    unsigned patience_ms = ms;

    (void)setsockopt(stream->transport.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

void stream_set_owner(struct stream *stream, const struct stream_events *events,
                      const struct stream_marks *marks, void *owner)
{
    stream->events = events;
    stream->marks = marks;
    stream->owner = owner;
    if (stream->state != STREAM_OPEN)
        return;
    stream->is_offer_due = true;
    loop_defer(stream->loop, &stream->deferred);
}

bool stream_is_full(const struct stream *stream)
{
    return stream->is_full;
}

uint32_t stream_queue_wait_ms(const struct stream *stream)
{
    uint32_t age_ms = sample_age_ms(stream);

    return age_ms > stream->last_wait_ms ? age_ms : stream->last_wait_ms;
}

size_t stream_outbox_bytes(const struct stream *stream)
{
    return stream->outbox.n_bytes;
}

uint64_t stream_written_bytes(const struct stream *stream)
{
    return stream->n_written;
}

uint64_t stream_read_bytes(const struct stream *stream)
{
    return stream->n_read;
}

const char *stream_peer_name(const struct stream *stream)
{
    return stream->transport.table->peer_name ? stream->transport.table->peer_name(&stream->transport) : "";
}

bool stream_peer_bears(const struct stream *stream, const char *name)
{
    const struct transport_table *table = stream->transport.table;

    return table->peer_bears && table->peer_bears(&stream->transport, name);
}
