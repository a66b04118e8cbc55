/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Takes a connection's bytes apart into requests
 *
 * Head, body, perhaps lines behind the body, and the next head: by its own counting, not by what the HTTP
 * library says of it, so that no byte of a body can pass for a head, nor the other way round, however the
 * bytes come. Judges every head and the framing of every body before the library sees them.
 */
#ifndef COMMHUB_MGMT_HTTP_REQUEST_SCAN_H
#define COMMHUB_MGMT_HTTP_REQUEST_SCAN_H

#include "mgmt/http/body_scan.h"
#include "mgmt/http/head_scan.h"

/* What the next byte belongs to. */
enum request_scan_part {
    REQUEST_SCAN_HEAD,
    REQUEST_SCAN_BODY,
    REQUEST_SCAN_BEHIND, /* the lines behind a chunked body */
};

/* All zero at the start of a connection. */
struct request_scan {
    enum request_scan_part part;
    struct head_scan head; /* or what is behind the body */
    struct body_scan body;
    uint64_t n_whole; /* requests that have come to their last byte */
    size_t n_held;    /* the last bytes that must not be passed on: of a head that is not whole, or refused */
    unsigned status;  /* of the refusal; 0: all is well */
    const char *why;  /* in a sentence; static storage */
};

/* Goes on with more bytes. False from the first that must be refused on. */
bool request_scan_feed(struct request_scan *scan, struct bytes bytes);

#endif
