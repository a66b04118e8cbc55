/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Random bytes from the kernel, and the texts made of them. Any thread. They cannot fail: a kernel without a
 * random source is a reason to stop.
 */
#ifndef COMMHUB_BASE_RANDOM_H
#define COMMHUB_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_fill(void *ptr, size_t len);
uint64_t random_u64(void);

/* 2 * @n_bytes lowercase hex characters and a closing zero. */
void random_hex(char *out_text, size_t n_bytes);

/* @len letters and digits and a closing zero, each equally likely. */
void random_alphanumeric(char *out_text, size_t len);

#define RANDOM_UUID_TEXT 37 /* 36 characters and the zero */
void random_uuid(char out_text[RANDOM_UUID_TEXT]);

#endif
