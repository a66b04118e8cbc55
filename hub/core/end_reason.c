/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/end_reason.h"

const char *end_reason_name(enum end_reason reason)
{
    static const char *const names[] = {
#define X(id, name, text) name,
        END_REASONS(X)
#undef X
    };

    return names[reason];
}

const char *end_reason_text(enum end_reason reason)
{
    static const char *const texts[] = {
#define X(id, name, text) text,
        END_REASONS(X)
#undef X
    };

    return texts[reason];
}
