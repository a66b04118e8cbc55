/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "federation/bridge_check.h"

static int invalid(struct bridge_fault *fault, const char *member, const char *why)
{
    snprintf(fault->member, sizeof fault->member, "%s", member);
    snprintf(fault->why, sizeof fault->why, "%s", why);
    return FEDERATION_E_INVALID;
}

static const char *or_null(const char *text)
{
    return text && text[0] ? text : NULL;
}

static int make_tls(struct bridge *bridge, const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    struct tls_files files = {
        .certificate = or_null(spec->tls.cert_file),
        .key = or_null(spec->tls.key_file),
        .ca = or_null(spec->tls.ca_file),
        .server_name = or_null(spec->tls.server_name) ? spec->tls.server_name : bridge->address.host,
        /* Whoever pins a name says by it how the other hub is called, whatever its address. */
        .leaves_name = bridge->pinned_name && !or_null(spec->tls.server_name),
    };
    char why[TLS_WHY_SIZE];
    int r;

    if (bridge->address.kind != ADDRESS_TLS)
        return 0;
    r = tls_context_new_client(&bridge->tls, &files, why);
    if (r == -EINVAL)
        return invalid(out_fault, "tls", why);
    return r;
}

static int copy_secret(const char *secret, char **out_copy)
{
    if (!secret || !secret[0])
        return 0;
    *out_copy = strdup(secret);
    return *out_copy ? 0 : -ENOMEM;
}

static void wipe_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static int fill(struct bridge *bridge, const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    const char *why;
    int r;

    if (address_parse(spec->address, &bridge->address, &why) < 0)
        return invalid(out_fault, "address", why);
    address_text(&bridge->address, bridge->address_text);
    bridge->kind = spec->kind;
    bridge->cost = spec->cost;
    bridge->resume_window_s = spec->resume_window_s;
    bridge->is_paused = spec->is_paused;
    bridge->management = spec->management;
    bridge->name = strdup(spec->name);
    if (!bridge->name)
        return -ENOMEM;
    if (copy_secret(spec->secret, &bridge->secret) < 0 ||
        copy_secret(spec->connection_secret, &bridge->connection_secret) < 0)
        return -ENOMEM;
    if (or_null(spec->tls.pinned_name) && !(bridge->pinned_name = strdup(spec->tls.pinned_name)))
        return -ENOMEM;
    bridge->has_certificate = or_null(spec->tls.cert_file) != NULL;
    r = bridge_policy_new(&bridge->policy, spec);
    return r < 0 ? r : make_tls(bridge, spec, out_fault);
}

int bridge_new(struct bridge **out_bridge, const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    struct bridge *bridge;
    int r = bridge_check(spec, out_fault);

    if (r != 0)
        return r;
    bridge = calloc(1, sizeof *bridge);
    if (!bridge)
        return -ENOMEM;
    list_init(&bridge->in_federation);
    r = fill(bridge, spec, out_fault);
    if (r != 0)
        bridge_free(bridge);
    else
        *out_bridge = bridge;
    return r;
}

bool bridge_is_certified(const struct bridge *bridge)
{
    return bridge->tls && bridge->has_certificate && bridge->pinned_name;
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    list_unlink(&bridge->in_federation);
    bridge_policy_unref(bridge->policy);
    tls_context_unref(bridge->tls);
    wipe_secret(bridge->secret);
    wipe_secret(bridge->connection_secret);
    free(bridge->pinned_name);
    free(bridge->name);
    free(bridge);
}
