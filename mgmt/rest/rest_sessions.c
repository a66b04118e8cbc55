/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * All sessions, for administrators
 */
#include <stdlib.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "mgmt/rest/change.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing.h"
#include "mgmt/rest/problem.h"
#include "mgmt/rest/resources.h"

static json_t *session_json(const struct store_session *session, const struct principal *by)
{
    uint64_t idle_ms = session->seen_ms + SESSIONS_IDLE_MS, most_ms = session->created_ms + SESSIONS_MOST_MS;
    char id[24];

    snprintf(id, sizeof id, "%lld", (long long)session->serial);
    return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b}", "id", id, "user",
                     json_value_text(session->user), "role", role_name(session->role), "created_at",
                     json_value_time(session->created_ms), "seen_at", json_value_time(session->seen_ms),
                     "expires_at", json_value_time(idle_ms < most_ms ? idle_ms : most_ms), "address",
                     json_value_text(session->address), "agent", json_value_text(session->agent), "is_own",
                     by->kind == PRINCIPAL_SESSION && by->serial == session->serial);
}

LISTING_COLUMN(store_session, user, text)
LISTING_COLUMN(store_session, address, text)
LISTING_COLUMN(store_session, seen_ms, number)

static struct listing_value column_role(const void *row)
{
    return (struct listing_value){.text = role_name(((const struct store_session *)row)->role)};
}

static json_t *row_json(const struct request *request, const void *row)
{
    return session_json(row, &request->by);
}

static uint64_t place_of(const void *row)
{
    return (uint64_t)((const struct store_session *)row)->serial;
}

/* They are all in memory: those behind the place that was asked for, in one go. */
static bool read_rows(const struct listing_ask *ask, struct listing_chunk *out_chunk)
{
    struct store_sessions sessions;
    size_t first = 0;

    if (sessions_list(ask->rest->options.sessions, clock_wall_ms(), &sessions) < 0) {
        problem_reply(ask->reply, ask->request, 500, "out of memory");
        return false;
    }
    while (first < sessions.n && place_of(&sessions.rows[first]) <= ask->after)
        first++;
    *out_chunk = listing_rows(sessions.rows, sessions.n - first, 0, false);
    if (first < sessions.n)
        out_chunk->rows = &sessions.rows[first];
    return true;
}

void rest_sessions_list(struct rest *rest, const struct request *request, struct reply *reply)
{
    static const struct listing_column columns[] = {
        {"user", column_user, .sorts = true, LISTING_PART},
        {"role", column_role, .sorts = true, LISTING_WORD, RESOURCES_ROLES},
        {"address", column_address, .sorts = true, LISTING_PART},
        {"seen_at", column_seen_ms, .sorts = true},
    };
    static const struct listing listing = {
        .name = "sessions",
        .order = "created_at",
        .row_bytes = sizeof(struct store_session),
        .columns = columns,
        .n_columns = sizeof columns / sizeof *columns,
        .place = place_of,
        .row_json = row_json,
        .read = read_rows,
    };

    listing_reply(&listing, rest, request, reply);
}

/* The session as JSON; NULL: there is none (or no memory). */
static json_t *find(struct rest *rest, uint64_t serial, const struct principal *by)
{
    struct store_sessions sessions;
    json_t *found = NULL;

    if (sessions_list(rest->options.sessions, clock_wall_ms(), &sessions) < 0)
        return NULL;
    for (size_t i = 0; i < sessions.n; i++) {
        if ((uint64_t)sessions.rows[i].serial == serial)
            found = session_json(&sessions.rows[i], by);
    }
    free(sessions.rows);
    return found;
}

void rest_sessions_delete(struct rest *rest, const struct request *request, struct reply *reply)
{
    uint64_t serial = 0;
    bool is_number = text_to_u64(request->segments[RESOURCES_NAME_SEGMENT], 1, INT64_MAX, &serial) == 0;
    json_t *before = is_number ? find(rest, serial, &request->by) : NULL;
    char why[STORE_WHY_SIZE];
    int r;

    if (!before) {
        problem_reply(reply, request, 404, "There is no such session (any more).");
        return;
    }
    if (change_is_tried(request, reply, 204, before, NULL))
        return;
    r = sessions_end(rest->options.sessions, (int64_t)serial, why);
    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    rest_log(rest, LOG_INFO, request, "The session %llu was ended", (unsigned long long)serial);
    reply_set_empty(reply, 204);
}
