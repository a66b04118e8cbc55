/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/serve_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/name.h"
#include "hub/base/text.h"
#include "hub/program/secret_file.h"
#include "mgmt/mgmt.h"

struct planning {
    struct serve_plan *plan;
    const struct serve_options *options;
    char *why; /* SERVE_WHY_SIZE */
};

__attribute__((format(printf, 2, 3))) static int refuse(struct planning *planning, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(planning->why, SERVE_WHY_SIZE, format, arguments);
    va_end(arguments);
    return SERVE_PLAN_E_WRONG;
}

static int parse_default_address(struct planning *planning)
{
    char socket_path[ADDRESS_HOST_SIZE];
    char text[ADDRESS_TEXT_SIZE];
    const char *why;

    serve_options_default_socket(socket_path);
    snprintf(text, sizeof text, "unix:%s", socket_path);
    planning->plan->n_listen = 1;
    if (address_parse(text, &planning->plan->listen[0], &why) == 0)
        return 0;
    return refuse(planning, "default socket %s: %s", text, why);
}

static int parse_list(struct planning *planning, const char *flag, const struct setting_list *list,
                      struct address *out_addresses, size_t *out_n)
{
    for (size_t i = 0; i < list->n; i++) {
        char shown[128];
        const char *why;

        if (address_parse(list->texts[i], &out_addresses[(*out_n)++], &why) == 0)
            continue;
        text_escape(bytes_of_text(list->texts[i]), shown, sizeof shown);
        return refuse(planning, "%s %s: %s", flag, shown, why);
    }
    return 0;
}

static int parse_addresses(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    struct serve_plan *plan = planning->plan;
    int r;

    if (options->listen.n == 0)
        r = parse_default_address(planning);
    else
        r = parse_list(planning, "--listen", &options->listen, plan->listen, &plan->n_listen);
    if (r == 0)
        r = parse_list(planning, "--link-listen", &options->link_listen, plan->link_listen,
                       &plan->n_link_listen);
    return r;
}

static int parse_unix_mode(struct planning *planning)
{
    const char *text = planning->options->unix_mode;
    char *end;
    unsigned long mode;

    if (!text)
        return 0;
    mode = strtoul(text, &end, 8);
    if (*end || mode == 0 || mode > 0777)
        return refuse(planning, "--unix-mode must be octal permissions, such as 0660");
    planning->plan->unix_mode = (mode_t)mode;
    return 0;
}

static bool has_tls(const struct address *addresses, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (addresses[i].kind == ADDRESS_TLS)
            return true;
    }
    return false;
}

/* What is meant to keep strangers out must not be left without effect by a word that is missing. */
static int check_link_tls(struct planning *planning, const struct tls_files *files)
{
    const struct serve_options *options = planning->options;

    for (size_t i = 0; i < options->link_peer.n; i++) {
        const char *name = options->link_peer.texts[i];

        if (!name[0] || name[0] == '.' || strchr(name, '*'))
            return refuse(planning, "--link-peer must be one name, as the certificate bears it");
    }
    if (options->link_listen.n == 0 &&
        (options->link_tls_cert || options->link_tls_key || options->link_tls_ca || options->link_peer.n))
        return refuse(planning,
                      "--link-tls-cert, --link-tls-key, --link-tls-ca and --link-peer are for addresses of "
                      "links: give --link-listen too");
    if (!options->link_tls_cert != !options->link_tls_key)
        return refuse(planning, "--link-tls-cert and --link-tls-key belong together");
    if (options->link_peer.n && !options->link_tls_ca)
        return refuse(planning, "--link-peer needs --link-tls-ca, the authority that signs those names");
    if ((options->link_tls_ca || options->link_tls_cert) &&
        !has_tls(planning->plan->link_listen, planning->plan->n_link_listen))
        return refuse(planning, "--link-tls-cert and --link-tls-ca need a tls:// address in --link-listen");
    if (has_tls(planning->plan->link_listen, planning->plan->n_link_listen) && !files->certificate)
        return refuse(planning, "a tls:// address in --link-listen needs --link-tls-cert and --link-tls-key");
    return 0;
}

/* Names on a plain address would let in whoever comes there. */
static int check_link_peers(struct planning *planning)
{
    const struct serve_plan *plan = planning->plan;

    for (size_t i = 0; i < plan->n_link_listen; i++) {
        if (planning->options->link_peer.n && plan->link_listen[i].kind != ADDRESS_TLS)
            return refuse(planning, "--link-peer needs tls:// in every --link-listen: on other addresses "
                                    "there are no certificates");
    }
    return 0;
}

static int load_link_tls(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    struct serve_plan *plan = planning->plan;
    struct tls_files files = {
        .certificate = options->link_tls_cert ? options->link_tls_cert : options->tls_cert,
        .key = options->link_tls_cert ? options->link_tls_key : options->tls_key,
        .ca = options->link_tls_ca,
    };
    char why[TLS_WHY_SIZE];
    int r = check_link_tls(planning, &files);

    if (r == 0)
        r = check_link_peers(planning);
    if (r != 0 || !has_tls(plan->link_listen, plan->n_link_listen))
        return r;
    return tls_context_new_server(&plan->link_tls, &files, why) == 0 ? 0 : refuse(planning, "%s", why);
}

static int load_tls(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    struct tls_files files = {
        .certificate = options->tls_cert,
        .key = options->tls_key,
        .ca = options->tls_ca,
    };
    bool is_needed = has_tls(planning->plan->listen, planning->plan->n_listen);
    char why[TLS_WHY_SIZE];

    if (!options->tls_cert && !options->tls_key)
        return is_needed ? refuse(planning, "a tls:// address needs --tls-cert and --tls-key") : 0;
    if (!options->tls_cert || !options->tls_key)
        return refuse(planning, "--tls-cert and --tls-key belong together");
    if (tls_context_new_server(&planning->plan->tls, &files, why) == 0)
        return 0;
    return refuse(planning, "%s", why);
}

/* Where state is kept: as told, else the service manager's place, else the user's. */
static int choose_data_dir(struct planning *planning)
{
    char *place = planning->plan->data_dir;
    const char *given = planning->options->data_dir;
    const char *state = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_DATA_HOME");
    const char *home = getenv("HOME");
    int len;

    if (given)
        len = snprintf(place, SERVE_PLAN_DIRECTORY_SIZE, "%s", given);
    else if (state && *state)
        len = snprintf(place, SERVE_PLAN_DIRECTORY_SIZE, "%s", state);
    else if (xdg && *xdg)
        len = snprintf(place, SERVE_PLAN_DIRECTORY_SIZE, "%s/commhub", xdg);
    else if (home && *home)
        len = snprintf(place, SERVE_PLAN_DIRECTORY_SIZE, "%s/.local/share/commhub", home);
    else
        return refuse(planning, "no place for the data: give --data-dir");
    if (len >= 0 && len < SERVE_PLAN_DIRECTORY_SIZE)
        return 0;
    return refuse(planning, "the path of the data directory is too long");
}

static int load_secret(struct planning *planning, const char *path, struct buffer *out_secret)
{
    char why[SECRET_FILE_WHY_SIZE];

    if (!path || secret_file_read(path, out_secret, why) == 0)
        return 0;
    return refuse(planning, "%s", why);
}

static int take_secrets(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    int r = load_secret(planning, options->connection_secret_file, &planning->plan->connection_secret);

    if (r == 0)
        r = load_secret(planning, options->link_secret_file, &planning->plan->link_secret);
    if (r == 0 && options->connection_secret &&
        buffer_append_text(&planning->plan->connection_secret, options->connection_secret) < 0) {
        refuse(planning, "out of memory");
        r = -ENOMEM;
    }
    return r;
}

static int take_passwords(struct planning *planning)
{
    const char *path = planning->options->system_passwords_file;
    char why[SECRET_FILE_WHY_SIZE];

    if (!path || password_list_read(&planning->plan->passwords, path, why) == 0)
        return 0;
    return refuse(planning, "%s", why);
}

static int load_mgmt_tls(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    struct tls_files files = {.certificate = options->mgmt_tls_cert, .key = options->mgmt_tls_key};
    char why[TLS_WHY_SIZE];

    if (!files.certificate && !files.key)
        return 0;
    if (!files.certificate || !files.key)
        return refuse(planning, "--mgmt-tls-cert and --mgmt-tls-key belong together");
    if (tls_context_new_server(&planning->plan->mgmt_tls, &files, why) == 0)
        return 0;
    return refuse(planning, "%s", why);
}

static int check_mgmt(struct planning *planning)
{
    const struct serve_options *options = planning->options;
    char why[MGMT_WHY_SIZE];

    if (strcmp(options->mgmt, "off") == 0 ||
        mgmt_check_settings(options->mgmt, options->admin_token_file, why) == 0)
        return load_mgmt_tls(planning);
    return refuse(planning, "%s", why);
}

static int check_server_id(struct planning *planning)
{
    const char *id = planning->options->server_id;

    if (!id || name_is_valid(bytes_of_text(id)))
        return 0;
    return refuse(planning, "--server-id must be 1 to 255 bytes of UTF-8 without control characters");
}

int serve_plan_make(struct serve_plan *out_plan, const struct serve_options *options,
                    char out_why[SERVE_WHY_SIZE])
{
    static int (*const steps[])(struct planning *) = {
        check_server_id, choose_data_dir, parse_unix_mode, parse_addresses, load_tls,
        load_link_tls,   take_secrets,    check_mgmt,      take_passwords,
    };
    struct planning planning = {out_plan, options, out_why};
    int r = 0;

    *out_plan = (struct serve_plan){0};
    for (size_t i = 0; r == 0 && i < sizeof steps / sizeof steps[0]; i++)
        r = steps[i](&planning);
    return r;
}

static void clear_secret(struct buffer *secret)
{
    if (secret->ptr)
        explicit_bzero(secret->ptr, secret->len);
    buffer_clear(secret);
}

void serve_plan_clear(struct serve_plan *plan)
{
    tls_context_unref(plan->tls);
    tls_context_unref(plan->mgmt_tls);
    plan->tls = NULL;
    plan->mgmt_tls = NULL;
    tls_context_unref(plan->link_tls);
    plan->link_tls = NULL;
    clear_secret(&plan->connection_secret);
    clear_secret(&plan->link_secret);
    password_list_clear(&plan->passwords);
}
