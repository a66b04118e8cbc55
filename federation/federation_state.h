/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Federation's insides, for the files of this folder that have to do with sockets
 */
#ifndef COMMHUB_FEDERATION_FEDERATION_STATE_H
#define COMMHUB_FEDERATION_FEDERATION_STATE_H

#include "federation/bridge.h"
#include "federation/channel_keys.h"
#include "federation/core_face.h"
#include "federation/durable.h"
#include "federation/errand_desk.h"
#include "federation/federation.h"

struct federation {
    struct loop *loop;
    struct mailbox *mailbox;
    struct hub *hub;
    struct outlet outlet;
    struct hub_id hub_id;
    uint64_t incarnation;
    uint64_t run; /* drawn at the start, not 0 */
    char *server_id;
    char *version;
    uint64_t started_s; /* wall clock */
    char *link_secret;  /* NULL: none */
    size_t max_frame_bytes;
    uint32_t resume_window_ms;
    struct mesh *mesh;
    struct core_face face;
    struct channel_keys *keys;
    struct durable *durable;
    struct errand_desk errands;
    enum bridge_management link_management; /* of links that other hubs dial */
    struct list bridges;
    struct list links;
    struct list references;
    struct list trials;
    size_t n_trials;
    uint64_t last_trial_id;
    struct list link_listeners;
    struct list callers; /* connections there that have not greeted yet */
    size_t n_callers;
    struct tls_context *link_tls;
    char **link_peers;
    size_t n_link_peers;
    bool is_draining;
    struct loop_deferred settle;
    struct loop_timer tick;  /* tombstones, and what was lost for want of memory */
    struct loop_timer paced; /* what rests may be told */
};

struct hub_time federation_time(const struct federation *federation);

/* What an operator should know; @event is for machines. Fit for use inside the mesh's outlet. */
void federation_warn(const struct federation *federation, const char *event, const char *text);

#endif
