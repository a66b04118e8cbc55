/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/server/server_control.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub/server/session.h"
#include "hub/wire/error_text.h"

/* The client is a session's: guests and peers are not shown. */
static void add_session_columns(struct view *view, struct view_client *row)
{
    const struct session *session = row->owner;

    row->address = view_text(view, bytes_of_text(session->peer));
    row->queued_bytes = stream_outbox_bytes(session->stream);
    row->owner = NULL;
}

int server_control_clients(struct server *server, struct view_list *list)
{
    size_t n_before = list->n;
    int r = hub_view_clients(server->hub, list);
    struct view_client *rows = list->rows;

    for (size_t i = n_before; i < list->n; i++)
        add_session_columns(list->view, &rows[i]);
    return r;
}

static int describe_client(struct server *server, struct bytes id, struct view *view,
                           struct server_client *out_client)
{
    int r = hub_view_client(server->hub, id, view, &out_client->client, &out_client->holds);
    const struct session *session;

    if (r != 0)
        return r;
    session = out_client->client.owner;
    out_client->is_tls = session->is_tls;
    out_client->is_held_up = stream_is_full(session->stream);
    out_client->bytes_in = stream_read_bytes(session->stream);
    out_client->bytes_out = stream_written_bytes(session->stream);
    out_client->silent_ms = loop_now_ms(server->loop) - session->heard_ms;
    add_session_columns(view, &out_client->client);
    return view_has_failed(view) ? -ENOMEM : 0;
}

int server_control_client(struct server *server, struct bytes id, struct server_client *out_client)
{
    struct view *view = view_new();
    int r = view ? describe_client(server, id, view, out_client) : -ENOMEM;

    if (r == 0)
        out_client->view = view;
    else
        view_free(view);
    return r;
}

int server_control_channels(struct server *server, struct view_list *list)
{
    return hub_view_channels(server->hub, list);
}

int server_control_channel(struct server *server, struct bytes name, struct view **out_view,
                           struct view_channel *out_channel)
{
    struct view *view = view_new();
    int r = view ? hub_view_channel(server->hub, name, view, out_channel) : -ENOMEM;

    if (r == 0)
        *out_view = view;
    else
        view_free(view);
    return r;
}

int server_control_members(struct server *server, struct view_list *list)
{
    return channel_view_members(server->hub, list);
}

int server_control_events(struct server *server, struct view_list *list)
{
    return channel_view_events(server->hub, list);
}

int server_control_topics(struct server *server, struct view_list *list)
{
    return channel_view_topics(server->hub, list);
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
    struct session *session = hub_client_owner(server->hub, id);
    char sentence[ERROR_TEXT_SIZE];

    if (!session)
        return SERVER_CONTROL_E_UNKNOWN;
    session_end_with_error(session, END_KICKED,
                           error_text_format(ERROR_KICKED, BYTES_NONE, BYTES_NONE, sentence));
    return 0;
}
