/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What is told when a link's state changes: a record of the stream `links`, and a line in the log
 */
#ifndef COMMHUB_FEDERATION_LINK_RECORD_H
#define COMMHUB_FEDERATION_LINK_RECORD_H

struct link;

void link_record_state(const struct link *link);

#endif
