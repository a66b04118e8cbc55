/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Running clients. The public loop is the loop of hub/io under another name: a pointer to the one is a
 * pointer to the other.
 */
#include "hub/client/commipc_loop.h"

#include "hub/client/client_state.h"

int commipc_loop_new(struct commipc_loop **out_loop)
{
    struct loop *loop;
    int r = loop_new(&loop);

    if (r == 0)
        *out_loop = commipc_loop_of(loop);
    return r;
}

void commipc_loop_free(struct commipc_loop *loop)
{
    loop_free(commipc_loop_inside(loop));
}

int commipc_fd(const struct commipc_client *client)
{
    return loop_fd(client->loop);
}

int commipc_wait_ms(const struct commipc_client *client)
{
    return loop_wait_ms(client->loop);
}

void commipc_stop(struct commipc_client *client)
{
    loop_stop(client->loop);
}
