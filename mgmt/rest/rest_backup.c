/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/resources.h"
#include "mgmt/store/store_backup.h"

void rest_backup_take(struct rest *rest, const struct request *request, struct reply *reply)
{
    char why[STORE_WHY_SIZE];
    char *image;
    size_t len;
    int r = store_backup_take(rest->options.store, &image, &len, why);

    if (r < 0) {
        rest_reply_store_fault(reply, request, r, why);
        return;
    }
    reply_set_static(reply, 200, "application/vnd.sqlite3", bytes_of(image, len));
    reply->own_body = image;
    rest_log(rest, LOG_INFO, request, "A backup of the store was taken: %zu bytes", len);
}
