/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A connection's bytes taken apart into requests. The first byte says how long the pieces are that the rest
 * comes in; the verdict, the requests and what is passed on must be those of all in one piece. And a head
 * that was let through can be taken apart.
 */
#include <stdlib.h>

#include "hub/base/check.h"
#include "mgmt/http/request.h"
#include "mgmt/http/request_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_in_pieces(struct request_scan *scan, struct bytes bytes, size_t piece)
{
    while (bytes.len) {
        size_t n = piece < bytes.len ? piece : bytes.len;
        size_t held = scan->n_held;

        request_scan_feed(scan, bytes_of(bytes.ptr, n));
        check(scan->n_held <= held + n); /* nothing is held back that was passed on */
        bytes = bytes_from(bytes, n);
    }
}

/* The first request as its bytes came: true if it is whole and its head is all of it. */
static bool find_first(struct bytes bytes, size_t *out_len, bool *out_is_first_version)
{
    struct request_scan scan = {0};
    bool is_all_head = true;

    for (*out_len = 0; *out_len < bytes.len && scan.n_whole == 0; (*out_len)++) {
        *out_is_first_version = scan.head.is_first_version;
        is_all_head = is_all_head && scan.part == REQUEST_SCAN_HEAD;
        if (!request_scan_feed(&scan, bytes_of(bytes.ptr + *out_len, 1)))
            return false;
    }
    return scan.n_whole > 0 && is_all_head;
}

static void take_apart(struct bytes bytes)
{
    struct request request = {0};
    bool is_first_version = false;
    char *head;
    size_t len;

    if (!find_first(bytes, &len, &is_first_version))
        return;
    head = malloc(len);
    check(head);
    memcpy(head, bytes.ptr, len);
    check(request_read_head(&request, head, len) == is_first_version);
    check(!is_first_version || (*request.method && request_header(&request, "host")));
    free(head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request_scan whole = {0}, pieces = {0};
    struct bytes bytes = size ? bytes_of(data + 1, size - 1) : BYTES_NONE;

    if (size == 0)
        return 0;
    request_scan_feed(&whole, bytes);
    feed_in_pieces(&pieces, bytes, (size_t)data[0] + 1);
    check(whole.status == pieces.status && whole.why == pieces.why);
    check(whole.n_whole == pieces.n_whole && whole.n_held == pieces.n_held && whole.part == pieces.part);
    check(whole.n_held <= bytes.len);
    take_apart(bytes);
    check(whole.status || whole.n_held <= HEAD_SCAN_BYTES); /* what is held back has its room in the pump */
    return 0;
}
