/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A hub and its federation that are only what the management plane sees of them
 *
 * The functions of server_control.h and federation_control.h, answered from one process-wide state. They
 * check that they are called on the loop's thread; the test reads and writes the state while no request is
 * under way.
 */
#ifndef COMMHUB_TESTS_UNIT_MGMT_FAKE_CONTROLS_H
#define COMMHUB_TESTS_UNIT_MGMT_FAKE_CONTROLS_H

#include <pthread.h>

#include "federation/federation_control.h"
#include "hub/server/server_control.h"

#define FAKE_MOST_BRIDGES 64
#define FAKE_MOST_PASSWORDS 16

struct fake_bridge {
    char name[256];
    char address[300];
    char secret[64]; /* "": none */
    size_t n_allow;
    bool is_paused;
};

struct fake_password {
    char channel[256];
    char password[64];
    bool has_key;
    uint8_t key[SIGNATURE_KEY_BYTES];
};

struct fake_controls {
    pthread_t loop_thread;
    bool is_accepting;
    size_t n_clients; /* named client-1 ... */
    const char *pinned_channel;
    bool refuses_bridges;   /* put answers FEDERATION_E_INVALID */
    bool knows_no_secret;   /* judge answers FEDERATION_E_INVALID where a bridge brings none */
    bool refuses_passwords; /* set_password answers -ENOMEM */
    size_t n_bridges;
    struct fake_bridge bridges[FAKE_MOST_BRIDGES];
    size_t n_passwords;
    struct fake_password passwords[FAKE_MOST_PASSWORDS];
    struct trial_asker trial;               /* of tcp://slow:1, which is reported when the test says so */
    enum federation_outcome errand_outcome; /* of what is asked of the hub bbb... */
    federation_errand_handler *serve_errand;
    void *errand_context;
    federation_answer_handler *handle_answer; /* that waits */
    void *answer_context;
    size_t n_calls; /* of any function */
    int adopted_fd; /* the last, which is the test's to close */
    char adopted_peer[128];
};

extern struct fake_controls fake_controls;

void fake_controls_reset(void);
struct fake_bridge *fake_controls_bridge(const char *name);
struct fake_password *fake_controls_password(const char *channel);

/* On the loop. False: tcp://slow:1 is not being tried. */
bool fake_controls_report_trial(void);

#endif
