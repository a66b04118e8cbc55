/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What an operator configures: a link that is wanted
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_H
#define COMMHUB_FEDERATION_BRIDGE_H

#include "federation/bridge_policy.h"
#include "federation/federation_control.h"
#include "hub/base/list.h"
#include "hub/io/address.h"
#include "hub/io/tls.h"

struct link;
struct reference_link;
struct trial;

struct bridge {
    struct list in_federation;
    char *name;
    struct address address;
    char address_text[ADDRESS_TEXT_SIZE];
    enum bridge_kind kind;
    char *secret;            /* NULL: the hub's own */
    char *connection_secret; /* NULL: none */
    struct bridge_policy *policy;
    uint32_t cost;
    bool is_paused;
    enum bridge_management management;
    uint32_t resume_window_s; /* 0: the default */
    struct tls_context *tls;  /* tls:// only */
    char *pinned_name;        /* that the far certificate must bear; NULL: none */
    bool has_certificate;     /* we show one */
    struct link *link;        /* one of these two, or none */
    struct reference_link *reference;
    struct trial *trial; /* for which alone the bridge is there; NULL: it is in earnest */
};

/* 0, FEDERATION_E_INVALID (it can't be as it is wished, or a file of TLS can't be used) or -ENOMEM. */
int bridge_new(struct bridge **out_bridge, const struct bridge_spec *spec, struct bridge_fault *out_fault);
void bridge_free(struct bridge *bridge);

/* Whether it needs no secret: the hubs know each other by their certificates. */
bool bridge_is_certified(const struct bridge *bridge);

#endif
