/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Stored bridges: what the operator wishes
 *
 * Any thread; writes as store.h says.
 */
#ifndef COMMHUB_MGMT_STORE_STORE_BRIDGE_H
#define COMMHUB_MGMT_STORE_STORE_BRIDGE_H

#include "federation/federation_control.h"
#include "mgmt/store/store.h"

/* A row of its own memory; the secrets of the spec are NULL where none are stored. */
struct store_bridge {
    int64_t serial; /* grows in the order of making; > 0 */
    bool has_tls;   /* a tls object was given, even if all its members are NULL */
    struct bridge_spec spec;
    char **texts; /* what spec points to */
    size_t n_texts;
};

void store_bridge_free(struct store_bridge *bridge);

DEFINE_CLEANUP(struct store_bridge *, store_bridge_free)

struct store_bridges {
    struct store_bridge **rows;
    size_t n;
    bool has_more;
};

/* At most @limit rows with a serial greater than @after. 0 or a negative errno. */
int store_bridge_list(struct store *store, int64_t after, size_t limit, struct store_bridges *out_bridges,
                      char out_why[STORE_WHY_SIZE]);
void store_bridge_list_clear(struct store_bridges *bridges);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_bridge_find(struct store *store, const char *name, struct store_bridge **out_bridge,
                      char out_why[STORE_WHY_SIZE]);

/*
 * Creates or replaces the bridge of that name in one transaction. A NULL secret is none: who wants to keep
 * the former one hands it in again. 0 or a negative errno.
 */
int store_bridge_put(struct store *store, const struct bridge_spec *spec, bool has_tls,
                     char out_why[STORE_WHY_SIZE]);

/* 0, STORE_E_UNKNOWN or a negative errno. */
int store_bridge_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE]);

int store_bridge_count(struct store *store, uint64_t *out_n);

/*
 * Visits all in the order of making; an answer other than 0 ends the walk. 0, the visit's answer, or a
 * negative errno.
 */
int store_bridge_each(struct store *store, int (*visit)(const struct bridge_spec *spec, void *context),
                      void *context, char out_why[STORE_WHY_SIZE]);

#endif
