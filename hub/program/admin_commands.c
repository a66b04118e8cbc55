/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/admin_commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/text.h"
#include "hub/program/local_user.h"
#include "hub/program/options.h"
#include "mgmt/auth/admins.h"
#include "mgmt/store/store_audit.h"
#include "mgmt/store/store_rekey.h"

enum { EXIT_FAILED = 1 };

struct arguments {
    const char *verb;
    const char *user;
    const char *data_dir;
    bool has_password_on_stdin;
    bool wants_help;
};

static const char admin_usage[] =
    "Usage: commhub admin init --password-stdin [--user NAME] [--data-dir DIR]\n"
    "       commhub admin reset-password USER --password-stdin [--data-dir DIR]\n"
    "       commhub admin rotate-key [--data-dir DIR]\n\n"
    "All work on the data directory of a hub that is not running.\n\n"
    "  init              make an administrator (NAME is admin if not given), or give that user the role and "
    "a\n"
    "                    new password; the first-run token is withdrawn\n"
    "  reset-password    give a user a new password, and his way in if he was disabled\n"
    "  rotate-key        make a new master key and seal all secrets of the store with it\n\n"
    "  --password-stdin  the password is the first line of standard input: 10 to 1024 bytes\n"
    "  --data-dir DIR    of the hub (COMMHUB_DATA_DIR)\n\n"
    "Exit status: 0 done, 1 not done (why is on standard error), 2 wrong use.\n";

static const char audit_usage[] =
    "Usage: commhub audit list [OPTION ...]\n"
    "       commhub audit verify [--data-dir DIR]\n\n"
    "  list              show the audit log of a running hub; commhub audit list --help tells more\n"
    "  verify            follow the chain of the audit log of a hub that is not running; of one that runs, "
    "ask the\n"
    "                    API: POST /api/v1/audit/verify\n\n"
    "  --data-dir DIR    of the hub (COMMHUB_DATA_DIR)\n\n"
    "Exit status of verify: 0 whole, 1 not whole or not readable, 2 wrong use.\n";

static int failed(const char *why)
{
    fprintf(stderr, "commhub: %s\n", why);
    return EXIT_FAILED;
}

/* 0 or the exit status; where help is wanted, nothing else is looked at. */
static int read_arguments(const char *command, struct arguments *arguments, int argc, char **argv)
{
    const struct option rows[] = {
        {"--password-stdin", .is_given = &arguments->has_password_on_stdin},
        {"--data-dir", .value = &arguments->data_dir},
        {"--user", .value = &arguments->user},
        {.value = &arguments->verb},
        {.value = &arguments->user},
    };
    int i;

    arguments->data_dir = getenv("COMMHUB_DATA_DIR");
    i = options_read(rows, sizeof rows / sizeof *rows, argc, argv, &arguments->wants_help);
    if (i < argc)
        return options_misused(command, "not known here, or its value is missing: ", argv[i]);
    if (arguments->wants_help)
        return 0;
    if (!arguments->verb)
        return options_misused(command, "what is to be done?", "");
    if (!arguments->data_dir || !*arguments->data_dir)
        return options_misused(command, "which hub? Give --data-dir", "");
    return 0;
}

/* The first line of standard input, which is wiped by the caller. */
static int read_password(char out_line[PASSWORD_MOST_BYTES + 3])
{
    if (!fgets(out_line, PASSWORD_MOST_BYTES + 3, stdin))
        return failed("no password came on standard input");
    out_line[strcspn(out_line, "\r\n")] = '\0';
    return 0;
}

/* For what the thread writes next; @subject may be NULL. */
static void stage_row(struct store_audit *row, const char *verb, const char *subject)
{
    char who[PRINCIPAL_NAME_SIZE];

    local_user_write(who);
    store_audit_run(row, who, "commhub admin %s%s%s", verb, subject ? " " : "", subject ? subject : "");
    store_audit_stage(row, STORE_AUDIT_MOST_ROWS);
}

/* The first administrator may be there before the hub has ever run; who is reset may not. */
static int put_password(const struct arguments *arguments, const char *password, bool is_reset)
{
    cleanup_(store_closep) struct store *store = NULL;
    const char *user = arguments->user ? arguments->user : ADMINS_DEFAULT_NAME;
    char why[STORE_WHY_SIZE], shown[NAME_MAX_BYTES * 4 + 1];
    struct store_audit row;
    int r;

    if ((is_reset ? store_open_existing : store_open)(&store, arguments->data_dir, why) < 0)
        return failed(why);
    stage_row(&row, arguments->verb, user);
    r = (is_reset ? admins_reset_password : admins_put)(store, user, bytes_of_text(password), why);
    store_audit_stage(NULL, 0);
    if (r)
        return failed(why);
    text_escape(bytes_of_text(user), shown, sizeof shown);
    printf("The password of %s is set.\n", shown);
    return 0;
}

static int rotate_key(const char *data_dir)
{
    cleanup_(store_closep) struct store *store = NULL;
    char why[STORE_WHY_SIZE];
    struct store_audit row;
    int r;

    if (store_open_existing(&store, data_dir, why) < 0)
        return failed(why);
    stage_row(&row, "rotate-key", NULL);
    r = store_rekey(store, why);
    store_audit_stage(NULL, 0);
    if (r < 0)
        return failed(why);
    puts("All secrets are sealed with a new master key. Backups need the key of their time: keep the old one "
         "for "
         "them.");
    return 0;
}

int admin_commands_admin(int argc, char **argv)
{
    struct arguments arguments = {0};
    char password[PASSWORD_MOST_BYTES + 3];
    bool is_reset;
    int r;

    r = read_arguments("admin", &arguments, argc, argv);
    if (r)
        return r;
    if (arguments.wants_help)
        return fputs(admin_usage, stdout) < 0;
    if (strcmp(arguments.verb, "rotate-key") == 0)
        return rotate_key(arguments.data_dir);
    is_reset = strcmp(arguments.verb, "reset-password") == 0;
    if (!is_reset && strcmp(arguments.verb, "init") != 0)
        return options_misused("admin", "not known here: ", arguments.verb);
    if (is_reset && !arguments.user)
        return options_misused("admin", "whose password?", "");
    if (!arguments.has_password_on_stdin)
        return options_misused("admin", "give the password on standard input, with --password-stdin", "");
    r = read_password(password);
    if (r == 0)
        r = put_password(&arguments, password, is_reset);
    explicit_bzero(password, sizeof password);
    return r;
}

static int verify(const char *data_dir)
{
    cleanup_(store_closep) struct store *store = NULL;
    struct store_audit_verdict verdict;
    char why[STORE_WHY_SIZE];

    if (store_open_existing(&store, data_dir, why) < 0 || store_audit_verify(store, &verdict, why) < 0)
        return failed(why);
    if (verdict.broken_at) {
        printf("The audit log is not whole: row %lld is not as it was written, or is missing. The %lld rows "
               "before it are sound.\n",
               (long long)verdict.broken_at, (long long)verdict.n_checked);
        return EXIT_FAILED;
    }
    printf("The audit log is whole: %lld rows. The newest hash is %s.\n", (long long)verdict.n_checked,
           verdict.newest_hash);
    return 0;
}

int admin_commands_audit(int argc, char **argv)
{
    struct arguments arguments = {0};
    int r;

    r = read_arguments("audit", &arguments, argc, argv);
    if (r)
        return r;
    if (arguments.wants_help)
        return fputs(audit_usage, stdout) < 0;
    if (strcmp(arguments.verb, "verify") != 0)
        return options_misused("audit", "not known here: ", arguments.verb);
    return verify(arguments.data_dir);
}
