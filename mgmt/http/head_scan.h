/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Looks at a request's head as it passes
 *
 * For what the HTTP library takes in silently but other programs on the way may read otherwise: a header
 * continued on the next line (the library may lose it, Content-Length too), and a carriage return that ends
 * no line. Looks at one head, up to its empty line; what follows is not its business.
 */
#ifndef COMMHUB_MGMT_HTTP_HEAD_SCAN_H
#define COMMHUB_MGMT_HTTP_HEAD_SCAN_H

#include "hub/base/bytes.h"

/* All zero at the start of a head. */
struct head_scan {
    bool has_text;      /* the request line has begun; empty lines before it do not count */
    bool is_past_line;  /* at least one line has ended since */
    bool is_line_begun; /* something stands on this line already */
    bool is_after_cr;
    bool is_done;
};

/* Goes on with more bytes: false if the head must be refused. */
bool head_scan_feed(struct head_scan *scan, struct bytes bytes);

#endif
