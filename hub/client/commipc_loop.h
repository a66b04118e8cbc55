/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * For callers in the tree that have a loop of their own: `options.loop = commipc_loop_of(loop)`
 */
#ifndef COMMHUB_CLIENT_COMMIPC_LOOP_H
#define COMMHUB_CLIENT_COMMIPC_LOOP_H

#include "hub/client/commipc.h"
#include "hub/io/loop.h"

static inline struct commipc_loop *commipc_loop_of(struct loop *loop)
{
    return (struct commipc_loop *)(void *)loop;
}

static inline struct loop *commipc_loop_inside(struct commipc_loop *loop)
{
    return (struct loop *)(void *)loop;
}

#endif
