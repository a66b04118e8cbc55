/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Explaining: which routes there are, and why one way is taken and not another
 *
 * Reads the tables and changes nothing; what it says of a choice comes from the functions that choose.
 */
#ifndef COMMHUB_FEDERATION_ROUTE_WHY_H
#define COMMHUB_FEDERATION_ROUTE_WHY_H

#include "federation/mesh.h"
#include "federation/route_report.h"

#define ROUTE_WHY_MOST_WAYS 1000U

/* All ways to what @question asks for. 0 or -ENOMEM. */
int route_why(const struct mesh *mesh, const struct route_question *question, struct route_why **out_why);
void route_why_free(struct route_why *why);

/*
 * At most @limit rows with a serial greater than @after, in its order, as one allocation; @out_has_more: the
 * filter lets more of them through. 0 or -ENOMEM.
 */
int route_why_list(const struct mesh *mesh, const struct route_filter *filter, uint64_t after, size_t limit,
                   struct route_row **out_rows, size_t *out_n, bool *out_has_more);

#endif
