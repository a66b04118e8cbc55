/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A link's insides, for the files of this folder that are the link: dialing, handshake, pulse, record
 */
#ifndef COMMHUB_FEDERATION_LINK_STATE_H
#define COMMHUB_FEDERATION_LINK_STATE_H

#include "federation/link.h"
#include "federation/mesh_port.h"

enum link_handshake_step {
    LINK_AWAIT_CHALLENGE, /* dialer */
    LINK_AWAIT_ACCEPT,    /* dialer */
    LINK_AWAIT_PROOF,     /* acceptor */
    LINK_PROVEN,
};

struct link {
    const struct mesh_port *port;
    struct list in_federation;
    struct federation *federation;
    struct bridge *bridge; /* NULL: incoming, or the bridge has gone */
    enum link_role role;
    enum link_state state;
    char reason[64];
    char last_error[FEDERATION_DETAIL_SIZE];
    enum link_step step;        /* in which it is; NONE: up, or not begun */
    enum link_step failed_step; /* in which it was at the last error */
    uint64_t since_ms;
    char address[300];

    struct dialer *dialer;
    struct stream *stream;
    struct loop_timer timer; /* BACKOFF, REFUSED: dial; HANDSHAKE: give up; beyond: the beat */
    bool is_ending;          /* on_end() is awaited */
    bool was_refused;

    uint64_t session;           /* the last that the link had; 0: none */
    bool is_cut;                /* it has lost its connection and waits for another */
    bool is_over;               /* it does not wait */
    struct loop_timer window;   /* while it is cut: until when it waits */
    struct link_resume asked;   /* in the handshake: what becomes of it, */
    struct link_resume granted; /* asked by the dialer, granted by the acceptor */
    struct link *heir;          /* acceptor: the link that goes on with this one's connection */

    enum link_handshake_step handshake;
    enum link_trust trust; /* acceptor */
    bool is_tried;         /* no session begins: the handshake is all that the dialer wants */
    bool is_certified;     /* acceptor: the far side proves itself by its certificate, not by the secret */
    uint8_t own_nonce[LINK_WIRE_NONCE_BYTES];
    uint8_t peer_nonce[LINK_WIRE_NONCE_BYTES];
    bool has_peer;
    struct hub_id peer;
    uint64_t peer_incarnation;
    uint64_t peer_run;
    uint64_t peer_max_frame;
    char peer_server_id[FEDERATION_NAME_SIZE];
    uint64_t cost;

    struct mesh_link *mesh_link; /* from SYNCING on */
    bool is_synced;
    bool is_ack_due; /* at the next beat */
    uint64_t n_resumes;
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t bytes_in; /* of earlier connections */
    uint64_t bytes_out;

    uint64_t began_ms; /* of the session */
    uint64_t up_ms;    /* since when it has been up; 0: it has not */
    uint64_t heard_ms;
    uint64_t next_hello_ms;
    uint64_t last_hello_us;
    uint64_t unanswered_ms; /* when the oldest hello without an echo left; 0: none */
    uint64_t progress_ms;   /* when bytes last left */
    uint64_t written_bytes; /* as of then */
    uint64_t greeted_us;    /* when the greeting, or our challenge to one, has left */
    uint64_t answered_us;   /* how long the answer to that took */
    int64_t rtt_us;
    int64_t least_rtt_us; /* of the session; -1: not known yet */
    unsigned n_attempts;
};

/* What each stream of a link calls. */
extern const struct stream_events link_stream_events;
extern const struct stream_marks link_stream_marks;

uint64_t link_now_ms(const struct link *link);

/* The only place where the state changes; tells everyone. */
void link_enter(struct link *link, enum link_state state, const char *reason);
void link_set_error(struct link *link, const char *detail);
void link_begin_step(struct link *link, enum link_step step);

/* The one that the link is made for; NULL: none. */
struct trial *link_trial(const struct link *link);
void link_arm(struct link *link, uint64_t after_ms);

/* Queues a frame that is not counted. */
void link_write(struct link *link, const struct link_message *message);

/* Ends the connection. A session that goes on by another one loses nothing. */
void link_fail(struct link *link, const char *reason, const char *detail);

/* Ends the connection in peace when all is written. */
void link_part(struct link *link, const char *reason);

/* Ends the session, and the connection with it. */
void link_end_session(struct link *link, const char *reason, const char *detail);

/* What has come in is acknowledged. */
void link_acknowledge(struct link *link);

/* Lets go of the connection, without a word; the session is cut. */
void link_let_go(struct link *link);

/* The session is over: the mesh loses the link. */
void link_leave_mesh(struct link *link);

/* Tells the far side why, and ends. */
void link_refuse(struct link *link, enum link_refusal_reason reason);

/* Both sides are proven and a session begins. @session is the number that both have computed. */
void link_proven(struct link *link, uint64_t session);

/* Both sides are proven and the session goes on; @far is what the far side says of it. */
void link_resumed(struct link *link, const struct link_resume *far);

#endif
