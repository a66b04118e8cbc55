/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The last entries that were refused, for explaining: a ring, made when there is the first one
 *
 * What is merely old news is not kept; it comes with every change of the mesh and explains nothing.
 */
#ifndef COMMHUB_FEDERATION_REFUSAL_LOG_H
#define COMMHUB_FEDERATION_REFUSAL_LOG_H

#include "federation/mesh.h"
#include "federation/route_report.h"

#define REFUSAL_LOG_PLACES 256U

struct refusal_record {
    uint64_t wall_s;
    enum mesh_refusal refusal;
    uint8_t kind; /* enum route_kind */
    struct hub_id peer;
    struct hub_id origin;
    char channel[ROUTE_REPORT_NAME_SIZE];
    char name[ROUTE_REPORT_NAME_SIZE];
};

struct refusal_log {
    struct refusal_record *records; /* NULL: nothing was refused yet */
    uint64_t n_ever;
};

void refusal_log_clear(struct refusal_log *log);

/* Out of memory: it is not kept. */
void refusal_log_add(struct refusal_log *log, const struct refusal_record *record);

/* The @back-th last one, 0 the last; NULL: there are no more. */
const struct refusal_record *refusal_log_at(const struct refusal_log *log, uint64_t back);

#endif
