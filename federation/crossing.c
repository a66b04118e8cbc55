/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/crossing.h"

#include <errno.h>

#include "federation/guards.h"
#include "hub/wire/frame.h"
#include "hub/wire/message.h"
#include "hub/wire/msgpack_write.h"

#define SET(id) (1U << BRIDGE_##id)
#define CALLS_AND_SENDS (SET(CALLS) | SET(SENDS))

/* --- entries -------------------------------------------------------------------------------------------- */

/* The classes of the messages that an entry is about. */
static uint32_t classes_of(enum route_kind kind, struct bytes name)
{
    switch (kind) {
    case ROUTE_SERVICE:
        return CALLS_AND_SENDS;
    case ROUTE_TOPIC:
        return SET(PUBLISHES);
    case ROUTE_INTEREST:
        return name.len > 0 ? SET(PUBLISHES) : SET(BROADCASTS);
    case ROUTE_MEMBER:
        return SET(MEMBERS);
    case ROUTE_HUB:
    case ROUTE_PROFILE:
    case ROUTE_KIND_COUNT:
        break;
    }
    return 0;
}

/* Whether the messages go the way that their entry goes, not against it. */
static bool goes_along(enum route_kind kind)
{
    return kind == ROUTE_TOPIC || kind == ROUTE_MEMBER;
}

static bool lets_entry(const struct mesh_link *link, enum bridge_direction entry_direction,
                       enum route_kind kind, struct bytes channel, struct bytes name, uint32_t held_back)
{
    bool is_in = (entry_direction == BRIDGE_IN) == goes_along(kind);
    uint32_t classes = classes_of(kind, name) & ~held_back;

    return !route_kind_has_channel(kind) ||
           (classes != 0 &&
            bridge_policy_lets(link->policy, is_in ? BRIDGE_IN : BRIDGE_OUT, classes, channel));
}

bool crossing_lets_tell(const struct mesh_link *link, enum route_kind kind, struct bytes channel,
                        struct bytes name, uint32_t held_back)
{
    struct bridge_remap_room room;
    struct bytes there;

    return lets_entry(link, BRIDGE_OUT, kind, channel, name, held_back) &&
           (!route_kind_has_channel(kind) || guards_let(link, channel)) &&
           crossing_rename(link, BRIDGE_OUT, channel, &room, &there);
}

bool crossing_lets_take(const struct mesh_link *link, enum route_kind kind, struct bytes channel,
                        struct bytes name, uint32_t held_back)
{
    return lets_entry(link, BRIDGE_IN, kind, channel, name, held_back);
}

uint32_t crossing_held_back(const struct mesh_link *link, enum route_kind kind, uint32_t before)
{
    uint32_t by_link = link->policy ? ~link->policy->classes : 0;

    return kind == ROUTE_SERVICE ? (before | by_link) & CALLS_AND_SENDS : 0;
}

bool crossing_lets_channel(const struct mesh_link *link, struct bytes channel)
{
    return bridge_policy_lets(link->policy, BRIDGE_OUT, UINT32_MAX, channel) ||
           bridge_policy_lets(link->policy, BRIDGE_IN, UINT32_MAX, channel);
}

bool crossing_renames(const struct mesh_link *link, struct bytes channel)
{
    struct bridge_remap_room room;
    struct bytes there;

    return !crossing_rename(link, BRIDGE_OUT, channel, &room, &there) || !bytes_equal(there, channel);
}

/* --- how many messages ---------------------------------------------------------------------------------- */

/* A second's worth may come at once; a thousandth of a message is what a millisecond brings at one a second.
 */
static bool is_too_fast(struct mesh_link *link, enum bridge_direction direction)
{
    uint64_t per_s = link->policy ? link->policy->limits.messages_per_s : 0;
    uint64_t now_ms = link->mesh->time.now_ms;
    struct mesh_rate *rate = &link->rates[direction];
    uint64_t elapsed_ms = now_ms - rate->at_ms;

    if (per_s == 0)
        return false;
    if (elapsed_ms >= 1000)
        rate->thousandths = per_s * 1000;
    else if (elapsed_ms > 0)
        rate->thousandths += elapsed_ms * per_s;
    if (rate->thousandths > per_s * 1000)
        rate->thousandths = per_s * 1000;
    rate->at_ms = now_ms;
    if (rate->thousandths < 1000)
        return true;
    rate->thousandths -= 1000;
    return false;
}

static enum mesh_refusal judge_rate(struct mesh_link *link, enum bridge_direction direction)
{
    if (!is_too_fast(link, direction))
        return MESH_REFUSAL_COUNT;
    if (!link->has_told_rate) {
        link->has_told_rate = true;
        mesh_warn_of_link(link, "too_many_messages",
                          "more messages than limits.messages_per_s lets pass: calls over it are answered "
                          "with an error, other messages are dropped and counted");
    }
    return MESH_REFUSED_TOO_FAST;
}

/* The far side would end the link over it, and with it what others have under way. */
static bool is_too_large(struct mesh_link *link, enum bridge_direction direction, struct bytes body)
{
    if (direction == BRIDGE_IN || link->peer_max_frame == 0 || body.len <= link->peer_max_frame)
        return false;
    if (!link->has_told_size) {
        link->has_told_size = true;
        mesh_warn_of_link(
            link, "too_large",
            "a message is larger than the far hub's --max-frame lets it take: calls and answers "
            "of that size end with an error, other messages are dropped and counted");
    }
    return true;
}

/* --- messages ------------------------------------------------------------------------------------------- */

uint32_t crossing_classes_of(const struct link_one *one)
{
    struct message message;

    if (message_parse(one->body, &message) != 0)
        return CALLS_AND_SENDS;
    return message.type == MESSAGE_SEND ? SET(SENDS) : SET(CALLS);
}

/* Both classes are checked by the channel alone; only where one of them is held back is the body opened. */
static uint32_t classes_for(const struct mesh_link *link, const struct link_one *one)
{
    bool lets_both = crossing_held_back(link, ROUTE_SERVICE, 0) == 0;

    return lets_both ? CALLS_AND_SENDS : crossing_classes_of(one);
}

enum mesh_refusal crossing_judge_one(struct mesh_link *link, enum bridge_direction direction,
                                     const struct link_one *one)
{
    if (one->channel.len > 0 && !guards_let(link, one->channel))
        return MESH_REFUSED_UNPROVEN;
    if (is_too_large(link, direction, one->body))
        return MESH_REFUSED_TOO_LARGE;
    /* An answer may go where its call came from: its caller waits for it. */
    if (one->event.len == 0)
        return MESH_REFUSAL_COUNT;
    if (!bridge_policy_lets(link->policy, direction, classes_for(link, one), one->channel))
        return MESH_REFUSED_FILTERED;
    return judge_rate(link, direction);
}

enum mesh_refusal crossing_judge_many(struct mesh_link *link, enum bridge_direction direction,
                                      const struct link_many *many)
{
    uint32_t classes = many->topic.len > 0 ? SET(PUBLISHES) : SET(BROADCASTS);

    if (!guards_let(link, many->channel))
        return MESH_REFUSED_UNPROVEN;
    if (is_too_large(link, direction, many->body))
        return MESH_REFUSED_TOO_LARGE;
    if (!bridge_policy_lets(link->policy, direction, classes, many->channel))
        return MESH_REFUSED_FILTERED;
    return judge_rate(link, direction);
}

/* --- names ---------------------------------------------------------------------------------------------- */

bool crossing_rename(const struct mesh_link *link, enum bridge_direction direction, struct bytes channel,
                     struct bridge_remap_room *room, struct bytes *out_name)
{
    bool has_name = true;

    *out_name = channel;
    if (!link->policy || link->policy->remap.n == 0 || channel.len == 0)
        return true;
    if (direction == BRIDGE_OUT)
        has_name = bridge_remap_out(&link->policy->remap, channel, room, out_name);
    else
        has_name = bridge_remap_in(&link->policy->remap, channel, room, out_name);
    return has_name && !bridge_policy_is_system(*out_name);
}

/* The message with another channel. */
static struct block *write_anew(const struct message *message, struct bytes channel)
{
    const struct message_field *field = &message->fields[KEY_CHANNEL];
    struct bytes before = bytes_of(message->body.ptr, field->value_offset);
    struct bytes behind = bytes_from(message->body, field->end_offset);
    struct buffer out;

    buffer_init(&out);
    frame_begin_sized(&out, message->body.len + channel.len + 8);
    buffer_append_bytes(&out, before);
    msgpack_write_str(&out, channel);
    buffer_append_bytes(&out, behind);
    return frame_finish(&out);
}

/* A body that names no channel, or one without a name on the other side, stays as it is. */
static int rename_body(struct crossing *crossing, const struct mesh_link *link,
                       enum bridge_direction direction, struct bytes *body)
{
    struct bridge_remap_room room;
    struct message message;
    struct bytes channel;
    struct bytes name;

    if (message_parse(*body, &message) != 0 || message_text(&message, KEY_CHANNEL, &channel) != 0 ||
        !crossing_rename(link, direction, channel, &room, &name) || bytes_equal(name, channel))
        return 0;
    crossing->frame = write_anew(&message, name);
    if (!crossing->frame)
        return -ENOMEM;
    *body = frame_body(crossing->frame);
    return 0;
}

static bool renames(const struct mesh_link *link)
{
    return link->policy && link->policy->remap.n > 0;
}

int crossing_rename_one(struct crossing *crossing, const struct mesh_link *link,
                        enum bridge_direction direction, struct link_one *one)
{
    crossing->frame = NULL;
    if (!renames(link))
        return 0;
    if (!crossing_rename(link, direction, one->channel, &crossing->room, &one->channel))
        return CROSSING_E_NAMELESS;
    return rename_body(crossing, link, direction, &one->body);
}

int crossing_rename_many(struct crossing *crossing, const struct mesh_link *link,
                         enum bridge_direction direction, struct link_many *many)
{
    crossing->frame = NULL;
    if (!renames(link))
        return 0;
    if (!crossing_rename(link, direction, many->channel, &crossing->room, &many->channel))
        return CROSSING_E_NAMELESS;
    return rename_body(crossing, link, direction, &many->body);
}

void crossing_clear(struct crossing *crossing)
{
    block_unref(crossing->frame);
}
