/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/link_proof.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void append_u64(struct buffer *out, uint64_t value)
{
    uint8_t octets[8];

    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(value >> (56 - 8 * i));
    buffer_append(out, octets, sizeof octets);
}

/* Every part has a fixed length or its length before it, so that no two handshakes read alike. */
static void append_greeting(struct buffer *out, const struct link_greeting *greeting)
{
    append_u64(out, greeting->version);
    buffer_append_bytes(out, hub_id_bytes(&greeting->hub_id));
    append_u64(out, greeting->incarnation);
    append_u64(out, greeting->server_id.len);
    buffer_append_bytes(out, greeting->server_id);
    buffer_append_bytes(out, greeting->nonce);
    append_u64(out, greeting->run);
}

static void append_resume(struct buffer *out, const struct link_resume *resume)
{
    append_u64(out, resume->session);
    append_u64(out, resume->is_wanted);
    append_u64(out, resume->received);
    append_u64(out, resume->cuts);
    append_u64(out, resume->window_s);
}

static int digest(struct bytes secret, const char *purpose, const struct link_proof_parties *parties,
                  uint8_t out_digest[LINK_PROOF_BYTES])
{
    struct buffer text;
    unsigned len = 0;
    bool is_made;

    buffer_init(&text);
    buffer_append_text(&text, purpose);
    append_greeting(&text, &parties->dialer);
    append_greeting(&text, &parties->acceptor);
    append_u64(&text, parties->cost);
    append_resume(&text, &parties->asked);
    append_resume(&text, &parties->granted);
    if (parties->is_trial)
        buffer_append_bytes(&text, parties->release);
    is_made = !text.failed && secret.len <= INT32_MAX &&
              HMAC(EVP_sha256(), secret.ptr, (int)secret.len, text.ptr, text.len, out_digest, &len) &&
              len == LINK_PROOF_BYTES;
    buffer_clear(&text);
    return is_made ? 0 : -ENOMEM;
}

int link_proof_make(struct bytes secret, enum link_role role, const struct link_proof_parties *parties,
                    uint8_t out_proof[LINK_PROOF_BYTES])
{
    static const char *const purposes[2][2] = {
        [LINK_ROLE_DIALER] = {"commhub link dialer ", "commhub trial dialer "},
        [LINK_ROLE_ACCEPTOR] = {"commhub link acceptor ", "commhub trial acceptor "},
    };

    return digest(secret, purposes[role][parties->is_trial], parties, out_proof);
}

int link_proof_session(struct bytes secret, const struct link_proof_parties *parties, uint64_t *out_session)
{
    uint8_t octets[LINK_PROOF_BYTES];
    int r = digest(secret, "commhub link session ", parties, octets);

    if (r < 0)
        return r;
    *out_session = 0;
    for (size_t i = 0; i < 8; i++)
        *out_session = *out_session << 8 | octets[i];
    if (*out_session == 0)
        *out_session = 1;
    return 0;
}

bool link_proof_matches(const uint8_t expected[LINK_PROOF_BYTES], struct bytes given)
{
    return bytes_equal_secret(bytes_of(expected, LINK_PROOF_BYTES), given);
}
