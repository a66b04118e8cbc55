/* SPDX-License-Identifier: LGPL-3.0-or-later */
/* Whatever metadata comes: what was stamped reads as stamped, and stripping takes the stamp off. */
#include "federation/mesh_stamp.h"
#include "hub/base/check.h"
#include "hub/wire/msgpack_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_whole(struct bytes raw)
{
    struct msgpack_reader reader = msgpack_reader_of(raw);
    struct bytes value;

    return msgpack_skip(&reader, &value) == 0 && msgpack_reader_is_at_end(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes raw = bytes_of(data, size);
    struct mesh_stamp stamp = {{{1}}, 2, 3};
    struct mesh_stamp read;
    struct buffer stamped = {0};
    struct buffer stripped = {0};

    (void)mesh_stamp_read(raw, &read);
    if (!is_whole(raw))
        return 0;
    mesh_stamp_write(&stamped, raw, &stamp);
    check(is_whole(buffer_bytes(&stamped)));
    if (mesh_stamp_read(buffer_bytes(&stamped), &read)) {
        check(memcmp(&read, &stamp, sizeof stamp) == 0);
        mesh_stamp_strip(&stripped, buffer_bytes(&stamped));
        check(!mesh_stamp_read(buffer_bytes(&stripped), &read));
    } else {
        check(bytes_equal(buffer_bytes(&stamped), raw));
    }
    buffer_clear(&stamped);
    buffer_clear(&stripped);
    return 0;
}
