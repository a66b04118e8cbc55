/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "federation/foreign_request.h"

#include <stdio.h>
#include <stdlib.h>

void foreign_request_init(struct foreign_requests *requests)
{
    map_init(&requests->by_id);
    list_init(&requests->by_age);
    requests->last_number = 0;
}

void foreign_request_clear(struct foreign_requests *requests)
{
    while (!list_is_empty(&requests->by_age))
        foreign_request_free(requests, list_first_entry(&requests->by_age, struct foreign_request, by_age));
    map_clear(&requests->by_id);
}

static struct bytes copy(uint8_t **place, struct bytes from)
{
    struct bytes copied = bytes_of(*place, from.len);

    if (from.len > 0)
        memcpy(*place, from.ptr, from.len);
    *place += from.len;
    return copied;
}

struct foreign_request *foreign_request_add(struct foreign_requests *requests,
                                            const struct foreign_request *like)
{
    size_t storage_bytes = like->channel.len + like->name.len + like->raw_request_id.len + like->caller.len;
    struct foreign_request *request;
    uint8_t *place;

    if (requests->by_id.n_nodes >= FOREIGN_REQUEST_MAX)
        foreign_request_free(requests, list_first_entry(&requests->by_age, struct foreign_request, by_age));
    request = malloc(sizeof *request + storage_bytes);
    if (!request)
        return NULL;
    place = request->storage;
    *request = (struct foreign_request){.kind = like->kind, .from = like->from};
    request->channel = copy(&place, like->channel);
    request->name = copy(&place, like->name);
    request->raw_request_id = copy(&place, like->raw_request_id);
    request->caller = copy(&place, like->caller);
    snprintf(request->id, sizeof request->id, "mesh-%llx", (unsigned long long)++requests->last_number);
    if (map_insert(&requests->by_id, &request->by_id, bytes_of_text(request->id)) < 0) {
        free(request);
        return NULL;
    }
    list_append(&requests->by_age, &request->by_age);
    return request;
}

struct foreign_request *foreign_request_find(const struct foreign_requests *requests, struct bytes id)
{
    struct map_node *node = map_find(&requests->by_id, id);

    return node ? container_of(node, struct foreign_request, by_id) : NULL;
}

void foreign_request_free(struct foreign_requests *requests, struct foreign_request *request)
{
    map_remove(&requests->by_id, &request->by_id);
    list_unlink(&request->by_age);
    free(request);
}
