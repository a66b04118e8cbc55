/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/request_scan.h"

static void refuse(struct request_scan *scan, unsigned status, const char *why)
{
    scan->status = status;
    scan->why = why;
}

static void end_request(struct request_scan *scan)
{
    scan->n_whole++;
    scan->part = REQUEST_SCAN_HEAD;
    head_scan_begin(&scan->head);
}

static void begin_body(struct request_scan *scan)
{
    scan->n_held = 0;
    scan->part = REQUEST_SCAN_BODY;
    if (scan->head.is_chunked)
        body_scan_begin_chunks(&scan->body);
    else if (scan->head.body_bytes)
        body_scan_begin(&scan->body, scan->head.body_bytes);
    else
        end_request(scan);
}

static void feed_head(struct request_scan *scan, struct bytes *bytes)
{
    size_t before = bytes->len;
    bool is_well = head_scan_feed(&scan->head, bytes);

    scan->n_held += before - bytes->len;
    if (!is_well)
        refuse(scan, scan->head.status, scan->head.why);
    else if (scan->head.is_done)
        begin_body(scan);
}

static void feed_body(struct request_scan *scan, struct bytes *bytes)
{
    if (!body_scan_feed(&scan->body, bytes)) {
        refuse(scan, 400, scan->body.why);
    } else if (scan->body.state == BODY_SCAN_DONE && scan->head.is_chunked) {
        scan->part = REQUEST_SCAN_BEHIND;
        head_scan_begin_behind_body(&scan->head);
    } else if (scan->body.state == BODY_SCAN_DONE) {
        end_request(scan);
    }
}

static void feed_behind(struct request_scan *scan, struct bytes *bytes)
{
    if (!head_scan_feed(&scan->head, bytes))
        refuse(scan, scan->head.status, scan->head.why);
    else if (scan->head.is_done)
        end_request(scan);
}

bool request_scan_feed(struct request_scan *scan, struct bytes bytes)
{
    while (bytes.len && !scan->status) {
        switch (scan->part) {
        case REQUEST_SCAN_HEAD:
            feed_head(scan, &bytes);
            break;
        case REQUEST_SCAN_BODY:
            feed_body(scan, &bytes);
            break;
        case REQUEST_SCAN_BEHIND:
            feed_behind(scan, &bytes);
            break;
        }
    }
    scan->n_held += bytes.len;
    return scan->status == 0;
}
