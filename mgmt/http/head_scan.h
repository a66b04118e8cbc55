/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Looks at a request's head as it passes
 *
 * Refuses what the HTTP library would take and other programs on the way may read otherwise: a header
 * continued on the next line (the library may lose it, Content-Length too), a carriage return that ends no
 * line. And what the library would refuse in words of its own: no HTTP, too long, no Host, a length that is
 * none. Looks at one head, up to its empty line; what follows is not its business.
 */
#ifndef COMMHUB_MGMT_HTTP_HEAD_SCAN_H
#define COMMHUB_MGMT_HTTP_HEAD_SCAN_H

#include "hub/base/bytes.h"

#define HEAD_SCAN_LINE_BYTES ((size_t)16 * 1024) /* of the request line */
#define HEAD_SCAN_BYTES ((size_t)32 * 1024)      /* of the whole head; browsers send some 2 KiB */
#define HEAD_SCAN_KEPT 64                        /* of a line, to know the headers that matter by */

/* All zero at the start of a head. */
struct head_scan {
    bool has_text;      /* the request line has begun; empty lines before it do not count */
    bool is_past_line;  /* at least one line has ended since */
    bool is_line_begun; /* something stands on this line already */
    bool is_after_cr;
    bool is_done;
    bool needs_host; /* the request line says HTTP/1.1 */
    bool has_host;
    size_t n_bytes;
    size_t line_len;
    size_t n_blanks;           /* of the line */
    char kept[HEAD_SCAN_KEPT]; /* how the line begins */
    char last[8];              /* its last bytes */
    unsigned status;           /* of the refusal */
    const char *why;           /* in a sentence; static storage */
};

/* Goes on with more bytes: false if the head must be refused, and status and why say how. */
bool head_scan_feed(struct head_scan *scan, struct bytes bytes);

#endif
