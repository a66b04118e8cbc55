/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The load generator's CommIPC (docs/protocol.md)
 */
#ifndef COMMHUB_BENCH_COMMIPC_DIALECT_H
#define COMMHUB_BENCH_COMMIPC_DIALECT_H

#include "hub/bench/dialect.h"

extern const struct dialect commipc_dialect;

/*
 * For a server that passes frames on unread: builds the frames without a hub to name itself. 0 or -ENOMEM.
 */
int commipc_dialect_build(struct run *run, struct bytes server_id);

#endif
