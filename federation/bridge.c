/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"

#define MAX_COST 65535U
#define MAX_SECRET_BYTES 4096U

__attribute__((format(printf, 2, 3))) static int invalid(char *out_why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out_why, FEDERATION_WHY_SIZE, format, arguments);
    va_end(arguments);
    return FEDERATION_E_INVALID;
}

static int check_patterns(const char *which, size_t n, const char *const *patterns, char *out_why)
{
    if (n > BRIDGE_POLICY_MAX_PATTERNS)
        return invalid(out_why, "%s has %zu patterns: at most %d are taken", which, n,
                       BRIDGE_POLICY_MAX_PATTERNS);
    for (size_t i = 0; i < n; i++) {
        if (!bridge_policy_pattern_is_valid(patterns[i]))
            return invalid(
                out_why,
                "%s[%zu] is no channel pattern: 1 to 255 bytes of UTF-8 without control characters, "
                "in which * stands for any characters",
                which, i);
    }
    return 0;
}

int bridge_check(const struct bridge_spec *spec, char out_why[FEDERATION_WHY_SIZE])
{
    struct address address;
    const char *why;
    int r;

    if (!spec->name || !name_is_valid(bytes_of_text(spec->name)))
        return invalid(out_why, "name must be 1 to 255 bytes of UTF-8 without control characters");
    if (!spec->address || address_parse(spec->address, &address, &why) < 0)
        return invalid(out_why, "address: %s", spec->address ? why : "it is missing");
    if (address.kind != ADDRESS_UNIX && address.port == 0)
        return invalid(out_why, "address: the port of the other hub is missing");
    if (spec->secret && strlen(spec->secret) > MAX_SECRET_BYTES)
        return invalid(out_why, "secret is longer than %u bytes", MAX_SECRET_BYTES);
    if (spec->cost < 1 || spec->cost > MAX_COST)
        return invalid(out_why, "cost must be 1 to %u", MAX_COST);
    r = check_patterns("allow", spec->n_allow, spec->allow, out_why);
    if (r == 0)
        r = check_patterns("deny", spec->n_deny, spec->deny, out_why);
    return r;
}

static int make_tls(struct bridge *bridge, const struct bridge_spec *spec, char *out_why)
{
    bool has_name = spec->tls_server_name && spec->tls_server_name[0];
    struct tls_files files = {
        .ca = spec->tls_ca_file && spec->tls_ca_file[0] ? spec->tls_ca_file : NULL,
        .server_name = has_name ? spec->tls_server_name : bridge->address.host,
    };
    char why[TLS_WHY_SIZE];
    int r;

    if (bridge->address.kind != ADDRESS_TLS)
        return 0;
    r = tls_context_new_client(&bridge->tls, &files, why);
    if (r == -EINVAL)
        return invalid(out_why, "%.500s", why);
    return r;
}

static int fill(struct bridge *bridge, const struct bridge_spec *spec, char *out_why)
{
    const char *why;
    int r;

    if (address_parse(spec->address, &bridge->address, &why) < 0)
        return invalid(out_why, "address: %s", why);
    address_text(&bridge->address, bridge->address_text);
    bridge->cost = spec->cost;
    bridge->is_paused = spec->is_paused;
    bridge->name = strdup(spec->name);
    if (!bridge->name)
        return -ENOMEM;
    if (spec->secret && spec->secret[0] && !(bridge->secret = strdup(spec->secret)))
        return -ENOMEM;
    r = bridge_policy_init(&bridge->policy, spec->n_allow, spec->allow, spec->n_deny, spec->deny);
    return r < 0 ? r : make_tls(bridge, spec, out_why);
}

int bridge_new(struct bridge **out_bridge, const struct bridge_spec *spec, char out_why[FEDERATION_WHY_SIZE])
{
    struct bridge *bridge;
    int r = bridge_check(spec, out_why);

    if (r != 0)
        return r;
    bridge = calloc(1, sizeof *bridge);
    if (!bridge)
        return -ENOMEM;
    list_init(&bridge->in_federation);
    r = fill(bridge, spec, out_why);
    if (r != 0)
        bridge_free(bridge);
    else
        *out_bridge = bridge;
    return r;
}

void bridge_free(struct bridge *bridge)
{
    if (!bridge)
        return;
    list_unlink(&bridge->in_federation);
    bridge_policy_clear(&bridge->policy);
    tls_context_unref(bridge->tls);
    if (bridge->secret)
        explicit_bzero(bridge->secret, strlen(bridge->secret));
    free(bridge->secret);
    free(bridge->name);
    free(bridge);
}
