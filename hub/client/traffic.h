/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Messages that go to others on a channel, with all the fields that the original's clients write, for on a
 * protected channel they are signed
 */
#ifndef COMMHUB_CLIENT_TRAFFIC_H
#define COMMHUB_CLIENT_TRAFFIC_H

#include "hub/client/channel.h"

struct traffic {
    const char *type;
    struct bytes event;
    struct bytes raw_data;
    struct bytes request_id; /* nil where BYTES_NONE, as the next */
    struct bytes target_id;
    bool is_stream;
    bool is_final;
};

/* Drafts and signs it: 0, COMMIPC_E_UNSIGNABLE or -ENOMEM, and then there is nothing to drop. */
int traffic_draft(const struct commipc_channel *channel, const struct traffic *traffic,
                  struct draft *out_draft);

#endif
