/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Calls, answers, broadcasts and publishes between the mesh and the foreign hub
 */
#ifndef COMMHUB_FEDERATION_FOREIGN_RELAY_H
#define COMMHUB_FEDERATION_FOREIGN_RELAY_H

#include "federation/foreign_state.h"

/* From the mesh. */
void foreign_relay_one(struct foreign *foreign, const struct link_one *one);
void foreign_relay_many(struct foreign *foreign, const struct link_many *many);

/* From the foreign hub: a call or send to one of the mesh's services. */
void foreign_relay_call(struct foreign *foreign, const struct message *call);

/* The answer to a call of the mesh. @request is still there. */
void foreign_relay_answer(struct foreign *foreign, struct foreign_request *request,
                          const struct message *response);

void foreign_relay_broadcast(struct foreign *foreign, const struct message *broadcast);
void foreign_relay_publish(struct foreign *foreign, struct bytes channel, struct bytes topic,
                           const struct message *receive);

#endif
