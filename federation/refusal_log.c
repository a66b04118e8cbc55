/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/refusal_log.h"

#include <stdlib.h>

void refusal_log_clear(struct refusal_log *log)
{
    free(log->records);
    *log = (struct refusal_log){0};
}

void refusal_log_add(struct refusal_log *log, const struct refusal_record *record)
{
    if (!log->records)
        log->records = calloc(REFUSAL_LOG_PLACES, sizeof *log->records);
    if (log->records)
        log->records[log->n_ever++ % REFUSAL_LOG_PLACES] = *record;
}

const struct refusal_record *refusal_log_at(const struct refusal_log *log, uint64_t back)
{
    if (back >= log->n_ever || back >= REFUSAL_LOG_PLACES)
        return NULL;
    return &log->records[(log->n_ever - 1 - back) % REFUSAL_LOG_PLACES];
}
