/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Any bytes as a file of settings: what is read, written again as texts, reads back the same; what is refused
 * has a line and a reason.
 */
#include "hub/base/buffer.h"
#include "hub/base/check.h"
#include "hub/base/text.h"
#include "hub/base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool write_again(void *context, const struct toml_entry *entry)
{
    check(*entry->key && entry->line > 0);
    check(entry->kind == TOML_LIST || entry->n_values == 1);
    buffer_append_format(context, "%s = [", entry->key);
    for (size_t i = 0; i < entry->n_values; i++) {
        check(text_is_utf8(bytes_of_text(entry->values[i])));
        if (i)
            buffer_append_text(context, ", ");
        toml_write_text(context, entry->values[i]);
    }
    buffer_append_text(context, "]\n");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer once = {0};
    struct buffer twice = {0};
    struct toml_fault fault = {0};
    int r = toml_read(bytes_of(data, size), write_again, &once, &fault);

    check(r == 0 || (r == TOML_E_SYNTAX && fault.line > 0 && *fault.why));
    if (r == 0) {
        check(toml_read(buffer_bytes(&once), write_again, &twice, &fault) == 0);
        check(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    }
    buffer_clear(&once);
    buffer_clear(&twice);
    return 0;
}
