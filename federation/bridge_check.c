/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "federation/bridge_policy.h"
#include "hub/base/name.h"
#include "hub/io/address.h"

#define MAX_SECRET_BYTES 4096U

__attribute__((format(printf, 3, 4))) static int invalid(struct bridge_fault *fault, const char *member,
                                                         const char *format, ...)
{
    va_list arguments;

    snprintf(fault->member, sizeof fault->member, "%s", member);
    va_start(arguments, format);
    vsnprintf(fault->why, sizeof fault->why, format, arguments);
    va_end(arguments);
    return FEDERATION_E_INVALID;
}

static int check_address(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    struct address address;
    const char *why;

    if (!spec->address)
        return invalid(fault, "address", "address: it is missing");
    if (address_parse(spec->address, &address, &why) < 0)
        return invalid(fault, "address", "address: %s", why);
    if (address.kind != ADDRESS_UNIX && address.port == 0)
        return invalid(fault, "address", "address: the port of the other hub is missing");
    return 0;
}

static int check_secret(const char *member, const char *secret, struct bridge_fault *fault)
{
    if (secret && strlen(secret) > MAX_SECRET_BYTES)
        return invalid(fault, member, "%s is longer than %u bytes", member, MAX_SECRET_BYTES);
    return 0;
}

static int check_patterns(const char *member, const struct bridge_patterns *patterns,
                          struct bridge_fault *fault)
{
    char item[FEDERATION_MEMBER_SIZE];

    if (patterns->n > BRIDGE_MAX_PATTERNS)
        return invalid(fault, member, "%s has %zu patterns: at most %u are taken", member, patterns->n,
                       BRIDGE_MAX_PATTERNS);
    for (size_t i = 0; i < patterns->n; i++) {
        if (bridge_policy_pattern_is_valid(patterns->texts[i]))
            continue;
        snprintf(item, sizeof item, "%s/%zu", member, i);
        return invalid(fault, item,
                       "%s is no pattern: 1 to 255 bytes of UTF-8 without control characters, in which * "
                       "stands for any characters",
                       item);
    }
    return 0;
}

static int check_filters(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    const struct {
        const char *member;
        const struct bridge_patterns *patterns;
    } lists[] = {
        {"channels/allow", &spec->channels.allow}, {"channels/deny", &spec->channels.deny},
        {"channels/in/allow", &spec->in.allow},    {"channels/in/deny", &spec->in.deny},
        {"channels/out/allow", &spec->out.allow},  {"channels/out/deny", &spec->out.deny},
        {"durable/topics", &spec->durable.topics},
    };
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof lists / sizeof *lists; i++)
        r = check_patterns(lists[i].member, lists[i].patterns, fault);
    return r;
}

static int check_number(const char *member, uint64_t value, uint64_t least, uint64_t most,
                        struct bridge_fault *fault)
{
    if (value == 0 || (value >= least && value <= most))
        return 0;
    return invalid(fault, member, "%s must be %llu to %llu", member, (unsigned long long)least,
                   (unsigned long long)most);
}

static int check_numbers(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    const struct {
        const char *member;
        uint64_t value;
        uint64_t least;
        uint64_t most;
    } numbers[] = {
        {"limits/entries", spec->limits.entries, 1, BRIDGE_MAX_ENTRIES},
        {"limits/messages_per_s", spec->limits.messages_per_s, 1, BRIDGE_MAX_MESSAGES_PER_S},
        {"limits/queue_bytes", spec->limits.queue_bytes, BRIDGE_MIN_BYTES, BRIDGE_MAX_BYTES},
        {"limits/resend_bytes", spec->limits.resend_bytes, BRIDGE_MIN_BYTES, BRIDGE_MAX_BYTES},
        {"resume_window_s", spec->resume_window_s, 1, BRIDGE_MAX_RESUME_WINDOW_S},
        {"durable/max_bytes", spec->durable.max_bytes, BRIDGE_MIN_BYTES, BRIDGE_MAX_DURABLE_BYTES},
        {"durable/max_age_s", spec->durable.max_age_s, 1, BRIDGE_MAX_DURABLE_AGE_S},
    };
    int r = 0;

    if (spec->cost < 1 || spec->cost > BRIDGE_MAX_COST)
        return invalid(fault, "cost", "cost must be 1 to %u", BRIDGE_MAX_COST);
    for (size_t i = 0; r == 0 && i < sizeof numbers / sizeof *numbers; i++)
        r = check_number(numbers[i].member, numbers[i].value, numbers[i].least, numbers[i].most, fault);
    return r;
}

static int check_tls(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    const struct bridge_tls *tls = &spec->tls;

    if (tls->cert_file && !tls->key_file)
        return invalid(fault, "tls/key_file", "tls/cert_file needs tls/key_file, the key of the certificate");
    if (tls->key_file && !tls->cert_file)
        return invalid(fault, "tls/cert_file",
                       "tls/key_file needs tls/cert_file, the certificate of the key");
    return 0;
}

int bridge_check(const struct bridge_spec *spec, struct bridge_fault *out_fault)
{
    int r;

    *out_fault = (struct bridge_fault){0};
    if (!spec->name || !name_is_valid(bytes_of_text(spec->name)))
        return invalid(out_fault, "name", "name must be 1 to 255 bytes of UTF-8 without control characters");
    r = check_address(spec, out_fault);
    if (r == 0)
        r = check_secret("secret", spec->secret, out_fault);
    if (r == 0)
        r = check_secret("connection_secret", spec->connection_secret, out_fault);
    if (r == 0)
        r = check_numbers(spec, out_fault);
    if (r == 0)
        r = check_filters(spec, out_fault);
    if (r == 0)
        r = check_tls(spec, out_fault);
    return r;
}
