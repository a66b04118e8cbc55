/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A message is read in two steps: one pass over the map that notes each known key's value, then what this
 * type needs of them. So a new message is a row in link_message.def, a member of the union and two cases
 * here.
 */
#include "federation/link_wire.h"

#include "federation/path.h"
#include "federation/spool_stamp.h"
#include "hub/base/check.h"
#include "hub/base/name.h"
#include "hub/base/text.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

/* In the order in which messages for one and for many are written (write_one, write_many): a key is looked
 * for from behind the one before it. */
enum key {
    KEY_TYPE,
    KEY_NUMBER,
    KEY_TO,
    KEY_ORIGIN,
    KEY_LIFE,
    KEY_FROM,
    KEY_INCARNATION,
    KEY_SEQ,
    KEY_TRAIL,
    KEY_DETOUR,
    KEY_PART,
    KEY_BACK,
    KEY_CHANNEL,
    KEY_NAME,
    KEY_SPOOLED,
    KEY_BODY,
    KEY_RECEIVED,
    KEY_AT,
    KEY_ENTRIES,
    KEY_DIGEST,
    KEY_SESSION,
    KEY_CUTS,
    KEY_AGE,
    KEY_WINDOW,
    KEY_STATE,
    KEY_VERSION,
    KEY_HUB_ID,
    KEY_SERVER_ID,
    KEY_NONCE,
    KEY_RUN,
    KEY_MAX_FRAME,
    KEY_PROOF,
    KEY_COST,
    KEY_REASON,
    KEY_TEXT,
    KEY_PROOFS,
    KEY_SERIAL,
    KEY_KIND,
    KEY_TRIAL,
    KEY_RELEASE,
    KEY_ONE,
    KEY_MANY,
    KEY_CLIENT,
    KEY_COUNT,
};

/* With its length, which is not counted anew for each message. */
#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                   \
    }

static const struct bytes key_names[KEY_COUNT] = {
    [KEY_TYPE] = TEXT("type"),
    [KEY_NUMBER] = TEXT("n"),
    [KEY_VERSION] = TEXT("version"),
    [KEY_HUB_ID] = TEXT("hub_id"),
    [KEY_INCARNATION] = TEXT("incarnation"),
    [KEY_SERVER_ID] = TEXT("server_id"),
    [KEY_NONCE] = TEXT("nonce"),
    [KEY_RUN] = TEXT("run"),
    [KEY_MAX_FRAME] = TEXT("max_frame"),
    [KEY_PROOF] = TEXT("proof"),
    [KEY_COST] = TEXT("cost"),
    [KEY_REASON] = TEXT("reason"),
    [KEY_TEXT] = TEXT("text"),
    [KEY_AT] = TEXT("at"),
    [KEY_ENTRIES] = TEXT("entries"),
    [KEY_DIGEST] = TEXT("digest"),
    [KEY_SESSION] = TEXT("session"),
    [KEY_PROOFS] = TEXT("proofs"),
    [KEY_TO] = TEXT("to"),
    [KEY_FROM] = TEXT("from"),
    [KEY_ORIGIN] = TEXT("origin"),
    [KEY_SEQ] = TEXT("seq"),
    [KEY_TRAIL] = TEXT("trail"),
    [KEY_BACK] = TEXT("back"),
    [KEY_CHANNEL] = TEXT("channel"),
    [KEY_NAME] = TEXT("name"),
    [KEY_SPOOLED] = TEXT("spooled"),
    [KEY_BODY] = TEXT("body"),
    [KEY_LIFE] = TEXT("life"),
    [KEY_DETOUR] = TEXT("detour"),
    [KEY_PART] = TEXT("part"),
    [KEY_RECEIVED] = TEXT("received"),
    [KEY_CUTS] = TEXT("cuts"),
    [KEY_AGE] = TEXT("age_us"),
    [KEY_WINDOW] = TEXT("window_s"),
    [KEY_STATE] = TEXT("state"),
    [KEY_SERIAL] = TEXT("serial"),
    [KEY_KIND] = TEXT("kind"),
    [KEY_TRIAL] = TEXT("trial"),
    [KEY_RELEASE] = TEXT("release"),
    [KEY_ONE] = TEXT("one"),
    [KEY_MANY] = TEXT("many"),
    [KEY_CLIENT] = TEXT("client"),
};

static const struct {
    struct bytes name;
    uint64_t needs;
} types[LINK_MESSAGE_TYPE_COUNT] = {
#define NEEDS(key) (UINT64_C(1) << KEY_##key)
#define X(id, wire_name, keys) [LINK_MESSAGE_##id] = {TEXT(wire_name), keys},
#include "federation/link_message.def"
#undef X
#undef NEEDS
};

/* The values of the known keys; of an array or map its bytes as they stand there, known to be sound. */
struct fields {
    uint64_t present;
    struct msgpack_value values[KEY_COUNT];
};

const char *link_wire_type_name(enum link_message_type type)
{
    return (const char *)types[type].name.ptr;
}

/* KEY_COUNT: not known. @before is the key before it. */
static int find_key(struct bytes name, int before)
{
    int key = before;

    for (int i = 0; i < KEY_COUNT; i++) {
        key = key + 1 < KEY_COUNT ? key + 1 : 0;
        if (bytes_equal(name, key_names[key]))
            return key;
    }
    return KEY_COUNT;
}

static int read_container(struct msgpack_reader *reader, size_t begin, struct msgpack_value *out_value)
{
    reader->offset = begin;
    return msgpack_skip(reader, &out_value->raw) == 0 ? 0 : LINK_WIRE_E_MALFORMED;
}

static inline int read_value(struct msgpack_reader *reader, struct msgpack_value *out_value)
{
    size_t begin = reader->offset;

    if (msgpack_read(reader, out_value) != 0)
        return LINK_WIRE_E_MALFORMED;
    if (out_value->type != MSGPACK_ARRAY && out_value->type != MSGPACK_MAP)
        return 0;
    return read_container(reader, begin, out_value);
}

/* A key that is known, @before its predecessor; KEY_COUNT: one that is not. */
static inline int read_key(struct msgpack_reader *reader, int before, int *out_key)
{
    struct msgpack_value name;

    if (!msgpack_read_short_str(reader, &name.raw) &&
        (msgpack_read(reader, &name) != 0 || name.type != MSGPACK_STR))
        return LINK_WIRE_E_MALFORMED;
    *out_key = find_key(name.raw, before);
    return 0;
}

static int read_fields(struct bytes body, struct fields *out_fields)
{
    struct msgpack_reader reader = msgpack_reader_of(body);
    struct msgpack_value head;
    struct msgpack_value unknown;
    int before = -1;

    out_fields->present = 0;
    if (msgpack_read(&reader, &head) != 0 || head.type != MSGPACK_MAP)
        return LINK_WIRE_E_MALFORMED;
    for (uint32_t i = 0; i < head.n_items; i++) {
        int key;

        if (read_key(&reader, before, &key) != 0 ||
            read_value(&reader, key < KEY_COUNT ? &out_fields->values[key] : &unknown) != 0)
            return LINK_WIRE_E_MALFORMED;
        if (key == KEY_COUNT)
            continue;
        /* Two readers could believe two different ones. */
        if (out_fields->present >> key & 1U)
            return LINK_WIRE_E_MALFORMED;
        out_fields->present |= UINT64_C(1) << key;
        before = key;
    }
    return msgpack_reader_is_at_end(&reader) ? 0 : LINK_WIRE_E_MALFORMED;
}

static int read_u64(const struct fields *fields, enum key key, uint64_t *out_value)
{
    const struct msgpack_value *value = &fields->values[key];

    if (value->type != MSGPACK_UINT)
        return LINK_WIRE_E_BAD_FIELD;
    *out_value = value->u64;
    return 0;
}

/* The same, @otherwise where the key is absent. */
static int read_u64_or(const struct fields *fields, enum key key, uint64_t otherwise, uint64_t *out_value)
{
    *out_value = otherwise;
    return fields->present >> key & 1U ? read_u64(fields, key, out_value) : 0;
}

static int read_raw(const struct fields *fields, enum key key, enum msgpack_type type, size_t least,
                    size_t most, struct bytes *out_bytes)
{
    const struct msgpack_value *value = &fields->values[key];

    if (value->type != type || value->raw.len < least || value->raw.len > most)
        return LINK_WIRE_E_BAD_FIELD;
    *out_bytes = value->raw;
    return 0;
}

static int read_hub(const struct fields *fields, enum key key, struct hub_id *out_hub)
{
    struct bytes packed;
    int r = read_raw(fields, key, MSGPACK_BIN, HUB_ID_BYTES, HUB_ID_BYTES, &packed);

    if (r == 0)
        memcpy(out_hub->octets, packed.ptr, HUB_ID_BYTES);
    return r;
}

static int read_hubs(const struct fields *fields, enum key key, struct bytes *out_list)
{
    int r = read_raw(fields, key, MSGPACK_BIN, 0, UINT32_MAX, out_list);

    if (r == 0 && out_list->len % HUB_ID_BYTES != 0)
        return LINK_WIRE_E_BAD_FIELD;
    return r;
}

/* A name, BYTES_NONE where the key is absent. */
static int read_name(const struct fields *fields, enum key key, struct bytes *out_name)
{
    int r;

    *out_name = BYTES_NONE;
    if (!(fields->present >> key & 1U))
        return 0;
    r = read_raw(fields, key, MSGPACK_STR, 1, NAME_MAX_BYTES, out_name);
    if (r == 0 && !name_is_valid(*out_name))
        return LINK_WIRE_E_BAD_FIELD;
    return r;
}

/* Where a message stands in a spool, BYTES_NONE where the key is absent. */
static int read_stamp(const struct fields *fields, struct bytes *out_stamp)
{
    *out_stamp = BYTES_NONE;
    if (!(fields->present >> KEY_SPOOLED & 1U))
        return 0;
    return read_raw(fields, KEY_SPOOLED, MSGPACK_BIN, SPOOL_STAMP_BYTES, SPOOL_STAMP_BYTES, out_stamp);
}

static int read_greeting(const struct fields *fields, struct link_greeting *out_greeting)
{
    struct bytes hub_id;

    out_greeting->run = 0;
    if (fields->present >> KEY_RUN & 1U && read_u64(fields, KEY_RUN, &out_greeting->run))
        return LINK_WIRE_E_BAD_FIELD;
    out_greeting->max_frame = 0;
    if (fields->present >> KEY_MAX_FRAME & 1U && read_u64(fields, KEY_MAX_FRAME, &out_greeting->max_frame))
        return LINK_WIRE_E_BAD_FIELD;
    if (read_u64(fields, KEY_VERSION, &out_greeting->version) ||
        read_raw(fields, KEY_HUB_ID, MSGPACK_STR, 2 * HUB_ID_BYTES, 2 * HUB_ID_BYTES, &hub_id) ||
        hub_id_parse(hub_id, &out_greeting->hub_id) ||
        read_u64(fields, KEY_INCARNATION, &out_greeting->incarnation) ||
        read_name(fields, KEY_SERVER_ID, &out_greeting->server_id) ||
        read_raw(fields, KEY_NONCE, MSGPACK_BIN, LINK_WIRE_NONCE_BYTES, LINK_WIRE_NONCE_BYTES,
                 &out_greeting->nonce))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_proven(const struct fields *fields, struct link_proven *out_proven)
{
    struct link_resume *resume = &out_proven->resume;

    resume->is_wanted = fields->present >> KEY_RECEIVED & 1U;
    out_proven->is_trial = fields->present >> KEY_TRIAL & 1U;
    if (read_name(fields, KEY_RELEASE, &out_proven->release) ||
        read_u64_or(fields, KEY_COST, 0, &out_proven->cost) ||
        read_u64_or(fields, KEY_SESSION, 0, &resume->session) ||
        read_u64_or(fields, KEY_RECEIVED, 0, &resume->received) ||
        read_u64_or(fields, KEY_WINDOW, 0, &resume->window_s) || read_u64(fields, KEY_CUTS, &resume->cuts))
        return LINK_WIRE_E_BAD_FIELD;
    return read_raw(fields, KEY_PROOF, MSGPACK_BIN, 32, 32, &out_proven->proof);
}

static int read_refusal(const struct fields *fields, struct link_refusal *out_refusal)
{
    if (read_raw(fields, KEY_REASON, MSGPACK_STR, 1, 64, &out_refusal->reason) ||
        read_raw(fields, KEY_TEXT, MSGPACK_STR, 0, 1024, &out_refusal->text) ||
        !text_is_utf8(out_refusal->reason) || !text_is_utf8(out_refusal->text))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_channel_proofs(const struct fields *fields, struct bytes *out_proofs)
{
    int r = read_raw(fields, KEY_PROOFS, MSGPACK_BIN, LINK_WIRE_CHANNEL_PROOF_BYTES, UINT32_MAX, out_proofs);

    if (r == 0 && out_proofs->len % LINK_WIRE_CHANNEL_PROOF_BYTES != 0)
        return LINK_WIRE_E_BAD_FIELD;
    return r;
}

static int read_session(const struct fields *fields, struct link_message *out_message)
{
    uint64_t state;

    if (read_u64(fields, KEY_SESSION, &out_message->session.number) ||
        read_u64(fields, KEY_CUTS, &out_message->session.cuts) || read_u64(fields, KEY_STATE, &state) ||
        read_u64_or(fields, KEY_AGE, 0, &out_message->session.age_us) || state > LINK_SESSION_OVER)
        return LINK_WIRE_E_BAD_FIELD;
    out_message->session.state = (enum link_session_state)state;
    return 0;
}

static int read_entries(const struct fields *fields, struct link_message *out_message)
{
    const struct msgpack_value *value = &fields->values[KEY_ENTRIES];
    struct msgpack_reader reader;
    struct msgpack_value head;

    if (value->type != MSGPACK_ARRAY)
        return LINK_WIRE_E_BAD_FIELD;
    reader = msgpack_reader_of(value->raw);
    check(msgpack_read(&reader, &head) == 0);
    out_message->entries.n = head.n_items;
    out_message->entries.raw = bytes_from(reader.bytes, reader.offset);
    return 0;
}

/* A detour begins with one of the hubs of the trail. */
static int read_trail(const struct fields *fields, struct bytes *out_trail, uint64_t *out_detour)
{
    if (read_hubs(fields, KEY_TRAIL, out_trail) || read_u64_or(fields, KEY_DETOUR, 0, out_detour) ||
        (*out_detour > 0 && *out_detour >= hub_id_list_count(*out_trail)))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_one(const struct fields *fields, struct link_one *out_one)
{
    if (fields->present >> KEY_BACK & 1U && read_hubs(fields, KEY_BACK, &out_one->back))
        return LINK_WIRE_E_BAD_FIELD;
    if (read_hub(fields, KEY_TO, &out_one->to) || read_u64(fields, KEY_LIFE, &out_one->life) ||
        read_hub(fields, KEY_FROM, &out_one->from) ||
        read_u64(fields, KEY_INCARNATION, &out_one->incarnation) ||
        read_u64(fields, KEY_SEQ, &out_one->seq) || read_trail(fields, &out_one->trail, &out_one->detour) ||
        read_name(fields, KEY_CHANNEL, &out_one->channel) || read_name(fields, KEY_NAME, &out_one->event) ||
        read_u64_or(fields, KEY_PART, 0, &out_one->part) || read_stamp(fields, &out_one->taken) ||
        read_raw(fields, KEY_BODY, MSGPACK_BIN, 1, UINT32_MAX, &out_one->body))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_many(const struct fields *fields, struct link_many *out_many)
{
    if (read_hub(fields, KEY_ORIGIN, &out_many->origin) ||
        read_u64(fields, KEY_INCARNATION, &out_many->incarnation) ||
        read_u64(fields, KEY_SEQ, &out_many->seq) || read_hubs(fields, KEY_TO, &out_many->to) ||
        read_trail(fields, &out_many->trail, &out_many->detour) ||
        read_name(fields, KEY_CHANNEL, &out_many->channel) || read_name(fields, KEY_NAME, &out_many->topic) ||
        read_stamp(fields, &out_many->stamp) ||
        read_raw(fields, KEY_BODY, MSGPACK_BIN, 1, UINT32_MAX, &out_many->body))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_errand(const struct fields *fields, struct link_errand *out_errand)
{
    uint64_t kind;

    if (read_hub(fields, KEY_TO, &out_errand->to) || read_hub(fields, KEY_FROM, &out_errand->from) ||
        read_hubs(fields, KEY_TRAIL, &out_errand->trail) ||
        read_u64(fields, KEY_SERIAL, &out_errand->serial) || read_u64(fields, KEY_KIND, &kind) ||
        kind >= ERRAND_KIND_COUNT ||
        read_raw(fields, KEY_BODY, MSGPACK_BIN, 0, UINT32_MAX, &out_errand->body))
        return LINK_WIRE_E_BAD_FIELD;
    out_errand->kind = (enum errand_kind)kind;
    return 0;
}

static int read_hold(const struct fields *fields, struct link_hold *out_hold)
{
    uint64_t state;

    if (read_hub(fields, KEY_TO, &out_hold->to) || read_hub(fields, KEY_FROM, &out_hold->from) ||
        read_hubs(fields, KEY_TRAIL, &out_hold->trail) || read_name(fields, KEY_CLIENT, &out_hold->client) ||
        read_u64(fields, KEY_STATE, &state) || state > 1)
        return LINK_WIRE_E_BAD_FIELD;
    out_hold->is_held = state == 1;
    return 0;
}

static int read_ack(const struct fields *fields, struct link_ack *out_ack)
{
    if (read_u64(fields, KEY_RECEIVED, &out_ack->received) ||
        read_u64_or(fields, KEY_ONE, UINT64_MAX, &out_ack->one) ||
        read_u64_or(fields, KEY_MANY, UINT64_MAX, &out_ack->many))
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int read_content(const struct fields *fields, struct link_message *out_message)
{
    switch (out_message->type) {
    case LINK_MESSAGE_GREETING:
    case LINK_MESSAGE_CHALLENGE:
        return read_greeting(fields, &out_message->greeting);
    case LINK_MESSAGE_PROOF:
    case LINK_MESSAGE_ACCEPT:
        return read_proven(fields, &out_message->proven);
    case LINK_MESSAGE_REFUSE:
        return read_refusal(fields, &out_message->refusal);
    case LINK_MESSAGE_HELLO:
    case LINK_MESSAGE_ECHO:
        return read_u64(fields, KEY_AT, &out_message->at_us);
    case LINK_MESSAGE_ACK:
        return read_ack(fields, &out_message->ack);
    case LINK_MESSAGE_ENTRIES:
        return read_entries(fields, out_message);
    case LINK_MESSAGE_END:
    case LINK_MESSAGE_TELL_ALL:
    case LINK_MESSAGE_BEGIN:
    case LINK_MESSAGE_VOID:
        return 0;
    case LINK_MESSAGE_DIGEST:
        return read_u64(fields, KEY_DIGEST, &out_message->digest);
    case LINK_MESSAGE_SESSION:
        return read_session(fields, out_message);
    case LINK_MESSAGE_PROVE:
    case LINK_MESSAGE_UNPROVE:
        return read_channel_proofs(fields, &out_message->channel_proofs);
    case LINK_MESSAGE_AGAIN:
        return read_name(fields, KEY_CHANNEL, &out_message->channel);
    case LINK_MESSAGE_ONE:
    case LINK_MESSAGE_PROBE:
    case LINK_MESSAGE_PROBED:
        return read_one(fields, &out_message->one);
    case LINK_MESSAGE_MANY:
        return read_many(fields, &out_message->many);
    case LINK_MESSAGE_HOLD:
        return read_hold(fields, &out_message->hold);
    case LINK_MESSAGE_ERRAND:
        return read_errand(fields, &out_message->errand);
    case LINK_MESSAGE_TYPE_COUNT:
        break;
    }
    unreachable();
}

/* LINK_MESSAGE_TYPE_COUNT: not known. */
static enum link_message_type find_type(struct bytes name)
{
    unsigned type = 0;

    while (type < LINK_MESSAGE_TYPE_COUNT && !bytes_equal(name, types[type].name))
        type++;
    return (enum link_message_type)type;
}

int link_wire_read(struct bytes body, struct link_message *out_message)
{
    struct fields fields;
    struct bytes type;
    int r = read_fields(body, &fields);

    if (r != 0)
        return r;
    *out_message = (struct link_message){.type = LINK_MESSAGE_TYPE_COUNT};
    if (read_u64_or(&fields, KEY_NUMBER, 0, &out_message->number))
        return LINK_WIRE_E_BAD_FIELD;
    if (!(fields.present >> KEY_TYPE & 1U) || read_raw(&fields, KEY_TYPE, MSGPACK_STR, 1, 64, &type))
        return LINK_WIRE_E_BAD_FIELD;
    out_message->type = find_type(type);
    if (out_message->type == LINK_MESSAGE_TYPE_COUNT)
        return LINK_WIRE_E_UNKNOWN_TYPE;
    if ((fields.present & types[out_message->type].needs) != types[out_message->type].needs)
        return LINK_WIRE_E_BAD_FIELD;
    return read_content(&fields, out_message);
}

static void write_key(struct buffer *out, enum key key)
{
    msgpack_write_str(out, key_names[key]);
}

static void write_u64(struct buffer *out, enum key key, uint64_t value)
{
    write_key(out, key);
    msgpack_write_u64(out, value);
}

static void write_str(struct buffer *out, enum key key, struct bytes text)
{
    write_key(out, key);
    msgpack_write_str(out, text);
}

static void write_bin(struct buffer *out, enum key key, struct bytes bytes)
{
    write_key(out, key);
    msgpack_write_bin(out, bytes);
}

/* The head of the map: @n_pairs besides type and number. */
static void write_head(struct buffer *out, const struct link_message *message, uint64_t number,
                       uint32_t n_pairs)
{
    msgpack_write_map(out, n_pairs + (number > 0 ? 2 : 1));
    write_str(out, KEY_TYPE, types[message->type].name);
    if (number > 0)
        write_u64(out, KEY_NUMBER, number);
}

static void write_greeting(struct buffer *out, const struct link_greeting *greeting)
{
    char hub_id[HUB_ID_TEXT];

    hub_id_text(&greeting->hub_id, hub_id);
    write_u64(out, KEY_VERSION, greeting->version);
    write_str(out, KEY_HUB_ID, bytes_of_text(hub_id));
    write_u64(out, KEY_INCARNATION, greeting->incarnation);
    write_str(out, KEY_SERVER_ID, greeting->server_id);
    write_bin(out, KEY_NONCE, greeting->nonce);
    write_u64(out, KEY_RUN, greeting->run);
    write_u64(out, KEY_MAX_FRAME, greeting->max_frame);
}

static uint32_t proven_pairs(const struct link_proven *proven, bool has_cost)
{
    return 2U + (has_cost ? 1U : 0U) + (proven->resume.session ? 1U : 0U) +
           (proven->resume.is_wanted ? 1U : 0U) + (proven->resume.window_s ? 1U : 0U) +
           (proven->is_trial ? 1U : 0U) + (proven->release.len > 0 ? 1U : 0U);
}

static void write_proven(struct buffer *out, const struct link_proven *proven, bool has_cost)
{
    write_bin(out, KEY_PROOF, proven->proof);
    write_u64(out, KEY_CUTS, proven->resume.cuts);
    if (has_cost)
        write_u64(out, KEY_COST, proven->cost);
    if (proven->resume.session)
        write_u64(out, KEY_SESSION, proven->resume.session);
    if (proven->resume.is_wanted)
        write_u64(out, KEY_RECEIVED, proven->resume.received);
    if (proven->resume.window_s)
        write_u64(out, KEY_WINDOW, proven->resume.window_s);
    if (proven->is_trial)
        write_u64(out, KEY_TRIAL, 1);
    if (proven->release.len > 0)
        write_str(out, KEY_RELEASE, proven->release);
}

static void write_one(struct buffer *out, const struct link_one *one)
{
    write_bin(out, KEY_TO, hub_id_bytes(&one->to));
    write_u64(out, KEY_LIFE, one->life);
    write_bin(out, KEY_FROM, hub_id_bytes(&one->from));
    write_u64(out, KEY_INCARNATION, one->incarnation);
    write_u64(out, KEY_SEQ, one->seq);
    write_bin(out, KEY_TRAIL, one->trail);
    if (one->detour > 0)
        write_u64(out, KEY_DETOUR, one->detour);
    if (one->back.len > 0)
        write_bin(out, KEY_BACK, one->back);
    if (one->channel.len > 0)
        write_str(out, KEY_CHANNEL, one->channel);
    if (one->event.len > 0)
        write_str(out, KEY_NAME, one->event);
    if (one->part > 0)
        write_u64(out, KEY_PART, one->part);
    if (one->taken.len > 0)
        write_bin(out, KEY_SPOOLED, one->taken);
    write_bin(out, KEY_BODY, one->body);
}

static void write_many(struct buffer *out, const struct link_many *many)
{
    write_bin(out, KEY_TO, many->to);
    write_bin(out, KEY_ORIGIN, hub_id_bytes(&many->origin));
    write_u64(out, KEY_INCARNATION, many->incarnation);
    write_u64(out, KEY_SEQ, many->seq);
    write_bin(out, KEY_TRAIL, many->trail);
    if (many->detour > 0)
        write_u64(out, KEY_DETOUR, many->detour);
    write_str(out, KEY_CHANNEL, many->channel);
    if (many->topic.len > 0)
        write_str(out, KEY_NAME, many->topic);
    if (many->stamp.len > 0)
        write_bin(out, KEY_SPOOLED, many->stamp);
    write_bin(out, KEY_BODY, many->body);
}

static void write_hold(struct buffer *out, const struct link_hold *hold)
{
    write_bin(out, KEY_TO, hub_id_bytes(&hold->to));
    write_bin(out, KEY_FROM, hub_id_bytes(&hold->from));
    write_bin(out, KEY_TRAIL, hold->trail);
    write_str(out, KEY_CLIENT, hold->client);
    write_u64(out, KEY_STATE, hold->is_held);
}

static void write_errand(struct buffer *out, const struct link_errand *errand)
{
    write_bin(out, KEY_TO, hub_id_bytes(&errand->to));
    write_bin(out, KEY_FROM, hub_id_bytes(&errand->from));
    write_bin(out, KEY_TRAIL, errand->trail);
    write_u64(out, KEY_SERIAL, errand->serial);
    write_u64(out, KEY_KIND, errand->kind);
    write_bin(out, KEY_BODY, errand->body);
}

static uint32_t one_pairs(const struct link_one *one)
{
    return 7U + (one->channel.len > 0) + (one->event.len > 0) + (one->back.len > 0) + (one->detour > 0) +
           (one->part > 0) + (one->taken.len > 0);
}

static uint32_t many_pairs(const struct link_many *many)
{
    return 7U + (many->topic.len > 0) + (many->detour > 0) + (many->stamp.len > 0);
}

static void write_message(struct buffer *out, const struct link_message *message, uint64_t number)
{
    switch (message->type) {
    case LINK_MESSAGE_GREETING:
    case LINK_MESSAGE_CHALLENGE:
        write_head(out, message, number, 7);
        write_greeting(out, &message->greeting);
        return;
    case LINK_MESSAGE_PROOF:
    case LINK_MESSAGE_ACCEPT:
        write_head(out, message, number, proven_pairs(&message->proven, message->type == LINK_MESSAGE_PROOF));
        write_proven(out, &message->proven, message->type == LINK_MESSAGE_PROOF);
        return;
    case LINK_MESSAGE_REFUSE:
        write_head(out, message, number, 2);
        write_str(out, KEY_REASON, message->refusal.reason);
        write_str(out, KEY_TEXT, message->refusal.text);
        return;
    case LINK_MESSAGE_HELLO:
    case LINK_MESSAGE_ECHO:
        write_head(out, message, number, 1);
        write_u64(out, KEY_AT, message->at_us);
        return;
    case LINK_MESSAGE_ACK:
        write_head(out, message, number, 3);
        write_u64(out, KEY_RECEIVED, message->ack.received);
        write_u64(out, KEY_ONE, message->ack.one);
        write_u64(out, KEY_MANY, message->ack.many);
        return;
    case LINK_MESSAGE_ENTRIES:
        write_head(out, message, number, 1);
        write_key(out, KEY_ENTRIES);
        msgpack_write_array(out, message->entries.n);
        msgpack_write_raw(out, message->entries.raw);
        return;
    case LINK_MESSAGE_END:
    case LINK_MESSAGE_TELL_ALL:
    case LINK_MESSAGE_BEGIN:
    case LINK_MESSAGE_VOID:
        write_head(out, message, number, 0);
        return;
    case LINK_MESSAGE_DIGEST:
        write_head(out, message, number, 1);
        write_u64(out, KEY_DIGEST, message->digest);
        return;
    case LINK_MESSAGE_SESSION:
        write_head(out, message, number, 4);
        write_u64(out, KEY_SESSION, message->session.number);
        write_u64(out, KEY_CUTS, message->session.cuts);
        write_u64(out, KEY_AGE, message->session.age_us);
        write_u64(out, KEY_STATE, message->session.state);
        return;
    case LINK_MESSAGE_PROVE:
    case LINK_MESSAGE_UNPROVE:
        write_head(out, message, number, 1);
        write_bin(out, KEY_PROOFS, message->channel_proofs);
        return;
    case LINK_MESSAGE_AGAIN:
        write_head(out, message, number, 1);
        write_str(out, KEY_CHANNEL, message->channel);
        return;
    case LINK_MESSAGE_ONE:
    case LINK_MESSAGE_PROBE:
    case LINK_MESSAGE_PROBED:
        write_head(out, message, number, one_pairs(&message->one));
        write_one(out, &message->one);
        return;
    case LINK_MESSAGE_MANY:
        write_head(out, message, number, many_pairs(&message->many));
        write_many(out, &message->many);
        return;
    case LINK_MESSAGE_HOLD:
        write_head(out, message, number, 5);
        write_hold(out, &message->hold);
        return;
    case LINK_MESSAGE_ERRAND:
        write_head(out, message, number, 6);
        write_errand(out, &message->errand);
        return;
    case LINK_MESSAGE_TYPE_COUNT:
        break;
    }
    unreachable();
}

/* What the variable parts need; the rest fits into the constant. */
static size_t most_bytes(const struct link_message *message)
{
    size_t head = 512;

    if (message->type == LINK_MESSAGE_ENTRIES)
        return head + message->entries.raw.len;
    if (message->type == LINK_MESSAGE_PROVE)
        return head + message->channel_proofs.len;
    if (message->type == LINK_MESSAGE_ONE)
        return head + message->one.trail.len + message->one.back.len + message->one.channel.len +
               message->one.event.len + message->one.body.len;
    if (message->type == LINK_MESSAGE_MANY)
        return head + message->many.to.len + message->many.trail.len + message->many.channel.len +
               message->many.topic.len + message->many.body.len;
    return head;
}

struct block *link_wire_write(const struct link_message *message, uint64_t number)
{
    struct buffer out;

    buffer_init(&out);
    frame_begin_sized(&out, most_bytes(message));
    write_message(&out, message, number);
    return frame_finish(&out);
}

/* An entry is an array, for a full table has many of them and their keys would be half of it. The last items
 * are left out where they say nothing; nil is what it was in the entry before. */
enum {
    ENTRY_ITEMS = 10,
    ENTRY_ITEMS_RENAMED,
    ENTRY_ITEMS_REPLACING,
    ENTRY_ITEMS_HOLDING_BACK,
};

static uint32_t entry_items(const struct link_entry *entry)
{
    if (entry->held_back)
        return ENTRY_ITEMS_HOLDING_BACK;
    if (entry->replaced)
        return ENTRY_ITEMS_REPLACING;
    return entry->first_channel.len > 0 ? ENTRY_ITEMS_RENAMED : ENTRY_ITEMS;
}

static void append_part(struct link_entries *entries, enum link_entry_part part, struct bytes value,
                        void (*write)(struct buffer *out, struct bytes value))
{
    size_t len = entries->said[part].len;

    if (len > 0 && bytes_equal(value, bytes_of(entries->raw.ptr + entries->said[part].at, len))) {
        msgpack_write_nil(&entries->raw);
        return;
    }
    write(&entries->raw, value);
    entries->said[part].len = entries->raw.failed ? 0 : value.len;
    entries->said[part].at = entries->raw.len - entries->said[part].len;
}

static void append_way(struct link_entries *entries, const struct link_entry *entry)
{
    if (entry->change != LINK_ENTRY_SET) {
        msgpack_write_nil(&entries->raw);
        msgpack_write_nil(&entries->raw);
        return;
    }
    append_part(entries, LINK_ENTRY_PATH, entry->path, msgpack_write_bin);
    if (entry->raw_attributes.len > LINK_WIRE_MAX_REPEATED_BYTES)
        entries->said[LINK_ENTRY_ATTRIBUTES].len = 0;
    append_part(entries, LINK_ENTRY_ATTRIBUTES, entry->raw_attributes, msgpack_write_raw);
}

void link_wire_append_entry(struct link_entries *entries, const struct link_entry *entry)
{
    uint32_t n_items = entry_items(entry);
    struct buffer *out = &entries->raw;

    entries->n++;
    msgpack_write_array(out, n_items);
    msgpack_write_u64(out, entry->kind);
    msgpack_write_u64(out, entry->change);
    append_part(entries, LINK_ENTRY_ORIGIN, hub_id_bytes(&entry->origin), msgpack_write_bin);
    append_part(entries, LINK_ENTRY_CHANNEL, entry->channel, msgpack_write_str);
    msgpack_write_str(out, entry->name);
    msgpack_write_u64(out, entry->incarnation);
    msgpack_write_u64(out, entry->counter);
    msgpack_write_u64(out, entry->cost);
    append_way(entries, entry);
    if (n_items >= ENTRY_ITEMS_RENAMED)
        msgpack_write_str(out, entry->first_channel);
    if (n_items >= ENTRY_ITEMS_REPLACING)
        msgpack_write_u64(out, entry->replaced);
    if (n_items >= ENTRY_ITEMS_HOLDING_BACK)
        msgpack_write_u64(out, entry->held_back);
}

void link_wire_begin_entries(struct link_entries *entries)
{
    *entries = (struct link_entries){.raw = entries->raw};
    entries->raw.len = 0;
}

void link_wire_clear_entries(struct link_entries *entries)
{
    link_wire_begin_entries(entries);
    buffer_clear(&entries->raw);
}

static int next(struct msgpack_reader *reader, enum msgpack_type type, struct msgpack_value *out_value)
{
    if (msgpack_read(reader, out_value) != 0 || out_value->type != type)
        return LINK_WIRE_E_BAD_FIELD;
    return 0;
}

static int next_u64(struct msgpack_reader *reader, uint64_t most, uint64_t *out_value)
{
    struct msgpack_value value;
    int r = next(reader, MSGPACK_UINT, &value);

    if (r == 0 && value.u64 > most)
        return LINK_WIRE_E_BAD_FIELD;
    if (r == 0)
        *out_value = value.u64;
    return r;
}

/* A name, or an empty text. */
static int next_name(struct msgpack_reader *reader, struct bytes *out_name)
{
    struct msgpack_value value;
    int r = next(reader, MSGPACK_STR, &value);

    if (r != 0)
        return r;
    *out_name = value.raw;
    return value.raw.len == 0 || name_is_valid(value.raw) ? 0 : LINK_WIRE_E_BAD_FIELD;
}

static int next_hub(struct msgpack_reader *reader, struct hub_id *out_hub)
{
    struct msgpack_value value;
    int r = next(reader, MSGPACK_BIN, &value);

    if (r != 0 || value.raw.len != HUB_ID_BYTES)
        return LINK_WIRE_E_BAD_FIELD;
    memcpy(out_hub->octets, value.raw.ptr, HUB_ID_BYTES);
    return 0;
}

/* Nil: it is what it was in the entry before. */
static bool is_repeated(struct msgpack_reader *reader)
{
    if (msgpack_reader_is_at_end(reader) || reader->bytes.ptr[reader->offset] != 0xc0)
        return false;
    reader->offset++;
    return true;
}

static int next_path(struct msgpack_reader *reader, struct bytes *path)
{
    struct msgpack_value value;

    if (is_repeated(reader))
        return path->len > PATH_MAX_BYTES ? LINK_WIRE_E_BAD_FIELD : 0;
    if (next(reader, MSGPACK_BIN, &value) || value.raw.len % PATH_HOP_BYTES != 0)
        return LINK_WIRE_E_BAD_FIELD;
    *path = value.raw;
    return 0;
}

static int next_attributes(struct msgpack_reader *reader, enum link_entry_change change, struct bytes *raw)
{
    if (!is_repeated(reader))
        return msgpack_skip(reader, raw);
    return change == LINK_ENTRY_SET && raw->len > LINK_WIRE_MAX_REPEATED_BYTES ? LINK_WIRE_E_BAD_FIELD : 0;
}

static int next_change(struct msgpack_reader *reader, struct link_entry *entry)
{
    uint64_t kind;
    uint64_t change;

    if (next_u64(reader, UINT8_MAX, &kind) || next_u64(reader, LINK_ENTRY_DEAD, &change))
        return LINK_WIRE_E_BAD_FIELD;
    entry->kind = (uint8_t)kind;
    entry->change = (enum link_entry_change)change;
    return 0;
}

static bool is_whole(const struct link_entry *entry)
{
    return entry->change != LINK_ENTRY_SET || (entry->path.len > 0 && entry->raw_attributes.len > 0);
}

int link_wire_next_entry(struct msgpack_reader *reader, struct link_entry *entry)
{
    bool is_first = reader->offset == 0;
    struct msgpack_value head;
    uint64_t held_back = 0;

    entry->first_channel = BYTES_NONE;
    entry->replaced = 0;
    if (next(reader, MSGPACK_ARRAY, &head) || head.n_items < ENTRY_ITEMS ||
        head.n_items > ENTRY_ITEMS_HOLDING_BACK || next_change(reader, entry) ||
        (is_repeated(reader) ? is_first : next_hub(reader, &entry->origin) != 0) ||
        (is_repeated(reader) ? is_first : next_name(reader, &entry->channel) != 0) ||
        next_name(reader, &entry->name) || next_u64(reader, UINT64_MAX, &entry->incarnation) ||
        next_u64(reader, UINT64_MAX, &entry->counter) || next_u64(reader, UINT32_MAX, &entry->cost) ||
        next_path(reader, &entry->path) || next_attributes(reader, entry->change, &entry->raw_attributes))
        return LINK_WIRE_E_BAD_FIELD;
    if (head.n_items >= ENTRY_ITEMS_RENAMED && next_name(reader, &entry->first_channel))
        return LINK_WIRE_E_BAD_FIELD;
    if (head.n_items >= ENTRY_ITEMS_REPLACING && next_u64(reader, UINT64_MAX, &entry->replaced))
        return LINK_WIRE_E_BAD_FIELD;
    if (head.n_items >= ENTRY_ITEMS_HOLDING_BACK && next_u64(reader, UINT8_MAX, &held_back))
        return LINK_WIRE_E_BAD_FIELD;
    entry->held_back = (uint32_t)held_back;
    return is_whole(entry) ? 0 : LINK_WIRE_E_BAD_FIELD;
}
