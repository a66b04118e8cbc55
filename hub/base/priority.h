/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Which threads give way to which
 *
 * Messages go through one thread, the loop's. Whatever else the program does may wait a little; without being
 * told, the kernel lets a thread that makes a long list finish its slice of some milliseconds before the loop
 * goes on.
 */
#ifndef COMMHUB_BASE_PRIORITY_H
#define COMMHUB_BASE_PRIORITY_H

/* The calling thread gives way to those that have not called this, for the rest of its life. Where the kernel
 * does not let it, nothing changes. */
void priority_give_way(void);

#endif
