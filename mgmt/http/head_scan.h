/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Looks at a request's head before the HTTP library sees it
 *
 * Refuses what the library would take and other programs on the way may read otherwise: two ways of saying
 * how long the body is, a header twice that may stand but once, one continued on the next line (the library
 * may lose it, Content-Length too), a carriage return that ends no line. And what the library would refuse in
 * words of its own: no HTTP, too long, no Host, a length that is none. What it lets through tells how the
 * body comes. The lines behind a chunked body are looked at alike, but mean nothing.
 */
#ifndef COMMHUB_MGMT_HTTP_HEAD_SCAN_H
#define COMMHUB_MGMT_HTTP_HEAD_SCAN_H

#include "hub/base/bytes.h"

#define HEAD_SCAN_LINE_BYTES ((size_t)16 * 1024) /* of the request line */
#define HEAD_SCAN_BYTES ((size_t)32 * 1024)      /* of the whole head; browsers send some 2 KiB */
#define HEAD_SCAN_HEADERS 64                     /* browsers send some 20 */
#define HEAD_SCAN_KEPT 64                        /* of a line, to know the headers that matter by */

struct head_scan {
    bool has_text;      /* the request line has begun; empty lines before it do not count */
    bool is_past_line;  /* at least one line has ended since */
    bool is_line_begun; /* something stands on this line already */
    bool has_colon;     /* of this header */
    bool is_after_cr;
    bool is_behind_body;
    bool is_done;
    bool is_first_version; /* HTTP/1.1 and not 1.0 */
    size_t n_bytes;
    size_t n_headers;
    size_t line_len;
    size_t n_blanks;           /* of the line */
    char kept[HEAD_SCAN_KEPT]; /* how the line begins */
    char last[9];              /* its last bytes: of a request line a blank and the version */
    unsigned seen;             /* a bit for each of the headers that may stand but once */

    /* How the body comes, once it is done. */
    bool is_chunked;
    uint64_t body_bytes; /* where it is not */

    unsigned status; /* of the refusal */
    const char *why; /* in a sentence; static storage */
};

/* Before a head; before what stands behind a chunked body. */
void head_scan_begin(struct head_scan *scan);
void head_scan_begin_behind_body(struct head_scan *scan);

/*
 * Takes bytes from the front of @bytes until the empty line: false if the head must be refused, status and
 * why say how.
 */
bool head_scan_feed(struct head_scan *scan, struct bytes *bytes);

#endif
