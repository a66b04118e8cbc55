/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The texts of schema/db/NNNN_*.sql and schema/spool/NNNN_*.sql in their order; made by mgmt/embed.cmake
 */
#ifndef COMMHUB_MGMT_STORE_MIGRATIONS_H
#define COMMHUB_MGMT_STORE_MIGRATIONS_H

#include <stddef.h>

extern const char *const migrations[];
extern const size_t migrations_n;

extern const char *const spool_migrations[];
extern const size_t spool_migrations_n;

#endif
