/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A world of hubs in virtual time
 *
 * Each hub is the real core and the real mesh joined by the real face; what is simulated are the clients, the
 * clock, and the links, which carry encoded frames in order after a delay, acknowledge them, and can be cut
 * with frames under way, for good or until they return. The same seed gives the same run. Running out of
 * memory fails the test by check(); so does, at the end, a link of which one end has not heard just what the
 * other one has told.
 */
#ifndef COMMHUB_TESTS_SIM_H
#define COMMHUB_TESTS_SIM_H

#include "federation/core_face.h"
#include "federation/mesh.h"
#include "federation/route_table.h"

#define SIM_MAX_HUBS 128 /* a multiple of 64 */
#define SIM_MAX_LINKS 512
#define SIM_MAX_CLIENTS 1024
#define SIM_QUEUE_WAIT_MS 5 /* what each link says of itself to probes */

struct sim;

/* What a client got: one message. */
struct sim_received {
    enum message_type type;
    char event[64];
    char channel[64];
    char sender[64];
    char request_id[64];
    char error[128];
    char path[256]; /* the hubs, with spaces between */
    uint64_t data;  /* 0 where it is no unsigned number */
    bool is_stream;
    bool is_final;
};

struct sim_client {
    struct sim *sim;
    unsigned hub;
    char id[64];
    struct client *client;
    struct sim_received *received;
    size_t n_received;
    size_t size;
    uint8_t *tally; /* how often each number came by broadcast; NULL: what comes is recorded */
    uint64_t n_tallied;
    struct waiter waiter;  /* on a line: what it brings is too much */
    struct list line;      /* who waits for it */
    uint64_t reads_per_ms; /* bytes; 0: all at once */
    uint64_t unread_bytes;
    uint64_t most_unread_bytes;
    unsigned
        answers; /* as provider: 0 none, 1 one answer to each call (data + 1), n > 1 a stream of n chunks */
};

/* What a mesh knows its end of a link by. */
struct sim_end {
    struct sim_link *link;
    unsigned which; /* 0: at a, 1: at b */
};

struct sim_link {
    unsigned index;
    unsigned a;
    unsigned b;
    bool is_joined;
    uint64_t session;
    uint64_t connection; /* a session has one after the other */
    uint32_t delay_ms;
    uint64_t bytes_per_ms; /* that each direction carries; 0: any number */
    uint64_t free_us[2];   /* when what a, b have sent will have left */
    uint32_t cost;
    struct bridge_policy *policy; /* of end a; the default at b */
    bool is_up[2];                /* at a, at b */
    bool is_cut[2];               /* up, but noticed that the connection is lost */
    struct mesh_link *ends[2];
    struct sim_end names[2];
    bool is_ack_due[2];
    uint64_t heard_ms[2];                          /* the last frame, or the connection's beginning */
    uint64_t n_frames[LINK_MESSAGE_TYPE_COUNT][2]; /* sent by a, by b, and arrived */
    uint64_t n_entries[2];
};

struct sim *sim_new(unsigned n_hubs, uint64_t seed);
void sim_free(struct sim *sim);

/* The links that are added from now on carry a frame in @least_ms to @most_ms, each link in a time of its
 * own; 0: in less than the clock shows. Without a word, in 1 to 5. */
void sim_delay_links(struct sim *sim, uint32_t least_ms, uint32_t most_ms);

/* A link between two hubs, down. Answers its index. */
unsigned sim_add_link(struct sim *sim, unsigned a, unsigned b);
struct sim_link *sim_link(struct sim *sim, unsigned link);
unsigned sim_n_links(const struct sim *sim);

/* Both ends come up now. */
void sim_join(struct sim *sim, unsigned link);

/* What is under way is lost, and so is the session; the ends notice it after 1 to @most_ms milliseconds, each
 * for itself. */
void sim_cut(struct sim *sim, unsigned link, uint64_t most_ms);

/* The same, but the session may go on: sim_return(). 3000 ms is a black hole: hellos stay away. */
void sim_interrupt(struct sim *sim, unsigned link, uint64_t most_ms);

/* From now on what is joined carries pulses: each end says hello once a second and is answered, and one that
 * has heard nothing for 3 s notices that it is cut. */
void sim_beat(struct sim *sim);

/* The link carries nothing any more, which is left to the pulses to find out. */
void sim_silence(struct sim *sim, unsigned link);

/* Another connection for the session; an end that has not noticed yet does so now. */
void sim_return(struct sim *sim, unsigned link);

/* The time for that is over, at both ends; nothing where the link is not interrupted. */
void sim_give_up(struct sim *sim, unsigned link);

/* Shapes, all links joined. */
void sim_join_chain(struct sim *sim, unsigned n);
void sim_join_ring(struct sim *sim, unsigned n);
void sim_join_full(struct sim *sim, unsigned n);
void sim_join_grid(struct sim *sim, unsigned width, unsigned height);

void sim_run(struct sim *sim, uint64_t for_ms);
uint64_t sim_now_ms(const struct sim *sim);
uint64_t sim_random(struct sim *sim, uint64_t below);

struct mesh *sim_mesh(struct sim *sim, unsigned hub);
struct hub *sim_hub(struct sim *sim, unsigned hub);

/* Whether the hub's mesh has told its operator of this. */
bool sim_has_warned(struct sim *sim, unsigned hub, const char *event);

/* Frees the hub's mesh and core with all clients and starts it anew with the next incarnation. Its links are
 * cut. */
void sim_restart(struct sim *sim, unsigned hub);

struct sim_client *sim_connect(struct sim *sim, unsigned hub, const char *id);
void sim_disconnect(struct sim_client *client);

/* From now on broadcasts to the client are counted by their number (at most @most) and not recorded. */
void sim_tally(struct sim_client *client, uint64_t most);

/* From now on the client reads no faster, and holds those who bring more, as a server's session does. */
void sim_read_slowly(struct sim_client *client, uint64_t bytes_per_ms);

/* Whether it has been told to bring nothing more for now; what it brings all the same is taken. */
bool sim_waits(const struct sim_client *client);

/* Requests of a client. Answers are among what it received. */
void sim_open(struct sim_client *client, const char *channel);
void sim_provide(struct sim_client *client, const char *channel, const char *event, bool is_group,
                 bool is_stream);
void sim_call(struct sim_client *client, const char *channel, const char *event, const char *request_id,
              uint64_t data);
void sim_broadcast(struct sim_client *client, const char *channel, uint64_t data);
/* The same with so many bytes more. */
void sim_broadcast_large(struct sim_client *client, const char *channel, uint64_t data, size_t n_bytes);
void sim_send(struct sim_client *client, const char *channel, const char *event, uint64_t data);
void sim_send_large(struct sim_client *client, const char *channel, const char *event, uint64_t data,
                    size_t n_bytes);
void sim_declare(struct sim_client *client, const char *channel, const char *topic);
void sim_undeclare(struct sim_client *client, const char *channel, const char *topic);
void sim_subscribe(struct sim_client *client, const char *channel, const char *topic, bool is_wanted);
void sim_publish(struct sim_client *client, const char *channel, const char *topic, uint64_t data);
/* NULL takes it away. */
void sim_set_password(struct sim_client *client, const char *channel, const char *password);

/* How many of what the client received have this type and, where not NULL, event and (not 0) data. */
size_t sim_count(const struct sim_client *client, enum message_type type, const char *event, uint64_t data);

/* The answer to a request; NULL: none. */
const struct sim_received *sim_answer(const struct sim_client *client, const char *request_id);

/* How many messages of @type all links have carried. */
uint64_t sim_count_frames(const struct sim *sim, enum link_message_type type);
uint64_t sim_count_entries(const struct sim *sim);

/* Reads, from now on, every entry that arrives: what may not be told fails by check() (sim_trace.h). Then:
 * the most entries of one key that came by one link in one direction, and all of them. */
void sim_trace(struct sim *sim);
unsigned sim_most_updates(const struct sim *sim);
uint64_t sim_n_updates(const struct sim *sim);

/* How many frames from now on carry the text anywhere in them. */
void sim_watch(struct sim *sim, const char *text);
size_t sim_count_watched(const struct sim *sim);

/* As an operator does. NULL takes it away. */
void sim_configure_password(struct sim *sim, unsigned hub, const char *channel, const char *password);

/* How often hubs have been told this of a channel with a password. */
size_t sim_count_words(const struct sim *sim, enum mesh_channel_word word);
/* A number of all hubs together. */
uint64_t sim_count_refused(struct sim *sim, enum mesh_refusal refusal);

/* Tables of links that were not what the far side had told, as all hubs have noticed. */
uint64_t sim_count_mismatches(struct sim *sim);

/* How many entries of the kind the hub has and can reach. */
size_t sim_count_ways(struct sim *sim, unsigned hub, enum route_kind kind);

/* The hub's routes as text, for free(). */
char *sim_dump(struct sim *sim, unsigned hub);

#endif
