/* SPDX-License-Identifier: LGPL-3.0-or-later */

/*
 * The files of the dashboard, embedded into the program.
 *
 * Everything here is constant and lives as long as the program: any thread may read it, nothing is to be
 * freed.
 */

#ifndef WEBUI_WEBUI_ASSETS_H
#define WEBUI_WEBUI_ASSETS_H

#include <stddef.h>

/* What a server has to send as Content-Security-Policy with each of the files, for the page to be as safe as
 * it was tested to be. */
#define WEBUI_CONTENT_SECURITY_POLICY                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "    \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "      \
    "trusted-types 'none'"

struct webui_asset {
    const char *path;         /* as requested, from the root: "/app.js" */
    const char *content_type; /* with charset where there is one */
    const unsigned char *bytes;
    size_t len;
    const char *etag; /* strong, quotes included: "\"8f3a...\"" */
    const unsigned char *gzip_bytes;
    size_t gzip_len;
    const char *gzip_etag; /* a strong tag names one sequence of bytes, so the compressed one has its own */
};

/*
 * The file for a request path without query, or NULL. "/" is the page itself ("/index.html").
 */
const struct webui_asset *webui_assets_find(const char *path);

/*
 * Every file once, for tests and listings; *out_count of them.
 */
const struct webui_asset *webui_assets_all(size_t *out_count);

#endif
