/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/page_files.h"

#include <stdlib.h>
#include <strings.h>

#include "hub/base/cleanup.h"
#include "mgmt/rest/problem.h"
#include "webui/webui_assets.h"

/* "gzip" stands in Accept-Encoding and is not put down to nothing by q=0. */
static bool takes_gzip(const struct request *request)
{
    const char *value = request_header(request, "Accept-Encoding");
    const char *quality;
    size_t len;

    if (!value || !request_has_token(request, "Accept-Encoding", "gzip"))
        return false;
    value = strcasestr(value, "gzip");
    if (!value)
        return true; /* in another line of the header */
    len = strcspn(value, ",");
    quality = memmem(value, len, "q=", 2);
    return !quality || strtod(quality + 2, NULL) > 0;
}

static bool has_it(const struct request *request, const char *etag)
{
    const char *value = request_header(request, "If-None-Match");

    return value && (strcmp(value, "*") == 0 || strstr(value, etag));
}

static const struct webui_asset *find(const struct request *request)
{
    cleanup_free_ char *path = strdup(request->target);

    if (!path)
        return NULL;
    path[strcspn(path, "?")] = '\0';
    return webui_assets_find(path);
}

bool page_files_get(const struct request *request, struct reply *reply)
{
    const struct webui_asset *asset = find(request);
    bool is_gzip;

    if (!asset)
        return false;
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        problem_reply(reply, request, 405, "This takes GET, HEAD.");
        reply_add_header(reply, "Allow", "GET, HEAD");
        return true;
    }
    is_gzip = asset->gzip_len > 0 && takes_gzip(request);
    if (has_it(request, is_gzip ? asset->gzip_etag : asset->etag))
        reply_set_empty(reply, 304);
    else
        reply_set_static(reply, 200, asset->content_type,
                         is_gzip ? bytes_of(asset->gzip_bytes, asset->gzip_len)
                                 : bytes_of(asset->bytes, asset->len));
    if (is_gzip && reply->status == 200)
        reply_add_header(reply, "Content-Encoding", "gzip");
    reply_add_header(reply, "ETag", is_gzip ? asset->gzip_etag : asset->etag);
    reply_add_header(reply, "Vary", "Accept-Encoding");
    /* Kept, but asked about each time: after an update no page of the former version runs on. */
    reply_add_header(reply, "Cache-Control", "no-cache");
    reply->may_be_cached = true;
    return true;
}
