/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/profile.h"

#include "hub/base/name.h"
#include "hub/wire/msgpack_write.h"

static void write_key(struct buffer *out, const char *key)
{
    msgpack_write_str(out, bytes_of_text(key));
}

void profile_write(struct buffer *out, struct bytes version, uint64_t started_s, uint32_t n_links)
{
    msgpack_write_map(out, 4);
    write_key(out, "version");
    msgpack_write_str(out, version);
    write_key(out, "started");
    msgpack_write_u64(out, started_s);
    write_key(out, "n_links");
    msgpack_write_u64(out, n_links);
    write_key(out, "links");
    msgpack_write_array(out, n_links < PROFILE_MAX_LINKS ? n_links : PROFILE_MAX_LINKS);
}

void profile_write_link(struct buffer *out, const struct profile_link *link)
{
    msgpack_write_array(out, 4);
    msgpack_write_bin(out, link->hub_id);
    msgpack_write_str(out, link->bridge);
    msgpack_write_bool(out, link->is_outgoing);
    msgpack_write_str(out, link->state);
}

static bool read_typed(struct msgpack_reader *reader, enum msgpack_type type, struct msgpack_value *out)
{
    return msgpack_read(reader, out) == 0 && out->type == type;
}

static bool read_name(struct msgpack_reader *reader, struct bytes *out_name, bool may_be_empty)
{
    struct msgpack_value value;

    if (!read_typed(reader, MSGPACK_STR, &value))
        return false;
    *out_name = value.raw;
    return name_is_valid(value.raw) || (may_be_empty && value.raw.len == 0);
}

static bool read_number(struct msgpack_reader *reader, uint64_t *out_number)
{
    struct msgpack_value value;

    if (!read_typed(reader, MSGPACK_UINT, &value))
        return false;
    *out_number = value.u64;
    return true;
}

static bool read_links(struct msgpack_reader *reader, struct profile *profile)
{
    struct msgpack_value head;

    profile->links = *reader;
    if (!read_typed(&profile->links, MSGPACK_ARRAY, &head) || head.n_items > PROFILE_MAX_LINKS)
        return false;
    profile->n_named = head.n_items;
    return msgpack_skip(reader, NULL) == 0;
}

/* The value of one key; `found` gets a bit for each key that must be there. */
static bool read_member(struct msgpack_reader *reader, struct bytes key, struct profile *profile,
                        unsigned *found)
{
    uint64_t number;

    if (bytes_equal_text(key, "version")) {
        *found |= 1U;
        return read_name(reader, &profile->version, false);
    }
    if (bytes_equal_text(key, "started")) {
        *found |= 2U;
        return read_number(reader, &profile->started_s);
    }
    if (bytes_equal_text(key, "n_links")) {
        *found |= 4U;
        if (!read_number(reader, &number) || number > UINT32_MAX)
            return false;
        profile->n_links = (uint32_t)number;
        return true;
    }
    if (bytes_equal_text(key, "links")) {
        *found |= 8U;
        return read_links(reader, profile);
    }
    return msgpack_skip(reader, NULL) == 0;
}

int profile_read(struct bytes raw, struct profile *out_profile)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value head;
    unsigned found = 0;

    *out_profile = (struct profile){0};
    if (!read_typed(&reader, MSGPACK_MAP, &head))
        return PROFILE_E_BAD;
    for (uint32_t i = 0; i < head.n_items; i++) {
        struct msgpack_value key;

        if (!read_typed(&reader, MSGPACK_STR, &key) || !read_member(&reader, key.raw, out_profile, &found))
            return PROFILE_E_BAD;
    }
    return found == 15U && msgpack_reader_is_at_end(&reader) ? 0 : PROFILE_E_BAD;
}

int profile_next_link(struct profile *profile, struct profile_link *out_link)
{
    struct msgpack_reader *reader = &profile->links;
    struct msgpack_value head;
    struct msgpack_value hub_id;
    struct msgpack_value is_outgoing;

    if (!read_typed(reader, MSGPACK_ARRAY, &head) || head.n_items != 4 ||
        !read_typed(reader, MSGPACK_BIN, &hub_id) || !read_name(reader, &out_link->bridge, true) ||
        !read_typed(reader, MSGPACK_BOOL, &is_outgoing) || !read_name(reader, &out_link->state, false))
        return PROFILE_E_BAD;
    if (hub_id.raw.len != 0 && hub_id.raw.len != HUB_ID_BYTES)
        return PROFILE_E_BAD;
    out_link->hub_id = hub_id.raw;
    out_link->is_outgoing = is_outgoing.boolean;
    return 0;
}
