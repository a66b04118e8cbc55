/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the management plane may ask of the hub and tell it
 *
 * Every function runs on the loop's thread: other threads send it there with mailbox_run(). Nothing here
 * blocks.
 */
#ifndef COMMHUB_SERVER_SERVER_CONTROL_H
#define COMMHUB_SERVER_SERVER_CONTROL_H

#include "hub/core/hub_view.h"

struct server;

/* The rows with address and queue filled in. 0 or -ENOMEM; the caller frees out_clients->view. */
int server_control_clients(struct server *server, uint64_t after, size_t limit,
                           struct view_clients *out_clients);
int server_control_channels(struct server *server, uint64_t after, size_t limit,
                            struct view_channels *out_channels);
int server_control_channel(struct server *server, struct bytes name, struct view_channels *out_channels);

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
