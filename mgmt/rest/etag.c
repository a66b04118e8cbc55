/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/etag.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/base/cleanup.h"
#include "hub/base/text.h"
#include "mgmt/rest/json_value.h"
#include "mgmt/rest/problem.h"

#define HALF 16 /* characters: 64 bits */

/* Without memory the half is zeros, which no tag that was given out has. */
static void half_of(const json_t *value, char out_half[HALF + 1])
{
    cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    uint8_t sha256[SHA256_DIGEST_LENGTH] = {0};

    if (text)
        SHA256((const unsigned char *)text, strlen(text), sha256);
    text_hex(sha256, HALF / 2, out_half);
}

/*
 * Whether a list of tags names the one; @len says how much of it has to be equal. Tags of ours have no comma.
 * Weak ones are the same to If-None-Match, and nothing to If-Match.
 */
static bool is_named(const char *list, const char *tag, size_t len, bool may_be_weak)
{
    while (*list) {
        list += strspn(list, " \t,");
        if (may_be_weak && strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, tag, len) == 0)
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

void etag_write(const json_t *whole, const json_t *wish, char out_tag[ETAG_SIZE])
{
    char first[HALF + 1], second[HALF + 1];

    half_of(wish ? wish : whole, first);
    half_of(whole, second);
    snprintf(out_tag, ETAG_SIZE, "\"%s-%s\"", first, second);
}

bool etag_is_known(const struct request *request, const char *tag)
{
    const char *known = request_header(request, "If-None-Match");
    bool is_get = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;

    return is_get && known && (strcmp(known, "*") == 0 || is_named(known, tag, strlen(tag), true));
}

void etag_reply(struct reply *reply, const struct request *request, unsigned status, json_t *whole,
                const json_t *wish)
{
    char tag[ETAG_SIZE];

    if (!whole) {
        json_value_reply(reply, 500, NULL);
        return;
    }
    etag_write(whole, wish, tag);
    if (etag_is_known(request, tag)) {
        json_decref(whole);
        reply_set_empty(reply, 304);
    } else {
        json_value_reply(reply, status, whole);
    }
    reply_add_header(reply, "ETag", tag);
}

static bool is_as_it_must_be(const char *if_match, const json_t *wish)
{
    char half[HALF + 1], start[HALF + 3];

    if (!wish)
        return false;
    if (strcmp(if_match, "*") == 0)
        return true;
    half_of(wish, half);
    snprintf(start, sizeof start, "\"%s-", half);
    return is_named(if_match, start, strlen(start), false);
}

bool etag_allows(const struct request *request, const json_t *wish, struct reply *reply)
{
    const char *if_match = request_header(request, "If-Match");
    const char *if_none_match = request_header(request, "If-None-Match");

    if (if_match && !is_as_it_must_be(if_match, wish))
        problem_reply(reply, request, 412,
                      wish ? "It was changed since it was read: read it again, then write."
                           : "There is nothing of that name (any more).");
    else if (if_none_match && wish &&
             (strcmp(if_none_match, "*") == 0 || is_as_it_must_be(if_none_match, wish)))
        problem_reply(reply, request, 412, "There is one of that name already.");
    else
        return true;
    return false;
}
