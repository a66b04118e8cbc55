/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * libcommipc: the CommIPC protocol for C programs
 *
 * A client keeps one connection to a hub and what the program wants there: open channels, events it
 * provides, topics it has declared, topics it has subscribed to. When the connection is lost it is made anew
 * and all of that is asked for again; calls that were under way fail with COMMIPC_E_DISCONNECTED.
 *
 * Threads. A client and all that belongs to it are used by one thread at a time; only commipc_stop() may come
 * from any thread and from a signal handler. Nothing happens but inside commipc_run() and commipc_turn().
 *
 * Callbacks are called from within commipc_run() and commipc_turn(), with one exception that its function
 * names. What a callback is given lives until it returns. A callback may call every function, also
 * commipc_client_free(); after that no callback of the client comes any more.
 *
 * Outcomes. 0: done. < 0: trouble of our own, a negative errno: -ENOMEM, -EINVAL (a name or a value that
 * cannot be sent). > 0: COMMIPC_E_*. A function that answers anything but 0 has done nothing, and its
 * callback is not called.
 *
 * Texts that go in are UTF-8 closed by a zero and are copied; names have 1 to 255 bytes. Texts and values
 * that come out are views.
 */
#ifndef COMMIPC_H
#define COMMIPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define COMMIPC_API __attribute__((visibility("default")))
#else
#define COMMIPC_API
#endif

enum commipc_outcome {
    COMMIPC_DONE = 0,
    COMMIPC_E_NOT_CONNECTED = 1, /* there is no connection now */
    COMMIPC_E_NOT_OPEN,          /* the channel is not open now */
    COMMIPC_E_DISCONNECTED,      /* the connection ended before the answer came */
    COMMIPC_E_REFUSED,           /* the hub or the provider answered with an error; its text says why */
    COMMIPC_E_TIMEOUT,           /* no answer within the time for it */
    COMMIPC_E_FULL,              /* the outgoing queue is full; on_drained() tells when it is not */
    COMMIPC_E_TOO_MANY,          /* as many requests are outstanding as the options allow */
    COMMIPC_E_UNPROTECTED,       /* a password was given, but the channel has none */
    COMMIPC_E_UNSIGNABLE,        /* bytes or an extension cannot be signed, as a protected channel asks */
    COMMIPC_E_FORGED,            /* the signature of what came is wrong */
    COMMIPC_E_STOPPED,           /* the client has given up; see its state */
    COMMIPC_E_WRONG_TYPE,        /* the value is of another type, or beyond the range */
    COMMIPC_E_ABSENT,            /* there is no such item or key */
};

/* "timeout", ...; static storage. For a negative errno its own text. */
COMMIPC_API const char *commipc_outcome_text(int outcome);

/* "0.1.0" */
COMMIPC_API const char *commipc_version(void);

/* ------------------------------------------------------------------------------------------------ values */

/* A borrowed text, not closed by a zero: print it with "%.*s", (int)text.len, text.ptr. */
struct commipc_text {
    const char *ptr;
    size_t len;
};

/* A borrowed view of one MessagePack value. An empty one (len 0) stands for nil. */
struct commipc_value {
    const void *ptr;
    size_t len;
};

enum commipc_type {
    COMMIPC_NIL,
    COMMIPC_BOOL,
    COMMIPC_INTEGER,
    COMMIPC_FLOAT,
    COMMIPC_TEXT,
    COMMIPC_BYTES,
    COMMIPC_ARRAY,
    COMMIPC_MAP,
    COMMIPC_EXTENSION,
    COMMIPC_INVALID, /* not one sound value; none that the library hands out is */
};

/* Reading: 0, COMMIPC_E_WRONG_TYPE or COMMIPC_E_ABSENT. What is read from a value lives as long as its bytes.
 */
COMMIPC_API enum commipc_type commipc_value_type(struct commipc_value value);
COMMIPC_API int commipc_value_bool(struct commipc_value value, bool *out);
COMMIPC_API int commipc_value_i64(struct commipc_value value, int64_t *out);
COMMIPC_API int commipc_value_u64(struct commipc_value value, uint64_t *out);
COMMIPC_API int commipc_value_double(struct commipc_value value, double *out); /* integers too */
COMMIPC_API int commipc_value_text(struct commipc_value value, struct commipc_text *out);
COMMIPC_API int commipc_value_bytes(struct commipc_value value, const void **out_ptr, size_t *out_len);

/* Elements of an array, pairs of a map; 0 for everything else. */
COMMIPC_API size_t commipc_value_count(struct commipc_value value);

/* The value at a text key of a map; of equal keys the last one. */
COMMIPC_API int commipc_value_get(struct commipc_value map, const char *key, struct commipc_value *out);

/*
 * Walks an array or a map: begin with *place = 0. 0 and the next element, COMMIPC_E_ABSENT at the end. Of an
 * array @out_key is nil; it may be NULL.
 */
COMMIPC_API int commipc_value_next(struct commipc_value container, size_t *place,
                                   struct commipc_value *out_key, struct commipc_value *out_value);

/*
 * Writing. A writer remembers a failed allocation, so that a value is written straight down and checked once,
 * by commipc_writer_take(). Arrays and maps announce how many items (pairs) follow.
 */
struct commipc_writer;

/* NULL: out of memory; all functions take such a writer and do nothing. */
COMMIPC_API struct commipc_writer *commipc_writer_new(void);
COMMIPC_API void commipc_writer_free(struct commipc_writer *writer);

/* Empty again, for the next value. */
COMMIPC_API void commipc_writer_reset(struct commipc_writer *writer);

COMMIPC_API void commipc_writer_nil(struct commipc_writer *writer);
COMMIPC_API void commipc_writer_bool(struct commipc_writer *writer, bool value);
COMMIPC_API void commipc_writer_i64(struct commipc_writer *writer, int64_t value);
COMMIPC_API void commipc_writer_u64(struct commipc_writer *writer, uint64_t value);
COMMIPC_API void commipc_writer_double(struct commipc_writer *writer, double value);
COMMIPC_API void commipc_writer_text(struct commipc_writer *writer, const char *text); /* keys too */
COMMIPC_API void commipc_writer_text_of(struct commipc_writer *writer, const char *ptr, size_t len);
COMMIPC_API void commipc_writer_bytes(struct commipc_writer *writer, const void *ptr, size_t len);
COMMIPC_API void commipc_writer_array(struct commipc_writer *writer, uint32_t n_items);
COMMIPC_API void commipc_writer_map(struct commipc_writer *writer, uint32_t n_pairs);
COMMIPC_API void commipc_writer_value(struct commipc_writer *writer, struct commipc_value value);

/* What was written, valid until the writer is written to, reset or freed: 0, -ENOMEM, or -EINVAL: it is not
 * exactly one sound value. */
COMMIPC_API int commipc_writer_take(struct commipc_writer *writer, struct commipc_value *out);

/* ------------------------------------------------------------------------------------------------ client */

struct commipc_loop;
struct commipc_client;
struct commipc_channel;

enum commipc_state {
    COMMIPC_CONNECTING,  /* to the hub's address */
    COMMIPC_IDENTIFYING, /* connected; TLS, id and secret are being settled */
    COMMIPC_READY,       /* known to the hub */
    COMMIPC_WAITING,     /* for the next attempt */
    COMMIPC_STOPPED,     /* for good: a wrong secret, or connecting again is switched off */
};

#define COMMIPC_NO_TIMEOUT UINT32_MAX

/* Begin with COMMIPC_OPTIONS_INIT; what is zero has the value named. Everything but @loop and @user is
 * copied. */
struct commipc_options {
    size_t size;           /* of this struct, so that later versions can add to it */
    const char *address;   /* unix:/path, tcp://host:port, tls://host:port; NULL: where comm-ipc clients look:
                              $COMM_IPC_SOCKET, else $XDG_RUNTIME_DIR/comm-ipc.default.sock, else
                              /tmp/comm-ipc.$USER.sock */
    const char *client_id; /* NULL: "cli-" and 8 hex digits */
    const char *mode;      /* NULL: "client" */
    const char *connection_secret; /* NULL: none; wiped with the client */
    const char *tls_ca;            /* PEM file to trust; NULL: the system's */
    const char *tls_certificate;   /* PEM files of the client's own certificate; NULL: none */
    const char *tls_key;
    const char *tls_server_name; /* that the hub's certificate bears; NULL: the address's host */
    struct commipc_loop *loop;   /* shared with other clients, must outlive them; NULL: one of its own */
    uint32_t connect_timeout_ms; /* to be READY; 10 000 */
    uint32_t call_timeout_ms;    /* of calls that name none; 60 000 */
    uint32_t heartbeat_ms;       /* 30 000 */
    uint32_t idle_timeout_ms;    /* a hub that is silent so long is gone; 60 000 */
    uint32_t reconnect_least_ms; /* before the second attempt, doubled each time; 1000 */
    uint32_t reconnect_most_ms;  /* 60 000 */
    bool is_single_attempt;      /* an attempt that fails and a connection that ends stop the client */
    uint32_t max_pending;        /* requests outstanding; 4096 */
    uint32_t max_held;           /* incoming calls not yet answered; 4096 */
    size_t max_frame_bytes;      /* longest incoming message; 16 MiB */
    size_t max_queued_bytes;     /* outgoing; 16 MiB, "full" from a quarter of it */
    void (*on_state)(void *user, enum commipc_state state, const char *detail); /* detail is never NULL */
    void (*on_error)(void *user, const char *text); /* what no request's callback is told */
    void (*on_drained)(void *user);                 /* the queue was full and is not any more */
    void *user;
};

#define COMMIPC_OPTIONS_INIT                                                                                 \
    {                                                                                                        \
        .size = sizeof(struct commipc_options)                                                               \
    }

#define COMMIPC_WHY_SIZE 512

/*
 * A client, which begins to connect in the first turn. 0, -ENOMEM, or -EINVAL and other negative errnos with
 * a sentence in @out_why (may be NULL).
 */
COMMIPC_API int commipc_client_new(struct commipc_client **out_client, const struct commipc_options *options,
                                   char out_why[COMMIPC_WHY_SIZE]);

/* Closes at once: what is queued is lost. Frees channels and incoming calls with it. NULL is fine. */
COMMIPC_API void commipc_client_free(struct commipc_client *client);

COMMIPC_API enum commipc_state commipc_client_state(const struct commipc_client *client);
COMMIPC_API const char *commipc_client_id(const struct commipc_client *client);

/* "" until the client was READY for the first time. */
COMMIPC_API const char *commipc_client_server_id(const struct commipc_client *client);

/* Bytes that wait to be written; a program that ends waits until there are none. */
COMMIPC_API size_t commipc_client_queued_bytes(const struct commipc_client *client);

/* --- running --- */

/* Until commipc_stop() (also one that came before) or until the client is STOPPED or freed: 0 or a negative
 * errno. */
COMMIPC_API int commipc_run(struct commipc_client *client);

/* One turn, which waits for something to happen at most @wait_ms; -1: without end. 0 or a negative errno. */
COMMIPC_API int commipc_turn(struct commipc_client *client, int wait_ms);

/* Any thread, any signal handler: commipc_run() returns. */
COMMIPC_API void commipc_stop(struct commipc_client *client);

/*
 * For a foreign loop: call commipc_turn(client, 0) when the descriptor is readable or commipc_wait_ms() have
 * passed (-1: only when it is readable). Ask for the wait anew after every call of the library.
 */
COMMIPC_API int commipc_fd(const struct commipc_client *client);
COMMIPC_API int commipc_wait_ms(const struct commipc_client *client);

/* A loop for several clients; a turn of one client is a turn of all. */
COMMIPC_API int commipc_loop_new(struct commipc_loop **out_loop);
COMMIPC_API void commipc_loop_free(struct commipc_loop *loop); /* after its clients */

/* --------------------------------------------------------------------------------------------- callbacks */

/* Told once what became of a request, unless the client is STOPPED or freed before. @text is never NULL; ""
 * where it is done. */
typedef void commipc_done_fn(void *user, int outcome, const char *text);

struct commipc_answer {
    int outcome;      /* 0: @data is the answer, or a chunk of a stream; else there is no data */
    const char *text; /* of the error; never NULL */
    struct commipc_value data;
    bool is_final; /* nothing follows. A stream's last answer has outcome 0 and no data, or is a failure. */
};

typedef void commipc_answer_fn(void *user, const struct commipc_answer *answer);

struct commipc_message {
    struct commipc_text channel;
    struct commipc_text event; /* of topics "subscription.<topic>.data" */
    struct commipc_text sender_id;
    struct commipc_text server_id; /* the sender's hub */
    struct commipc_value data;
    int64_t timestamp_s; /* Unix time; 0 where it is missing */
};

typedef void commipc_message_fn(void *user, const struct commipc_message *message);

/* ---------------------------------------------------------------------------------------------- channels */

/*
 * Wants the channel open from now on, connected or not. @password NULL: none; with one the messages are
 * signed and what is not rightly signed is dropped. (A key is derived from it, which takes some 30 ms.)
 * @on_done (may be NULL) is told of the first opening; failures of later ones go to on_error(). The channel
 * belongs to the client. A second call for a channel is -EALREADY.
 */
COMMIPC_API int commipc_channel_open(struct commipc_client *client, const char *name, const char *password,
                                     commipc_done_fn *on_done, void *user,
                                     struct commipc_channel **out_channel);

COMMIPC_API struct commipc_channel *commipc_channel_find(struct commipc_client *client, const char *name);
COMMIPC_API const char *commipc_channel_name(const struct commipc_channel *channel);
COMMIPC_API bool commipc_channel_is_open(const struct commipc_channel *channel);

/* The owner sets, changes or (NULL) removes the password; on success it is the channel's from now on. */
COMMIPC_API int commipc_channel_set_password(struct commipc_channel *channel, const char *password,
                                             commipc_done_fn *on_done, void *user);

/* {"members": [{"id", "mode", "is_local", "path"}, ...]} */
COMMIPC_API int commipc_channel_members(struct commipc_channel *channel, commipc_answer_fn *on_answer,
                                        void *user);

/* --- asking --- */

/*
 * Calls an event. @on_answer is called exactly once, with is_final, unless the call is cancelled. @timeout_ms
 * 0: the options' one; COMMIPC_NO_TIMEOUT: none. @out_call (may be NULL) is for commipc_call_cancel().
 */
COMMIPC_API int commipc_channel_call(struct commipc_channel *channel, const char *event,
                                     struct commipc_value data, uint32_t timeout_ms,
                                     commipc_answer_fn *on_answer, void *user, uint64_t *out_call);

/* The same for an event that streams: @on_answer is called for every chunk and at the end, which alone is
 * final. @timeout_ms is that of each single chunk. */
COMMIPC_API int commipc_channel_stream(struct commipc_channel *channel, const char *event,
                                       struct commipc_value data, uint32_t timeout_ms,
                                       commipc_answer_fn *on_answer, void *user, uint64_t *out_call);

/* No answer is told any more. The protocol has no word for it: the provider goes on until it is done. Unknown
 * and finished calls are fine. */
COMMIPC_API void commipc_call_cancel(struct commipc_client *client, uint64_t call);

/* To one provider of the event, and to every member; 0 says that it is queued. */
COMMIPC_API int commipc_channel_send(struct commipc_channel *channel, const char *event,
                                     struct commipc_value data);
COMMIPC_API int commipc_channel_broadcast(struct commipc_channel *channel, const char *event,
                                          struct commipc_value data);

/* Broadcasts and sends of @event, or with NULL of every event, topics too; for the channel's life. */
COMMIPC_API int commipc_channel_on_message(struct commipc_channel *channel, const char *event,
                                           commipc_message_fn *on_message, void *user);

/* --- providing --- */

/* An incoming call. It stays the provider's until one of the four functions that end it has been called, also
 * when the connection is gone meanwhile; it dies with the client. */
struct commipc_call;

typedef void commipc_call_fn(void *user, struct commipc_call *call);

struct commipc_event {
    size_t size; /* of this struct */
    const char *name;
    bool is_stream;
    bool is_group;                     /* several clients share the work */
    struct commipc_value param_schema; /* JSON Schema, for others to read; nil: none */
    struct commipc_value return_schema;
    commipc_call_fn *on_call;
    commipc_done_fn *on_done; /* may be NULL: told of the first registration */
    void *user;
};

#define COMMIPC_EVENT_INIT                                                                                   \
    {                                                                                                        \
        .size = sizeof(struct commipc_event)                                                                 \
    }

/* Wants to provide the event from now on, whenever the channel is open. -EALREADY: it does. */
COMMIPC_API int commipc_channel_provide(struct commipc_channel *channel, const struct commipc_event *event);

COMMIPC_API struct commipc_text commipc_call_event(const struct commipc_call *call);
COMMIPC_API struct commipc_text commipc_call_sender_id(const struct commipc_call *call);
COMMIPC_API struct commipc_value commipc_call_data(const struct commipc_call *call);

/* Whether it came by `send`: whatever it is answered is thrown away. */
COMMIPC_API bool commipc_call_is_one_way(const struct commipc_call *call);

/* One chunk of a stream: 0, or an outcome (COMMIPC_E_FULL: again later); the call goes on. */
COMMIPC_API int commipc_call_chunk(struct commipc_call *call, struct commipc_value data);

/* The answer, a stream's end, an error. @call is gone whatever the outcome; where it is not 0 the caller
 * hears of an error instead if it can be reached. */
COMMIPC_API int commipc_call_reply(struct commipc_call *call, struct commipc_value data);
COMMIPC_API int commipc_call_end(struct commipc_call *call);
COMMIPC_API int commipc_call_fail(struct commipc_call *call, const char *text);

/* Forgets it without a word to the caller. */
COMMIPC_API void commipc_call_drop(struct commipc_call *call);

/* --- groups: several providers share the event "<group>.<event>" --- */

COMMIPC_API int commipc_group_provide(struct commipc_channel *channel, const char *group,
                                      const struct commipc_event *event);
COMMIPC_API int commipc_group_call(struct commipc_channel *channel, const char *group, const char *event,
                                   struct commipc_value data, uint32_t timeout_ms,
                                   commipc_answer_fn *on_answer, void *user, uint64_t *out_call);
COMMIPC_API int commipc_group_stream(struct commipc_channel *channel, const char *group, const char *event,
                                     struct commipc_value data, uint32_t timeout_ms,
                                     commipc_answer_fn *on_answer, void *user, uint64_t *out_call);

/* --- topics --- */

/* Wants to own the topic from now on. -EALREADY: it does. @on_done may be NULL. */
COMMIPC_API int commipc_topic_declare(struct commipc_channel *channel, const char *topic,
                                      struct commipc_value schema, commipc_done_fn *on_done, void *user);

/* To every subscriber; the hub refuses (on_error()) what was not declared. */
COMMIPC_API int commipc_topic_publish(struct commipc_channel *channel, const char *topic,
                                      struct commipc_value data);

/* Wants what is published; topics need not be declared yet. -EALREADY: it is subscribed. Published data bears
 * no signature, on protected channels too. */
COMMIPC_API int commipc_topic_subscribe(struct commipc_channel *channel, const char *topic,
                                        commipc_message_fn *on_message, commipc_done_fn *on_done, void *user);

/* Take it back; COMMIPC_E_ABSENT: there is nothing to take back. Without a connection that is all there is to
 * do, and @on_done (may be NULL) is called at once. */
COMMIPC_API int commipc_topic_undeclare(struct commipc_channel *channel, const char *topic,
                                        commipc_done_fn *on_done, void *user);
COMMIPC_API int commipc_topic_unsubscribe(struct commipc_channel *channel, const char *topic,
                                          commipc_done_fn *on_done, void *user);

/* --- what others offer --- */

struct commipc_offer {
    struct commipc_text name;
    struct commipc_text owner;
    bool is_topic; /* else an event */
    bool is_stream;
    bool is_group;
    struct commipc_value param_schema;
    struct commipc_value return_schema; /* of a topic: what is published */
};

typedef void commipc_offer_fn(void *user, const struct commipc_offer *offer);

/* Calls @visit, from inside this call, for all that the hub has told of since the channel was opened last. It
 * must not call the library. */
COMMIPC_API void commipc_channel_explore(const struct commipc_channel *channel, commipc_offer_fn *visit,
                                         void *user);

#ifdef __cplusplus
}
#endif

#endif
