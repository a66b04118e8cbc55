/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub doctor: looks at a running hub as an operator would, and says what to do
 *
 * The hub is asked over its API; what only its machine knows (files, disk) is looked at where the paths that
 * the hub names are here. Nothing is changed.
 */
#ifndef COMMHUB_PROGRAM_DOCTOR_H
#define COMMHUB_PROGRAM_DOCTOR_H

/* Exit status: 0 nothing has failed (there may be warnings), 1 a check has failed, 2 wrong use, 3 no answer
 * in time, 4 no connection. */
int doctor_command(int argc, char **argv);

#endif
