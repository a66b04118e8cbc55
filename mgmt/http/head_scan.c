/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/head_scan.h"

#include <strings.h>

static bool refuse(struct head_scan *scan, unsigned status, const char *why)
{
    scan->status = status;
    scan->why = why;
    return false;
}

static bool check_request_line(struct head_scan *scan)
{
    struct bytes version = bytes_of(scan->last, sizeof scan->last);

    if (scan->n_blanks != 2 || scan->line_len < sizeof scan->last || scan->kept[0] == ' ' ||
        memcmp(scan->last, "HTTP/", 5) != 0)
        return refuse(scan, 400, "The first line of the request is not METHOD ADDRESS HTTP/1.1.");
    if (!bytes_equal_text(version, "HTTP/1.1") && !bytes_equal_text(version, "HTTP/1.0"))
        return refuse(scan, 505, "The versions of HTTP that are spoken here are 1.1 and 1.0.");
    scan->needs_host = version.ptr[7] == '1';
    return true;
}

static struct bytes kept_part(const struct head_scan *scan)
{
    return bytes_of(scan->kept, scan->line_len < HEAD_SCAN_KEPT ? scan->line_len : HEAD_SCAN_KEPT);
}

static bool is_header(struct bytes line, const char *name)
{
    size_t len = strlen(name);

    return line.len > len && line.ptr[len] == ':' && strncasecmp((const char *)line.ptr, name, len) == 0;
}

/* Digits alone, and no more of them than a length that is possible has. */
static bool is_length(struct bytes value)
{
    while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
        value = bytes_from(value, 1);
    while (value.len && (value.ptr[value.len - 1] == ' ' || value.ptr[value.len - 1] == '\t'))
        value.len--;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
    }
    return value.len > 0 && value.len <= 18;
}

static bool check_header(struct head_scan *scan)
{
    struct bytes line = kept_part(scan);
    const uint8_t *colon = memchr(line.ptr, ':', line.len);

    if (!colon && scan->line_len < HEAD_SCAN_KEPT)
        return refuse(scan, 400, "A header has no colon.");
    if (colon == line.ptr)
        return refuse(scan, 400, "A header has no name.");
    if (is_header(line, "Content-Length") && !is_length(bytes_from(line, sizeof "Content-Length")))
        return refuse(scan, 400, "Content-Length is not a number of bytes.");
    scan->has_host = scan->has_host || is_header(line, "Host");
    return true;
}

static bool end_line(struct head_scan *scan)
{
    bool is_well = true;

    if (scan->has_text && !scan->is_line_begun) {
        scan->is_done = true;
        if (scan->needs_host && !scan->has_host)
            is_well = refuse(scan, 400, "The header Host is missing.");
    } else if (scan->has_text) {
        is_well = scan->is_past_line ? check_header(scan) : check_request_line(scan);
    }
    scan->is_past_line = scan->has_text;
    scan->is_line_begun = false;
    scan->is_after_cr = false;
    scan->line_len = 0;
    scan->n_blanks = 0;
    return is_well;
}

static void keep(struct head_scan *scan, uint8_t byte)
{
    if (scan->line_len < HEAD_SCAN_KEPT)
        scan->kept[scan->line_len] = (char)byte;
    memmove(scan->last, scan->last + 1, sizeof scan->last - 1);
    scan->last[sizeof scan->last - 1] = (char)byte;
    scan->n_blanks += byte == ' ';
    scan->line_len++;
}

static bool take(struct head_scan *scan, uint8_t byte)
{
    if (byte == '\n')
        return end_line(scan);
    if (scan->is_after_cr)
        return refuse(scan, 400, "A carriage return stands alone.");
    if (byte == '\r') {
        scan->is_after_cr = true;
        return true;
    }
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
        return refuse(scan, 400, "The head has a control character.");
    if (!scan->is_line_begun && scan->is_past_line && (byte == ' ' || byte == '\t'))
        return refuse(scan, 400, "A header goes on on the next line.");
    scan->has_text = true;
    scan->is_line_begun = true;
    keep(scan, byte);
    if (!scan->is_past_line && scan->line_len > HEAD_SCAN_LINE_BYTES)
        return refuse(scan, 414, "The address is longer than 16 KiB.");
    return true;
}

bool head_scan_feed(struct head_scan *scan, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len && !scan->is_done; i++) {
        if (!take(scan, bytes.ptr[i]))
            return false;
        if (++scan->n_bytes > HEAD_SCAN_BYTES)
            return refuse(scan, 431, "The head is longer than 32 KiB.");
    }
    return true;
}
