/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Steps that another hub wrote into a probe: on its way through, and come back to where it began. */
#include "federation/mesh.h"
#include "federation/probe.h"
#include "hub/base/check.h"
#include "hub/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct hub_id own = {.octets = {1}};
static const struct hub_id peer = {.octets = {2}};
static const struct hub_id far = {.octets = {3}};

static void outlet_send(void *context, void *link, struct block *frame)
{
    struct link_message message;

    (void)context;
    (void)link;
    check(link_wire_read(frame_body(frame), &message) == 0);
}

static void outlet_end_link(void *context, void *link, const char *reason)
{
    (void)context;
    (void)link;
    (void)reason;
}

static void outlet_wake(void *context)
{
    (void)context;
}

static void outlet_wake_at(void *context, uint64_t at_ms)
{
    (void)context;
    (void)at_ms;
}

static struct origin *choose(void *context, struct bytes channel, struct bytes event, bool *out_is_local)
{
    (void)context;
    (void)channel;
    (void)event;
    *out_is_local = false;
    return NULL;
}

static void on_report(void *context, struct trace_report *report)
{
    (void)context;
    free(report);
}

static void receive(struct mesh_link *link, enum link_message_type type, const struct hub_id *to,
                    struct bytes body)
{
    bool is_onward = type == LINK_MESSAGE_PROBE;
    struct link_message message = {.type = type};

    message.one = (struct link_one){
        .to = *to,
        .from = far,
        .trail = hub_id_bytes(&peer),
        .back = hub_id_bytes(&peer),
        .channel = is_onward ? BYTES_LITERAL("room") : BYTES_NONE,
        .event = is_onward ? BYTES_LITERAL("do") : BYTES_NONE,
        .body = body,
    };
    (void)mesh_link_receive(link, &message, (struct hub_time){1, 1});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mesh_options options = {.hub_id = own, .incarnation = 1, .server_id = BYTES_LITERAL("me")};
    struct mesh_outlet outlet = {
        .send = outlet_send, .end_link = outlet_end_link, .wake = outlet_wake, .wake_at = outlet_wake_at};
    struct mesh_core core = {.choose = choose};
    struct mesh_link_options link_options = {.peer = peer, .session = 1, .cost = 1};
    struct trace_asker asker = {.on_report = on_report};
    struct mesh *mesh;
    struct mesh_link *link;
    uint64_t id;

    check(mesh_new(&mesh, &options, &outlet, &core, (struct hub_time){1, 1}) == 0);
    check(mesh_link_up(mesh, &link_options, (struct hub_time){1, 1}, &link) == 0);
    check(probe_begin(mesh, BYTES_LITERAL("room"), BYTES_LITERAL("do"), &asker, &id) == 0);
    receive(link, LINK_MESSAGE_PROBE, &own, bytes_of(data, size));
    receive(link, LINK_MESSAGE_PROBE, &far, bytes_of(data, size));
    receive(link, LINK_MESSAGE_PROBED, &own, bytes_of(data, size));
    receive(link, LINK_MESSAGE_PROBED, &far, bytes_of(data, size));
    mesh_free(mesh);
    return 0;
}
