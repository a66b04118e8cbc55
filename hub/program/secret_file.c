/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "hub/base/name.h"
#include "hub/base/text.h"
#include "mgmt/rest/json_fault.h"

#define MAX_FILE_BYTES 65536

static void warn_of_readers(const char *path, int fd)
{
    struct stat status;

    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRGRP | S_IROTH)))
        fprintf(stderr, "commhub: warning: %s may be read by others: chmod 600 %s\n", path, path);
}

static int read_all(int fd, struct buffer *out)
{
    while (out->len <= MAX_FILE_BYTES) {
        ssize_t n;

        if (buffer_reserve(out, 4096) < 0)
            return -ENOMEM;
        n = read(fd, out->ptr + out->len, out->size - out->len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            out->len += (size_t)n;
    }
    return -EFBIG;
}

static int read_file(const char *path, struct buffer *out, bool is_secret, char out_why[SECRET_FILE_WHY_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r;

    if (fd < 0) {
        r = -errno;
        snprintf(out_why, SECRET_FILE_WHY_SIZE, "cannot read %s: %s", path, strerror(-r));
        return r;
    }
    if (is_secret)
        warn_of_readers(path, fd);
    r = read_all(fd, out);
    close(fd);
    if (r < 0)
        snprintf(out_why, SECRET_FILE_WHY_SIZE, "cannot read %s: %s", path,
                 r == -EFBIG ? "it is longer than 64 KiB" : strerror(-r));
    return r;
}

int secret_file_read_whole(const char *path, struct buffer *out, char out_why[SECRET_FILE_WHY_SIZE])
{
    return read_file(path, out, false, out_why);
}

int secret_file_read(const char *path, struct buffer *out_secret, char out_why[SECRET_FILE_WHY_SIZE])
{
    int r;

    buffer_init(out_secret);
    r = read_file(path, out_secret, true, out_why);
    while (r == 0 && out_secret->len &&
           (out_secret->ptr[out_secret->len - 1] == '\n' || out_secret->ptr[out_secret->len - 1] == '\r'))
        out_secret->len--;
    if (r == 0 && (out_secret->len == 0 || !text_is_utf8(buffer_bytes(out_secret)))) {
        snprintf(out_why, SECRET_FILE_WHY_SIZE, "%s %s: put the secret there as one line of text", path,
                 out_secret->len ? "is not UTF-8" : "is empty");
        r = -EINVAL;
    }
    if (r < 0) {
        if (out_secret->ptr)
            explicit_bzero(out_secret->ptr, out_secret->len);
        buffer_clear(out_secret);
    }
    return r;
}

static int each_member(json_t *root, const char *path,
                       int (*visit)(void *context, struct bytes channel, struct bytes password),
                       void *context, char out_why[SECRET_FILE_WHY_SIZE])
{
    const char *channel;
    json_t *value;

    json_object_foreach(root, channel, value)
    {
        struct bytes name = bytes_of_text(channel);
        char shown[64];
        int r;

        text_escape(name, shown, sizeof shown);
        if (!name_is_valid(name) || !json_is_string(value) || json_string_length(value) == 0) {
            snprintf(
                out_why, SECRET_FILE_WHY_SIZE,
                "%s: \"%s\": channel names have 1 to 255 bytes without control characters, passwords are "
                "non-empty strings",
                path, shown);
            return -EINVAL;
        }
        r = visit(context, name, bytes_of(json_string_value(value), json_string_length(value)));
        if (r < 0) {
            snprintf(out_why, SECRET_FILE_WHY_SIZE, "%s: \"%s\": %s", path, shown, strerror(-r));
            return r;
        }
    }
    return 0;
}

int secret_file_each_password(const char *path,
                              int (*visit)(void *context, struct bytes channel, struct bytes password),
                              void *context, char out_why[SECRET_FILE_WHY_SIZE])
{
    struct buffer content;
    char fault[JSON_FAULT_SIZE];
    json_error_t error;
    json_t *root;
    int r;

    buffer_init(&content);
    r = read_file(path, &content, true, out_why);
    if (r < 0) {
        buffer_clear(&content);
        return r;
    }
    root = json_loadb((const char *)content.ptr, content.len, JSON_REJECT_DUPLICATES, &error);
    if (!root) {
        json_fault_write(&error, fault);
        snprintf(out_why, SECRET_FILE_WHY_SIZE, "%s is not JSON: %s", path, fault);
        r = -EINVAL;
    } else if (!json_is_object(root)) {
        snprintf(out_why, SECRET_FILE_WHY_SIZE, "%s must be a JSON object {\"channel\": \"password\", ...}",
                 path);
        r = -EINVAL;
    } else {
        r = each_member(root, path, visit, context, out_why);
    }
    json_decref(root);
    if (content.ptr)
        explicit_bzero(content.ptr, content.len);
    buffer_clear(&content);
    return r;
}
