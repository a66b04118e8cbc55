/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A reference link's insides, for the files of this folder that are the link: life, pulse, part in the mesh
 */
#ifndef COMMHUB_FEDERATION_REFERENCE_STATE_H
#define COMMHUB_FEDERATION_REFERENCE_STATE_H

#include "federation/foreign.h"
#include "federation/mesh_port.h"
#include "federation/reference_link.h"
#include "federation/release_probe.h"
#include "hub/client/connection.h"

struct reference_link {
    const struct mesh_port *port;
    struct list in_federation;
    struct federation *federation;
    struct bridge *bridge;
    enum link_state state;
    char reason[64];
    char last_error[FEDERATION_DETAIL_SIZE];
    enum link_step step;        /* in which it is; NONE: up, or not begun */
    enum link_step failed_step; /* in which it was at the last error */
    uint64_t since_ms;
    struct loop_timer timer;      /* BACKOFF, REFUSED: connect; beyond: the beat */
    struct loop_deferred settled; /* the end of the connection, and what the translator has to tell */

    struct connection connection;
    bool has_connection;
    bool is_ending; /* at the end of the turn, with `reason` */
    bool was_refused;
    unsigned n_attempts;
    uint64_t up_ms; /* since when it has been up; 0: it has not */

    bool has_peer;
    struct hub_id peer; /* made of its name */
    char server_id[FEDERATION_NAME_SIZE];
    struct release_probe probe;
    enum release release;

    struct foreign *foreign; /* NULL: we stand by */
    struct mesh_link *mesh_link;
    uint64_t incarnation;
    uint64_t takeover_ms; /* when to take over a hub that the mesh has lost; 0: it has not */
    uint64_t tick_ms;

    uint64_t heard_ms;
    uint64_t next_ping_ms;
    uint64_t ping_us;
    uint64_t unanswered_ms;    /* when the ping without an answer left; 0: none */
    uint64_t messages_at_pong; /* messages_out as of the last answer */
    int64_t rtt_us;

    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in; /* of earlier connections */
    uint64_t bytes_out;
};

uint64_t reference_link_now_ms(const struct reference_link *link);

/* The only place where the state changes; tells everyone. */
void reference_link_enter(struct reference_link *link, enum link_state state, const char *reason);

/* Ends the connection at the end of the turn. */
void reference_link_fail(struct reference_link *link, const char *reason, const char *detail);

/* The same, and somebody must act. */
void reference_link_refuse(struct reference_link *link, const char *reason, const char *detail);

/* Queues a frame, whose reference passes on; NULL: there was no memory for it. */
void reference_link_say(struct reference_link *link, struct block *frame);

/* --- reference_pulse.c: whether the foreign hub is alive --- */

void reference_pulse_begin(struct reference_link *link);
void reference_pulse_beat(struct reference_link *link);
void reference_pulse_hear_pong(struct reference_link *link);

/* --- reference_mesh.c: the link's part in the mesh --- */

extern const struct mesh_port reference_mesh_port;

/* We are known to the foreign hub: takes it into the mesh, or stands by where it is there already. */
void reference_mesh_begin(struct reference_link *link);

/* Takes over, or steps back, as the mesh has it. */
void reference_mesh_consider(struct reference_link *link);

void reference_mesh_leave(struct reference_link *link);
void reference_mesh_settle(struct reference_link *link);

#endif
