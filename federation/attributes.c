/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/attributes.h"

#include "hub/base/name.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

static void write_key(struct buffer *out, const char *key)
{
    msgpack_write_str(out, bytes_of_text(key));
}

void attributes_write_hub(struct buffer *out, struct bytes server_id, uint64_t run, uint32_t rtt_ms)
{
    msgpack_write_map(out, 3);
    write_key(out, "server_id");
    msgpack_write_str(out, server_id);
    write_key(out, "run");
    msgpack_write_u64(out, run);
    write_key(out, "rtt_ms");
    msgpack_write_u64(out, rtt_ms);
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

struct field {
    struct bytes key;
    struct bytes raw; /* the value as it stands; empty where it is absent or nil */
};

static void fill(struct field *fields, size_t n, struct bytes key, struct bytes value)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes_equal(fields[i].key, key)) {
            fields[i].raw = is_nil(value) ? BYTES_NONE : value;
            return;
        }
    }
}

/* Looks for all of the fields in one go; false where @raw is no sound map. */
static bool find(struct bytes raw, struct field *fields, size_t n)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct msgpack_value head;

    if (msgpack_read(&reader, &head) != 0 || head.type != MSGPACK_MAP)
        return false;
    for (uint32_t i = 0; i < head.n_items; i++) {
        struct msgpack_value key;
        struct bytes value;

        if (msgpack_read(&reader, &key) != 0 || key.type != MSGPACK_STR || msgpack_skip(&reader, &value) != 0)
            return false;
        fill(fields, n, key.raw, value);
    }
    return msgpack_reader_is_at_end(&reader);
}

static bool read_value(const struct field *field, enum msgpack_type type, struct msgpack_value *out_value)
{
    struct msgpack_reader reader = msgpack_reader_of(field->raw);

    return field->raw.len > 0 && msgpack_read(&reader, out_value) == 0 && out_value->type == type;
}

static bool read_name(const struct field *field, struct bytes *out_name)
{
    struct msgpack_value value;

    if (!read_value(field, MSGPACK_STR, &value) || !name_is_valid(value.raw))
        return false;
    *out_name = value.raw;
    return true;
}

int attributes_read_hub(struct bytes raw, struct bytes *out_server_id)
{
    struct field server_id = {.key = BYTES_LITERAL("server_id")};

    return find(raw, &server_id, 1) && read_name(&server_id, out_server_id) ? 0 : ATTRIBUTES_E_BAD;
}

static uint64_t read_number(struct bytes raw, struct bytes key, uint64_t otherwise)
{
    struct field field = {.key = key};
    struct msgpack_value value;

    return find(raw, &field, 1) && read_value(&field, MSGPACK_UINT, &value) ? value.u64 : otherwise;
}

uint64_t attributes_read_run(struct bytes raw)
{
    return read_number(raw, BYTES_LITERAL("run"), 0);
}

uint64_t attributes_read_rtt(struct bytes raw)
{
    return read_number(raw, BYTES_LITERAL("rtt_ms"), ATTRIBUTES_OLD_RTT_MS);
}

int attributes_read_service(struct bytes raw, struct peering_service *out_service)
{
    enum { IS_GROUP, IS_STREAM, OWNER, N_PROVIDERS, PARAM_SCHEMA, RETURN_SCHEMA, N_FIELDS };
    struct field fields[N_FIELDS] = {
        [IS_GROUP] = {.key = BYTES_LITERAL("is_group")},
        [IS_STREAM] = {.key = BYTES_LITERAL("is_stream")},
        [OWNER] = {.key = BYTES_LITERAL("owner")},
        [N_PROVIDERS] = {.key = BYTES_LITERAL("n_providers")},
        [PARAM_SCHEMA] = {.key = BYTES_LITERAL("param_schema")},
        [RETURN_SCHEMA] = {.key = BYTES_LITERAL("return_schema")},
    };
    struct msgpack_value is_group;
    struct msgpack_value is_stream;
    struct msgpack_value n_providers;

    *out_service = (struct peering_service){0};
    if (!find(raw, fields, N_FIELDS) || !read_value(&fields[IS_GROUP], MSGPACK_BOOL, &is_group) ||
        !read_value(&fields[IS_STREAM], MSGPACK_BOOL, &is_stream) ||
        !read_value(&fields[N_PROVIDERS], MSGPACK_UINT, &n_providers) ||
        !read_name(&fields[OWNER], &out_service->owner))
        return ATTRIBUTES_E_BAD;
    if (n_providers.u64 == 0 || n_providers.u64 > UINT32_MAX)
        return ATTRIBUTES_E_BAD;
    out_service->is_group = is_group.boolean;
    out_service->is_stream = is_stream.boolean;
    out_service->n_providers = (uint32_t)n_providers.u64;
    out_service->raw_param_schema = fields[PARAM_SCHEMA].raw;
    out_service->raw_return_schema = fields[RETURN_SCHEMA].raw;
    return 0;
}

int attributes_read_topic(struct bytes raw, struct peering_topic *out_topic)
{
    struct field fields[] = {{.key = BYTES_LITERAL("owner")}, {.key = BYTES_LITERAL("schema")}};

    *out_topic = (struct peering_topic){0};
    if (!find(raw, fields, 2) || !read_name(&fields[0], &out_topic->owner))
        return ATTRIBUTES_E_BAD;
    out_topic->raw_schema = fields[1].raw;
    return 0;
}

int attributes_read_member(struct bytes raw, struct bytes *out_mode)
{
    struct field mode = {.key = BYTES_LITERAL("mode")};

    return find(raw, &mode, 1) && read_name(&mode, out_mode) ? 0 : ATTRIBUTES_E_BAD;
}
