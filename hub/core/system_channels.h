/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the hub posts on its three system channels, and notes for the log at the same time
 *
 * Posting sends frames to the channel's openers and calls outlet.note(); neither logs, so that a line about a
 * line cannot come about.
 */
#ifndef COMMHUB_CORE_SYSTEM_CHANNELS_H
#define COMMHUB_CORE_SYSTEM_CHANNELS_H

#include "hub/core/hub_state.h"

/* __comm_ipc_logs: server_log */
void system_channels_log(struct hub *hub, enum log_level level, struct bytes text, struct bytes client_id);

/* As system_channels_log() at level info, with the text made as by printf. */
void system_channels_log_format(struct hub *hub, struct bytes client_id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* __comm_ipc_errors: server_error. @is_posted false: only noted. */
void system_channels_error(struct hub *hub, struct bytes text, struct bytes client_id, bool is_posted);

struct registration {
    struct bytes channel;
    struct bytes event; /* BYTES_NONE for an open */
    bool is_provider;
    bool is_stream;
    struct bytes client_id;
};

/* __comm_ipc_system: new_registration */
void system_channels_registration(struct hub *hub, const struct registration *registration);

#endif
