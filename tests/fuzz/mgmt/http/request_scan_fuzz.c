/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A connection's bytes taken apart into requests. The first byte says how long the pieces are that the rest
 * comes in; the verdict, the requests and what is passed on must be those of all in one piece.
 */
#include "hub/base/check.h"
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
    check(whole.status || whole.n_held <= HEAD_SCAN_BYTES); /* what is held back has its room in the pump */
    return 0;
}
