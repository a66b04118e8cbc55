/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The files of the dashboard over HTTP
 */
#ifndef COMMHUB_MGMT_REST_PAGE_FILES_H
#define COMMHUB_MGMT_REST_PAGE_FILES_H

#include "mgmt/http/reply.h"
#include "mgmt/http/request.h"

/* GET or HEAD of a file, compressed if the browser takes that; 304 if it has it. False: there is no such
 * file. */
bool page_files_get(const struct request *request, struct reply *reply);

#endif
