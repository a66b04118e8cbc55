/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/program/config_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hub/base/cleanup.h"
#include "hub/base/text.h"
#include "hub/base/toml.h"
#include "hub/program/secret_file.h"
#include "hub/program/settings.h"

struct reading {
    struct serve_options *options;
    int result;
    char *why; /* SERVE_WHY_SIZE */
};

/* The sentence about the line is put behind "FILE:LINE: ". */
static bool complain(struct reading *reading, size_t line, const char *what)
{
    snprintf(reading->why, SERVE_WHY_SIZE, "%s:%zu: %s", reading->options->config_file, line, what);
    reading->result = SERVE_OPTIONS_E_USAGE;
    return false;
}

static bool complain_of_unknown(struct reading *reading, const struct toml_entry *entry)
{
    const struct setting *nearest = settings_nearest(entry->key);
    char what[512];

    if (nearest)
        snprintf(what, sizeof what, "there is no setting %.64s: did you mean %s?", entry->key,
                 settings_name(nearest));
    else
        snprintf(what, sizeof what, "there is no setting %.64s: see commhub serve --help", entry->key);
    return complain(reading, entry->line, what);
}

/* What is wrong with the form of the value, NULL where it fits the setting. */
static const char *misfit(const struct setting *setting, enum toml_kind kind)
{
    switch (setting->kind) {
    case KIND_TEXT:
    case KIND_CHOICE:
        return kind == TOML_TEXT ? NULL : "takes a text: put one pair of quotes around it";
    case KIND_LIST:
        return kind == TOML_TEXT || kind == TOML_LIST ? NULL : "takes a list of texts: [\"one\", \"two\"]";
    case KIND_FLAG:
        return kind == TOML_FLAG ? NULL : "is true or false, without quotes";
    case KIND_SECONDS:
    case KIND_NUMBER:
        return kind == TOML_NUMBER ? NULL : "takes a number, without quotes";
    }
    return NULL;
}

static bool read_values(struct reading *reading, const struct setting *setting,
                        const struct toml_entry *entry)
{
    struct setting_origin origin = {SOURCE_FILE, entry->line};
    char why[SETTINGS_WHY_SIZE];

    for (size_t i = 0; i < entry->n_values; i++) {
        int r = settings_read(reading->options, setting, entry->key, entry->values[i], origin, why);

        if (r == SETTINGS_E_VALUE)
            return complain(reading, entry->line, why);
        reading->result = r;
        if (r < 0)
            return false;
    }
    return true;
}

static bool read_entry(void *context, const struct toml_entry *entry)
{
    struct reading *reading = context;
    const struct setting *setting = settings_find(bytes_of_text(entry->key));
    const char *wrong;
    char what[512];

    if (!setting || setting->change == CHANGE_COMMAND)
        return complain_of_unknown(reading, entry);
    if (settings_origin(reading->options, setting).source == SOURCE_FILE) {
        snprintf(what, sizeof what, "%s is set again: line %zu sets it", entry->key,
                 settings_origin(reading->options, setting).line);
        return complain(reading, entry->line, what);
    }
    wrong = misfit(setting, entry->kind);
    if (wrong) {
        snprintf(what, sizeof what, "%s %s", entry->key, wrong);
        return complain(reading, entry->line, what);
    }
    return read_values(reading, setting, entry);
}

int config_file_read(struct serve_options *options, char out_why[SERVE_WHY_SIZE])
{
    cleanup_(buffer_clear) struct buffer content = {0};
    struct reading reading = {options, 0, out_why};
    struct toml_fault fault;
    int r;

    if (!options->config_file) {
        if (access(CONFIG_FILE_DEFAULT, F_OK) < 0)
            return 0;
        options->config_file = CONFIG_FILE_DEFAULT;
    }
    r = secret_file_read_whole(options->config_file, &content, out_why);
    if (r < 0)
        return r == -ENOMEM ? r : SERVE_OPTIONS_E_USAGE;
    r = toml_read(buffer_bytes(&content), read_entry, &reading, &fault);
    if (r == TOML_E_SYNTAX)
        complain(&reading, fault.line, fault.why);
    return r < 0 ? r : reading.result;
}
