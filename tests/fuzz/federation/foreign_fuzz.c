/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A life of a translator in bytes: frames of a hub, which may say anything, entries of a mesh, and passing
 * time
 *
 * What must hold throughout: each frame that it says is one sound message, each link message that it tells
 * the mesh can be written and read, and when it goes nothing is left.
 */
#include "federation/foreign.h"
#include "federation/route_table.h"
#include "hub/base/check.h"
#include "hub/wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(void *context, struct block *frame)
{
    struct message message;

    (void)context;
    check(frame);
    check(message_parse(frame_body(frame), &message) == 0);
    block_unref(frame);
}

static void tell(void *context, const struct link_message *message)
{
    struct link_message read;
    struct block *frame = link_wire_write(message, 1);

    (void)context;
    check(frame && link_wire_read(frame_body(frame), &read) == 0);
    block_unref(frame);
}

static void wake(void *context)
{
    *(bool *)context = true;
}

static bool lets(void *context, struct bytes channel)
{
    (void)context;
    return channel.len != 3;
}

static bool has_passed(void *context, struct bytes channel, const struct message *message)
{
    (void)context;
    (void)message;
    return channel.len == 2;
}

static bool knows(void *context, const struct hub_id *hub)
{
    (void)context;
    return hub->octets[0] & 1;
}

static struct bytes name_of(void *context, const struct hub_id *hub)
{
    (void)context;
    return hub->octets[0] & 1 ? BYTES_LITERAL("hub") : BYTES_NONE;
}

static void refused(void *context, enum mesh_refusal refusal)
{
    (void)context;
    (void)refusal;
}

static void warn(void *context, const char *event, const char *text)
{
    (void)context;
    (void)event;
    (void)text;
}

/* The body of a frame that the mesh would send, where it is one. */
static void hear_mesh(struct foreign *foreign, struct bytes body)
{
    struct link_message message;

    if (link_wire_read(body, &message) == 0)
        foreign_take(foreign, &message);
}

static void hear_hub(struct foreign *foreign, struct bytes body)
{
    struct message message;

    if (message_parse(body, &message) == 0)
        foreign_hear(foreign, &message);
}

/* Steps of three bytes (what, length) and so many bytes. */
static void live(struct foreign *foreign, struct bytes input, const bool *is_awake)
{
    uint64_t now_ms = 0;

    while (input.len > 3) {
        size_t len = (size_t)input.ptr[1] << 8 | input.ptr[2];
        uint8_t what = input.ptr[0];
        struct bytes body = bytes_from(input, 3);

        if (body.len > len)
            body.len = len;
        if (what % 4 == 0)
            hear_mesh(foreign, body);
        else if (what % 4 == 1)
            foreign_tick(foreign, now_ms += 1000 * len);
        else
            hear_hub(foreign, body);
        input = bytes_from(input, 3 + body.len);
        if (*is_awake)
            foreign_settle(foreign);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"room"};
    bool is_awake = false;
    const struct foreign_outlet outlet = {say,   tell,    wake,    lets, has_passed,
                                          knows, name_of, refused, warn, &is_awake};
    const struct foreign_options options = {
        .client_id = BYTES_LITERAL("us"),
        .server_id = BYTES_LITERAL("python"),
        .hub_id = {{7}},
        .incarnation = 1,
        .session = 1,
        .has_members = size > 0 && data[0] & 1,
        .n_names = 1,
        .names = names,
    };
    struct foreign *foreign;

    check(foreign_new(&foreign, &options, &outlet, 0) == 0);
    foreign_settle(foreign);
    live(foreign, bytes_from(bytes_of(data, size), 1), &is_awake);
    foreign_free(foreign);
    return 0;
}
