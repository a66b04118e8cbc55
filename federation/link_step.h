/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The steps to a link that is up, and what an operator can do where one of them fails
 */
#ifndef COMMHUB_FEDERATION_LINK_STEP_H
#define COMMHUB_FEDERATION_LINK_STEP_H

#include <stddef.h>

#include "federation/federation_control.h"

/* Writes @detail, and behind it what to do where a link of @kind has failed at @step; what TLS says is known
 * by its words, which are the library's. */
void link_step_explain(enum bridge_kind kind, enum link_step step, const char *detail, char *out_text,
                       size_t size);

#endif
