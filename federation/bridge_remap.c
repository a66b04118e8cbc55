/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/bridge_remap.h"

#include <errno.h>
#include <stdlib.h>

bool bridge_remap_prefix_is_valid(const char *prefix)
{
    return prefix[0] == '\0' || name_is_valid(bytes_of_text(prefix));
}

static int add_rule(struct bridge_remap *remap, const char *here, const char *there)
{
    struct bridge_remap_rule *rule = &remap->rules[remap->n++];

    rule->here = strdup(here);
    rule->there = strdup(there);
    return rule->here && rule->there ? 0 : -ENOMEM;
}

int bridge_remap_init(struct bridge_remap *remap, const struct bridge_renames *in,
                      const struct bridge_renames *out)
{
    bool is_told_out = out->n > 0;
    const struct bridge_renames *told = is_told_out ? out : in;
    int r = 0;

    *remap = (struct bridge_remap){0};
    if (told->n == 0)
        return 0;
    remap->rules = calloc(told->n, sizeof *remap->rules);
    if (!remap->rules)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < told->n; i++) {
        const struct bridge_rename *rule = &told->rules[i];

        r = is_told_out ? add_rule(remap, rule->from, rule->to) : add_rule(remap, rule->to, rule->from);
    }
    if (r < 0)
        bridge_remap_clear(remap);
    return r;
}

void bridge_remap_clear(struct bridge_remap *remap)
{
    for (size_t i = 0; i < remap->n; i++) {
        free(remap->rules[i].here);
        free(remap->rules[i].there);
    }
    free(remap->rules);
    *remap = (struct bridge_remap){0};
}

const struct bridge_rename *bridge_remap_find(const struct bridge_renames *rules, struct bytes name)
{
    const struct bridge_rename *best = NULL;

    for (size_t i = 0; i < rules->n; i++) {
        const struct bridge_rename *rule = &rules->rules[i];

        if (bytes_start_with(name, bytes_of_text(rule->from)) &&
            (!best || strlen(rule->from) > strlen(best->from)))
            best = rule;
    }
    return best;
}

/* @name with @to in the place of @from, in @room; false: that is no name. */
static bool replace(struct bytes name, const char *from, const char *to, struct bridge_remap_room *room,
                    struct bytes *out_name)
{
    struct bytes rest = bytes_of(name.ptr + strlen(from), name.len - strlen(from));
    size_t to_len = strlen(to);

    if (to_len + rest.len == 0 || to_len + rest.len > NAME_MAX_BYTES)
        return false;
    memcpy(room->octets, to, to_len);
    memcpy(room->octets + to_len, rest.ptr, rest.len);
    *out_name = bytes_of(room->octets, to_len + rest.len);
    return true;
}

static bool rename_once(const struct bridge_remap *remap, bool is_out, struct bytes name,
                        struct bridge_remap_room *room, struct bytes *out_name)
{
    const struct bridge_remap_rule *best = NULL;
    const char *best_from = NULL;

    for (size_t i = 0; i < remap->n; i++) {
        const struct bridge_remap_rule *rule = &remap->rules[i];
        const char *from = is_out ? rule->here : rule->there;

        if (bytes_start_with(name, bytes_of_text(from)) && (!best || strlen(from) > strlen(best_from))) {
            best = rule;
            best_from = from;
        }
    }
    *out_name = name;
    return !best || replace(name, best_from, is_out ? best->there : best->here, room, out_name);
}

static bool rename_and_back(const struct bridge_remap *remap, bool is_out, struct bytes name,
                            struct bridge_remap_room *room, struct bytes *out_name)
{
    struct bridge_remap_room back_room;
    struct bytes back;

    *out_name = name;
    if (remap->n == 0)
        return true;
    return rename_once(remap, is_out, name, room, out_name) &&
           rename_once(remap, !is_out, *out_name, &back_room, &back) && bytes_equal(back, name);
}

bool bridge_remap_out(const struct bridge_remap *remap, struct bytes here, struct bridge_remap_room *room,
                      struct bytes *out_there)
{
    return rename_and_back(remap, true, here, room, out_there);
}

bool bridge_remap_in(const struct bridge_remap *remap, struct bytes there, struct bridge_remap_room *room,
                     struct bytes *out_here)
{
    return rename_and_back(remap, false, there, room, out_here);
}
