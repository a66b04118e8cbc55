/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/mgmt/fake_guests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/check.h"
#include "hub/base/list.h"
#include "hub/server/guest_control.h"

struct guest {
    struct list link;
    enum guest_verb verb;
    const struct guest_events *events;
    void *owner;
    bool is_over;
    char id[256];
    char data[64];
};

static struct list guests = {&guests, &guests};

static void give(struct guest *guest, struct bytes raw)
{
    bool is_chunk = guest->verb == GUEST_SUBSCRIBE || guest->verb == GUEST_LISTEN;
    struct guest_data data = {.event = BYTES_LITERAL("event"),
                              .raw_data = raw,
                              .sender_id = BYTES_LITERAL("provider"),
                              .server_id = BYTES_LITERAL("hub"),
                              .is_chunk = is_chunk};

    if (guest->is_over)
        return;
    guest->is_over = guest->events->on_data(guest->owner, &data) == GUEST_ENOUGH || !is_chunk;
    if (!is_chunk)
        guest->events->on_end(guest->owner, GUEST_DONE, BYTES_NONE);
}

int guest_control_begin(struct server *server, const struct guest_wish *wish,
                        const struct guest_events *events, void *owner, struct guest **out_guest)
{
    struct guest *guest = calloc(1, sizeof *guest);

    (void)server;
    check(guest);
    guest->verb = wish->verb;
    guest->events = events;
    guest->owner = owner;
    snprintf(guest->id, sizeof guest->id, "%.*s", (int)wish->id.len, (const char *)wish->id.ptr);
    check(wish->raw_data.len < sizeof guest->data);
    if (wish->raw_data.len)
        memcpy(guest->data, wish->raw_data.ptr, wish->raw_data.len);
    list_append(&guests, &guest->link);
    *out_guest = guest;
    if (bytes_equal_text(wish->name, "nobody"))
        events->on_end(owner, GUEST_NO_PROVIDER, BYTES_LITERAL("No provider for room:nobody"));
    else if (bytes_equal_text(wish->name, "echo"))
        give(guest, wish->raw_data);
    return 0;
}

void guest_control_go_on(struct guest *guest)
{
    (void)guest;
}

void guest_control_free(struct guest *guest)
{
    list_unlink(&guest->link);
    guest->events->on_gone(guest->owner);
    free(guest);
}

static void run_count(void *argument)
{
    list_for_each (link, &guests)
        (*(size_t *)argument)++;
}

size_t fake_guests_count(struct mailbox *mailbox)
{
    size_t n = 0;

    check(mailbox_run(mailbox, run_count, &n) == 0);
    return n;
}

struct last {
    char *id;
    char *data;
};

static void run_last(void *argument)
{
    struct last *last = argument;
    struct guest *guest = container_of(guests.prev, struct guest, link);

    check(!list_is_empty(&guests));
    memcpy(last->id, guest->id, sizeof guest->id);
    memcpy(last->data, guest->data, sizeof guest->data);
}

void fake_guests_last(struct mailbox *mailbox, char out_id[256], char out_data[64])
{
    struct last last = {out_id, out_data};

    check(mailbox_run(mailbox, run_last, &last) == 0);
}

static void run_tell(void *argument)
{
    list_for_each (link, &guests)
        give(container_of(link, struct guest, link), *(struct bytes *)argument);
}

void fake_guests_tell(struct mailbox *mailbox, struct bytes raw)
{
    check(mailbox_run(mailbox, run_tell, &raw) == 0);
}

void fake_guests_free_all(void)
{
    list_for_each (link, &guests)
        guest_control_free(container_of(link, struct guest, link));
}
