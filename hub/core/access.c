/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/access.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/metrics.h"
#include "hub/base/random.h"
#include "hub/wire/answer.h"
#include "hub/wire/proof.h"

#define CHALLENGE_LETTERS 32      /* docs/protocol.md, "Protected channels" */
#define CHALLENGE_LIVES_MS 60000U /* likewise */

struct challenge {
    struct list in_client;
    struct list in_channel;
    struct client *client;
    struct channel *channel;
    uint64_t expires_ms;
    char id[RANDOM_UUID_TEXT];
    char text[CHALLENGE_LETTERS + 1];
    size_t request_len;
    uint8_t request[];
};

bool access_is_granted(const struct hub *hub, const struct client *client, const struct channel *channel)
{
    struct member *member;

    if (!channel_is_protected(channel) || client->kind == CLIENT_PEER)
        return true;
    member = channels_member(hub, client, channel);
    return member && member->is_authenticated;
}

void access_free(struct challenge *challenge)
{
    list_unlink(&challenge->in_channel);
    list_unlink(&challenge->in_client);
    challenge->client->n_challenges--;
    clients_discharge(challenge->client, challenge->request_len);
    free(challenge);
}

int access_challenge(struct hub *hub, struct client *client, struct channel *channel,
                     const struct message *message)
{
    struct bytes request = message->body;
    struct challenge *challenge;

    /* The oldest is the one least likely to be answered still. */
    if (client->n_challenges == CLIENT_MAX_CHALLENGES)
        access_free(list_first_entry(&client->challenges, struct challenge, in_client));
    if (!clients_charge(client, request.len))
        return ACCESS_E_TOO_MUCH;
    challenge = malloc(sizeof *challenge + request.len);
    if (!challenge) {
        clients_discharge(client, request.len);
        return -ENOMEM;
    }
    challenge->client = client;
    challenge->channel = channel;
    challenge->expires_ms = hub->time.now_ms + CHALLENGE_LIVES_MS;
    random_uuid(challenge->id);
    random_alphanumeric(challenge->text, CHALLENGE_LETTERS);
    challenge->request_len = request.len;
    memcpy(challenge->request, request.ptr, request.len);
    list_append(&client->challenges, &challenge->in_client);
    list_append(&channel->challenges, &challenge->in_channel);
    client->n_challenges++;
    clients_send_new(client,
                     answer_auth_challenge(channel->name, bytes_of_text(challenge->text),
                                           bytes_of_text(challenge->id),
                                           message_raw(message, KEY_REQUEST_ID)),
                     FRAME_CONTROL);
    return 0;
}

static struct challenge *find(struct client *client, const struct channel *channel, struct bytes id)
{
    list_for_each (link, &client->challenges) {
        struct challenge *challenge = container_of(link, struct challenge, in_client);

        if (challenge->channel == channel && bytes_equal_text(id, challenge->id))
            return challenge;
    }
    return NULL;
}

int access_prove(struct hub *hub, struct client *client, struct channel *channel, struct bytes challenge_id,
                 struct bytes proof, struct challenge **out_challenge)
{
    struct challenge *challenge = find(client, channel, challenge_id);
    char expected[PROOF_TEXT];
    int r;

    if (!challenge)
        return ACCESS_E_UNKNOWN;
    if (hub->time.now_ms >= challenge->expires_ms) {
        access_free(challenge);
        return ACCESS_E_EXPIRED;
    }
    r = proof_of_channel(channel->password, bytes_of_text(challenge->text), expected);
    if (r < 0 || !proof_matches(expected, proof)) {
        access_free(challenge);
        if (r == 0)
            metrics_count(METRICS_AUTH_FAILURES);
        return r < 0 ? r : ACCESS_E_WRONG;
    }
    *out_challenge = challenge;
    return 0;
}

struct bytes access_request(const struct challenge *challenge)
{
    return bytes_of(challenge->request, challenge->request_len);
}

void access_forget_client(struct client *client)
{
    list_for_each (link, &client->challenges)
        access_free(container_of(link, struct challenge, in_client));
}

void access_forget_channel(struct channel *channel)
{
    list_for_each (link, &channel->challenges)
        access_free(container_of(link, struct challenge, in_channel));
}
