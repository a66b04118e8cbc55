/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/doctor_local.h"

#include <errno.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "hub/base/cleanup.h"
#include "mgmt/store/data_dir.h"

/* A store grows to some tens of megabytes, a spool to more. */
#define LEAST_DISK_BYTES (UINT64_C(100) << 20)
#define LITTLE_DISK_PERCENT 5U
#define SOON_DAYS 14

static void check_modes(struct doctor_report *report, const char *path, const struct stat *directory)
{
    cleanup_free_ char *key = data_dir_path(path, "master.key");
    struct stat status;

    if (directory->st_mode & (S_IRWXG | S_IRWXO))
        doctor_report_add(report, DOCTOR_WARN, "data-dir", "Take them away: chmod 700 on the directory.",
                          "%s: others than its owner have rights (mode %03o).", path,
                          (unsigned)directory->st_mode & 0777);
    else
        doctor_report_add(report, DOCTOR_OK, "data-dir", NULL, "%s is its owner's alone.", path);
    if (key && stat(key, &status) == 0 && status.st_mode & (S_IRWXG | S_IRWXO))
        doctor_report_add(report, DOCTOR_FAIL, "master-key",
                          "chmod 600 on the file, then `commhub admin rotate-key` while the hub is down.",
                          "%s can be reached by others than its owner: it opens all stored secrets.", key);
}

static void check_disk(struct doctor_report *report, const char *path)
{
    struct statvfs disk;
    uint64_t room, all;

    if (statvfs(path, &disk) < 0)
        return;
    room = (uint64_t)disk.f_bavail * disk.f_frsize;
    all = (uint64_t)disk.f_blocks * disk.f_frsize;
    if (room < LEAST_DISK_BYTES)
        doctor_report_add(report, DOCTOR_FAIL, "disk", "Make room: writes are refused when it is full.",
                          "%llu MiB are left on the disk of %s.", (unsigned long long)(room >> 20), path);
    else if (room < all / 100 * LITTLE_DISK_PERCENT)
        doctor_report_add(report, DOCTOR_WARN, "disk", "Make room, or move the data directory.",
                          "Less than %u %% is left on the disk of %s: %llu MiB.", LITTLE_DISK_PERCENT, path,
                          (unsigned long long)(room >> 20));
    else
        doctor_report_add(report, DOCTOR_OK, "disk", NULL, "%llu MiB are left.",
                          (unsigned long long)(room >> 20));
}

void doctor_local_data_dir(struct doctor_report *report, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0) {
        check_modes(report, path, &status);
        check_disk(report, path);
    } else {
        doctor_report_add(report, DOCTOR_WARN, "data-dir",
                          "Run doctor as the hub's user on the hub's machine to have it checked.",
                          "%s was not looked at: %s.", path, strerror(errno));
    }
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    if (file)
        fclose(file);
    return certificate;
}

void doctor_local_days(struct doctor_report *report, const char *what, int days)
{
    static const char *const advice = "Put a new one in its place, then `kill -HUP` or reload over the API.";

    if (days < 0)
        doctor_report_add(report, DOCTOR_FAIL, "certificate", advice, "%s has ended.", what);
    else if (days < SOON_DAYS)
        doctor_report_add(report, DOCTOR_WARN, "certificate", advice, "%s ends in %d days.", what, days);
    else
        doctor_report_add(report, DOCTOR_OK, "certificate", NULL, "%s is good for %d days.", what, days);
}

void doctor_local_certificate(struct doctor_report *report, const char *name, const char *path)
{
    cleanup_free_ char *what = NULL;
    X509 *certificate = read_certificate(path);
    int days = 0, seconds = 0;

    if (!certificate || ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1)
        doctor_report_add(report, DOCTOR_WARN, "certificate",
                          "Run doctor as the hub's user on the hub's machine to have it checked.",
                          "%s of %s was not looked at: it cannot be read here.", path, name);
    else if (asprintf(&what, "%s of %s", path, name) > 0)
        doctor_local_days(report, what, days < 0 || seconds < 0 ? -1 : days);
    X509_free(certificate);
}
