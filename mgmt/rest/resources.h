/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The handlers of all routes, a file a noun
 *
 * The path's {name} is request->segments[3]. Each fills the reply.
 */
#ifndef COMMHUB_MGMT_REST_RESOURCES_H
#define COMMHUB_MGMT_REST_RESOURCES_H

#include "mgmt/rest/rest.h"

/* link_state_name() of all that a list may show. */
#define RESOURCES_LINK_STATES "paused dialing handshake syncing up degraded backoff refused"

#define RESOURCES_BRIDGE_KINDS "native reference auto"
#define RESOURCES_ROLES "viewer operator admin"

#define RESOURCES_NAME_SEGMENT 3 /* api, v1, channels, {name} */

void rest_health_livez(struct rest *rest, const struct request *request, struct reply *reply);
void rest_health_readyz(struct rest *rest, const struct request *request, struct reply *reply);
void rest_health_startupz(struct rest *rest, const struct request *request, struct reply *reply);

void rest_metrics_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_openapi_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_hub_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bundle_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_backup_take(struct rest *rest, const struct request *request, struct reply *reply);
void rest_settings_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_settings_patch(struct rest *rest, const struct request *request, struct reply *reply);
void rest_settings_reload(struct rest *rest, const struct request *request, struct reply *reply);
void rest_clients_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_clients_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_clients_delete(struct rest *rest, const struct request *request, struct reply *reply);
void rest_links_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_routes_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_routes_why(struct rest *rest, const struct request *request, struct reply *reply);
void rest_trace_post(struct rest *rest, const struct request *request, struct reply *reply);
void rest_remote_forward(struct rest *rest, const struct request *request, struct reply *reply);
void rest_mesh_list(struct rest *rest, const struct request *request, struct reply *reply);

void rest_channels_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_channels_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_channels_list_members(struct rest *rest, const struct request *request, struct reply *reply);
void rest_channels_list_events(struct rest *rest, const struct request *request, struct reply *reply);
void rest_channels_list_topics(struct rest *rest, const struct request *request, struct reply *reply);

void rest_passwords_put(struct rest *rest, const struct request *request, struct reply *reply);
void rest_passwords_delete(struct rest *rest, const struct request *request, struct reply *reply);

void rest_bridges_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_put(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_patch(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_delete(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_pause(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_resume(struct rest *rest, const struct request *request, struct reply *reply);
void rest_bridges_retry(struct rest *rest, const struct request *request, struct reply *reply);
void rest_trials_stored(struct rest *rest, const struct request *request, struct reply *reply);
void rest_trials_wish(struct rest *rest, const struct request *request, struct reply *reply);

void rest_traffic_call(struct rest *rest, const struct request *request, struct reply *reply);
void rest_traffic_send(struct rest *rest, const struct request *request, struct reply *reply);
void rest_traffic_broadcast(struct rest *rest, const struct request *request, struct reply *reply);
void rest_traffic_publish(struct rest *rest, const struct request *request, struct reply *reply);
void rest_traffic_subscribe(struct rest *rest, const struct request *request, struct reply *reply);
void rest_traffic_listen(struct rest *rest, const struct request *request, struct reply *reply);

void rest_definitions_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_definitions_post(struct rest *rest, const struct request *request, struct reply *reply);

void rest_events_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_history_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_session_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_session_post(struct rest *rest, const struct request *request, struct reply *reply);
void rest_session_delete(struct rest *rest, const struct request *request, struct reply *reply);
void rest_session_put_password(struct rest *rest, const struct request *request, struct reply *reply);

void rest_setup_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_setup_post(struct rest *rest, const struct request *request, struct reply *reply);

void rest_sessions_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_sessions_delete(struct rest *rest, const struct request *request, struct reply *reply);

void rest_users_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_users_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_users_put(struct rest *rest, const struct request *request, struct reply *reply);
void rest_users_patch(struct rest *rest, const struct request *request, struct reply *reply);
void rest_users_delete(struct rest *rest, const struct request *request, struct reply *reply);

void rest_audit_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_audit_verify(struct rest *rest, const struct request *request, struct reply *reply);

void rest_tokens_list(struct rest *rest, const struct request *request, struct reply *reply);
void rest_tokens_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_tokens_post(struct rest *rest, const struct request *request, struct reply *reply);
void rest_tokens_delete(struct rest *rest, const struct request *request, struct reply *reply);

void rest_live_get(struct rest *rest, const struct request *request, struct reply *reply);
void rest_live_ticket(struct rest *rest, const struct request *request, struct reply *reply);
void rest_live_bus(struct rest *rest, const struct request *request, struct reply *reply);

#endif
