/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/hub_id.h"

#include <errno.h>
#include <openssl/sha.h>

#include "hub/base/check.h"
#include "hub/base/name.h"
#include "hub/base/text.h"

static int nibble(uint8_t character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    if (character >= 'a' && character <= 'f')
        return character - 'a' + 10;
    return -1;
}

int hub_id_parse(struct bytes text, struct hub_id *out_id)
{
    if (text.len != 2 * HUB_ID_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < HUB_ID_BYTES; i++) {
        int high = nibble(text.ptr[2 * i]);
        int low = nibble(text.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            return -EINVAL;
        out_id->octets[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

void hub_id_text(const struct hub_id *id, char out_text[HUB_ID_TEXT])
{
    text_hex(id->octets, HUB_ID_BYTES, out_text);
}

void hub_id_of_foreign(struct bytes server_id, struct hub_id *out_id)
{
    static const char purpose[] = "commhub foreign hub ";
    uint8_t text[sizeof purpose - 1 + NAME_MAX_BYTES];
    uint8_t digest[SHA256_DIGEST_LENGTH];

    check(server_id.len <= NAME_MAX_BYTES);
    memcpy(text, purpose, sizeof purpose - 1);
    memcpy(text + sizeof purpose - 1, server_id.ptr, server_id.len);
    SHA256(text, sizeof purpose - 1 + server_id.len, digest);
    memcpy(out_id->octets, digest, HUB_ID_BYTES);
}

bool hub_id_list_has(struct bytes list, const struct hub_id *id)
{
    for (size_t i = 0; i + HUB_ID_BYTES <= list.len; i += HUB_ID_BYTES) {
        if (memcmp(list.ptr + i, id->octets, HUB_ID_BYTES) == 0)
            return true;
    }
    return false;
}
