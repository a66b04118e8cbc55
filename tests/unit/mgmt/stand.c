/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/unit/mgmt/stand.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "hub/base/check.h"
#include "mgmt/rest/settings_face.h"
#include "hub/base/text.h"
#include "mgmt/store/data_dir.h"

static struct mgmt_options wanted;

static void *run_loop(void *argument)
{
    check(loop_run(argument) == 0);
    return NULL;
}

static void note_thread(void *argument)
{
    (void)argument;
    fake_controls.loop_thread = pthread_self();
}

/* A program with one setting, "idle-timeout", that is 60 at first. */
static int idle_timeout = 60;

static json_t *list_settings(void *context)
{
    (void)context;
    return json_pack("[{s:s, s:i, s:s, s:b, s:s}]", "name", "idle-timeout", "value", idle_timeout, "origin",
                     "built-in", "is_pinned", 0, "changes", "live");
}

static int change_settings(void *context, json_t *wishes, bool is_trial, struct problem_faults *faults,
                           char out_why[SETTINGS_FACE_WHY_SIZE])
{
    json_t *value = json_object_get(wishes, "idle-timeout");

    (void)context;
    (void)out_why;
    if (json_object_get(wishes, "mgmt")) {
        problem_add(faults, "#/mgmt", "It is set by flag --mgmt: change it there.");
        return SETTINGS_FACE_E_PINNED;
    }
    if (json_object_size(wishes) > (value ? 1 : 0) || (value && !json_is_integer(value))) {
        problem_add(faults, "#/idle-timeout", "It is no number.");
        return SETTINGS_FACE_E_INVALID;
    }
    if (value && !is_trial)
        idle_timeout = (int)json_integer_value(value);
    return 0;
}

static int reload_settings(void *context, bool is_trial, json_t **out_outcome,
                           char out_why[SETTINGS_FACE_WHY_SIZE])
{
    (void)context;
    (void)is_trial;
    (void)out_why;
    *out_outcome = json_pack("{s:[s], s:[]}", "changed", "idle-timeout", "needs_restart");
    return 0;
}

static void start(struct stand *stand)
{
    static const struct settings_face face = {NULL, list_settings, change_settings, reload_settings};

    static const struct mgmt_setting settings[] = {{"listen", "tcp://127.0.0.1:7070"}};
    struct mgmt_options options = wanted;
    char why[MGMT_WHY_SIZE];

    check(log_new(&stand->log, 100) == 0);
    check(store_open(&stand->store, stand->data_dir, why) == 0);
    check(loop_new(&stand->loop) == 0);
    check(mailbox_new(&stand->mailbox, stand->loop) == 0);
    check(pthread_create(&stand->loop_thread, NULL, run_loop, stand->loop) == 0);
    check(mailbox_run(stand->mailbox, note_thread, NULL) == 0);
    options.mailbox = stand->mailbox;
    options.log = stand->log;
    options.store = stand->store;
    options.listen = "127.0.0.1:0";
    options.token_file = *stand->token_file ? stand->token_file : NULL;
    options.server_id = "hub-test";
    options.version = "9.8.7";
    options.settings_face = &face;
    options.settings = settings;
    options.n_settings = 1;
    if (mgmt_start(&stand->mgmt, &options, why) < 0) {
        fprintf(stderr, "%s\n", why);
        abort();
    }
}

static void stop(struct stand *stand)
{
    mgmt_stop(stand->mgmt);
    loop_stop(stand->loop);
    pthread_join(stand->loop_thread, NULL);
    mailbox_free(stand->mailbox);
    loop_free(stand->loop);
    store_close(stand->store);
    log_free(stand->log);
}

void stand_start(struct stand *stand, const struct mgmt_options *options)
{
    *stand = (struct stand){0};
    wanted = options ? *options : (struct mgmt_options){0};
    fake_controls_reset();
    snprintf(stand->data_dir, sizeof stand->data_dir, "/tmp/commhub-mgmt-XXXXXX");
    check(mkdtemp(stand->data_dir));
    snprintf(stand->token_file, sizeof stand->token_file, "%s/admin-token", stand->data_dir);
    check(data_dir_write(stand->token_file, BYTES_LITERAL("  " STAND_TOKEN "\n")) == 0);
    start(stand);
}

void stand_restart(struct stand *stand)
{
    stop(stand);
    start(stand);
}

void stand_stop(struct stand *stand)
{
    stop(stand);
    stand_remove(stand->data_dir);
}

void stand_remove(const char *data_dir)
{
    DIR *dir = opendir(data_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *path = data_dir_path(data_dir, entry->d_name);

        unlink(path);
        free(path);
    }
    if (dir)
        closedir(dir);
    rmdir(data_dir);
}

void stand_log(struct stand *stand, const char *message)
{
    struct log_field fields[] = {log_text("message", bytes_of_text(message)),
                                 log_text_or_null("client_id", BYTES_NONE),
                                 log_text("server_id", BYTES_LITERAL("hub-test"))};

    log_record(stand->log, LOG_INFO, LOG_LOGS, "server_log", fields, 3);
}

/* ---- HTTP ---- */

int stand_connect(struct stand *stand)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 10};
    const char *port = strrchr(mgmt_address(stand->mgmt), ':');
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    check(port && fd >= 0);
    address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
    check(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    check(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

bool stand_send(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

void stand_read_all(int fd, struct buffer *out, int quiet_ms)
{
    char bytes[4096];

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (quiet_ms && poll(&poll_fd, 1, quiet_ms) == 0)
            return;
        n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            return;
        check(buffer_append(out, bytes, (size_t)n) == 0);
    }
}

void stand_answer_clear(struct stand_answer *answer)
{
    free(answer->head);
    free(answer->body);
    json_decref(answer->json);
    *answer = (struct stand_answer){0};
}

char *stand_header(const struct stand_answer *answer, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = answer->head; line; line = strstr(line, "\r\n")) {
        line += *line == '\r' ? 2 : 0;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *value = line + len + 1 + strspn(line + len + 1, " ");

            return strndup(value, strcspn(value, "\r"));
        }
    }
    return NULL;
}

static bool read_head(int fd, struct buffer *head)
{
    char byte;

    while (head->len < 4 || memcmp(head->ptr + head->len - 4, "\r\n\r\n", 4) != 0) {
        if (recv(fd, &byte, 1, 0) != 1)
            return false;
        check(buffer_append(head, &byte, 1) == 0);
    }
    return true;
}

void stand_read_answer(int fd, bool has_body, struct stand_answer *out_answer)
{
    struct buffer head = {0};
    char *length;
    uint64_t len = 0;

    *out_answer = (struct stand_answer){0};
    if (!read_head(fd, &head)) {
        buffer_clear(&head);
        return;
    }
    out_answer->head = buffer_take_text(&head);
    check(sscanf(out_answer->head, "HTTP/1.%*d %d", &out_answer->status) == 1);
    length = stand_header(out_answer, "Content-Length");
    if (length)
        check(text_to_u64(length, 0, 100000000, &len) == 0);
    free(length);
    out_answer->body = calloc(1, len + 1);
    out_answer->body_len = (size_t)len;
    check(out_answer->body);
    if (has_body && len)
        check(recv(fd, out_answer->body, (size_t)len, MSG_WAITALL) == (ssize_t)len);
    out_answer->json = json_loads(out_answer->body, JSON_DECODE_ANY, NULL);
}

struct stand_answer stand_ask_with(struct stand *stand, const char *method, const char *target,
                                   const char *headers, const char *body)
{
    struct buffer request = {0};
    struct stand_answer answer;
    char *text;
    int fd = stand_connect(stand);

    buffer_append_format(&request, "%s %s HTTP/1.1\r\nHost: hub\r\n%s", method, target, headers);
    if (body)
        buffer_append_format(&request, "Content-Length: %zu\r\n", strlen(body));
    buffer_append_format(&request, "\r\n%s", body ? body : "");
    text = buffer_take_text(&request);
    check(text);
    stand_send(fd, text);
    stand_read_answer(fd, strcmp(method, "HEAD") != 0, &answer);
    free(text);
    close(fd);
    return answer;
}

struct stand_answer stand_ask(struct stand *stand, const char *method, const char *target, const char *token,
                              const char *body)
{
    const char *type = strcmp(method, "PATCH") == 0 ? "merge-patch+json" : "json";
    char headers[1024];
    int len = 0;

    headers[0] = '\0';
    if (token)
        len = snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
    if (body)
        snprintf(headers + len, sizeof headers - (size_t)len, "Content-Type: application/%s\r\n", type);
    return stand_ask_with(stand, method, target, headers, body);
}

/* ---- the live socket ---- */

int stand_open_live(struct stand *stand, const char *protocols, const char *more_headers,
                    struct stand_answer *out_answer)
{
    struct buffer request = {0};
    struct stand_answer answer;
    char *text;
    int fd = stand_connect(stand);

    buffer_append_format(
        &request,
        "GET /api/v1/live HTTP/1.1\r\nHost: hub:1\r\nUpgrade: websocket\r\n"
        "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n%s\r\n",
        protocols, more_headers);
    text = buffer_take_text(&request);
    stand_send(fd, text);
    free(text);
    stand_read_answer(fd, true, &answer);
    if (answer.status != 101) {
        close(fd);
        fd = -1;
    }
    if (out_answer)
        *out_answer = answer;
    else
        stand_answer_clear(&answer);
    return fd;
}

void stand_send_live(int fd, const char *text)
{
    uint8_t frame[2048] = {0x81};
    size_t len = strlen(text), head = 6;

    check(len < 1900);
    frame[1] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        frame[2] = (uint8_t)(len >> 8);
        frame[3] = (uint8_t)len;
        head = 8;
    }
    for (size_t i = 0; i < 4; i++)
        frame[head - 4 + i] = (uint8_t)(17 * (i + 1));
    for (size_t i = 0; i < len; i++)
        frame[head + i] = (uint8_t)(text[i] ^ frame[head - 4 + i % 4]);
    check(send(fd, frame, head + len, MSG_NOSIGNAL) == (ssize_t)(head + len));
}

static bool receive(int fd, void *place, size_t len)
{
    return len == 0 || recv(fd, place, len, MSG_WAITALL) == (ssize_t)len;
}

json_t *stand_next_live(int fd, int *out_close)
{
    *out_close = 0;
    for (;;) {
        uint8_t head[2], more[8] = {0};
        size_t len;
        char *text;
        json_t *json;

        if (!receive(fd, head, 2))
            return NULL;
        len = head[1] & 0x7f;
        if (len == 126) {
            if (!receive(fd, more, 2))
                return NULL;
            len = (size_t)more[0] << 8 | more[1];
        }
        check(len < 65536 && !(head[1] & 0x80));
        text = calloc(1, len + 1);
        check(text);
        if (!receive(fd, text, len)) {
            free(text);
            return NULL;
        }
        if ((head[0] & 0x0f) == 8) {
            if (len >= 2)
                *out_close = (uint8_t)text[0] << 8 | (uint8_t)text[1];
            free(text);
            return NULL;
        }
        if ((head[0] & 0x0f) != 1) {
            free(text);
            continue;
        }
        json = json_loads(text, 0, NULL);
        check(json);
        free(text);
        return json;
    }
}
