/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the management plane may ask of the hub and tell it
 *
 * Every function runs on the loop's thread: other threads send it there with mailbox_run(). Nothing here
 * blocks.
 */
#ifndef COMMHUB_SERVER_SERVER_CONTROL_H
#define COMMHUB_SERVER_SERVER_CONTROL_H

#include "hub/core/channel_view.h"
#include "hub/core/hub_view.h"

struct server;

/*
 * Lists: a step of a page, for mailbox_walk(). Answers are the views'; the caller frees list->view.
 * Of clients address and queue are filled in.
 */
int server_control_clients(struct server *server, struct view_list *list);
int server_control_channels(struct server *server, struct view_list *list);
int server_control_members(struct server *server, struct view_list *list);
int server_control_events(struct server *server, struct view_list *list);
int server_control_topics(struct server *server, struct view_list *list);

/* One client, and what its connection tells. */
struct server_client {
    struct view *view; /* view_free() */
    struct view_client client;
    struct view_holdings holds;
    bool is_tls;
    bool is_held_up; /* more waits for it than it should: who sends to it is not read meanwhile */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t silent_ms; /* since its last message */
};

/* 0, VIEW_E_UNKNOWN or -ENOMEM. */
int server_control_client(struct server *server, struct bytes id, struct server_client *out_client);

/* One channel: the same; the caller frees the view. */
int server_control_channel(struct server *server, struct bytes name, struct view **out_view,
                           struct view_channel *out_channel);

struct server_status {
    struct view_counts counts;
    uint64_t n_connections; /* identified or not */
    bool is_accepting;      /* false while draining */
    size_t n_listeners;
    char (*listeners)[300]; /* texts of the addresses; free() */
};

int server_control_status(struct server *server, struct server_status *out_status);

/* An operator's password for a channel; an empty one takes it away. @signing_key as in
 * hub_configure_password(). */
int server_control_set_password(struct server *server, struct bytes channel, struct bytes password,
                                const uint8_t *signing_key);

/*
 * Takes over @fd, a connected and non-blocking stream socket, as if it had been accepted; @peer is who is
 * behind it. Where there is no room, or the hub is ending, it is closed.
 */
void server_control_adopt(struct server *server, int fd, const char *peer);

/* Ends a client's connection: 0, or SERVER_CONTROL_E_UNKNOWN. */
enum { SERVER_CONTROL_E_UNKNOWN = 1 };
int server_control_kick(struct server *server, struct bytes client_id);

#endif
