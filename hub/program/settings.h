/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The table of settings: one row each, from which flags, environment, file, help and listings are made
 *
 * A setting has one name everywhere: `idle-timeout` in the file and over REST, `--idle-timeout` as a flag,
 * COMMHUB_IDLE_TIMEOUT in the environment.
 */
#ifndef COMMHUB_PROGRAM_SETTINGS_H
#define COMMHUB_PROGRAM_SETTINGS_H

#include "hub/base/buffer.h"
#include "hub/program/serve_options.h"

/* How a value is read into its field. */
enum setting_kind {
    KIND_TEXT,
    KIND_LIST, /* repeatable flag; comma-separated in the environment; an array in the file */
    KIND_FLAG,
    KIND_SECONDS, /* into milliseconds; `least` in milliseconds, `most` in seconds */
    KIND_NUMBER,
    KIND_CHOICE,
};

/* When a change of the value takes effect. */
enum setting_change {
    CHANGE_AT_START,  /* by a restart only */
    CHANGE_AT_RELOAD, /* where it was set, and the hub told to reload */
    CHANGE_LIVE,      /* by a reload, and over REST, which keeps it in the store */
    CHANGE_COMMAND,   /* not a setting of the hub but of this start: only a flag (and a variable) */
};

struct setting {
    const char *flag;
    const char *environment; /* NULL: none */
    enum setting_kind kind;
    size_t field; /* offset in struct serve_options */
    uint64_t least;
    uint64_t most;
    const char *choices; /* words in the order of the enum, separated by | */
    const char *value_name;
    const char *help;
    enum setting_change change;
};

extern const struct setting settings_table[];
extern const size_t settings_n;

static inline const char *settings_name(const struct setting *setting)
{
    return setting->flag + 2; /* behind its dashes */
}

/* By name; NULL: there is none. */
const struct setting *settings_find(struct bytes name);

/* The one whose name is most like @name, NULL where none is much alike. */
const struct setting *settings_nearest(const char *name);

#define SETTINGS_WHY_SIZE 512

enum { SETTINGS_E_VALUE = 1 };

/*
 * Reads @value (NULL for a flag that is only named) into the setting's field, which remembers @origin. The
 * first value of another origin than before replaces a list, the next ones add to it. 0; SETTINGS_E_VALUE and
 * a sentence that calls the setting @name; or -ENOMEM.
 */
int settings_read(struct serve_options *options, const struct setting *setting, const char *name,
                  const char *value, struct setting_origin origin, char out_why[SETTINGS_WHY_SIZE]);

struct setting_origin settings_origin(const struct serve_options *options, const struct setting *setting);

/* Whether there is a value; one that is not set means what the help says. */
bool settings_is_set(const struct serve_options *options, const struct setting *setting);

/* Whether both have the same value. */
bool settings_are_equal(const struct serve_options *a, const struct serve_options *b,
                        const struct setting *setting);

/* Gives @to the value and origin that @from has. 0 or -ENOMEM. */
int settings_copy(struct serve_options *to, const struct serve_options *from, const struct setting *setting);

/* Appends the value as TOML. */
void settings_write(const struct serve_options *options, const struct setting *setting, struct buffer *out);

/* "flag --idle-timeout", "environment COMMHUB_IDLE_TIMEOUT", "/etc/commhub/commhub.toml:3", ... */
#define SETTINGS_ORIGIN_SIZE 1200
void settings_origin_text(const struct serve_options *options, const struct setting *setting,
                          char out_text[SETTINGS_ORIGIN_SIZE]);

#endif
