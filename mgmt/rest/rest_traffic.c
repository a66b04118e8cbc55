/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The gateway: what clients of the hub do, over HTTP
 *
 * The body is the data as JSON (json_exact.h). A call answers with the provider's data, or streams it as
 * server-sent events where the asker accepts those; subscriptions and broadcasts are streams. The request's
 * guest (visit.h) is the sender; it lives as long as the request.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/clock.h"
#include "hub/base/name.h"
#include "hub/base/text.h"
#include "hub/wire/msgpack_write.h"
#include "hub/wire/signature.h"
#include "mgmt/rest/json_exact.h"
#include "mgmt/rest/json_fault.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"
#include "mgmt/rest/sse.h"
#include "mgmt/rest/visit.h"

#define PASSWORD_HEADER "CommHub-Channel-Password" /* percent-encoded UTF-8 */
#define MOST_PASSWORD_BYTES 1024
#define NAME_SEGMENT 5 /* api, v1, channels, {channel}, events, {event} */
#define TIMEOUT_MS 60000
#define MOST_TIMEOUT_MS 3600000
#define STALL_MS 10000 /* for how long a reader may keep a stream's provider waiting */

/* One request of the gateway. */
struct exchange {
    enum guest_verb verb;
    struct visit *visit;
    struct sse sse;
    bool is_stream; /* of events, and its head is out or about to be */
    bool is_at_end;
    uint64_t n_events;
    char request_id[sizeof((struct request *)0)->id];
};

/* ---- reading the request ---- */

struct asked {
    struct guest_wish wish;
    struct buffer data;
    char password[MOST_PASSWORD_BYTES + 1];
    uint8_t key[SIGNATURE_KEY_BYTES];
};

static void asked_clear(struct asked *asked)
{
    buffer_clear(&asked->data);
    explicit_bzero(asked->password, sizeof asked->password);
    explicit_bzero(asked->key, sizeof asked->key);
}

static bool read_names(struct asked *asked, const struct request *request, struct reply *reply)
{
    struct guest_wish *wish = &asked->wish;

    if (!name_is_valid(wish->channel) || (wish->verb != GUEST_LISTEN && !name_is_valid(wish->name))) {
        problem_reply(reply, request, 400,
                      "The names of channel, event and topic in the address must be " NAME_RULE ".");
        return false;
    }
    return true;
}

/* False: an escape that is none, a zero, or too long. */
static bool decode_percent(const char *text, char out[MOST_PASSWORD_BYTES + 1])
{
    size_t n = 0;

    for (; *text && n < MOST_PASSWORD_BYTES; text++) {
        int high = *text == '%' ? text_hex_digit(text[1]) : 0;
        int low = *text == '%' && high >= 0 ? text_hex_digit(text[2]) : 0;

        if (high < 0 || low < 0 || (*text == '%' && high + low == 0))
            return false;
        out[n++] = *text == '%' ? (char)(high << 4 | low) : *text;
        text += *text == '%' ? 2 : 0;
    }
    out[n] = '\0';
    return *text == '\0';
}

/* The key is derived here, for it takes some 30 ms. */
static bool read_password(struct asked *asked, const struct request *request, struct reply *reply)
{
    const char *given = request_header(request, PASSWORD_HEADER);

    if (!given || !*given)
        return true;
    if (!decode_percent(given, asked->password)) {
        problem_reply(reply, request, 400,
                      PASSWORD_HEADER " must be percent-encoded text of at most %d bytes.",
                      MOST_PASSWORD_BYTES);
        return false;
    }
    asked->wish.password = bytes_of_text(asked->password);
    if (signature_derive_key(asked->wish.password, asked->wish.channel, asked->key) < 0) {
        problem_reply(reply, request, 500, "out of memory");
        return false;
    }
    asked->wish.signing_key = asked->key;
    return true;
}

static bool read_timeout(struct asked *asked, const struct request *request, struct reply *reply)
{
    const char *text = request_argument(request, "timeout");
    char *end = NULL;
    double seconds = text ? strtod(text, &end) : 0;

    asked->wish.timeout_ms = TIMEOUT_MS;
    if (!text)
        return true;
    /* Written so that no number is refused, too. */
    if (end == text || *end || !(seconds >= 0.001 && seconds <= (double)MOST_TIMEOUT_MS / 1000)) {
        problem_reply_argument(reply, request, "timeout", "must be a number of seconds from 0.001 to %d",
                               MOST_TIMEOUT_MS / 1000);
        return false;
    }
    asked->wish.timeout_ms = (uint64_t)(seconds * 1000);
    return true;
}

static bool read_data(struct asked *asked, const struct request *request, struct reply *reply)
{
    char fault[JSON_FAULT_SIZE];
    json_error_t error;
    json_t *json;
    int r;

    if (!request->body.len)
        return true;
    json = json_loadb((const char *)request->body.ptr, request->body.len, JSON_EXACT_LOAD, &error);
    if (!json) {
        json_fault_write(&error, fault);
        problem_reply(reply, request, 400, "The body is not JSON: %s.", fault);
        return false;
    }
    r = json_exact_write(json, &asked->data);
    json_decref(json);
    asked->wish.raw_data = buffer_bytes(&asked->data);
    if (r > 0)
        problem_reply(reply, request, 422, "The body %s.", json_exact_fault_text(r));
    else if (r < 0)
        problem_reply(reply, request, 500, "out of memory");
    return r == 0;
}

/* ---- what became of it ---- */

static unsigned status_of(enum guest_end end)
{
    switch (end) {
    case GUEST_DONE:
        return 204;
    case GUEST_NO_PROVIDER:
        return 404;
    case GUEST_FAILED:
    case GUEST_PROVIDER_LOST:
        return 502;
    case GUEST_TIMED_OUT:
        return 504;
    case GUEST_PROTECTED:
    case GUEST_WRONG_PASSWORD:
        return 403;
    case GUEST_REFUSED:
    case GUEST_UNPROTECTED:
    case GUEST_CHANNEL_LOST:
        return 409;
    case GUEST_TOO_SLOW:
    case GUEST_HUB_ENDING:
    case GUEST_OUT_OF_MEMORY:
        return 503;
    }
    unreachable();
}

static const char *sentence_of(enum guest_end end, const char *text)
{
    if (end == GUEST_PROTECTED)
        return "The channel is protected: its password is needed in the header " PASSWORD_HEADER ".";
    if (end == GUEST_UNPROTECTED)
        return "The channel has no password; do not send one.";
    if (end == GUEST_TOO_SLOW)
        return "More came than was read: the stream is ended. Read faster, or ask for less.";
    if (*text)
        return text;
    return end == GUEST_TIMED_OUT       ? "The provider did not answer in time."
           : end == GUEST_HUB_ENDING    ? "The hub is ending."
           : end == GUEST_OUT_OF_MEMORY ? "The hub is out of memory."
                                        : "It could not be carried out.";
}

static bool reply_end(struct exchange *exchange, const struct request *request, struct reply *reply)
{
    const char *text;
    enum guest_end end = visit_end_of(exchange->visit, &text);

    if (end == GUEST_DONE)
        reply_set_empty(reply, 204);
    else
        problem_reply(reply, request, status_of(end), "%s", sentence_of(end, text));
    return true;
}

static void append_member(struct buffer *out, const char *name, struct bytes text)
{
    struct buffer raw = {0};

    msgpack_write_str(&raw, text);
    buffer_append_format(out, ",\"%s\":", name);
    if (raw.failed)
        out->failed = true;
    else
        json_exact_append(buffer_bytes(&raw), out);
    buffer_clear(&raw);
}

/* Where a password was given. */
static void append_signature(struct buffer *out, enum visit_signature signature)
{
    static const char *const words[] = {
        [VISIT_SIGNED] = "valid", [VISIT_UNSIGNED] = "missing", [VISIT_FORGED] = "wrong"};

    if (signature != VISIT_UNASKED)
        buffer_append_format(out, ",\"signature\":\"%s\"", words[signature]);
}

/* {data, sender_id, server_id} of an answer, and of what was sent to many also {event, timestamp}. */
static void append_message(struct buffer *out, const struct visit_message *message, bool is_to_many)
{
    buffer_append_text(out, "{\"data\":");
    json_exact_append(message->raw_data, out);
    append_member(out, "sender_id", message->sender_id);
    append_member(out, "server_id", message->server_id);
    if (is_to_many) {
        append_member(out, "event", message->event);
        buffer_append_text(out, ",\"timestamp\":");
        json_exact_append(message->raw_timestamp, out);
    }
    append_signature(out, message->signature);
    buffer_append_text(out, "}");
}

static bool reply_answer(struct exchange *exchange, const struct visit_message *message,
                         const struct request *request, struct reply *reply)
{
    struct buffer body = {0};

    if (message->is_chunk) {
        problem_reply(reply, request, 406, "This event streams: ask with Accept: text/event-stream.");
        return true;
    }
    append_message(&body, message, false);
    reply_set_text(reply, 200, "application/json", body.failed ? NULL : buffer_take_text(&body));
    buffer_clear(&body);
    (void)exchange;
    return true;
}

/* ---- streams ---- */

static void tell_message(struct exchange *exchange, const struct visit_message *message)
{
    bool is_to_many = exchange->verb != GUEST_STREAM;

    sse_begin(&exchange->sse, is_to_many ? "message" : "data", ++exchange->n_events);
    append_message(&exchange->sse.out, message, is_to_many);
    sse_finish(&exchange->sse);
}

static void tell_problem(struct exchange *exchange, unsigned status, const char *detail)
{
    char *text = problem_text(exchange->request_id, status, detail);

    sse_begin(&exchange->sse, "error", 0);
    buffer_append_text(&exchange->sse.out, text ? text : "{}");
    sse_finish(&exchange->sse);
    free(text);
}

static void tell_end(struct exchange *exchange, enum visit_news news)
{
    const char *text;
    enum guest_end end = visit_end_of(exchange->visit, &text);

    exchange->is_at_end = true;
    if (news == VISIT_TOO_SLOW) {
        tell_problem(exchange, status_of(GUEST_TOO_SLOW), sentence_of(GUEST_TOO_SLOW, ""));
    } else if (end == GUEST_DONE) {
        sse_begin(&exchange->sse, "end", 0);
        buffer_append_text(&exchange->sse.out, "{}");
        sse_finish(&exchange->sse);
    } else {
        tell_problem(exchange, status_of(end), sentence_of(end, text));
    }
}

static long read_stream(void *state, char *room, size_t size)
{
    struct exchange *exchange = state;
    struct visit_message message;
    enum visit_news news = VISIT_MESSAGE;

    if (sse_is_empty(&exchange->sse) && !exchange->is_at_end) {
        news = visit_next(exchange->visit, &message);
        if (news == VISIT_MESSAGE)
            tell_message(exchange, &message);
        else if (news == VISIT_NOTHING)
            sse_beat(&exchange->sse, clock_monotonic_ms());
        else
            tell_end(exchange, news);
    }
    if (exchange->sse.out.failed)
        return LATER_END;
    if (!sse_is_empty(&exchange->sse))
        return (long)sse_read(&exchange->sse, room, size);
    return exchange->is_at_end ? LATER_END : LATER_NOTHING;
}

static bool is_due(void *state, uint64_t now_ms)
{
    struct exchange *exchange = state;

    return exchange->is_stream && sse_is_beat_due(&exchange->sse, now_ms);
}

/* A stream begins with the first message, or at once where there need be none, so that what fails before has
 * a status of its own. */
static bool fill(void *state, const struct request *request, struct reply *reply)
{
    struct exchange *exchange = state;
    bool is_subscription = exchange->verb == GUEST_SUBSCRIBE || exchange->verb == GUEST_LISTEN;
    struct visit_message message;
    enum visit_news news = visit_next(exchange->visit, &message);

    if (news == VISIT_OVER)
        return reply_end(exchange, request, reply);
    if (news == VISIT_NOTHING && !is_subscription)
        return false;
    if (news == VISIT_MESSAGE && exchange->verb == GUEST_CALL)
        return reply_answer(exchange, &message, request, reply);
    sse_reply(&exchange->sse, reply);
    exchange->is_stream = true;
    if (news == VISIT_MESSAGE)
        tell_message(exchange, &message);
    else if (news == VISIT_TOO_SLOW)
        tell_end(exchange, news);
    return true;
}

static void end(void *state)
{
    struct exchange *exchange = state;

    visit_leave(exchange->visit);
    sse_clear(&exchange->sse);
    free(exchange);
}

/* ---- carrying out ---- */

static void carry_out(struct rest *rest, const struct guest_wish *wish, const struct request *request,
                      struct reply *reply)
{
    static const struct later_source source = {fill, read_stream, is_due, end};
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct later *later = exchange ? later_new(&source, exchange) : NULL;

    if (!later) {
        free(exchange);
        problem_reply(reply, request, 500, "out of memory");
        return;
    }
    exchange->verb = wish->verb;
    memcpy(exchange->request_id, request->id, sizeof exchange->request_id);
    if (visit_begin(&exchange->visit, rest, wish, later, request, reply) == 0)
        reply->later = later;
    else
        later_end(later);
}

/* Of messages to many nobody is held back: the others get them too. */
static void visit_hub(struct rest *rest, enum guest_verb verb, const char *name,
                      const struct request *request, struct reply *reply)
{
    struct asked asked = {.wish = {.verb = verb,
                                   .channel = bytes_of_text(request->segments[RESOURCES_NAME_SEGMENT]),
                                   .name = bytes_of_text(name),
                                   .traceparent = bytes_of_text(request->traceparent),
                                   .patience_ms = verb == GUEST_STREAM ? STALL_MS : 0}};

    if (read_names(&asked, request, reply) && read_timeout(&asked, request, reply) &&
        read_data(&asked, request, reply) && read_password(&asked, request, reply))
        carry_out(rest, &asked.wish, request, reply);
    asked_clear(&asked);
}

void rest_traffic_call(struct rest *rest, const struct request *request, struct reply *reply)
{
    visit_hub(rest, sse_is_wanted(request) ? GUEST_STREAM : GUEST_CALL, request->segments[NAME_SEGMENT],
              request, reply);
}

void rest_traffic_send(struct rest *rest, const struct request *request, struct reply *reply)
{
    visit_hub(rest, GUEST_SEND, request->segments[NAME_SEGMENT], request, reply);
}

void rest_traffic_broadcast(struct rest *rest, const struct request *request, struct reply *reply)
{
    const char *event = request_argument(request, "event");

    if (!event)
        problem_reply_argument(reply, request, "event", "is needed");
    else if (!name_is_valid(bytes_of_text(event)))
        problem_reply_argument(reply, request, "event", "must be " NAME_RULE);
    else
        visit_hub(rest, GUEST_BROADCAST, event, request, reply);
}

void rest_traffic_publish(struct rest *rest, const struct request *request, struct reply *reply)
{
    visit_hub(rest, GUEST_PUBLISH, request->segments[NAME_SEGMENT], request, reply);
}

/* Asked for its head alone, a stream has no end to wait for. */
static bool reply_head(const struct request *request, struct reply *reply)
{
    if (strcmp(request->method, "HEAD") != 0)
        return false;
    reply_set_static(reply, 200, "text/event-stream", BYTES_NONE);
    return true;
}

void rest_traffic_subscribe(struct rest *rest, const struct request *request, struct reply *reply)
{
    if (!reply_head(request, reply))
        visit_hub(rest, GUEST_SUBSCRIBE, request->segments[NAME_SEGMENT], request, reply);
}

void rest_traffic_listen(struct rest *rest, const struct request *request, struct reply *reply)
{
    if (!reply_head(request, reply))
        visit_hub(rest, GUEST_LISTEN, "", request, reply);
}
