/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/service_notice.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"

void service_notice_send(const char *text)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof place.sun_path || (*path != '/' && *path != '@'))
        return;
    memcpy(place.sun_path, path, len);
    if (*path == '@') /* an abstract name */
        place.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&place,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        fputs("commhub: warning: the service manager's NOTIFY_SOCKET takes nothing\n", stderr);
    close(fd);
}

void service_notice_send_reloading(void)
{
    char text[64];

    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)clock_monotonic_us());
    service_notice_send(text);
}

uint64_t service_notice_watchdog_ms(void)
{
    const char *pid_text = getenv("WATCHDOG_PID");
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t us = 0;
    uint64_t pid = 0;

    if (pid_text && (text_to_u64(pid_text, 1, UINT32_MAX, &pid) < 0 || pid != (uint64_t)getpid()))
        return 0;
    if (!text || text_to_u64(text, 1, UINT64_MAX, &us) < 0)
        return 0;
    return us < 4000 ? 1 : us / 2000;
}
