/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/base/text.h"
#include "hub/wire/msgpack_head.h"
#include "hub/wire/msgpack_read.h"

/* Passes over one head and its content and checks it. */
static inline int skip_head(struct msgpack_reader *reader, struct msgpack_head *out)
{
    int r = msgpack_head_read(reader, out);

    if (r)
        return r;
    if (out->type == MSGPACK_STR) {
        struct bytes text =
            bytes_of(reader->bytes.ptr + reader->offset + out->head_bytes, out->content_bytes);

        if (!text_is_ascii(text) && !text_is_utf8(text))
            return MSGPACK_E_INVALID;
    }
    reader->offset += out->head_bytes + out->content_bytes;
    return 0;
}

static inline bool is_container(const struct msgpack_head *head)
{
    return head->type == MSGPACK_ARRAY || head->type == MSGPACK_MAP;
}

/* How many values stand directly inside a container. */
static inline uint64_t n_inside(const struct msgpack_head *head)
{
    return head->type == MSGPACK_MAP ? 2 * (uint64_t)head->n_items : head->n_items;
}

/* Passes over the @n values of a container: a count for each level stands in for recursion. */
static __attribute__((noinline)) int skip_inside(struct msgpack_reader *reader, uint64_t n)
{
    uint64_t left[MSGPACK_MAX_DEPTH]; /* of the levels around the present one */
    size_t depth = 1;

    for (;;) {
        struct msgpack_head head;
        int r;

        while (n == 0) {
            if (--depth == 0)
                return 0;
            n = left[depth];
        }
        n--;
        r = skip_head(reader, &head);
        if (r)
            return r;
        if (!is_container(&head))
            continue;
        if (depth == MSGPACK_MAX_DEPTH) {
            reader->offset -= head.head_bytes;
            return MSGPACK_E_DEEP;
        }
        left[depth++] = n;
        n = n_inside(&head);
    }
}

int msgpack_skip(struct msgpack_reader *reader, struct bytes *out_raw)
{
    size_t start = reader->offset;
    struct msgpack_head head;
    int r = skip_head(reader, &head);

    if (r == 0 && is_container(&head))
        r = skip_inside(reader, n_inside(&head));
    if (r == 0 && out_raw)
        *out_raw = bytes_of(reader->bytes.ptr + start, reader->offset - start);
    return r;
}
