/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/draft.h"

#include <errno.h>

#include "hub/base/check.h"
#include "hub/client/commipc.h"
#include "hub/wire/frame.h"
#include "hub/wire/msgpack_write.h"

#define MAP_HEAD 0x80 /* of a map of up to 15 pairs */

static void write_key(struct draft *draft, const char *key)
{
    check(draft->n_pairs < DRAFT_MOST_PAIRS);
    draft->n_pairs++;
    msgpack_write_str(&draft->out, bytes_of_text(key));
}

void draft_begin(struct draft *draft, const char *type)
{
    *draft = (struct draft){0};
    frame_begin(&draft->out);
    draft->body_at = draft->out.len;
    msgpack_write_map(&draft->out, 0);
    draft_text(draft, "type", bytes_of_text(type));
}

void draft_text(struct draft *draft, const char *key, struct bytes text)
{
    write_key(draft, key);
    msgpack_write_str_or_nil(&draft->out, text);
}

void draft_raw(struct draft *draft, const char *key, struct bytes raw)
{
    write_key(draft, key);
    msgpack_write_raw_or_nil(&draft->out, raw);
}

void draft_bool(struct draft *draft, const char *key, bool value)
{
    write_key(draft, key);
    msgpack_write_bool(&draft->out, value);
}

void draft_u64(struct draft *draft, const char *key, uint64_t value)
{
    write_key(draft, key);
    msgpack_write_u64(&draft->out, value);
}

static void set_head(struct draft *draft)
{
    draft->out.ptr[draft->body_at] = (uint8_t)(MAP_HEAD | draft->n_pairs);
}

int draft_sign(struct draft *draft, const uint8_t key[SIGNATURE_KEY_BYTES])
{
    char signature[SIGNATURE_TEXT];
    struct message message;
    int r;

    if (draft->out.failed)
        return -ENOMEM;
    set_head(draft);
    check(message_parse(bytes_from(buffer_bytes(&draft->out), draft->body_at), &message) == 0);
    r = signature_make(key, &message, signature);
    if (r)
        return r == SIGNATURE_E_NOT_JSON ? COMMIPC_E_UNSIGNABLE : r;
    draft_text(draft, "signature", bytes_of(signature, SIGNATURE_TEXT - 1));
    return 0;
}

struct block *draft_finish(struct draft *draft)
{
    if (!draft->out.failed)
        set_head(draft);
    return frame_finish(&draft->out);
}

void draft_drop(struct draft *draft)
{
    buffer_clear(&draft->out);
}
