/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_record.h"

#include <stdio.h>

#include "federation/link_state.h"

static struct bytes bridge_name(const struct link *link)
{
    return bytes_of_text(link->bridge ? link->bridge->name : "");
}

static void tell_record(const struct link *link, enum log_level level)
{
    const struct federation *federation = link->federation;
    char hub_id[HUB_ID_TEXT] = "";
    struct log_field fields[7];

    if (link->has_peer)
        hub_id_text(&link->peer, hub_id);
    fields[0] = log_text("bridge", bridge_name(link));
    fields[1] = log_text("direction", bytes_of_text(link->role == LINK_ROLE_DIALER ? "out" : "in"));
    fields[2] = log_text("hub_id", bytes_of_text(hub_id));
    fields[3] = log_text("server_id", bytes_of_text(link->peer_server_id));
    fields[4] = log_text("state", bytes_of_text(link_state_name(link->state)));
    fields[5] = log_text("reason", bytes_of_text(link->reason));
    fields[6] = log_text("last_error", bytes_of_text(link->last_error));
    federation->outlet.note(federation->outlet.context, level, LOG_LINKS, "link_state", fields, 7);
}

/* An end that somebody wished for has no error. */
static bool is_in_trouble(const struct link *link)
{
    return link->state == LINK_BACKOFF || link->state == LINK_REFUSED || link->state == LINK_DEGRADED ||
           (link->state == LINK_ENDED && link->last_error[0]);
}

static void tell_log(const struct link *link, enum log_level level)
{
    bool is_trouble = is_in_trouble(link);
    char text[1024];
    int len;

    len = snprintf(text, sizeof text, "Link %s %s%s%s: %s (%s)%s%s",
                   link->role == LINK_ROLE_DIALER ? "to" : "from", link->address,
                   link->has_peer ? ", hub " : "", link->has_peer ? link->peer_server_id : "",
                   link_state_name(link->state), link->reason, is_trouble && link->last_error[0] ? ": " : "",
                   is_trouble ? link->last_error : "");
    if (len < 0)
        return;
    hub_log(link->federation->hub, level, bytes_of_text(text), BYTES_NONE, federation_time(link->federation));
}

static enum log_level level_of(const struct link *link)
{
    if (is_in_trouble(link))
        return LOG_WARN;
    if (link->state == LINK_DIALING || link->state == LINK_HANDSHAKE || link->state == LINK_SYNCING)
        return LOG_DEBUG;
    return LOG_INFO;
}

void link_record_state(const struct link *link)
{
    enum log_level level = level_of(link);

    tell_record(link, level);
    tell_log(link, level);
}

static const struct {
    const char *state;
    enum log_level level;
    const char *message;
} channel_words[] = {
    [MESH_CHANNEL_PROVEN] = {"proven", LOG_INFO,
                             "both hubs hold the channel's password: it crosses the link"},
    [MESH_CHANNEL_UNPROVEN] =
        {"unproven", LOG_INFO,
         "the other hub has not proven that it holds the channel's password: it does not "
         "cross the link; set the same password there if it shall"},
    [MESH_CHANNEL_RENAMED] =
        {"renamed", LOG_WARN,
         "a channel with a password does not cross under another name, for its messages' "
         "signatures cover the name: take it out of the bridge's remap rules"},
    [MESH_CHANNEL_REFUSED] = {"refused", LOG_WARN,
                              "the other hub has said something of the channel without having proven its "
                              "password: set the same password there, or take it away here"},
};

void link_record_channel(const struct link *link, struct bytes channel, enum mesh_channel_word word)
{
    const struct federation *federation = link->federation;
    char hub_id[HUB_ID_TEXT];
    struct log_field fields[6];

    hub_id_text(&link->peer, hub_id);
    fields[0] = log_text("bridge", bridge_name(link));
    fields[1] = log_text("hub_id", bytes_of_text(hub_id));
    fields[2] = log_text("server_id", bytes_of_text(link->peer_server_id));
    fields[3] = log_text("channel", channel);
    fields[4] = log_text("state", bytes_of_text(channel_words[word].state));
    fields[5] = log_text("message", bytes_of_text(channel_words[word].message));
    federation->outlet.note(federation->outlet.context, channel_words[word].level, LOG_LINKS, "link_channel",
                            fields, 6);
}
