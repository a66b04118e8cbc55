/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/http/body_scan.h"

#include "hub/base/text.h"

static bool refuse(struct body_scan *scan, const char *why)
{
    scan->why = why;
    return false;
}

static void skip(struct body_scan *scan, struct bytes *bytes, enum body_scan_state next)
{
    size_t n = scan->left < bytes->len ? (size_t)scan->left : bytes->len;

    *bytes = bytes_from(*bytes, n);
    scan->left -= n;
    if (scan->left == 0)
        scan->state = next;
}

static bool begin_chunk(struct body_scan *scan)
{
    scan->state = BODY_SCAN_SIZE;
    scan->left = 0;
    scan->n_digits = 0;
    scan->n_extension = 0;
    return true;
}

static bool take_size(struct body_scan *scan, uint8_t byte)
{
    int digit = text_hex_digit((char)byte);

    if (digit >= 0 && scan->n_digits == BODY_SCAN_SIZE_DIGITS)
        return refuse(scan, "The size of a chunk has more than 15 digits.");
    if (digit >= 0) {
        scan->left = scan->left << 4 | (uint64_t)digit;
        scan->n_digits++;
        return true;
    }
    if (scan->n_digits == 0 || (byte != '\r' && byte != ';'))
        return refuse(scan, "The size of a chunk is not a hexadecimal number.");
    scan->state = byte == ';' ? BODY_SCAN_EXTENSION : BODY_SCAN_SIZE_END;
    return true;
}

static bool take_extension(struct body_scan *scan, uint8_t byte)
{
    if (byte == '\r')
        scan->state = BODY_SCAN_SIZE_END;
    else if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
        return refuse(scan, "The extension of a chunk has a control character.");
    else if (++scan->n_extension > BODY_SCAN_EXTENSION_BYTES)
        return refuse(scan, "The extension of a chunk is longer than 256 bytes.");
    return true;
}

static bool take_line_feed(struct body_scan *scan, uint8_t byte)
{
    if (byte != '\n')
        return refuse(scan, "A carriage return stands alone.");
    if (scan->state == BODY_SCAN_CHUNK_FEED)
        return begin_chunk(scan);
    scan->state = scan->left ? BODY_SCAN_CHUNK : BODY_SCAN_DONE;
    return true;
}

static bool take(struct body_scan *scan, uint8_t byte)
{
    switch (scan->state) {
    case BODY_SCAN_SIZE:
        return take_size(scan, byte);
    case BODY_SCAN_EXTENSION:
        return take_extension(scan, byte);
    case BODY_SCAN_SIZE_END:
    case BODY_SCAN_CHUNK_FEED:
        return take_line_feed(scan, byte);
    case BODY_SCAN_CHUNK_END:
        if (byte != '\r')
            return refuse(scan, "A chunk is longer than its size says.");
        scan->state = BODY_SCAN_CHUNK_FEED;
        return true;
    case BODY_SCAN_LENGTH:
    case BODY_SCAN_CHUNK:
    case BODY_SCAN_DONE:
        break;
    }
    return true;
}

void body_scan_begin(struct body_scan *scan, uint64_t n_bytes)
{
    *scan = (struct body_scan){.state = n_bytes ? BODY_SCAN_LENGTH : BODY_SCAN_DONE, .left = n_bytes};
}

void body_scan_begin_chunks(struct body_scan *scan)
{
    *scan = (struct body_scan){.state = BODY_SCAN_SIZE};
}

bool body_scan_feed(struct body_scan *scan, struct bytes *bytes)
{
    while (bytes->len && scan->state != BODY_SCAN_DONE) {
        if (scan->state == BODY_SCAN_LENGTH) {
            skip(scan, bytes, BODY_SCAN_DONE);
        } else if (scan->state == BODY_SCAN_CHUNK) {
            skip(scan, bytes, BODY_SCAN_CHUNK_END);
        } else {
            if (!take(scan, bytes->ptr[0]))
                return false;
            *bytes = bytes_from(*bytes, 1);
        }
    }
    return true;
}
