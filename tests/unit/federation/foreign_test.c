/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The translator between two scripts: a Python hub on one side, the mesh on the other. What it says to the
 * hub is kept as JSON lines, what it tells the mesh as words.
 */
#include "federation/foreign.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation/attributes.h"
#include "federation/foreign_call.h"
#include "federation/route_table.h"
#include "federation/stream_order.h"
#include "hub/wire/frame.h"
#include "hub/wire/json_text.h"
#include "hub/wire/msgpack_write.h"
#include "tests/support/allocation.h"
#include "tests/support/unit.h"

#define NAMED(text) hub_named(text)

/* A member of this name has the mode of a bridge. */
#define BRIDGE_PROVIDER "bridge-c1"

static struct {
    struct foreign *foreign;
    struct buffer said;
    struct buffer told;
    struct buffer warned;
    bool is_awake;
    bool is_dry;
    bool has_passed;
    bool is_deaf; /* keeps nothing, which would allocate */
    const char *denied;
    const char *owner; /* of services that are told; NULL: "provider" */
    unsigned refused[MESH_REFUSAL_COUNT];
    char last_id[64]; /* request_id of what was said last */
} stand;

/* A hub whose id is its name. */
static struct hub_id hub_named(const char *name)
{
    struct hub_id id = {{0}};

    memcpy(id.octets, name, strlen(name));
    return id;
}

/* --- messages as text: JSON with ' for " and without escapes -------------------------------------------- */

static void pack_value(const char **at, struct buffer *out);

static void skip_space(const char **at)
{
    while (isspace((unsigned char)**at) || **at == ',' || **at == ':')
        (*at)++;
}

static void pack_items(const char **at, struct buffer *out, char end, bool is_map)
{
    struct buffer items = {0};
    uint32_t n = 0;

    for ((*at)++, skip_space(at); **at != end; skip_space(at), n++)
        pack_value(at, &items);
    (*at)++;
    if (is_map)
        msgpack_write_map(out, n / 2);
    else
        msgpack_write_array(out, n);
    msgpack_write_raw(out, buffer_bytes(&items));
    buffer_clear(&items);
}

static void pack_word(const char **at, struct buffer *out)
{
    char *end;

    if (**at == 't')
        msgpack_write_bool(out, true);
    else if (**at == 'f')
        msgpack_write_bool(out, false);
    else if (**at == 'n')
        msgpack_write_nil(out);
    else
        msgpack_write_i64(out, strtol(*at, &end, 10));
    while (isalnum((unsigned char)**at) || **at == '-')
        (*at)++;
}

static void pack_value(const char **at, struct buffer *out)
{
    size_t len;

    skip_space(at);
    if (**at == '{') {
        pack_items(at, out, '}', true);
    } else if (**at == '[') {
        pack_items(at, out, ']', false);
    } else if (**at == '\'') {
        len = strcspn(*at + 1, "'");
        msgpack_write_str(out, bytes_of(*at + 1, len));
        *at += len + 2;
    } else {
        pack_word(at, out);
    }
}

static struct buffer pack(const char *text)
{
    struct buffer out = {0};

    pack_value(&text, &out);
    return out;
}

/* --- the stand ------------------------------------------------------------------------------------------ */

static void keep_id(struct bytes body)
{
    struct message message;
    struct bytes id;

    if (message_parse(body, &message) == 0 && message_text(&message, KEY_REQUEST_ID, &id) == 0)
        snprintf(stand.last_id, sizeof stand.last_id, "%.*s", (int)id.len, (const char *)id.ptr);
}

static void on_say(void *context, struct block *frame)
{
    (void)context;
    if (!frame) {
        stand.is_dry = true;
        return;
    }
    if (stand.is_deaf) {
        block_unref(frame);
        return;
    }
    keep_id(frame_body(frame));
    json_text_append(frame_body(frame), &stand.said);
    buffer_append_text(&stand.said, "\n");
    block_unref(frame);
}

static void tell_entries(const struct link_message *message)
{
    static const char *const kinds[] = {"hub", "service", "topic", "interest", "member", "profile"};
    struct msgpack_reader reader = msgpack_reader_of(message->entries.raw);
    struct link_entry entry = {0};

    for (uint32_t i = 0; i < message->entries.n; i++) {
        assert_int_equal(link_wire_next_entry(&reader, &entry), 0);
        buffer_append_format(&stand.told, "%s %s %.*s:%.*s\n",
                             entry.change == LINK_ENTRY_SET ? "set" : "dead", kinds[entry.kind],
                             (int)entry.channel.len, entry.channel.len ? (const char *)entry.channel.ptr : "",
                             (int)entry.name.len, entry.name.len ? (const char *)entry.name.ptr : "");
    }
}

static void on_tell(void *context, const struct link_message *message)
{
    (void)context;
    if (stand.is_deaf)
        return;
    if (message->type == LINK_MESSAGE_ENTRIES) {
        tell_entries(message);
    } else if (message->type == LINK_MESSAGE_ONE) {
        buffer_append_format(&stand.told, "one to %s ", (const char *)message->one.to.octets);
        json_text_append(message->one.body, &stand.told);
        buffer_append_text(&stand.told, "\n");
    } else {
        buffer_append_format(&stand.told, "many %s %llu to %zu ", (const char *)message->many.origin.octets,
                             (unsigned long long)message->many.seq, hub_id_list_count(message->many.to));
        json_text_append(message->many.body, &stand.told);
        buffer_append_text(&stand.told, "\n");
    }
}

static void on_wake(void *context)
{
    (void)context;
    stand.is_awake = true;
}

static bool lets(void *context, struct bytes channel)
{
    (void)context;
    return !stand.denied || !bytes_equal_text(channel, stand.denied);
}

static bool has_passed(void *context, struct bytes channel, const struct message *message)
{
    (void)context;
    (void)channel;
    (void)message;
    return stand.has_passed;
}

static bool knows(void *context, const struct hub_id *hub)
{
    struct hub_id alpha = NAMED("alpha");

    (void)context;
    return hub_id_equal(hub, &alpha);
}

static struct bytes name_of(void *context, const struct hub_id *hub)
{
    (void)context;
    return bytes_of_text((const char *)hub->octets);
}

static void on_refused(void *context, enum mesh_refusal refusal)
{
    (void)context;
    stand.refused[refusal]++;
}

static void on_warn(void *context, const char *event, const char *text)
{
    (void)context;
    (void)text;
    buffer_append_format(&stand.warned, "%s\n", event);
}

static const struct foreign_outlet outlet = {on_say, on_tell, on_wake,    lets,    has_passed,
                                             knows,  name_of, on_refused, on_warn, NULL};

static int make(bool has_members, const char *name)
{
    struct foreign_options options = {
        .client_id = BYTES_LITERAL("us"),
        .server_id = BYTES_LITERAL("python"),
        .hub_id = NAMED("python"),
        .incarnation = 7,
        .session = 9,
        .has_members = has_members,
        .n_names = name ? 1 : 0,
        .names = &name,
    };

    return foreign_new(&stand.foreign, &options, &outlet, 1000);
}

static void settle(void)
{
    if (stand.is_awake && stand.foreign) {
        stand.is_awake = false;
        foreign_settle(stand.foreign);
    }
}

static void forget_all(void)
{
    stand.said.len = stand.told.len = stand.warned.len = 0;
}

static void set_up_with(bool has_members, const char *name)
{
    assert_int_equal(make(has_members, name), 0);
    settle();
}

static int set_up(void **state)
{
    (void)state;
    set_up_with(true, NULL);
    forget_all();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    foreign_free(stand.foreign);
    buffer_clear(&stand.said);
    buffer_clear(&stand.told);
    buffer_clear(&stand.warned);
    memset(&stand, 0, sizeof stand);
    return 0;
}

/* The Python hub says this; @ stands for the id of our last request. */
static void hear(const char *text)
{
    char filled[1024] = "";
    const char *at = strchr(text, '@');
    struct buffer body;
    struct message message;

    if (at)
        snprintf(filled, sizeof filled, "%.*s%s%s", (int)(at - text), text, stand.last_id, at + 1);
    body = pack(at ? filled : text);
    assert_int_equal(message_parse(buffer_bytes(&body), &message), 0);
    foreign_hear(stand.foreign, &message);
    buffer_clear(&body);
    settle();
}

static void entry_of_life(const char *hub, uint64_t life, enum link_entry_change change, enum route_kind kind,
                          const char *channel, const char *name)
{
    struct link_entry entry = {.kind = (uint8_t)kind,
                               .change = change,
                               .origin = NAMED(hub),
                               .channel = bytes_of_text(channel),
                               .name = bytes_of_text(name),
                               .incarnation = life,
                               .counter = 1,
                               .cost = 1};
    struct peering_service service = {.owner = bytes_of_text(stand.owner ? stand.owner : "provider"),
                                      .n_providers = 1};
    struct peering_topic topic = {.owner = BYTES_LITERAL("publisher")};
    struct hop hop = {NAMED(hub), 5};
    struct link_message message = {.type = LINK_MESSAGE_ENTRIES};
    struct buffer attributes = {0};
    struct buffer path = {0};
    struct link_entries entries = {0};

    path_append(&path, &hop);
    entry.path = buffer_bytes(&path);
    if (kind == ROUTE_SERVICE)
        attributes_write_service(&attributes, &service);
    else if (kind == ROUTE_TOPIC)
        attributes_write_topic(&attributes, &topic);
    else if (kind == ROUTE_MEMBER)
        attributes_write_member(&attributes,
                                bytes_of_text(strcmp(name, BRIDGE_PROVIDER) == 0 ? "bridge" : "client"));
    else
        attributes_write_interest(&attributes);
    entry.raw_attributes = buffer_bytes(&attributes);
    link_wire_append_entry(&entries, &entry);
    message.entries.n = 1;
    message.entries.raw = buffer_bytes(&entries.raw);
    foreign_take(stand.foreign, &message);
    buffer_clear(&attributes);
    buffer_clear(&path);
    link_wire_clear_entries(&entries);
    settle();
}

static void entry(const char *hub, enum link_entry_change change, enum route_kind kind, const char *channel,
                  const char *name)
{
    entry_of_life(hub, 1, change, kind, channel, name);
}

static bool has(const struct buffer *lines, const char *part)
{
    return lines->len > 0 && memmem(lines->ptr, lines->len, part, strlen(part));
}

static void assert_said(const char *lines)
{
    assert_text(buffer_bytes(&stand.said), lines);
    stand.said.len = 0;
}

static void assert_told(const char *lines)
{
    assert_text(buffer_bytes(&stand.told), lines);
    stand.told.len = 0;
}

/* The channel is open to us, with what @events and @subscriptions say. */
static void open_channel(const char *events, const char *subscriptions)
{
    char sync[768];

    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'room','client_id':'alice'}}");
    snprintf(sync, sizeof sync, "{'type':'channel_sync','channel':'room','events':%s,'subscriptions':%s}",
             events, subscriptions);
    hear(sync);
    hear("{'type':'response','request_id':'@','data':{'channel':'room','authenticated':false}}");
    hear("{'type':'response','request_id':'@','data':{'members':["
         "{'id':'alice','mode':'client','is_local':true,'path':[]},{'id':'us','mode':'bridge','is_local':"
         "true}]}}");
}

static void set_up_room(const char *events, const char *subscriptions)
{
    open_channel(events, subscriptions);
    forget_all();
}

/* --- channels ------------------------------------------------------------------------------------------- */

static void test_the_hub_itself_is_told_and_the_system_channel_opened(void **state)
{
    (void)state;
    set_up_with(true, NULL);
    assert_told("set hub :\n");
    assert_said("{\"channel\":\"__comm_ipc_system\",\"client_id\":\"us\",\"is_provider\":false,"
                "\"type\":\"register\"}\n");
}

static void test_a_channel_is_opened_once_somebody_is_in_it(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "");
    assert_said("{\"channel\":\"room\",\"request_id\":\"mesh-1\",\"type\":\"list_members\"}\n");
    hear("{'type':'response','request_id':'@','data':{'members':[]}}");
    assert_said("");
    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'room','client_id':'alice'}}");
    assert_said("{\"channel\":\"room\",\"client_id\":\"us\",\"is_provider\":false,\"request_id\":\"mesh-2\","
                "\"type\":\"register\"}\n");
}

static void test_a_channel_with_members_is_opened(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "");
    hear("{'type':'response','request_id':'@','data':{'members':[{'id':'alice','is_local':true}]}}");
    assert_true(has(&stand.said, "\"register\""));
}

static void test_our_own_registrations_are_no_news(void **state)
{
    (void)state;
    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'room','client_id':'us'}}");
    assert_said("");
}

static void test_a_channel_that_is_not_let_through_is_left_alone(void **state)
{
    (void)state;
    stand.denied = "room";
    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'room','client_id':'alice'}}");
    assert_said("");
}

static void test_a_named_channel_is_asked_for_at_once(void **state)
{
    (void)state;
    set_up_with(true, "room");
    assert_true(has(&stand.said, "\"list_members\""));
    assert_false(has(&stand.said, "\"room\",\"client_id\""));
}

static void test_an_older_hub_cannot_be_asked_and_is_joined(void **state)
{
    (void)state;
    set_up_with(false, "room");
    assert_true(has(&stand.said, "{\"channel\":\"room\",\"client_id\":\"us\""));
}

static void test_a_channel_with_a_password_is_given_up_and_told(void **state)
{
    (void)state;
    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'room','client_id':'alice'}}");
    stand.said.len = 0;
    hear("{'type':'auth_challenge','channel':'room','challenge':'c','challenge_id':'i','request_id':'@'}");
    assert_said("");
    assert_text(buffer_bytes(&stand.warned), "channel_protected\n");
}

static void test_a_channel_that_is_terminated_takes_all_along(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    hear("{'type':'error','message':'Channel room owner disconnected, channel terminated'}");
    assert_true(has(&stand.told, "dead service room:add"));
    assert_true(has(&stand.told, "dead interest room:"));
    assert_true(has(&stand.told, "dead member room:alice"));
}

/* --- services ------------------------------------------------------------------------------------------- */

static void test_services_topics_and_members_there_are_told(void **state)
{
    (void)state;
    open_channel("{'add':{'owner':'alice','param_schema':{'a':1},'return_schema':null,'stype':'event'}}",
                 "{'ticks':{'owner':'alice','param_schema':null,'stype':'subscription'}}");
    assert_told("set service room:add\nset topic room:ticks\nset interest room:\nset member room:alice\n");
    hear("{'type':'metadata_update','channel':'room','name':'sub','stype':'event','owner':'alice'}");
    assert_told("set service room:sub\n");
    hear("{'type':'metadata_update','channel':'room','name':'mine','stype':'event','owner':'us'}");
    assert_told("");
}

static void test_what_has_not_changed_is_not_told_again(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    hear("{'type':'channel_sync','channel':'room','events':{'add':{'owner':'alice','stype':'event'}},"
         "'subscriptions':{}}");
    assert_told("");
}

static void test_what_a_sync_does_not_list_is_withdrawn(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    hear("{'type':'channel_sync','channel':'room','events':{},'subscriptions':{}}");
    assert_told("dead service room:add\n");
}

static void test_a_member_that_leaves_takes_its_services_along(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    hear("{'type':'metadata_update','channel':'room','name':'alice','stype':'membership','owner':'alice',"
         "'mode':'client','action':'leave'}");
    assert_told("dead service room:add\ndead member room:alice\n");
}

static void test_of_a_group_the_others_stay(void **state)
{
    (void)state;
    set_up_room("{'g.do':{'owner':'alice','is_group':true,'stype':'event'}}", "{}");
    hear("{'type':'metadata_update','channel':'room','name':'g.do','stype':'event','owner':'bob',"
         "'is_group':true}");
    assert_told("set service room:g.do\n");
    hear("{'type':'metadata_update','channel':'room','name':'alice','stype':'membership','owner':'alice',"
         "'action':'leave'}");
    assert_told("dead member room:alice\n");
    assert_true(has(&stand.said, "\"is_provider\":false"));
}

static void test_a_service_of_the_mesh_is_provided_though_nobody_is_there(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    assert_true(has(&stand.said, "\"register\""));
    stand.said.len = 0;
    hear("{'type':'response','request_id':'@','data':{'channel':'room','authenticated':false}}");
    assert_true(has(&stand.said, "\"event\":\"add\",\"is_group\":false,\"is_provider\":true"));
}

static void test_what_the_hub_provides_itself_is_not_provided_there(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    assert_said("");
    hear("{'type':'metadata_update','channel':'room','name':'alice','stype':'membership','owner':'alice',"
         "'action':'leave'}");
    assert_true(has(&stand.said, "\"is_provider\":true"));
}

static void test_a_service_that_a_bridge_passes_on_is_not_offered_back(void **state)
{
    (void)state;
    set_up_room("{}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_MEMBER, "room", BRIDGE_PROVIDER);
    stand.owner = BRIDGE_PROVIDER;
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "passed on");
    stand.owner = NULL;
    assert_false(has(&stand.said, "\"is_provider\":true"));
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    assert_true(has(&stand.said, "\"event\":\"add\",\"is_group\":false,\"is_provider\":true"));
}

static void test_a_conflict_is_told_once_and_tried_again(void **state)
{
    (void)state;
    set_up_room("{}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    hear(
        "{'type':'response','request_id':'@','error':'Provider already exists for room:add and group mode is "
        "incompatible'}");
    assert_text(buffer_bytes(&stand.warned), "provider_conflict\n");
    stand.said.len = 0;
    foreign_tick(stand.foreign, 5999);
    settle();
    assert_said("");
    foreign_tick(stand.foreign, 6001);
    settle();
    assert_true(has(&stand.said, "\"is_provider\":true"));
    hear("{'type':'response','request_id':'@','error':'Provider already exists'}");
    assert_text(buffer_bytes(&stand.warned), "provider_conflict\n");
}

static void test_an_older_hub_is_asked_again_for_what_it_has(void **state)
{
    (void)state;
    set_up_with(false, "room");
    hear("{'type':'channel_sync','channel':'room','events':{'add':{'owner':'alice','stype':'event'}},"
         "'subscriptions':{}}");
    hear("{'type':'response','request_id':'@','data':{'channel':'room','authenticated':false}}");
    forget_all();
    foreign_tick(stand.foreign, 5000);
    settle();
    assert_said("");
    foreign_tick(stand.foreign, 6000);
    settle();
    assert_true(has(&stand.said, "\"register\""));
}

/* --- calls ---------------------------------------------------------------------------------------------- */

static void call_from_mesh(const char *body)
{
    struct buffer raw = pack(body);
    struct link_message message = {.type = LINK_MESSAGE_ONE};

    message.one.to = NAMED("python");
    message.one.from = NAMED("alpha");
    message.one.channel = BYTES_LITERAL("room");
    message.one.event = BYTES_LITERAL("add");
    message.one.body = buffer_bytes(&raw);
    foreign_take(stand.foreign, &message);
    buffer_clear(&raw);
    settle();
}

static void test_a_call_has_an_id_of_its_own_there_and_its_answers_the_callers(void **state)
{
    (void)state;
    call_from_mesh(
        "{'type':'call','request_id':'1','sender_id':'carol','channel':'room','event':'add','data':2}");
    assert_said("{\"channel\":\"room\",\"data\":2,\"event\":\"add\",\"request_id\":\"mesh-1\","
                "\"sender_id\":\"carol\",\"type\":\"call\"}\n");
    hear("{'type':'response','request_id':'mesh-1','target_id':'us','data':3,'is_stream':true,'is_final':"
         "false}");
    assert_told("one to alpha {\"data\":3,\"is_final\":false,\"is_stream\":true,\"request_id\":\"1\","
                "\"target_id\":\"carol\",\"type\":\"response\"}\n");
    hear("{'type':'response','request_id':'mesh-1','target_id':'us','data':null,'is_stream':true,'is_final':"
         "true}");
    assert_int_not_equal(stand.told.len, 0);
    stand.told.len = 0;
    hear("{'type':'response','request_id':'mesh-1','target_id':'us','data':4}");
    assert_told("");
}

static void test_a_call_that_finds_no_provider_has_the_channel_asked_for(void **state)
{
    (void)state;
    set_up_room("{'add':{'owner':'alice','stype':'event'}}", "{}");
    call_from_mesh("{'type':'call','request_id':'1','sender_id':'carol','channel':'room','event':'add'}");
    stand.said.len = 0;
    hear("{'type':'response','request_id':'@','error':'No provider for room:add','target_id':null}");
    assert_true(has(&stand.told, "No provider for room:add"));
    assert_true(has(&stand.said, "\"register\""));
}

static void test_a_call_of_the_hub_goes_to_the_hub_with_the_fewest(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    entry("beta", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    forget_all();
    hear("{'type':'call','request_id':'9','sender_id':'alice','channel':'room','event':'add','data':1}");
    hear("{'type':'call','request_id':'10','sender_id':'alice','channel':'room','event':'add','data':1}");
    assert_told("one to alpha {\"channel\":\"room\",\"data\":1,\"event\":\"add\",\"request_id\":\"9\","
                "\"sender_id\":\"alice\",\"type\":\"call\"}\n"
                "one to beta {\"channel\":\"room\",\"data\":1,\"event\":\"add\",\"request_id\":\"10\","
                "\"sender_id\":\"alice\",\"type\":\"call\"}\n");
}

static void test_a_call_to_what_the_mesh_has_no_more_is_answered(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    entry("alpha", LINK_ENTRY_LOST, ROUTE_SERVICE, "room", "add");
    forget_all();
    hear("{'type':'call','request_id':'9','sender_id':'alice','channel':'room','event':'add'}");
    assert_told("");
    assert_true(has(&stand.said, "\"error\":\"No provider for room:add\""));
    assert_true(has(&stand.said, "\"target_id\":\"alice\""));
}

/* Part @part of what @hub answers to alice's call 9. */
static void answer_from_mesh(const char *hub, unsigned part, const char *rest)
{
    char text[256];
    struct buffer raw;
    struct link_message message = {.type = LINK_MESSAGE_ONE};

    snprintf(text, sizeof text,
             "{'type':'response','request_id':'9','target_id':'alice','channel':'room','event':'add',%s}",
             rest);
    raw = pack(text);
    message.one.to = NAMED("python");
    message.one.from = hub_named(hub);
    message.one.part = part;
    message.one.body = buffer_bytes(&raw);
    foreign_take(stand.foreign, &message);
    buffer_clear(&raw);
    settle();
}

#define CHUNK "'data':'%u','is_stream':true,'is_final':false"
#define LAST_CHUNK "'data':'last','is_stream':true,'is_final':true"

static void chunk_from_mesh(unsigned part)
{
    char text[64];

    snprintf(text, sizeof text, CHUNK, part);
    answer_from_mesh("alpha", part, text);
}

/* What the callers have got: the data of each answer, or E for an error. */
static void assert_got(const char *expected)
{
    struct buffer got = {0};
    const char *line;
    const char *end;

    buffer_append(&stand.said, "", 1);
    for (line = (char *)stand.said.ptr; *line; line = end + 1) {
        const char *data = strstr(line, "\"data\":\"");

        end = strchr(line, '\n');
        if (memmem(line, (size_t)(end - line), "\"error\":", 8))
            buffer_append_text(&got, "E ");
        else if (data && data < end)
            buffer_append_format(&got, "%.*s ", (int)strcspn(data + 8, "\""), data + 8);
    }
    assert_text(buffer_bytes(&got), expected);
    buffer_clear(&got);
    stand.said.len = 0;
}

static void call_the_mesh(void)
{
    entry("alpha", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    hear("{'type':'call','request_id':'9','sender_id':'alice','channel':'room','event':'add','data':1}");
    forget_all();
}

static void test_chunks_that_overtake_each_other_reach_a_caller_there_in_order(void **state)
{
    (void)state;
    call_the_mesh();
    chunk_from_mesh(1);
    chunk_from_mesh(3);
    answer_from_mesh("alpha", 4, LAST_CHUNK);
    assert_got("1 ");
    chunk_from_mesh(3);
    assert_int_equal(stand.refused[MESH_REFUSED_DUPLICATE], 1);
    chunk_from_mesh(2);
    assert_got("2 3 last ");
    chunk_from_mesh(5);
    assert_got("");
    assert_int_equal(stand.refused[MESH_REFUSED_GAP], 1);
}

static void test_a_stream_whose_part_stays_away_ends_with_an_error_there(void **state)
{
    (void)state;
    call_the_mesh();
    chunk_from_mesh(2);
    foreign_tick(stand.foreign, 1000 + STREAM_ORDER_WAIT_MS - 1);
    assert_got("");
    foreign_tick(stand.foreign, 1000 + STREAM_ORDER_WAIT_MS);
    assert_true(has(&stand.said, "\"request_id\":\"9\""));
    assert_true(has(&stand.said, "\"target_id\":\"alice\""));
    assert_true(has(&stand.said, "answer of hub alpha did not come in time"));
    assert_got("E ");
    chunk_from_mesh(1);
    assert_got("");
}

static void test_the_word_of_a_hub_on_the_way_ends_a_stream_at_once(void **state)
{
    (void)state;
    call_the_mesh();
    chunk_from_mesh(2);
    answer_from_mesh("alpha", 0, "'error':'lost'");
    chunk_from_mesh(1);
    assert_got("E ");
}

static void test_an_answer_of_a_hub_that_was_not_asked_is_put_in_no_stream(void **state)
{
    (void)state;
    call_the_mesh();
    answer_from_mesh("beta", 1, "'data':'foul','is_stream':true,'is_final':false");
    chunk_from_mesh(1);
    assert_got("1 ");
}

static void test_calls_to_a_hub_that_is_lost_end_with_an_error(void **state)
{
    (void)state;
    call_the_mesh();
    entry("beta", LINK_ENTRY_LOST, ROUTE_HUB, "", "");
    assert_got("");
    entry("alpha", LINK_ENTRY_LOST, ROUTE_HUB, "", "");
    assert_true(has(&stand.said, "Hub alpha became unreachable before it answered"));
    assert_got("E ");
}

static void test_calls_to_a_hub_that_has_started_anew_end_with_an_error(void **state)
{
    (void)state;
    call_the_mesh();
    entry("alpha", LINK_ENTRY_SET, ROUTE_HUB, "", "");
    assert_got("");
    entry_of_life("alpha", 2, LINK_ENTRY_SET, ROUTE_HUB, "", "");
    assert_got("E ");
}

static void call_numbered(unsigned number)
{
    char text[160];

    snprintf(text, sizeof text,
             "{'type':'call','request_id':'c%u','sender_id':'bridge-c2','channel':'room','event':'add'}",
             number);
    hear(text);
}

static void test_a_caller_there_has_so_many_calls_and_no_more(void **state)
{
    (void)state;
    call_the_mesh();
    for (unsigned i = 0; i < FOREIGN_CALL_MAX_OF_CALLER; i++)
        call_numbered(i);
    assert_got("");
    stand.told.len = 0;
    call_numbered(9999);
    assert_true(has(&stand.said, "Too many outstanding calls (1024)"));
    assert_got("E ");
    assert_told("");
    hear("{'type':'call','request_id':'1','sender_id':'bob','channel':'room','event':'add'}");
    assert_true(has(&stand.told, "bob"));
    stand.told.len = 0;
    entry("alpha", LINK_ENTRY_LOST, ROUTE_HUB, "", "");
    stand.said.len = 0;
    call_numbered(9999);
    assert_true(has(&stand.told, "bridge-c2"));
}

static void test_a_call_does_not_go_to_a_hub_that_has_it_from_a_bridge_program(void **state)
{
    (void)state;
    call_the_mesh();
    entry("beta", LINK_ENTRY_SET, ROUTE_MEMBER, "room", BRIDGE_PROVIDER);
    stand.owner = BRIDGE_PROVIDER;
    entry("beta", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    forget_all();
    for (unsigned i = 0; i < 2; i++)
        call_numbered(i);
    assert_false(has(&stand.told, "one to beta"));
    entry("alpha", LINK_ENTRY_LOST, ROUTE_SERVICE, "room", "add");
    forget_all();
    call_numbered(3);
    assert_true(has(&stand.said, "No provider for room:add"));
    assert_told("");
}

static void test_a_hub_that_streams_is_busy_until_the_end(void **state)
{
    (void)state;
    call_the_mesh();
    entry("beta", LINK_ENTRY_SET, ROUTE_SERVICE, "room", "add");
    chunk_from_mesh(1);
    chunk_from_mesh(2);
    forget_all();
    hear("{'type':'call','request_id':'10','sender_id':'alice','channel':'room','event':'add','data':1}");
    assert_true(has(&stand.told, "one to beta"));
    answer_from_mesh("alpha", 3, LAST_CHUNK);
    forget_all();
    hear("{'type':'call','request_id':'11','sender_id':'alice','channel':'room','event':'add','data':1}");
    assert_true(has(&stand.told, "one to alpha"));
}

/* --- broadcasts and topics ------------------------------------------------------------------------------ */

static void many_from_mesh(const char *topic, const char *body)
{
    struct buffer raw = pack(body);
    struct link_message message = {.type = LINK_MESSAGE_MANY};

    message.many.origin = NAMED("alpha");
    message.many.incarnation = 2;
    message.many.seq = 3;
    message.many.channel = BYTES_LITERAL("room");
    message.many.topic = topic ? bytes_of_text(topic) : BYTES_NONE;
    message.many.body = buffer_bytes(&raw);
    foreign_take(stand.foreign, &message);
    buffer_clear(&raw);
}

static void test_a_broadcast_goes_out_with_the_meshs_id(void **state)
{
    (void)state;
    many_from_mesh(NULL, "{'type':'broadcast','channel':'room','event':'e','data':1,'metadata':{'k':1}}");
    assert_said("{\"channel\":\"room\",\"data\":1,\"event\":\"e\",\"metadata\":{\"_mesh\":"
                "\"616c7068610000000000000000000000:2:3\",\"k\":1},\"type\":\"broadcast\"}\n");
}

static void test_a_broadcast_there_comes_in_with_a_new_id_or_the_one_it_bears(void **state)
{
    (void)state;
    entry("alpha", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "");
    entry("beta", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "");
    forget_all();
    hear("{'type':'broadcast','channel':'room','event':'e','data':1,'metadata':{'k':1}}");
    assert_told("many python 1 to 2 {\"channel\":\"room\",\"data\":1,\"event\":\"e\",\"metadata\":{\"k\":1},"
                "\"type\":\"broadcast\"}\n");
    hear("{'type':'broadcast','channel':'room','event':'e','data':1,"
         "'metadata':{'_mesh':'616c7068610000000000000000000000:2:3'}}");
    assert_told(
        "many alpha 3 to 2 {\"channel\":\"room\",\"data\":1,\"event\":\"e\",\"type\":\"broadcast\"}\n");
    hear("{'type':'broadcast','channel':'room','event':'e','data':1,"
         "'metadata':{'_mesh':'77777777777777777777777777777777:2:3'}}");
    assert_told(
        "many python 2 to 2 {\"channel\":\"room\",\"data\":1,\"event\":\"e\",\"type\":\"broadcast\"}\n");
    stand.has_passed = true;
    hear("{'type':'broadcast','channel':'room','event':'e','data':1}");
    assert_told("");
}

static void test_topics_there_are_subscribed_while_the_mesh_wants_them(void **state)
{
    (void)state;
    set_up_room("{}", "{'ticks':{'owner':'alice','param_schema':null,'stype':'subscription'}}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "ticks");
    assert_true(has(&stand.said, "\"subscribe\""));
    hear("{'type':'response','request_id':'@','data':{'success':true}}");
    stand.said.len = 0;
    hear("{'type':'receive','channel':'room','event':'subscription.ticks.data','data':5}");
    assert_told("many python 1 to 1 {\"channel\":\"room\",\"data\":5,\"event\":\"subscription.ticks.data\","
                "\"type\":\"receive\"}\n");
    entry("alpha", LINK_ENTRY_LOST, ROUTE_INTEREST, "room", "ticks");
    assert_said("{\"channel\":\"room\",\"sub_name\":\"ticks\",\"type\":\"unsubscribe\"}\n");
}

static void test_topics_of_the_mesh_are_declared_and_published(void **state)
{
    (void)state;
    set_up_room("{}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_TOPIC, "room", "ticks");
    entry("beta", LINK_ENTRY_SET, ROUTE_INTEREST, "room", "ticks");
    assert_said(
        "{\"channel\":\"room\",\"request_id\":\"mesh-3\",\"return_schema\":null,\"sub_name\":\"ticks\","
        "\"type\":\"add_subscription\"}\n");
    hear("{'type':'response','request_id':'@','data':{'success':true}}");
    assert_told("set interest room:ticks\n");
    hear("{'type':'receive','channel':'room','event':'subscription.ticks.last','data':{}}");
    assert_told("dead interest room:ticks\n");
    hear("{'type':'receive','channel':'room','event':'subscription.ticks.first','data':{}}");
    assert_told("set interest room:ticks\n");
    many_from_mesh("ticks", "{'type':'receive','channel':'room','event':'subscription.ticks.data','data':5}");
    assert_said("{\"channel\":\"room\",\"data\":5,\"sub_name\":\"ticks\",\"type\":\"publish\"}\n");
}

static void test_members_of_the_mesh_are_announced_and_forgotten(void **state)
{
    (void)state;
    set_up_room("{}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_MEMBER, "room", "carol");
    assert_said(
        "{\"channel\":\"room\",\"clients\":[{\"id\":\"carol\",\"mode\":\"client\",\"path\":[\"alpha\"]}],"
        "\"type\":\"announce_remote\"}\n");
    entry("alpha", LINK_ENTRY_LOST, ROUTE_MEMBER, "room", "carol");
    assert_said("{\"channel\":\"room\",\"id\":\"carol\",\"type\":\"forget_remote\"}\n");
}

static void test_a_member_of_two_channels_is_announced_in_both(void **state)
{
    (void)state;
    set_up_room("{}", "{}");
    entry("alpha", LINK_ENTRY_SET, ROUTE_MEMBER, "room", "carol");
    hear("{'type':'receive','channel':'__comm_ipc_system','event':'new_registration',"
         "'data':{'channel':'hall','client_id':'alice'}}");
    hear("{'type':'response','request_id':'@','data':{'channel':'hall','authenticated':false}}");
    forget_all();
    entry("alpha", LINK_ENTRY_SET, ROUTE_MEMBER, "hall", "carol");
    assert_said(
        "{\"channel\":\"hall\",\"clients\":[{\"id\":\"carol\",\"mode\":\"client\",\"path\":[]},"
        "{\"id\":\"carol\",\"mode\":\"client\",\"path\":[\"alpha\"]}],\"type\":\"announce_remote\"}\n");
}

/* --- trouble -------------------------------------------------------------------------------------------- */

static void test_whatever_allocation_fails_is_said_and_leaks_nothing(void **state)
{
    (void)state;
    stand.is_deaf = true;
    for (unsigned n = 1; allocation_fail_at(n); n++) {
        bool is_made = make(true, "room") == 0;

        allocation_fail_never();
        settle();
        if (is_made)
            assert_false(allocation_has_failed() && !stand.is_dry);
        foreign_free(stand.foreign);
        stand.foreign = NULL;
        stand.is_dry = false;
        forget_all();
    }
}

int main(void)
{
#define STANDING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BARE(test) cmocka_unit_test_teardown(test, tear_down)
    const struct CMUnitTest tests[] = {
        BARE(test_the_hub_itself_is_told_and_the_system_channel_opened),
        STANDING(test_a_channel_is_opened_once_somebody_is_in_it),
        STANDING(test_a_channel_with_members_is_opened),
        STANDING(test_our_own_registrations_are_no_news),
        STANDING(test_a_channel_that_is_not_let_through_is_left_alone),
        BARE(test_a_named_channel_is_asked_for_at_once),
        BARE(test_an_older_hub_cannot_be_asked_and_is_joined),
        STANDING(test_a_channel_with_a_password_is_given_up_and_told),
        STANDING(test_a_channel_that_is_terminated_takes_all_along),
        STANDING(test_services_topics_and_members_there_are_told),
        STANDING(test_what_has_not_changed_is_not_told_again),
        STANDING(test_what_a_sync_does_not_list_is_withdrawn),
        STANDING(test_a_member_that_leaves_takes_its_services_along),
        STANDING(test_of_a_group_the_others_stay),
        STANDING(test_a_service_of_the_mesh_is_provided_though_nobody_is_there),
        STANDING(test_what_the_hub_provides_itself_is_not_provided_there),
        STANDING(test_a_service_that_a_bridge_passes_on_is_not_offered_back),
        STANDING(test_a_conflict_is_told_once_and_tried_again),
        BARE(test_an_older_hub_is_asked_again_for_what_it_has),
        STANDING(test_a_call_has_an_id_of_its_own_there_and_its_answers_the_callers),
        STANDING(test_a_call_that_finds_no_provider_has_the_channel_asked_for),
        STANDING(test_a_call_of_the_hub_goes_to_the_hub_with_the_fewest),
        STANDING(test_a_call_to_what_the_mesh_has_no_more_is_answered),
        STANDING(test_chunks_that_overtake_each_other_reach_a_caller_there_in_order),
        STANDING(test_a_stream_whose_part_stays_away_ends_with_an_error_there),
        STANDING(test_the_word_of_a_hub_on_the_way_ends_a_stream_at_once),
        STANDING(test_an_answer_of_a_hub_that_was_not_asked_is_put_in_no_stream),
        STANDING(test_calls_to_a_hub_that_is_lost_end_with_an_error),
        STANDING(test_calls_to_a_hub_that_has_started_anew_end_with_an_error),
        STANDING(test_a_hub_that_streams_is_busy_until_the_end),
        STANDING(test_a_caller_there_has_so_many_calls_and_no_more),
        STANDING(test_a_call_does_not_go_to_a_hub_that_has_it_from_a_bridge_program),
        STANDING(test_a_broadcast_goes_out_with_the_meshs_id),
        STANDING(test_a_broadcast_there_comes_in_with_a_new_id_or_the_one_it_bears),
        STANDING(test_topics_there_are_subscribed_while_the_mesh_wants_them),
        STANDING(test_topics_of_the_mesh_are_declared_and_published),
        STANDING(test_members_of_the_mesh_are_announced_and_forgotten),
        STANDING(test_a_member_of_two_channels_is_announced_in_both),
        BARE(test_whatever_allocation_fails_is_said_and_leaks_nothing),
    };

    return cmocka_run_group_tests_name("foreign", tests, NULL, NULL);
}
