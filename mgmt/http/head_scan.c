/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/head_scan.h"

#include <strings.h>

/* The bits of head_scan.seen. */
enum once {
    ONCE_HOST,
    ONCE_LENGTH,
    ONCE_ENCODING,
    ONCE_TYPE,
    ONCE_AUTHORIZATION,
    ONCE_ORIGIN,
    ONCE_KEY,
    ONCE_VERSION,
};

static const struct {
    const char *name;
    const char *why;
} once[] = {
    [ONCE_HOST] = {"Host", "There is more than one Host."},
    [ONCE_LENGTH] = {"Content-Length", "There is more than one Content-Length."},
    [ONCE_ENCODING] = {"Transfer-Encoding", "There is more than one Transfer-Encoding."},
    [ONCE_TYPE] = {"Content-Type", "There is more than one Content-Type."},
    [ONCE_AUTHORIZATION] = {"Authorization", "There is more than one Authorization."},
    [ONCE_ORIGIN] = {"Origin", "There is more than one Origin."},
    [ONCE_KEY] = {"Sec-WebSocket-Key", "There is more than one Sec-WebSocket-Key."},
    [ONCE_VERSION] = {"Sec-WebSocket-Version", "There is more than one Sec-WebSocket-Version."},
};

static bool refuse(struct head_scan *scan, unsigned status, const char *why)
{
    scan->status = status;
    scan->why = why;
    return false;
}

static bool has(const struct head_scan *scan, enum once header)
{
    return scan->seen & 1U << header;
}

static bool check_request_line(struct head_scan *scan)
{
    struct bytes version = bytes_of(scan->last + 1, sizeof scan->last - 1);

    if (scan->n_blanks != 2 || scan->line_len < sizeof scan->last || scan->kept[0] == ' ' ||
        memcmp(scan->last, " HTTP/", 6) != 0)
        return refuse(scan, 400, "The first line of the request is not METHOD ADDRESS HTTP/1.1.");
    if (!bytes_equal_text(version, "HTTP/1.1") && !bytes_equal_text(version, "HTTP/1.0"))
        return refuse(scan, 505, "The versions of HTTP that are spoken here are 1.1 and 1.0.");
    scan->is_first_version = version.ptr[7] == '1';
    return true;
}

static bool is_header(struct bytes line, const char *name)
{
    size_t len = strlen(name);

    return line.len > len && line.ptr[len] == ':' && strncasecmp((const char *)line.ptr, name, len) == 0;
}

static struct bytes value_of(struct bytes line, const char *name)
{
    struct bytes value = bytes_from(line, strlen(name) + 1);

    while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t'))
        value = bytes_from(value, 1);
    return value;
}

/* Digits alone, for the library takes no blanks behind them; and no more than a length that is possible has.
 */
static bool read_length(struct head_scan *scan, struct bytes value)
{
    bool is_number = value.len > 0 && value.len <= 18;

    scan->body_bytes = 0;
    for (size_t i = 0; is_number && i < value.len; i++) {
        is_number = value.ptr[i] >= '0' && value.ptr[i] <= '9';
        scan->body_bytes = scan->body_bytes * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    return is_number || refuse(scan, 400, "Content-Length is not a number of bytes.");
}

static bool read_encoding(struct head_scan *scan, struct bytes value)
{
    static const struct bytes chunked = {(const uint8_t *)"chunked", 7};

    scan->is_chunked =
        value.len == chunked.len && strncasecmp((const char *)value.ptr, "chunked", chunked.len) == 0;
    return scan->is_chunked || refuse(scan, 501, "The only Transfer-Encoding taken is chunked.");
}

static bool note_header(struct head_scan *scan, enum once header, struct bytes line)
{
    if (has(scan, header))
        return refuse(scan, 400, once[header].why);
    scan->seen |= 1U << header;
    if (header == ONCE_LENGTH)
        return read_length(scan, value_of(line, once[header].name));
    if (header == ONCE_ENCODING)
        return read_encoding(scan, value_of(line, once[header].name));
    return true;
}

static bool check_header(struct head_scan *scan)
{
    struct bytes line =
        bytes_of(scan->kept, scan->line_len < HEAD_SCAN_KEPT ? scan->line_len : HEAD_SCAN_KEPT);

    if (!scan->has_colon)
        return refuse(scan, 400, "A header has no colon.");
    if (line.ptr[0] == ':')
        return refuse(scan, 400, "A header has no name.");
    if (++scan->n_headers > HEAD_SCAN_HEADERS)
        return refuse(scan, 431, "There are more than 64 headers.");
    for (size_t i = 0; i < sizeof once / sizeof *once && !scan->is_behind_body; i++) {
        if (is_header(line, once[i].name))
            return note_header(scan, (enum once)i, line);
    }
    return true;
}

static bool check_head(struct head_scan *scan)
{
    scan->is_done = true;
    if (scan->is_behind_body)
        return true;
    if (scan->is_first_version && !has(scan, ONCE_HOST))
        return refuse(scan, 400, "The header Host is missing.");
    if (has(scan, ONCE_LENGTH) && has(scan, ONCE_ENCODING))
        return refuse(scan, 400, "There are both Content-Length and Transfer-Encoding.");
    if (has(scan, ONCE_ENCODING) && !scan->is_first_version)
        return refuse(scan, 400, "Transfer-Encoding is not of HTTP/1.0.");
    return true;
}

static bool end_line(struct head_scan *scan)
{
    bool is_well = true;

    if (scan->has_text && !scan->is_line_begun)
        is_well = check_head(scan);
    else if (scan->has_text)
        is_well = scan->is_past_line ? check_header(scan) : check_request_line(scan);
    scan->is_past_line = scan->has_text;
    scan->is_line_begun = false;
    scan->has_colon = false;
    scan->is_after_cr = false;
    scan->line_len = 0;
    scan->n_blanks = 0;
    return is_well;
}

/* What a header's name may be made of (RFC 9110, token). */
static bool is_of_name(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           (byte && strchr("!#$%&'*+-.^_`|~", byte));
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

static bool take_of_request_line(struct head_scan *scan, uint8_t byte)
{
    if (byte == '\t')
        return refuse(scan, 400, "The first line of the request has a tab.");
    keep(scan, byte);
    return scan->line_len <= HEAD_SCAN_LINE_BYTES || refuse(scan, 414, "The address is longer than 16 KiB.");
}

static bool take_of_header(struct head_scan *scan, uint8_t byte)
{
    if (!scan->is_line_begun && (byte == ' ' || byte == '\t'))
        return refuse(scan, 400, "A header goes on on the next line.");
    if (byte == ':')
        scan->has_colon = true;
    else if (!scan->has_colon && !is_of_name(byte))
        return refuse(scan, 400, "A header's name is not a token.");
    keep(scan, byte);
    return true;
}

static bool take(struct head_scan *scan, uint8_t byte)
{
    bool is_well;

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
    is_well = scan->is_past_line ? take_of_header(scan, byte) : take_of_request_line(scan, byte);
    scan->has_text = true;
    scan->is_line_begun = true;
    return is_well;
}

void head_scan_begin(struct head_scan *scan)
{
    *scan = (struct head_scan){0};
}

void head_scan_begin_behind_body(struct head_scan *scan)
{
    *scan = (struct head_scan){.is_behind_body = true, .has_text = true, .is_past_line = true};
}

bool head_scan_feed(struct head_scan *scan, struct bytes *bytes)
{
    while (bytes->len && !scan->is_done) {
        if (!take(scan, bytes->ptr[0]))
            return false;
        if (++scan->n_bytes > HEAD_SCAN_BYTES)
            return refuse(scan, 431, "The head is longer than 32 KiB.");
        *bytes = bytes_from(*bytes, 1);
    }
    return true;
}
