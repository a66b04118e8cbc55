/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/attributes.h"

#include "hub/base/name.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

static void write_key(struct buffer *out, const char *key)
{
    msgpack_write_str(out, bytes_of_text(key));
}

void attributes_write_hub(struct buffer *out, struct bytes server_id, uint64_t run)
{
    msgpack_write_map(out, 2);
    write_key(out, "server_id");
    msgpack_write_str(out, server_id);
    write_key(out, "run");
    msgpack_write_u64(out, run);
}

void attributes_write_service(struct buffer *out, const struct peering_service *service)
{
    msgpack_write_map(out, 6);
    write_key(out, "is_group");
    msgpack_write_bool(out, service->is_group);
    write_key(out, "is_stream");
    msgpack_write_bool(out, service->is_stream);
    write_key(out, "owner");
    msgpack_write_str(out, service->owner);
    write_key(out, "n_providers");
    msgpack_write_u64(out, service->n_providers);
    write_key(out, "param_schema");
    msgpack_write_raw_or_nil(out, service->raw_param_schema);
    write_key(out, "return_schema");
    msgpack_write_raw_or_nil(out, service->raw_return_schema);
}

void attributes_write_topic(struct buffer *out, const struct peering_topic *topic)
{
    msgpack_write_map(out, 2);
    write_key(out, "owner");
    msgpack_write_str(out, topic->owner);
    write_key(out, "schema");
    msgpack_write_raw_or_nil(out, topic->raw_schema);
}

void attributes_write_member(struct buffer *out, struct bytes mode)
{
    msgpack_write_map(out, 1);
    write_key(out, "mode");
    msgpack_write_str(out, mode);
}

void attributes_write_interest(struct buffer *out)
{
    msgpack_write_map(out, 0);
}

static bool is_nil(struct bytes raw)
{
    return raw.len == 1 && raw.ptr[0] == 0xc0;
}

/* The value of @key as it stands, empty where it is absent or nil; false where @raw is no sound map. */
static bool find(struct bytes raw, const char *key, struct bytes *out_raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value head;

    *out_raw = BYTES_NONE;
    if (msgpack_read(&reader, &head) != 0 || head.type != MSGPACK_MAP)
        return false;
    for (uint32_t i = 0; i < head.n_items; i++) {
        struct msgpack_value name;
        struct bytes value;

        if (msgpack_read(&reader, &name) != 0 || name.type != MSGPACK_STR ||
            msgpack_skip(&reader, &value) != 0)
            return false;
        if (bytes_equal_text(name.raw, key) && !is_nil(value))
            *out_raw = value;
    }
    return msgpack_reader_is_at_end(&reader);
}

static bool find_value(struct bytes raw, const char *key, enum msgpack_type type,
                       struct msgpack_value *out_value)
{
    struct bytes value;
    struct msgpack_reader reader;

    if (!find(raw, key, &value) || value.len == 0)
        return false;
    reader = msgpack_reader_of(value);
    return msgpack_read(&reader, out_value) == 0 && out_value->type == type;
}

static bool find_name(struct bytes raw, const char *key, struct bytes *out_name)
{
    struct msgpack_value value;

    if (!find_value(raw, key, MSGPACK_STR, &value) || !name_is_valid(value.raw))
        return false;
    *out_name = value.raw;
    return true;
}

int attributes_read_hub(struct bytes raw, struct bytes *out_server_id)
{
    return find_name(raw, "server_id", out_server_id) ? 0 : ATTRIBUTES_E_BAD;
}

uint64_t attributes_read_run(struct bytes raw)
{
    struct msgpack_value value;

    return find_value(raw, "run", MSGPACK_UINT, &value) ? value.u64 : 0;
}

int attributes_read_service(struct bytes raw, struct peering_service *out_service)
{
    struct msgpack_value is_group;
    struct msgpack_value is_stream;
    struct msgpack_value n_providers;

    *out_service = (struct peering_service){0};
    if (!find_value(raw, "is_group", MSGPACK_BOOL, &is_group) ||
        !find_value(raw, "is_stream", MSGPACK_BOOL, &is_stream) ||
        !find_value(raw, "n_providers", MSGPACK_UINT, &n_providers) ||
        !find_name(raw, "owner", &out_service->owner) ||
        !find(raw, "param_schema", &out_service->raw_param_schema) ||
        !find(raw, "return_schema", &out_service->raw_return_schema))
        return ATTRIBUTES_E_BAD;
    if (n_providers.u64 == 0 || n_providers.u64 > UINT32_MAX)
        return ATTRIBUTES_E_BAD;
    out_service->is_group = is_group.boolean;
    out_service->is_stream = is_stream.boolean;
    out_service->n_providers = (uint32_t)n_providers.u64;
    return 0;
}

int attributes_read_topic(struct bytes raw, struct peering_topic *out_topic)
{
    *out_topic = (struct peering_topic){0};
    if (!find_name(raw, "owner", &out_topic->owner) || !find(raw, "schema", &out_topic->raw_schema))
        return ATTRIBUTES_E_BAD;
    return 0;
}

int attributes_read_member(struct bytes raw, struct bytes *out_mode)
{
    return find_name(raw, "mode", out_mode) ? 0 : ATTRIBUTES_E_BAD;
}
