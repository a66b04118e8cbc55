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

enum { ROUTE_WHY_E_GOES_ON = 1 };

/*
 * A step of a page, for the loop must not be held up: some routes in the order of their serials. 0: the page
 * is complete; ROUTE_WHY_E_GOES_ON: call again; or -ENOMEM. Between two steps routes may come and go, as with
 * the hub's lists (hub/core/view.h).
 */
int route_why_list(const struct mesh *mesh, const struct route_filter *filter, struct route_page *page);

#endif
