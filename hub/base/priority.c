/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Two things of Linux, where both belong to a thread and not to its program: a thread of SCHED_BATCH takes
 * the processor from nobody when it wakes, and one that is nicer by ten gets about a tenth where both want
 * all of it. Never nothing, for it may hold a lock that the loop wants.
 */
#include "hub/base/priority.h"

#include <sched.h>
#include <unistd.h>

#define NICER_BY 10

void priority_give_way(void)
{
    struct sched_param none = {0};
    int r = sched_setscheduler(0, SCHED_BATCH, &none);

    if (r == 0)
        r = nice(NICER_BY);
    (void)r;
}
