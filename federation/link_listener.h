/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Addresses on which other hubs link and nobody else
 *
 * Stricter than clients' addresses: at most 64 connections that have not proven themselves, 5 s for TLS and
 * the first frame, 4 KiB for it. Where certificates are asked for and names are given, who bears none of
 * them is refused. Loop's thread.
 */
#ifndef COMMHUB_FEDERATION_LINK_LISTENER_H
#define COMMHUB_FEDERATION_LINK_LISTENER_H

#include "federation/federation_state.h"

struct link_listener;

#define LINK_LISTENER_MAX_CALLERS 64U

/* 0, or a negative errno with a sentence in @out_why. Hangs itself on the federation's list. */
int link_listener_new(struct federation *federation, const struct address *address,
                      const struct listener_options *options, char out_why[LISTENER_WHY_SIZE]);

const struct address *link_listener_address(const struct list *in_federation);

/* Closes all addresses, and whoever waits there. */
void link_listener_free_all(struct federation *federation);

#endif
