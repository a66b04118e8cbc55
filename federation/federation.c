/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/federation.h"

#include <errno.h>
#include <time.h>

#include "federation/federation_state.h"
#include "federation/link.h"
#include "federation/link_listener.h"
#include "federation/link_record.h"
#include "federation/mesh_port.h"
#include "federation/reference_link.h"
#include "federation/self_profile.h"
#include "federation/trial.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"

#define DEFAULT_FRAME_BYTES (16U << 20)
#define DEFAULT_RESUME_WINDOW_MS 30000U
#define TICK_MS 1000U

struct hub_time federation_time(const struct federation *federation)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME_COARSE, &wall); /* seconds are all that is asked for */
    return (struct hub_time){.now_ms = loop_now_ms(federation->loop), .wall_s = (uint64_t)wall.tv_sec};
}

/* --- the mesh's ways out -------------------------------------------------------------------------------- */

static void outlet_send(void *context, void *link, struct block *frame)
{
    (void)context;
    mesh_port_of(link)->send(link, frame);
}

static void outlet_end_link(void *context, void *link, const char *reason)
{
    (void)context;
    mesh_port_of(link)->end(link, reason);
}

static void outlet_on_synced(void *context, void *link)
{
    (void)context;
    mesh_port_of(link)->on_synced(link);
}

static void outlet_wake(void *context)
{
    struct federation *federation = context;

    loop_defer(federation->loop, &federation->settle);
}

/* Without memory for it the tick comes, somewhat later. */
static void outlet_wake_at(void *context, uint64_t at_ms)
{
    struct federation *federation = context;

    (void)loop_timer_arm(federation->loop, &federation->paced, at_ms);
}

static void outlet_errand(void *context, const struct link_errand *errand)
{
    struct federation *federation = context;

    errand_desk_take(&federation->errands, errand);
}

/* To the record only; the logs channel would go through the core, which may be at work. */
void federation_warn(const struct federation *federation, const char *event, const char *text)
{
    struct log_field fields[] = {
        log_text("reason", bytes_of_text(event)),
        log_text("message", bytes_of_text(text)),
    };

    federation->outlet.note(federation->outlet.context, LOG_WARN, LOG_LINKS, "mesh_warning", fields, 2);
}

static void outlet_warn(void *context, const char *event, const char *text)
{
    federation_warn(context, event, text);
}

static void outlet_stretch(void *context, struct bytes channel, const uint8_t *secret)
{
    struct federation *federation = context;

    channel_keys_ask(federation->keys, channel, secret);
}

static void on_key(void *context, struct bytes channel, const uint8_t *secret, const uint8_t *key)
{
    struct federation *federation = context;

    mesh_channel_key(federation->mesh, channel, secret, key, federation_time(federation));
}

static void outlet_on_channel(void *context, void *link, struct bytes channel, enum mesh_channel_word word)
{
    struct federation *federation = context;
    struct link_status status;

    mesh_port_of(link)->describe(link, &status);
    link_record_channel(federation, &status, channel, word);
}

static void outlet_acknowledge(void *context, void *link)
{
    (void)context;
    mesh_port_of(link)->acknowledge(link);
}

static void outlet_facts(void *context, void *link, struct mesh_link_facts *out_facts)
{
    struct link_status status = {0};

    (void)context;
    out_facts->now_us = clock_monotonic_us();
    if (!link)
        return;
    mesh_port_of(link)->describe(link, &status);
    out_facts->queued_bytes = status.queued_bytes;
    out_facts->queue_wait_ms = status.queue_wait_ms;
    out_facts->rtt_us = status.rtt_us > 0 ? (uint64_t)status.rtt_us : 0;
    out_facts->is_foreign = status.kind == BRIDGE_REFERENCE;
}

static void settle(struct loop_deferred *deferred)
{
    struct federation *federation = container_of(deferred, struct federation, settle);

    mesh_settle(federation->mesh, federation_time(federation));
}

static void on_paced(struct loop_timer *timer)
{
    struct federation *federation = container_of(timer, struct federation, paced);

    mesh_settle(federation->mesh, federation_time(federation));
}

static void on_tick(struct loop_timer *timer)
{
    struct federation *federation = container_of(timer, struct federation, tick);

    /* A timer that has been armed before is armed again without memory. */
    (void)loop_timer_arm(federation->loop, timer, loop_now_ms(federation->loop) + TICK_MS);
    if (mesh_take_incomplete(federation->mesh))
        core_face_observe_again(&federation->face);
    errand_desk_tick(&federation->errands, loop_now_ms(federation->loop));
    self_profile_tell(federation);
    durable_tick(federation->durable, federation_time(federation));
    mesh_settle(federation->mesh, federation_time(federation));
}

/* --- making and unmaking -------------------------------------------------------------------------------- */

static void replace_link_secret(struct federation *federation, char *secret)
{
    if (federation->link_secret)
        explicit_bzero(federation->link_secret, strlen(federation->link_secret));
    free(federation->link_secret);
    federation->link_secret = secret;
}

int federation_set_link_secret(struct federation *federation, const char *secret)
{
    char *copy = secret && secret[0] ? strdup(secret) : NULL;

    if (secret && secret[0] && !copy)
        return -ENOMEM;
    replace_link_secret(federation, copy);
    return 0;
}

static int copy_texts(struct federation *federation, const struct federation_options *options)
{
    federation->server_id = bytes_to_text(options->server_id);
    federation->version = strdup(options->version ? options->version : "unknown");
    if (!federation->server_id || !federation->version)
        return -ENOMEM;
    return federation_set_link_secret(federation, options->link_secret);
}

static int copy_peers(struct federation *federation, const struct federation_options *options)
{
    if (options->n_link_peers == 0)
        return 0;
    federation->link_peers = calloc(options->n_link_peers, sizeof *federation->link_peers);
    if (!federation->link_peers)
        return -ENOMEM;
    for (size_t i = 0; i < options->n_link_peers; i++) {
        federation->link_peers[i] = strdup(options->link_peers[i]);
        if (!federation->link_peers[i])
            return -ENOMEM;
        federation->n_link_peers++;
    }
    return 0;
}

static void free_peers(struct federation *federation)
{
    while (federation->n_link_peers > 0)
        free(federation->link_peers[--federation->n_link_peers]);
    free(federation->link_peers);
}

static int make_durable(struct federation *federation, const struct federation_options *options)
{
    return durable_new(&federation->durable, federation->mesh, options->spool, outlet_warn, federation);
}

static int make_mesh(struct federation *federation)
{
    struct mesh_outlet outlet = {.send = outlet_send,
                                 .end_link = outlet_end_link,
                                 .on_synced = outlet_on_synced,
                                 .wake = outlet_wake,
                                 .wake_at = outlet_wake_at,
                                 .errand = outlet_errand,
                                 .warn = outlet_warn,
                                 .stretch = outlet_stretch,
                                 .on_channel = outlet_on_channel,
                                 .acknowledge = outlet_acknowledge,
                                 .facts = outlet_facts,
                                 .context = federation};
    struct mesh_options options = {
        .hub_id = federation->hub_id,
        .incarnation = federation->incarnation,
        .run = federation->run,
        .server_id = bytes_of_text(federation->server_id),
    };
    struct mesh_core core = core_face_init(&federation->face, federation->hub);

    return mesh_new(&federation->mesh, &options, &outlet, &core, federation_time(federation));
}

static int begin(struct federation *federation, const struct federation_options *options)
{
    int r = hub_id_parse(bytes_of_text(options->hub_id), &federation->hub_id);

    if (r == 0 && options->incarnation == 0)
        r = -EINVAL;
    if (r == 0)
        r = copy_texts(federation, options);
    if (r == 0)
        r = copy_peers(federation, options);
    if (r == 0)
        r = channel_keys_new(&federation->keys, federation->mailbox, on_key, federation);
    if (r == 0)
        r = make_mesh(federation);
    if (r == 0)
        r = make_durable(federation, options);
    if (r == 0)
        r = loop_timer_arm(federation->loop, &federation->tick, loop_now_ms(federation->loop) + TICK_MS);
    return r;
}

int federation_new(struct federation **out_federation, struct loop *loop, struct mailbox *mailbox,
                   struct hub *hub, const struct federation_options *options)
{
    struct federation *federation = calloc(1, sizeof *federation);
    int r;

    if (!federation)
        return -ENOMEM;
    federation->loop = loop;
    federation->mailbox = mailbox;
    federation->hub = hub;
    federation->outlet = options->outlet;
    federation->incarnation = options->incarnation;
    federation->run = random_u64() | 1;
    federation->max_frame_bytes = options->max_frame_bytes ? options->max_frame_bytes : DEFAULT_FRAME_BYTES;
    federation->resume_window_ms =
        options->resume_window_ms ? options->resume_window_ms : DEFAULT_RESUME_WINDOW_MS;
    federation->link_management = options->link_management;
    errand_desk_init(&federation->errands);
    list_init(&federation->bridges);
    list_init(&federation->links);
    list_init(&federation->references);
    list_init(&federation->trials);
    list_init(&federation->link_listeners);
    list_init(&federation->callers);
    federation_set_link_tls(federation, options->link_tls);
    loop_deferred_init(&federation->settle, settle);
    loop_timer_init(&federation->tick, on_tick);
    loop_timer_init(&federation->paced, on_paced);
    federation->started_s = federation_time(federation).wall_s;
    r = begin(federation, options);
    if (r < 0) {
        federation_free(federation);
        return r;
    }
    core_face_attach(&federation->face, federation->mesh);
    *out_federation = federation;
    return 0;
}

void federation_free(struct federation *federation)
{
    if (!federation)
        return;
    link_listener_free_all(federation);
    errand_desk_clear(&federation->errands);
    if (federation->face.mesh)
        core_face_detach(&federation->face);
    trial_end_all(federation);
    while (!list_is_empty(&federation->links))
        link_free(link_first(federation));
    while (!list_is_empty(&federation->references))
        reference_link_free(reference_link_first(federation), NULL);
    channel_keys_free(federation->keys);
    durable_free(federation->durable);
    mesh_free(federation->mesh);
    while (!list_is_empty(&federation->bridges))
        bridge_free(list_first_entry(&federation->bridges, struct bridge, in_federation));
    loop_undefer(&federation->settle);
    loop_timer_disarm(federation->loop, &federation->tick);
    loop_timer_disarm(federation->loop, &federation->paced);
    replace_link_secret(federation, NULL);
    free_peers(federation);
    tls_context_unref(federation->link_tls);
    free(federation->server_id);
    free(federation->version);
    free(federation);
}

void federation_drain(struct federation *federation)
{
    struct link *link = link_first(federation);

    federation->is_draining = true;
    trial_end_all(federation);
    while (!list_is_empty(&federation->references))
        reference_link_free(reference_link_first(federation), "shutdown");
    link_listener_free_all(federation);
    while (link) {
        /* Closing may free the link, but no other. */
        struct link *next = link_next(federation, link);

        link_close(link, LINK_REFUSAL_SHUTDOWN);
        link = next;
    }
}

int federation_accept_link(void *federation, struct stream *stream, struct bytes first_body,
                           const char *peer_address)
{
    struct federation *self = federation;
    bool is_elsewhere = !list_is_empty(&self->link_listeners);

    return link_accept(self, stream, first_body, peer_address,
                       is_elsewhere ? LINK_TRUST_ELSEWHERE : LINK_TRUST_SECRET);
}

int federation_listen(struct federation *federation, const struct address *address,
                      const struct listener_options *options, char out_why[LISTENER_WHY_SIZE])
{
    return link_listener_new(federation, address, options, out_why);
}

bool federation_listener_text(const struct federation *federation, size_t i, char out_text[ADDRESS_TEXT_SIZE])
{
    list_for_each (at, &federation->link_listeners) {
        if (i-- > 0)
            continue;
        address_text(link_listener_address(at), out_text);
        return true;
    }
    return false;
}

void federation_set_link_tls(struct federation *federation, struct tls_context *tls)
{
    struct tls_context *before = federation->link_tls;

    federation->link_tls = tls ? tls_context_ref(tls) : NULL;
    tls_context_unref(before);
}
