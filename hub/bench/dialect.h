/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A protocol as the load generator speaks it
 *
 * The load decides what is sent and counts what arrives; the dialect turns that into bytes. Frames are built
 * once, and only ids and payloads are written into copies of them. A dialect calls run_failed() where the
 * server says or sends what it must not.
 *
 * Every payload begins with DIALECT_MAGIC and 8 bytes, big-endian: the id of its call, or the sequence number
 * of its message.
 */
#ifndef COMMHUB_BENCH_DIALECT_H
#define COMMHUB_BENCH_DIALECT_H

#include "hub/base/bytes.h"
#include "hub/bench/conduit.h"

struct run;

#define DIALECT_MAGIC "\xbe\x9c\xa1\x7e"
#define DIALECT_MAGIC_BYTES 4
#define DIALECT_PAYLOAD_LEAST 12 /* the magic and the number */

enum mode {
    MODE_RPC,
    MODE_PUBSUB,
    MODE_BROADCAST,
    MODE_STREAM,
    MODE_IDLE,
    N_MODES,
};

struct dialect {
    const char *program; /* in messages and the usage text: "commhub bench" */
    const char *server;  /* what it talks to: "hub" */
    uint32_t modes;      /* bit per enum mode that the protocol can do */
    bool has_secret;     /* takes --connection-secret-file */
    bool has_groups;     /* several providers may share the calls */
    bool has_mesh;       /* providers and subscribers may be at another server */

    /* Builds the frames into run->frames: 0 or a negative errno. */
    int (*prepare)(struct run *run);
    void (*release)(struct run *run);

    /* Says the first words of a fresh connection; run_joined() follows from take() when it is ready. */
    void (*begin)(struct run *run, struct conduit *conduit);

    /*
     * Takes whole messages off the front of @in and hands them to the run; answers how many bytes those were.
     */
    size_t (*take)(struct run *run, struct conduit *conduit, struct bytes in);

    /* Asks for a sign of life; run_settled() when it comes, which is after all that was sent before. */
    void (*put_ping)(struct run *run, struct conduit *conduit);

    void (*put_call)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*put_reply)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*put_chunk)(struct run *run, struct conduit *conduit, uint64_t id, uint64_t sequence);
    void (*put_end)(struct run *run, struct conduit *conduit, uint64_t id);
    void (*put_message)(struct run *run, struct conduit *conduit, uint64_t sequence);
};

/* The id of a call: its caller (of those of one generator), its place among the caller's calls, its turn. */
static inline uint64_t dialect_id(uint32_t caller, uint32_t place, uint32_t turn)
{
    return (uint64_t)caller << 48 | (uint64_t)place << 32 | turn;
}

static inline uint32_t dialect_id_caller(uint64_t id)
{
    return (uint32_t)(id >> 48);
}

static inline uint32_t dialect_id_place(uint64_t id)
{
    return (uint32_t)(id >> 32) & 0xffff;
}

static inline uint32_t dialect_id_turn(uint64_t id)
{
    return (uint32_t)id;
}

static inline void dialect_put_number(uint8_t *payload, uint64_t number)
{
    number = __builtin_bswap64(number);
    memcpy(payload + DIALECT_MAGIC_BYTES, &number, sizeof number);
}

static inline uint64_t dialect_number(const uint8_t *payload)
{
    uint64_t number;

    memcpy(&number, payload + DIALECT_MAGIC_BYTES, sizeof number);
    return __builtin_bswap64(number);
}

static inline bool dialect_is_payload(struct bytes payload)
{
    return payload.len >= DIALECT_PAYLOAD_LEAST &&
           memcmp(payload.ptr, DIALECT_MAGIC, DIALECT_MAGIC_BYTES) == 0;
}

/* A payload of @len bytes with number 0. */
static inline void dialect_fill_payload(uint8_t *payload, size_t len)
{
    memset(payload, 'x', len);
    memcpy(payload, DIALECT_MAGIC, DIALECT_MAGIC_BYTES);
    dialect_put_number(payload, 0);
}

#endif
