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

/* What a hub of the Python package has no part in. */
static int check_reference(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    if (spec->kind != BRIDGE_REFERENCE)
        return 0;
    if (spec->durable.topics.n > 0)
        return invalid(fault, "durable/topics", "durable/topics: nothing waits on disk for a Python hub");
    if (spec->management != BRIDGE_MANAGEMENT_NONE)
        return invalid(fault, "management", "management must be none: a Python hub manages no other");
    if (spec->tls.pinned_name)
        return invalid(fault, "tls/pinned_name",
                       "tls/pinned_name is for links between CommHubs: give tls/server_name instead");
    return 0;
}

static int check_tls(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    const struct bridge_tls *tls = &spec->tls;

    if (tls->cert_file && !tls->key_file)
        return invalid(fault, "tls/key_file", "tls/cert_file needs tls/key_file, the key of the certificate");
    if (tls->key_file && !tls->cert_file)
        return invalid(fault, "tls/cert_file",
                       "tls/key_file needs tls/cert_file, the certificate of the key");
    if (tls->pinned_name && (tls->pinned_name[0] == '.' || strchr(tls->pinned_name, '*')))
        return invalid(fault, "tls/pinned_name",
                       "tls/pinned_name must be one name, as the certificate bears it, without wildcards");
    if ((tls->pinned_name || tls->cert_file) && spec->address && strncmp(spec->address, "tls://", 6) != 0)
        return invalid(fault, tls->pinned_name ? "tls/pinned_name" : "tls/cert_file",
                       "certificates need a tls:// address");
    return 0;
}

static int check_rule(const char *list, size_t at, const struct bridge_rename *rule,
                      struct bridge_fault *fault)
{
    char member[FEDERATION_MEMBER_SIZE];

    snprintf(member, sizeof member, "%s/%zu", list, at);
    if (!rule->from || !rule->to)
        return invalid(fault, member, "%s needs `from` and `to`", member);
    if (!bridge_remap_prefix_is_valid(rule->from) || !bridge_remap_prefix_is_valid(rule->to))
        return invalid(fault, member,
                       "%s: `from` and `to` are at most 255 bytes of UTF-8 without control characters",
                       member);
    if (strncmp(rule->from, "__comm_ipc_", 11) == 0 || strncmp(rule->to, "__comm_ipc_", 11) == 0)
        return invalid(fault, member,
                       "%s: system channels (__comm_ipc_*) never cross a bridge, under no name", member);
    return 0;
}

/* Two rules of one direction that begin with the same, or make the same of different names. */
static int check_pair(const char *list, const struct bridge_renames *renames, size_t a, size_t b,
                      struct bridge_fault *fault)
{
    const struct bridge_rename *first = &renames->rules[a];
    const struct bridge_rename *second = &renames->rules[b];
    char member[FEDERATION_MEMBER_SIZE];
    bool is_same_from = strcmp(first->from, second->from) == 0;

    if (!is_same_from && strcmp(first->to, second->to) != 0)
        return 0;
    snprintf(member, sizeof member, "%s/%zu", list, b);
    return invalid(fault, member,
                   "%s/%zu (\"%.64s\" to \"%.64s\") and %s/%zu (\"%.64s\" to \"%.64s\") %s: leave one of "
                   "them out",
                   list, a, first->from, first->to, list, b, second->from, second->to,
                   is_same_from ? "begin with the same" : "make the same name of different ones");
}

static int check_rules(const char *list, const struct bridge_renames *renames, struct bridge_fault *fault)
{
    int r = 0;

    if (renames->n > BRIDGE_MAX_RENAMES)
        return invalid(fault, list, "%s has %zu rules: at most %u are taken", list, renames->n,
                       BRIDGE_MAX_RENAMES);
    for (size_t i = 0; r == 0 && i < renames->n; i++) {
        r = check_rule(list, i, &renames->rules[i], fault);
        for (size_t before = 0; r == 0 && before < i; before++)
            r = check_pair(list, renames, before, i, fault);
    }
    return r;
}

/* What goes by a rule of @there must come by one of @back under its first name. */
static int check_way_back(const char *there_list, const struct bridge_renames *there, const char *back_list,
                          const struct bridge_renames *back, struct bridge_fault *fault)
{
    char member[FEDERATION_MEMBER_SIZE];

    for (size_t i = 0; i < there->n; i++) {
        const struct bridge_rename *rule = &there->rules[i];
        const struct bridge_rename *answer = bridge_remap_find(back, bytes_of_text(rule->to));

        if (answer && strcmp(answer->from, rule->to) == 0 && strcmp(answer->to, rule->from) == 0)
            continue;
        snprintf(member, sizeof member, "%s/%zu", there_list, i);
        if (!answer)
            return invalid(fault, member,
                           "%s (\"%.64s\" to \"%.64s\") has no way back: %s needs \"%.64s\" to \"%.64s\", or "
                           "leave %s out altogether, then it is the inverse",
                           member, rule->from, rule->to, back_list, rule->to, rule->from, back_list);
        return invalid(
            fault, member,
            "%s (\"%.64s\" to \"%.64s\") and %s/%zu (\"%.64s\" to \"%.64s\") make a cycle: what goes "
            "by one and comes back by the other must have its first name",
            member, rule->from, rule->to, back_list, (size_t)(answer - back->rules), answer->from,
            answer->to);
    }
    return 0;
}

static int check_remap(const struct bridge_spec *spec, struct bridge_fault *fault)
{
    const struct bridge_renames *in = &spec->remap_in;
    const struct bridge_renames *out = &spec->remap_out;
    int r = check_rules("remap/in", in, fault);

    if (r == 0)
        r = check_rules("remap/out", out, fault);
    if (r != 0 || in->n == 0 || out->n == 0)
        return r;
    r = check_way_back("remap/out", out, "remap/in", in, fault);
    return r != 0 ? r : check_way_back("remap/in", in, "remap/out", out, fault);
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
        r = check_remap(spec, out_fault);
    if (r == 0)
        r = check_tls(spec, out_fault);
    if (r == 0)
        r = check_reference(spec, out_fault);
    return r;
}
