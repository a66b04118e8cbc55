/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Knows where a request's body ends
 *
 * By its length, or by its chunks (RFC 9112, 7.1), whose framing is read strictly: lines end with CRLF, a
 * size is hexadecimal digits alone, extensions are passed over. What stands behind the last chunk is a matter
 * of head_scan.h. Data is skipped, not looked at.
 */
#ifndef COMMHUB_MGMT_HTTP_BODY_SCAN_H
#define COMMHUB_MGMT_HTTP_BODY_SCAN_H

#include "hub/base/bytes.h"

#define BODY_SCAN_SIZE_DIGITS 15      /* of a chunk, leading zeros too: always fits 63 bits */
#define BODY_SCAN_EXTENSION_BYTES 256 /* of one chunk; hardly anybody sends any */

/* What comes next. */
enum body_scan_state {
    BODY_SCAN_DONE,
    BODY_SCAN_LENGTH,     /* the rest of a body without chunks */
    BODY_SCAN_SIZE,       /* digits of a chunk's size */
    BODY_SCAN_EXTENSION,  /* up to the end of that line */
    BODY_SCAN_SIZE_END,   /* its line feed */
    BODY_SCAN_CHUNK,      /* the chunk's data */
    BODY_SCAN_CHUNK_END,  /* the carriage return behind it */
    BODY_SCAN_CHUNK_FEED, /* and the line feed */
};

struct body_scan {
    enum body_scan_state state;
    uint64_t left; /* of the data */
    size_t n_digits;
    size_t n_extension;
    const char *why; /* it must be refused, in a sentence; static storage */
};

void body_scan_begin(struct body_scan *scan, uint64_t n_bytes);
void body_scan_begin_chunks(struct body_scan *scan);

/* Takes bytes from the front of @bytes until it is done: false if the body must be refused, why says so. */
bool body_scan_feed(struct body_scan *scan, struct bytes *bytes);

#endif
