/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Certificates made on the spot, as files in a directory of their own
 */
#ifndef COMMHUB_TESTS_CERTIFICATES_H
#define COMMHUB_TESTS_CERTIFICATES_H

#include <openssl/x509v3.h>

struct certificates_signer {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Makes the directory. */
void certificates_begin(void);

/* Removes it with all that is in it. */
void certificates_end(void);

/* The path of a file there, "ca.crt"; valid for the next seven calls. */
const char *certificates_path(const char *file);

/* Files name.crt and name.key; the common name is @name. @issuer NULL: a CA of its own. @names: a
 * subjectAltName, "DNS:hub.example.org,IP:127.0.0.1"; may be NULL. @ends_s: from now. */
struct certificates_signer certificates_make(const char *name, const struct certificates_signer *issuer,
                                             const char *names, long ends_s);
void certificates_signer_clear(struct certificates_signer *signer);

#endif
