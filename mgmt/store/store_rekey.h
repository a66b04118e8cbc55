/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Another master key: every secret of the store is sealed anew
 */
#ifndef COMMHUB_MGMT_STORE_STORE_REKEY_H
#define COMMHUB_MGMT_STORE_STORE_REKEY_H

#include "mgmt/store/store.h"

/*
 * Makes a key and seals all secrets under it, in one transaction. The new key lies beside the old one before
 * that and takes its place after it: whenever it is cut short, the next store_open() finds the one that fits.
 * 0, or a negative errno and a sentence; then the old key is still the one.
 */
int store_rekey(struct store *store, char out_why[STORE_WHY_SIZE]);

#endif
