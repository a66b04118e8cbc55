/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What doctor looks at on the machine itself. Paths that are not here are told as not looked at.
 */
#ifndef COMMHUB_PROGRAM_DOCTOR_LOCAL_H
#define COMMHUB_PROGRAM_DOCTOR_LOCAL_H

#include "hub/program/doctor_report.h"

/* Who may read the data directory and the master key in it, and how much room its disk has. */
void doctor_local_data_dir(struct doctor_report *report, const char *path);

/* When the certificate at @path (PEM), which the setting @name names, ends. */
void doctor_local_certificate(struct doctor_report *report, const char *name, const char *path);

/* The same of one that is known by what it is for: @days that it is good for, negative where it has ended. */
void doctor_local_days(struct doctor_report *report, const char *what, int days);

#endif
