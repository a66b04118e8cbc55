/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The settings in force of a running hub: reading them again, changing one over REST
 *
 * Any thread but the loop's; one change or reload at a time. Either everything new is found good, files and
 * all, and is taken over in one letter to the loop, or nothing is.
 */
#ifndef COMMHUB_PROGRAM_CONFIGURATION_H
#define COMMHUB_PROGRAM_CONFIGURATION_H

#include "hub/io/mailbox.h"
#include "hub/program/serve_options.h"
#include "hub/program/serve_plan.h"
#include "mgmt/rest/settings_face.h"
#include "mgmt/store/store.h"

struct configuration;

struct configuration_options {
    const struct serve_options *started; /* what the hub was started with; stays */
    struct store *store;                 /* NULL: nothing is kept, and nothing can be changed over REST */
    struct mailbox *mailbox;
    void *context;

    /*
     * On the loop's thread: the hub goes on with these settings. It may take what it needs out of @plan; what
     * is left there is cleared. What takes a restart has the value it had.
     */
    void (*apply)(void *context, const struct serve_options *options, struct serve_plan *plan);
};

/* Loads the stored settings: 0, or a negative errno and a sentence. */
int configuration_new(struct configuration **out_configuration, const struct configuration_options *options,
                      char out_why[SERVE_WHY_SIZE]);
void configuration_free(struct configuration *configuration);

/* At start, before there are threads: the settings with the stored ones under them. */
const struct serve_options *configuration_options(const struct configuration *configuration);

/* {changed, needs_restart} in *@out_outcome (NULL: nobody wants it). As settings_face.h says. */
int configuration_reload(struct configuration *configuration, bool is_trial, json_t **out_outcome,
                         char out_why[SERVE_WHY_SIZE]);

/* The face of @configuration for the management plane. */
struct settings_face configuration_face(struct configuration *configuration);

#endif
