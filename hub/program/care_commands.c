/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/care_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/program/api_client.h"
#include "hub/program/local_user.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_backup.h"

#define MOST_BACKUP_BYTES ((size_t)1 << 30)

struct arguments {
    const char *command;
    const char *usage;
    struct api_client_options api;
    const char *file;
    const char *data_dir;
};

static int misused(const struct arguments *arguments, const char *what, const char *argument)
{
    return options_misused(arguments->command, what, argument);
}

static int failed(const struct arguments *arguments, const char *why)
{
    fprintf(stderr, "commhub %s: %s\n", arguments->command, why);
    return API_STATUS_FAILED;
}

/* @r: a negative errno of the file. */
static int failed_with(const struct arguments *arguments, const char *file, int r)
{
    fprintf(stderr, "commhub %s: %s: %s\n", arguments->command, file, strerror(-r));
    return API_STATUS_FAILED;
}

/* A file is named once, with -o or without. */
static bool take_file(void *context, const char *value)
{
    struct arguments *arguments = context;

    if (arguments->file)
        return false;
    arguments->file = value;
    return true;
}

/* False: *@out_status is the exit status. */
static bool read_arguments(struct arguments *arguments, int argc, char **argv, int *out_status)
{
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&arguments->api),
        {"--data-dir", .value = &arguments->data_dir},
        {"--output", "-o", .read = take_file, .context = arguments},
        {.value = &arguments->file},
    };
    bool wants_help;
    int i = options_read(rows, sizeof rows / sizeof *rows, argc, argv, &wants_help);

    *out_status = 0;
    if (i < argc)
        *out_status = misused(arguments, "not known here, or its value is missing: ", argv[i]);
    else if (wants_help)
        fputs(arguments->usage, stdout);
    return i == argc && !wants_help;
}

static int ask(const struct arguments *arguments, const char *method, const char *path,
               struct api_answer *answer)
{
    cleanup_(api_client_freep) struct api_client *client = NULL;
    char why[API_CLIENT_WHY_SIZE];
    int r = api_client_new(&client, &arguments->api, why);

    if (r == 0)
        r = api_client_ask(client, method, path, NULL, answer, why);
    if (r)
        fprintf(stderr, "commhub %s: %s\n", arguments->command, why);
    return r;
}

/* What the hub answers becomes the file; @note is said behind its size. */
static int fetch_file(const struct arguments *arguments, const char *method, const char *path,
                      const char *note)
{
    struct api_answer answer = {0};
    int r = ask(arguments, method, path, &answer);

    if (r == 0 && answer.status != 200) {
        api_client_complain(arguments->command, &answer);
        r = API_STATUS_FAILED;
    } else if (r == 0) {
        int written = data_dir_write(arguments->file, buffer_bytes(&answer.body));

        if (written < 0)
            r = failed_with(arguments, arguments->file, written);
        else
            printf("%s: %zu bytes. %s\n", arguments->file, answer.body.len, note);
    }
    api_client_answer_clear(&answer);
    return r;
}

int care_commands_backup(int argc, char **argv)
{
    struct arguments arguments = {
        .command = "backup",
        .usage = "Usage: commhub backup FILE [--api URL] [--token-file FILE]\n\n"
                 "Writes a copy of a running hub's store to FILE (mode 0600). Secrets in it stay sealed: to "
                 "restore it\n"
                 "on another machine, the master key is needed, too.\n\n" API_CLIENT_HELP
                 "\nExit status: 0 done, 1 not done, 2 wrong use, 3 no answer in time, 4 no connection.\n",
    };
    int status;

    if (!read_arguments(&arguments, argc, argv, &status))
        return status;
    if (!arguments.file)
        return misused(&arguments, "where to? Give a FILE", "");
    return fetch_file(&arguments, "POST", "/api/v1/backup",
                      "The master key, <data-dir>/master.key, is no part of it: keep it apart.");
}

int care_commands_support_bundle(int argc, char **argv)
{
    struct arguments arguments = {
        .command = "support-bundle",
        .usage =
            "Usage: commhub support-bundle -o FILE.tar [--api URL] [--token-file FILE]\n\n"
            "Writes what somebody who helps from afar has to see to FILE.tar (mode 0600): the hub, its "
            "settings with\n"
            "their origins, mesh, links, bridges, routes, clients, metrics, the last records of the log. "
            "No secrets,\n"
            "but names and addresses. The token must be an administrator's.\n\n"
            "  -o, --output FILE  where to\n" API_CLIENT_HELP
            "\nExit status: 0 done, 1 not done, 2 wrong use, 3 no answer in time, 4 no connection.\n",
    };
    int status;

    if (!read_arguments(&arguments, argc, argv, &status))
        return status;
    if (!arguments.file)
        return misused(&arguments, "where to? Give -o FILE.tar", "");
    return fetch_file(&arguments, "GET", "/api/v1/support-bundle",
                      "It holds names and addresses, and no secrets: look before you give it away.");
}

static int read_image(const char *path, struct buffer *out_image)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (size_t)status.st_size > MOST_BACKUP_BYTES) {
        close(fd);
        return -EINVAL;
    }
    while (n > 0) {
        if (buffer_reserve(out_image, 65536) < 0) {
            close(fd);
            return -ENOMEM;
        }
        n = read(fd, out_image->ptr + out_image->len, out_image->size - out_image->len);
        if (n > 0)
            out_image->len += (size_t)n;
    }
    close(fd);
    return n < 0 ? -errno : 0;
}

/* In the log that the file has brought along. */
static int record_restore(const struct arguments *arguments, char out_why[STORE_WHY_SIZE])
{
    cleanup_(store_closep) struct store *store = NULL;
    char who[PRINCIPAL_NAME_SIZE];
    struct store_audit row;
    int r = store_open(&store, arguments->data_dir, out_why);

    local_user_write(who);
    store_audit_run(&row, who, "commhub restore %s", arguments->file);
    return r < 0 ? r : store_audit_append(store, &row, STORE_AUDIT_MOST_ROWS, out_why);
}

static int restore(const struct arguments *arguments)
{
    cleanup_(buffer_clear) struct buffer image = {0};
    char why[STORE_WHY_SIZE];
    int r = read_image(arguments->file, &image);

    if (r < 0)
        return failed_with(arguments, arguments->file, r);
    if (store_backup_restore(arguments->data_dir, buffer_bytes(&image), why) < 0)
        return failed(arguments, why);
    if (record_restore(arguments, why) < 0) {
        fprintf(stderr, "commhub restore: It is restored, but the audit log lacks that: %s\n", why);
        return API_STATUS_FAILED;
    }
    printf("Restored. The former store is %s/commhub.db.before-restore.\n", arguments->data_dir);
    return 0;
}

int care_commands_restore(int argc, char **argv)
{
    struct arguments arguments = {
        .command = "restore",
        .usage = "Usage: commhub restore FILE [--data-dir DIR]\n\n"
                 "Puts a backup in the place of the store of a hub that is not running. It needs the master "
                 "key that\n"
                 "the backup was sealed with, as DIR/master.key. The former store stays beside it.\n\n"
                 "  --data-dir DIR     of the hub (COMMHUB_DATA_DIR)\n\n"
                 "Exit status: 0 done, 1 not done (nothing was changed), 2 wrong use.\n",
        .data_dir = getenv("COMMHUB_DATA_DIR"),
    };
    int status;

    if (!read_arguments(&arguments, argc, argv, &status))
        return status;
    if (!arguments.file)
        return misused(&arguments, "from where? Give a FILE", "");
    if (!arguments.data_dir || !*arguments.data_dir)
        return misused(&arguments, "which hub? Give --data-dir", "");
    return restore(&arguments);
}

int care_commands_health(int argc, char **argv)
{
    struct arguments arguments = {
        .command = "health",
        .usage =
            "Usage: commhub health [--api URL]\n\n"
            "Asks a hub whether it takes connections (/readyz): the health check of "
            "containers.\n\n" API_CLIENT_HELP
            "\nExit status: 0 it does, 1 it does not, 2 wrong use, 3 no answer in time, 4 no connection.\n",
    };
    struct api_answer answer = {0};
    int status;

    if (!read_arguments(&arguments, argc, argv, &status))
        return status;
    status = ask(&arguments, "GET", "/readyz", &answer);
    if (status == 0) {
        printf("%.*s", (int)answer.body.len, (const char *)answer.body.ptr);
        status = answer.status == 200 ? API_STATUS_DONE : API_STATUS_FAILED;
    }
    api_client_answer_clear(&answer);
    return status;
}
