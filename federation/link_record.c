/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_record.h"

#include <stdio.h>

static void tell_record(const struct federation *federation, const struct link_status *status,
                        enum log_level level)
{
    struct log_field fields[] = {
        log_text("bridge", bytes_of_text(status->bridge)),
        log_text("direction", bytes_of_text(status->is_outgoing ? "out" : "in")),
        log_text("hub_id", bytes_of_text(status->hub_id)),
        log_text("server_id", bytes_of_text(status->server_id)),
        log_text("state", bytes_of_text(link_state_name(status->state))),
        log_text("reason", bytes_of_text(status->reason)),
        log_text("failed_step", bytes_of_text(link_step_name(status->failed_step))),
        log_text("last_error", bytes_of_text(status->last_error)),
    };

    federation->outlet.note(federation->outlet.context, level, LOG_LINKS, "link_state", fields,
                            sizeof fields / sizeof *fields);
}

/* An end that somebody wished for has no error. */
static bool is_in_trouble(const struct link_status *status)
{
    return status->state == LINK_BACKOFF || status->state == LINK_REFUSED || status->state == LINK_DEGRADED ||
           (status->state == LINK_ENDED && status->last_error[0]);
}

static void tell_log(const struct federation *federation, const struct link_status *status,
                     enum log_level level)
{
    bool is_trouble = is_in_trouble(status);
    char text[1024];
    int len;

    len = snprintf(text, sizeof text, "Link %s %s%s%s: %s (%s%s%s)%s%s", status->is_outgoing ? "to" : "from",
                   status->address, status->hub_id[0] ? ", hub " : "",
                   status->hub_id[0] ? status->server_id : "", link_state_name(status->state), status->reason,
                   is_trouble && status->failed_step ? " at step " : "",
                   is_trouble ? link_step_name(status->failed_step) : "",
                   is_trouble && status->last_error[0] ? ": " : "", is_trouble ? status->last_error : "");
    if (len < 0)
        return;
    hub_log(federation->hub, level, bytes_of_text(text), BYTES_NONE, federation_time(federation));
}

static enum log_level level_of(const struct link_status *status)
{
    if (is_in_trouble(status))
        return LOG_WARN;
    if (status->state == LINK_DIALING || status->state == LINK_HANDSHAKE || status->state == LINK_SYNCING)
        return LOG_DEBUG;
    return LOG_INFO;
}

void link_record_state(const struct federation *federation, const struct link_status *status)
{
    enum log_level level = level_of(status);

    tell_record(federation, status, level);
    tell_log(federation, status, level);
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

void link_record_channel(const struct federation *federation, const struct link_status *status,
                         struct bytes channel, enum mesh_channel_word word)
{
    struct log_field fields[] = {
        log_text("bridge", bytes_of_text(status->bridge)),
        log_text("hub_id", bytes_of_text(status->hub_id)),
        log_text("server_id", bytes_of_text(status->server_id)),
        log_text("channel", channel),
        log_text("state", bytes_of_text(channel_words[word].state)),
        log_text("message", bytes_of_text(channel_words[word].message)),
    };

    federation->outlet.note(federation->outlet.context, channel_words[word].level, LOG_LINKS, "link_channel",
                            fields, sizeof fields / sizeof *fields);
}
