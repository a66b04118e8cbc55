/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Who runs a command on this machine, as the audit log names him
 */
#ifndef COMMHUB_PROGRAM_LOCAL_USER_H
#define COMMHUB_PROGRAM_LOCAL_USER_H

#include "mgmt/auth/principal.h"

/* "command:root"; a user without a name by his number. */
void local_user_write(char out_name[PRINCIPAL_NAME_SIZE]);

#endif
