/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/sse.h"

#include <inttypes.h>
#include <string.h>

#include "hub/base/clock.h"

#define KEPT_BYTES (64 * 1024) /* of room, from event to event */

bool sse_is_wanted(const struct request *request)
{
    const char *accept = request_header(request, "Accept");

    return accept && strcasestr(accept, "text/event-stream");
}

void sse_reply(struct sse *sse, struct reply *reply)
{
    reply->status = 200;
    reply->content_type = "text/event-stream";
    reply->is_streamed = true;
    reply_add_header(reply, "X-Accel-Buffering", "no");
    sse->read_ms = clock_monotonic_ms();
}

void sse_begin(struct sse *sse, const char *event, uint64_t id)
{
    if (event)
        buffer_append_format(&sse->out, "event: %s\n", event);
    if (id)
        buffer_append_format(&sse->out, "id: %" PRIu64 "\n", id);
    buffer_append_text(&sse->out, "data: ");
}

void sse_finish(struct sse *sse)
{
    buffer_append_text(&sse->out, "\n\n");
}

bool sse_is_empty(const struct sse *sse)
{
    return sse->n_read == sse->out.len;
}

bool sse_is_beat_due(const struct sse *sse, uint64_t now_ms)
{
    return now_ms >= sse->read_ms + SSE_BEAT_MS;
}

void sse_beat(struct sse *sse, uint64_t now_ms)
{
    if (sse_is_beat_due(sse, now_ms))
        buffer_append_text(&sse->out, ":\n\n");
}

size_t sse_read(struct sse *sse, char *room, size_t size)
{
    size_t n = sse->out.len - sse->n_read;

    if (n > size)
        n = size;
    if (!n)
        return 0;
    memcpy(room, sse->out.ptr + sse->n_read, n);
    sse->n_read += n;
    sse->read_ms = clock_monotonic_ms();
    if (!sse_is_empty(sse))
        return n;
    sse->n_read = 0;
    sse->out.len = 0;
    if (sse->out.size > KEPT_BYTES)
        buffer_clear(&sse->out);
    return n;
}

void sse_clear(struct sse *sse)
{
    buffer_clear(&sse->out);
}
