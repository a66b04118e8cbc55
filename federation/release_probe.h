/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What kind of hub it is that has taken us as its client
 *
 * Three questions in a row, of which every hub answers the last: who answers the first knows members (release
 * 0.1.15 of the Python package and later), and only CommHub complains about the second, whose type the
 * protocol does not have. Pure.
 */
#ifndef COMMHUB_FEDERATION_RELEASE_PROBE_H
#define COMMHUB_FEDERATION_RELEASE_PROBE_H

#include "hub/base/block.h"
#include "hub/wire/message.h"

enum release {
    RELEASE_UNKNOWN, /* it has not answered yet */
    RELEASE_0_1_5,   /* or older */
    RELEASE_0_1_15,  /* or newer */
    RELEASE_COMMHUB,
};

struct release_probe {
    bool knows_members;
    bool is_commhub;
    bool is_over;
};

#define RELEASE_PROBE_QUESTIONS 3

/* The questions to send, in order; NULL: out of memory. */
struct block *release_probe_question(unsigned which);

void release_probe_hear(struct release_probe *probe, const struct message *message);

enum release release_probe_result(const struct release_probe *probe);

/* "0.1.15", ...; "" where it is not known. */
const char *release_probe_name(enum release release);

#endif
