/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/client/client_state.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/base/text.h"
#include "hub/wire/msgpack_read.h"
#include "hub/wire/msgpack_write.h"

struct commipc_writer {
    struct buffer out;
    bool is_wrong; /* something was written that no value may hold */
};

struct commipc_writer *commipc_writer_new(void)
{
    return calloc(1, sizeof(struct commipc_writer));
}

void commipc_writer_free(struct commipc_writer *writer)
{
    if (writer)
        buffer_clear(&writer->out);
    free(writer);
}

void commipc_writer_reset(struct commipc_writer *writer)
{
    if (!writer)
        return;
    writer->out.len = 0;
    writer->out.failed = false;
    writer->is_wrong = false;
}

void commipc_writer_nil(struct commipc_writer *writer)
{
    if (writer)
        msgpack_write_nil(&writer->out);
}

void commipc_writer_bool(struct commipc_writer *writer, bool value)
{
    if (writer)
        msgpack_write_bool(&writer->out, value);
}

void commipc_writer_i64(struct commipc_writer *writer, int64_t value)
{
    if (writer)
        msgpack_write_i64(&writer->out, value);
}

void commipc_writer_u64(struct commipc_writer *writer, uint64_t value)
{
    if (writer)
        msgpack_write_u64(&writer->out, value);
}

void commipc_writer_double(struct commipc_writer *writer, double value)
{
    if (writer)
        msgpack_write_double(&writer->out, value);
}

static void write_text(struct commipc_writer *writer, struct bytes text)
{
    if (!writer)
        return;
    if (text.len > UINT32_MAX || !text_is_utf8(text))
        writer->is_wrong = true;
    else
        msgpack_write_str(&writer->out, text);
}

void commipc_writer_text(struct commipc_writer *writer, const char *text)
{
    write_text(writer, bytes_of_text(text));
}

void commipc_writer_text_of(struct commipc_writer *writer, const char *ptr, size_t len)
{
    write_text(writer, bytes_of(ptr, len));
}

void commipc_writer_bytes(struct commipc_writer *writer, const void *ptr, size_t len)
{
    if (!writer)
        return;
    if (len > UINT32_MAX)
        writer->is_wrong = true;
    else
        msgpack_write_bin(&writer->out, bytes_of(ptr, len));
}

void commipc_writer_array(struct commipc_writer *writer, uint32_t n_items)
{
    if (writer)
        msgpack_write_array(&writer->out, n_items);
}

void commipc_writer_map(struct commipc_writer *writer, uint32_t n_pairs)
{
    if (writer)
        msgpack_write_map(&writer->out, n_pairs);
}

void commipc_writer_value(struct commipc_writer *writer, struct commipc_value value)
{
    if (writer)
        msgpack_write_raw_or_nil(&writer->out, bytes_of(value.ptr, value.len));
}

int commipc_writer_take(struct commipc_writer *writer, struct commipc_value *out)
{
    if (!writer || writer->out.failed)
        return -ENOMEM;
    *out = client_value(buffer_bytes(&writer->out));
    return writer->is_wrong || out->len == 0 || commipc_value_type(*out) == COMMIPC_INVALID ? -EINVAL : 0;
}
