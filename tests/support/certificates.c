/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "tests/support/certificates.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "tests/support/unit.h"

#define TEMPLATE "/tmp/commhub-certificates-XXXXXX"

static char directory[sizeof TEMPLATE];

void certificates_begin(void)
{
    memcpy(directory, TEMPLATE, sizeof directory);
    assert_non_null(mkdtemp(directory));
}

void certificates_end(void)
{
    DIR *files = opendir(directory);
    struct dirent *file;

    assert_non_null(files);
    while ((file = readdir(files)))
        unlinkat(dirfd(files), file->d_name, 0);
    closedir(files);
    rmdir(directory);
}

const char *certificates_path(const char *file)
{
    static char paths[8][128];
    static unsigned n;
    char *path = paths[n++ % N_ELEMENTS(paths)];

    snprintf(path, sizeof paths[0], "%s/%s", directory, file);
    return path;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void write_pair(const char *name, const struct certificates_signer *made)
{
    char file[64];
    FILE *out;

    snprintf(file, sizeof file, "%s.crt", name);
    out = fopen(certificates_path(file), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_X509(out, made->certificate), 1);
    fclose(out);
    snprintf(file, sizeof file, "%s.key", name);
    out = fopen(certificates_path(file), "w");
    assert_non_null(out);
    assert_int_equal(PEM_write_PrivateKey(out, made->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(out);
}

struct certificates_signer certificates_make(const char *name, const struct certificates_signer *issuer,
                                             const char *names, long ends_s)
{
    struct certificates_signer made = {.certificate = X509_new(), .key = EVP_EC_gen("P-256")};
    const struct certificates_signer *by = issuer ? issuer : &made;
    static long serial = 1;
    X509_NAME *subject = X509_get_subject_name(made.certificate);

    assert_int_equal(X509_set_version(made.certificate, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made.certificate), -7200);
    X509_gmtime_adj(X509_getm_notAfter(made.certificate), ends_s);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(by->certificate));
    X509_set_pubkey(made.certificate, made.key);
    add_extension(made.certificate, by->certificate, NID_basic_constraints,
                  issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (names)
        add_extension(made.certificate, by->certificate, NID_subject_alt_name, names);
    assert_true(X509_sign(made.certificate, by->key, EVP_sha256()) > 0);
    write_pair(name, &made);
    return made;
}

void certificates_signer_clear(struct certificates_signer *signer)
{
    X509_free(signer->certificate);
    EVP_PKEY_free(signer->key);
}
