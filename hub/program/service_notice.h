/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What the service manager is told, by its protocol of datagrams (sd_notify(3)), without its library
 *
 * Nobody listens where NOTIFY_SOCKET is not set; then nothing is said. Any thread.
 */
#ifndef COMMHUB_PROGRAM_SERVICE_NOTICE_H
#define COMMHUB_PROGRAM_SERVICE_NOTICE_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1"; lines of NAME=VALUE. */
void service_notice_send(const char *text);

/* "RELOADING=1" with the time that must come with it; "READY=1" ends it. */
void service_notice_send_reloading(void);

/* How often WATCHDOG=1 is expected, halved for safety; 0: it is not. */
uint64_t service_notice_watchdog_ms(void);

#endif
