/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * One attempt to connect
 *
 * Names are resolved on a thread of their own, so that a slow resolver delays nobody; every address found is
 * tried in turn within the one deadline. Back-off and repetition are the caller's. All on the loop's thread.
 */
#ifndef COMMHUB_IO_DIALER_H
#define COMMHUB_IO_DIALER_H

#include "hub/io/address.h"
#include "hub/io/loop.h"
#include "hub/io/mailbox.h"

struct dialer;

enum dialer_step {
    DIALER_RESOLVING,
    DIALER_CONNECTING,
};

struct dialer_events {
    /* The host has an address, connecting begins; the callee leaves the dialer alone. NULL: nobody asks. */
    void (*on_resolved)(void *owner);
    /* Connected, with the same socket options as accepted connections; the callee owns @fd and may free the
     * dialer. */
    void (*on_connected)(void *owner, int fd);
    /* @error is a positive errno (EHOSTUNREACH: the name cannot be resolved, ETIMEDOUT: no time left), that
     * of the address tried last; @detail a sentence ("connection refused by 127.0.0.1:7000"). The callee may
     * free the dialer. */
    void (*on_failed)(void *owner, enum dialer_step step, int error, const char *detail);
};

/* Begins; on_connected() or on_failed() follows, once, never from inside this call. 0 or a negative errno. */
int dialer_new(struct dialer **out_dialer, struct loop *loop, struct mailbox *mailbox,
               const struct address *address, uint32_t timeout_ms, const struct dialer_events *events,
               void *owner);

/* Gives up, no event follows. NULL is fine. */
void dialer_free(struct dialer *dialer);

#endif
