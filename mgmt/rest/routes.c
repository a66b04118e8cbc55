/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/routes.h"

#include <stdio.h>

#include "mgmt/rest/resources.h"

/* Arguments of lists (listing.h). */
#define PAGED "limit cursor sort"
#define CHANNEL_FILTERS " name owner protected member"
#define MEMBER_FILTERS " id mode is_local"
#define TOPIC_FILTERS " name owner"
#define BRIDGE_FILTERS " name kind address state"
#define LINK_FILTERS " bridge kind direction address hub_id server_id state"

static const struct route routes[] = {
    {"GET", "/livez", ROLE_NONE, SCOPE_NONE, .brief = ROUTE_BRIEF, .handle = rest_health_livez},
    {"GET", "/readyz", ROLE_NONE, SCOPE_NONE, .brief = ROUTE_BRIEF, .handle = rest_health_readyz},
    {"GET", "/startupz", ROLE_NONE, SCOPE_NONE, .brief = ROUTE_BRIEF, .handle = rest_health_startupz},
    {"GET", "/metrics", ROLE_NONE, SCOPE_NONE, .handle = rest_metrics_get},
    {"GET", "/api/v1/openapi.json", ROLE_NONE, SCOPE_NONE, .handle = rest_openapi_get},
    {"GET", "/api/v1/hub", ROLE_VIEWER, SCOPE_HUB, .brief = ROUTE_BRIEF, .handle = rest_hub_get},
    {"GET", "/api/v1/hub/settings", ROLE_VIEWER, SCOPE_HUB, .handle = rest_settings_list},
    {"PATCH", "/api/v1/hub/settings", ROLE_ADMIN, SCOPE_HUB, .takes_body = true, .has_dry_run = true,
     .is_conditional = true, .handle = rest_settings_patch},
    {"GET", "/api/v1/support-bundle", ROLE_ADMIN, SCOPE_HUB, .handle = rest_bundle_get},
    {"POST", "/api/v1/backup", ROLE_ADMIN, SCOPE_ACCESS, .handle = rest_backup_take},
    {"POST", "/api/v1/hub/reload", ROLE_ADMIN, SCOPE_HUB, .has_dry_run = true,
     .handle = rest_settings_reload},
    {"GET", "/api/v1/clients", ROLE_VIEWER, SCOPE_CLIENTS, .arguments = PAGED " id mode address channel",
     .brief = ROUTE_BRIEF_PAGE, .handle = rest_clients_list},
    {"GET", "/api/v1/clients/{id}", ROLE_VIEWER, SCOPE_CLIENTS, .brief = ROUTE_BRIEF,
     .handle = rest_clients_get},
    {"DELETE", "/api/v1/clients/{id}", ROLE_OPERATOR, SCOPE_CLIENTS, .has_dry_run = true,
     .handle = rest_clients_delete},
    {"GET", "/api/v1/channels", ROLE_VIEWER, SCOPE_CHANNELS, .arguments = PAGED CHANNEL_FILTERS,
     .brief = ROUTE_BRIEF_PAGE, .handle = rest_channels_list},
    {"GET", "/api/v1/channels/{name}", ROLE_VIEWER, SCOPE_CHANNELS, .handle = rest_channels_get},
    {"GET", "/api/v1/channels/{name}/members", ROLE_VIEWER, SCOPE_CHANNELS, .arguments = PAGED MEMBER_FILTERS,
     .brief = ROUTE_BRIEF_PAGE, .handle = rest_channels_list_members},
    {"GET", "/api/v1/channels/{name}/events", ROLE_VIEWER, SCOPE_CHANNELS, .arguments = "limit cursor name",
     .handle = rest_channels_list_events},
    {"GET", "/api/v1/channels/{name}/topics", ROLE_VIEWER, SCOPE_CHANNELS, .arguments = PAGED TOPIC_FILTERS,
     .handle = rest_channels_list_topics},
    {"POST", "/api/v1/channels/{name}/events/{event}/call", ROLE_OPERATOR, SCOPE_CALLS,
     .arguments = "timeout", .takes_body = true, .is_quiet = true, .handle = rest_traffic_call},
    {"POST", "/api/v1/channels/{name}/events/{event}/send", ROLE_OPERATOR, SCOPE_CALLS, .takes_body = true,
     .is_quiet = true, .handle = rest_traffic_send},
    {"POST", "/api/v1/channels/{name}/broadcast", ROLE_OPERATOR, SCOPE_CALLS, .arguments = "event",
     .takes_body = true, .is_quiet = true, .handle = rest_traffic_broadcast},
    {"GET", "/api/v1/channels/{name}/broadcasts", ROLE_OPERATOR, SCOPE_CALLS, .handle = rest_traffic_listen},
    {"POST", "/api/v1/channels/{name}/topics/{topic}/publish", ROLE_OPERATOR, SCOPE_CALLS, .takes_body = true,
     .is_quiet = true, .handle = rest_traffic_publish},
    {"GET", "/api/v1/channels/{name}/topics/{topic}/subscribe", ROLE_OPERATOR, SCOPE_CALLS,
     .handle = rest_traffic_subscribe},
    {"PUT", "/api/v1/channels/{name}/password", ROLE_OPERATOR, SCOPE_CHANNELS, .takes_body = true,
     .has_dry_run = true, .handle = rest_passwords_put},
    {"DELETE", "/api/v1/channels/{name}/password", ROLE_OPERATOR, SCOPE_CHANNELS, .has_dry_run = true,
     .handle = rest_passwords_delete},
    {"GET", "/api/v1/bridges", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED BRIDGE_FILTERS,
     .handle = rest_bridges_list},
    {"GET", "/api/v1/bridges/{name}", ROLE_VIEWER, SCOPE_MESH, .handle = rest_bridges_get},
    {"PUT", "/api/v1/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true, .has_dry_run = true,
     .is_conditional = true, .handle = rest_bridges_put},
    {"PATCH", "/api/v1/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true, .has_dry_run = true,
     .is_conditional = true, .handle = rest_bridges_patch},
    {"DELETE", "/api/v1/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .is_conditional = true, .handle = rest_bridges_delete},
    {"POST", "/api/v1/bridges/{name}/pause", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .is_conditional = true, .handle = rest_bridges_pause},
    {"POST", "/api/v1/bridges/{name}/resume", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .is_conditional = true, .handle = rest_bridges_resume},
    {"POST", "/api/v1/bridges/{name}/retry", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .handle = rest_bridges_retry},
    {"POST", "/api/v1/bridges/test", ROLE_OPERATOR, SCOPE_MESH, .arguments = "name", .takes_body = true,
     .is_quiet = true, .handle = rest_trials_wish},
    {"POST", "/api/v1/bridges/{name}/test", ROLE_OPERATOR, SCOPE_MESH, .is_quiet = true,
     .handle = rest_trials_stored},
    {"GET", "/api/v1/links", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED LINK_FILTERS, .brief = ROUTE_BRIEF,
     .handle = rest_links_list},
    {"GET", "/api/v1/mesh", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED " hub_id server_id health version",
     .handle = rest_mesh_list},
    {"GET", "/api/v1/mesh/hubs/{hub}/hub", ROLE_VIEWER, SCOPE_MESH, .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/links", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED LINK_FILTERS,
     .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/bridges", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED BRIDGE_FILTERS,
     .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/bridges/{name}", ROLE_VIEWER, SCOPE_MESH, .handle = rest_remote_forward},
    {"PUT", "/api/v1/mesh/hubs/{hub}/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true,
     .has_dry_run = true, .handle = rest_remote_forward},
    {"PATCH", "/api/v1/mesh/hubs/{hub}/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true,
     .has_dry_run = true, .handle = rest_remote_forward},
    {"DELETE", "/api/v1/mesh/hubs/{hub}/bridges/{name}", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .handle = rest_remote_forward},
    {"POST", "/api/v1/mesh/hubs/{hub}/bridges/{name}/pause", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .handle = rest_remote_forward},
    {"POST", "/api/v1/mesh/hubs/{hub}/bridges/{name}/resume", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .handle = rest_remote_forward},
    {"POST", "/api/v1/mesh/hubs/{hub}/bridges/{name}/retry", ROLE_OPERATOR, SCOPE_MESH, .has_dry_run = true,
     .handle = rest_remote_forward},
    {"POST", "/api/v1/mesh/hubs/{hub}/bridges/{name}/test", ROLE_OPERATOR, SCOPE_MESH, .is_quiet = true,
     .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/channels", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED CHANNEL_FILTERS,
     .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/channels/{name}", ROLE_VIEWER, SCOPE_MESH,
     .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/channels/{name}/members", ROLE_VIEWER, SCOPE_MESH,
     .arguments = PAGED MEMBER_FILTERS, .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/channels/{name}/events", ROLE_VIEWER, SCOPE_MESH,
     .arguments = "limit cursor name", .handle = rest_remote_forward},
    {"GET", "/api/v1/mesh/hubs/{hub}/channels/{name}/topics", ROLE_VIEWER, SCOPE_MESH,
     .arguments = PAGED TOPIC_FILTERS, .handle = rest_remote_forward},
    {"PUT", "/api/v1/mesh/hubs/{hub}/channels/{name}/password", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true,
     .has_dry_run = true, .handle = rest_remote_forward},
    {"DELETE", "/api/v1/mesh/hubs/{hub}/channels/{name}/password", ROLE_OPERATOR, SCOPE_MESH,
     .has_dry_run = true, .handle = rest_remote_forward},
    {"GET", "/ws", ROLE_OPERATOR, SCOPE_CALLS, .is_websocket = true, .handle = rest_live_bus},
    {"GET", "/api/v1/routes", ROLE_VIEWER, SCOPE_MESH, .arguments = PAGED " kind channel name origin",
     .handle = rest_routes_list},
    {"POST", "/api/v1/trace", ROLE_OPERATOR, SCOPE_MESH, .takes_body = true, .handle = rest_trace_post},
    {"GET", "/api/v1/routes/why", ROLE_VIEWER, SCOPE_MESH, .arguments = "channel event topic",
     .handle = rest_routes_why},
    {"GET", "/api/v1/definitions", ROLE_VIEWER, SCOPE_DEFINITIONS, .handle = rest_definitions_get},
    {"POST", "/api/v1/definitions", ROLE_OPERATOR, SCOPE_DEFINITIONS, .arguments = "mode", .takes_body = true,
     .has_dry_run = true, .is_conditional = true, .handle = rest_definitions_post},
    {"GET", "/api/v1/events", ROLE_VIEWER, SCOPE_EVENTS,
     .arguments = "since epoch streams level text limit wait", .handle = rest_events_list},
    {"GET", "/api/v1/events/history", ROLE_VIEWER, SCOPE_EVENTS,
     .arguments = PAGED " streams level text from until", .handle = rest_history_list},
    {"GET", "/api/v1/setup", ROLE_NONE, SCOPE_NONE, .handle = rest_setup_get},
    {"POST", "/api/v1/setup", ROLE_ADMIN, SCOPE_ACCESS, .takes_body = true, .has_dry_run = true,
     .handle = rest_setup_post},
    {"GET", "/api/v1/session", ROLE_VIEWER, SCOPE_NONE, .handle = rest_session_get},
    {"POST", "/api/v1/session", ROLE_NONE, SCOPE_NONE, .takes_body = true, .has_dry_run = true,
     .handle = rest_session_post},
    {"DELETE", "/api/v1/session", ROLE_VIEWER, SCOPE_NONE, .has_dry_run = true,
     .handle = rest_session_delete},
    {"PUT", "/api/v1/session/password", ROLE_VIEWER, SCOPE_NONE, .takes_body = true, .has_dry_run = true,
     .handle = rest_session_put_password},
    {"GET", "/api/v1/sessions", ROLE_ADMIN, SCOPE_ACCESS, .arguments = PAGED " user role address",
     .handle = rest_sessions_list},
    {"DELETE", "/api/v1/sessions/{id}", ROLE_ADMIN, SCOPE_ACCESS, .has_dry_run = true,
     .handle = rest_sessions_delete},
    {"GET", "/api/v1/users", ROLE_ADMIN, SCOPE_ACCESS, .arguments = PAGED " name role enabled",
     .handle = rest_users_list},
    {"GET", "/api/v1/users/{name}", ROLE_ADMIN, SCOPE_ACCESS, .handle = rest_users_get},
    {"PUT", "/api/v1/users/{name}", ROLE_ADMIN, SCOPE_ACCESS, .takes_body = true, .has_dry_run = true,
     .is_conditional = true, .handle = rest_users_put},
    {"PATCH", "/api/v1/users/{name}", ROLE_ADMIN, SCOPE_ACCESS, .takes_body = true, .has_dry_run = true,
     .is_conditional = true, .handle = rest_users_patch},
    {"DELETE", "/api/v1/users/{name}", ROLE_ADMIN, SCOPE_ACCESS, .has_dry_run = true, .is_conditional = true,
     .handle = rest_users_delete},
    {"GET", "/api/v1/tokens", ROLE_ADMIN, SCOPE_ACCESS, .arguments = PAGED " name role origin created_by",
     .handle = rest_tokens_list},
    {"POST", "/api/v1/tokens", ROLE_ADMIN, SCOPE_ACCESS, .takes_body = true, .has_dry_run = true,
     .handle = rest_tokens_post},
    {"GET", "/api/v1/tokens/{name}", ROLE_ADMIN, SCOPE_ACCESS, .handle = rest_tokens_get},
    {"DELETE", "/api/v1/tokens/{name}", ROLE_ADMIN, SCOPE_ACCESS, .has_dry_run = true, .is_conditional = true,
     .handle = rest_tokens_delete},
    {"GET", "/api/v1/audit", ROLE_ADMIN, SCOPE_AUDIT,
     .arguments = PAGED " who method target request_id status", .handle = rest_audit_list},
    {"POST", "/api/v1/audit/verify", ROLE_ADMIN, SCOPE_AUDIT, .is_quiet = true, .handle = rest_audit_verify},
    {"POST", "/api/v1/live/ticket", ROLE_VIEWER, SCOPE_NONE, .is_quiet = true, .handle = rest_live_ticket},
    {"GET", "/api/v1/live", ROLE_VIEWER, SCOPE_EVENTS, .is_websocket = true, .handle = rest_live_get},
};

#define N_ROUTES (sizeof routes / sizeof *routes)

const struct route *routes_all(size_t *out_n)
{
    *out_n = N_ROUTES;
    return routes;
}

/* Compares a pattern with the decoded segments; {name} takes any one segment that is not empty. */
static bool fits(const char *pattern, const struct request *request)
{
    size_t i = 0;

    while (*pattern == '/') {
        size_t len = strcspn(pattern + 1, "/");
        struct bytes part = bytes_of(pattern + 1, len);

        if (i == request->n_segments)
            return false;
        if (len > 0 && part.ptr[0] == '{' ? *request->segments[i] == '\0'
                                          : !bytes_equal_text(part, request->segments[i]))
            return false;
        pattern += 1 + len;
        i++;
    }
    return i == request->n_segments;
}

static bool is_method(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0 && !route->is_websocket);
}

int routes_find(const struct request *request, const struct route **out_route,
                char out_allow[ROUTES_ALLOW_SIZE])
{
    size_t len = 0;

    *out_allow = '\0';
    for (size_t i = 0; i < N_ROUTES; i++) {
        const struct route *route = &routes[i];

        if (!fits(route->pattern, request))
            continue;
        if (is_method(route, request->method)) {
            *out_route = route;
            return 0;
        }
        len += (size_t)snprintf(out_allow + len, ROUTES_ALLOW_SIZE - len, "%s%s%s", len ? ", " : "",
                                route->method, is_method(route, "HEAD") ? ", HEAD" : "");
    }
    if (len == 0)
        return ROUTES_E_UNKNOWN;
    snprintf(out_allow + len, ROUTES_ALLOW_SIZE - len, ", OPTIONS");
    return ROUTES_E_METHOD;
}
