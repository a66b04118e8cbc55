/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/head_scan.h"

static void end_line(struct head_scan *scan)
{
    scan->is_done = scan->has_text && !scan->is_line_begun;
    scan->is_past_line = scan->has_text;
    scan->is_line_begun = false;
    scan->is_after_cr = false;
}

static bool take(struct head_scan *scan, uint8_t byte)
{
    if (byte == '\n') {
        end_line(scan);
        return true;
    }
    if (scan->is_after_cr)
        return false;
    if (byte == '\r') {
        scan->is_after_cr = true;
        return true;
    }
    if (!scan->is_line_begun && scan->is_past_line && (byte == ' ' || byte == '\t'))
        return false;
    scan->has_text = true;
    scan->is_line_begun = true;
    return true;
}

bool head_scan_feed(struct head_scan *scan, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len && !scan->is_done; i++) {
        if (!take(scan, bytes.ptr[i]))
            return false;
    }
    return true;
}
