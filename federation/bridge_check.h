/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Whether a bridge can be as it is wished
 */
#ifndef COMMHUB_FEDERATION_BRIDGE_CHECK_H
#define COMMHUB_FEDERATION_BRIDGE_CHECK_H

#include "federation/federation_control.h"

/* 0, or FEDERATION_E_INVALID with the first fault and what to do. Touches no file. Any thread. */
int bridge_check(const struct bridge_spec *spec, struct bridge_fault *out_fault);

#endif
