/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/server/server_control.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/server/session.h"
#include "hub/wire/error_text.h"

static int add_session_columns(struct view *view, struct view_client *row)
{
    const struct session *session = row->owner;

    row->address = hub_view_text(view, session->peer);
    row->queued_bytes = stream_outbox_bytes(session->stream);
    row->owner = NULL;
    return row->address ? 0 : -ENOMEM;
}

int server_control_clients(struct server *server, uint64_t after, size_t limit,
                           struct view_clients *out_clients)
{
    int r = hub_view_clients(server->hub, after, limit, out_clients);

    for (size_t i = 0; r == 0 && i < out_clients->n_clients; i++) {
        r = add_session_columns(out_clients->view, &out_clients->clients[i]);
        if (r < 0)
            hub_view_free(out_clients->view);
    }
    return r;
}

int server_control_channels(struct server *server, uint64_t after, size_t limit,
                            struct view_channels *out_channels)
{
    return hub_view_channels(server->hub, after, limit, out_channels);
}

int server_control_channel(struct server *server, struct bytes name, struct view_channels *out_channels)
{
    return hub_view_channel(server->hub, name, out_channels);
}

int server_control_status(struct server *server, struct server_status *out_status)
{
    struct server_status status = {
        .counts = hub_view_counts(server->hub),
        .n_connections = server->n_sessions,
        .is_accepting = !server->is_draining && server->n_listeners > 0,
        .n_listeners = server->n_listeners,
    };

    status.listeners = calloc(server->n_listeners + 1, sizeof *status.listeners);
    if (!status.listeners)
        return -ENOMEM;
    for (size_t i = 0; i < server->n_listeners; i++)
        address_text(listener_address(server->listeners[i]), status.listeners[i]);
    *out_status = status;
    return 0;
}

int server_control_set_password(struct server *server, struct bytes channel, struct bytes password,
                                const uint8_t *signing_key)
{
    return hub_configure_password(server->hub, channel, password, PASSWORD_BY_OPERATOR, signing_key,
                                  server_time(server));
}

void server_control_adopt(struct server *server, int fd, const char *peer)
{
    if (server->is_draining)
        close(fd);
    else
        server_accept(server, fd, false, peer);
}

int server_control_kick(struct server *server, struct bytes id)
{
    char sentence[ERROR_TEXT_SIZE];

    list_for_each (link, &server->sessions) {
        struct session *session = container_of(link, struct session, in_server);

        if (!session->client || !bytes_equal(hub_client_id(session->client), id))
            continue;
        session_end_with_error(session, END_KICKED,
                               error_text_format(ERROR_KICKED, BYTES_NONE, BYTES_NONE, sentence));
        return 0;
    }
    return SERVER_CONTROL_E_UNKNOWN;
}
