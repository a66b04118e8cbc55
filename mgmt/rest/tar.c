/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/tar.h"

#include <assert.h>
#include <stdio.h>

#include "hub/base/check.h"

#define BLOCK_BYTES 512U

/* As the form has it; numbers are octal digits. */
struct head {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char time[12];
    char sum[8];
    char type;
    char link_name[100];
    char magic[6];
    char version[2];
    char rest[247];
};

static_assert(sizeof(struct head) == BLOCK_BYTES, "a head is a block");

static const uint8_t zeros[BLOCK_BYTES];

/* The sum is taken with blanks in its own place. */
static void put_sum(struct head *head)
{
    const uint8_t *bytes = (const uint8_t *)head;
    unsigned sum = 0;

    memset(head->sum, ' ', sizeof head->sum);
    for (size_t i = 0; i < sizeof *head; i++)
        sum += bytes[i];
    snprintf(head->sum, sizeof head->sum, "%06o", sum & 0777777);
}

void tar_add(struct buffer *out, const char *name, struct bytes content, uint64_t time_s)
{
    struct head head = {
        .mode = "0000600", .uid = "0000000", .gid = "0000000", .type = '0', .version = {'0', '0'}};

    check(strlen(name) < sizeof head.name);
    memcpy(head.name, name, strlen(name));
    memcpy(head.magic, "ustar", sizeof head.magic);
    snprintf(head.size, sizeof head.size, "%011llo", (unsigned long long)content.len & 077777777777ULL);
    snprintf(head.time, sizeof head.time, "%011llo", (unsigned long long)time_s & 077777777777ULL);
    put_sum(&head);
    buffer_append(out, &head, sizeof head);
    buffer_append_bytes(out, content);
    if (content.len % BLOCK_BYTES)
        buffer_append(out, zeros, BLOCK_BYTES - content.len % BLOCK_BYTES);
}

void tar_end(struct buffer *out)
{
    buffer_append(out, zeros, BLOCK_BYTES);
    buffer_append(out, zeros, BLOCK_BYTES);
}
