/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/local_user.h"

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#define PREFIX "command:"

void local_user_write(char out_name[PRINCIPAL_NAME_SIZE])
{
    const struct passwd *entry = getpwuid(getuid());

    if (entry)
        snprintf(out_name, PRINCIPAL_NAME_SIZE, PREFIX "%s", entry->pw_name);
    else
        snprintf(out_name, PRINCIPAL_NAME_SIZE, PREFIX "%lu", (unsigned long)getuid());
}
