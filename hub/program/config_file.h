/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The file of settings: TOML, each setting under its name
 */
#ifndef COMMHUB_PROGRAM_CONFIG_FILE_H
#define COMMHUB_PROGRAM_CONFIG_FILE_H

#include "hub/program/serve_options.h"

#define CONFIG_FILE_DEFAULT "/etc/commhub/commhub.toml"

/*
 * Reads options->config_file into the options; without one CONFIG_FILE_DEFAULT, where it is there. 0;
 * SERVE_OPTIONS_E_USAGE and a sentence with file and line: not readable, no TOML, an unknown setting, a wrong
 * value; or -ENOMEM.
 */
int config_file_read(struct serve_options *options, char out_why[SERVE_WHY_SIZE]);

#endif
