/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Everything is read anew each time, from the weakest layer to the strongest, and compared with what is in
 * force. A change over REST is such a reading, too, with one more row in the layer of the store: so a change
 * and the next start cannot come to different settings.
 */
#include "hub/program/configuration.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hub/base/cleanup.h"
#include "hub/program/settings.h"
#include "mgmt/store/store_setting.h"

struct configuration {
    struct configuration_options options;
    pthread_mutex_t mutex; /* guards current; held while a new one is made */
    struct serve_options current;
};

static int lay_over(const struct store_setting *stored, void *context)
{
    struct serve_options *onto = context;
    const struct setting *setting = settings_find(bytes_of_text(stored->name));
    struct setting_origin origin = {.source = SOURCE_STORE};
    char why[SETTINGS_WHY_SIZE];
    int r = 0;

    /* One that another version has stored, or that is set elsewhere, does not count. */
    if (setting && setting->change == CHANGE_LIVE && settings_origin(onto, setting).source <= SOURCE_STORE)
        r = settings_read(onto, setting, stored->name, stored->value, origin, why);
    return r < 0 ? r : 0;
}

static int read_stored(struct configuration *configuration, struct serve_options *options,
                       char out_why[SERVE_WHY_SIZE])
{
    struct store *store = configuration->options.store;

    return store ? store_setting_each(store, lay_over, options, out_why) : 0;
}

/* What `commhub server` was told has no file and no environment behind it. */
static bool can_be_read_again(const struct configuration *configuration)
{
    return configuration->options.started->argv != NULL;
}

/* All layers. @out_options is to be cleared in any case. 0, SETTINGS_FACE_E_REFUSED or a negative errno. */
static int read_layers(struct configuration *configuration, struct serve_options *out_options,
                       char out_why[SERVE_WHY_SIZE])
{
    const struct serve_options *started = configuration->options.started;
    int r = serve_options_read(started->argc, started->argv, out_options, out_why);

    if (r)
        return SETTINGS_FACE_E_REFUSED;
    return read_stored(configuration, out_options, out_why);
}

/* --- taking over --- */

struct letter {
    struct configuration *configuration;
    const struct serve_options *options;
    struct serve_plan *plan;
};

static void run_apply(void *argument)
{
    struct letter *letter = argument;
    const struct configuration_options *options = &letter->configuration->options;

    options->apply(options->context, letter->options, letter->plan);
}

/* Puts the names of settings that differ into their list; those that take a restart keep their value. */
static int compare(const struct serve_options *current, struct serve_options *fresh, json_t *changed,
                   json_t *needs_restart)
{
    for (size_t i = 0; i < settings_n; i++) {
        const struct setting *setting = &settings_table[i];
        bool is_restart = setting->change == CHANGE_AT_START;
        int r = 0;

        if (setting->change == CHANGE_COMMAND || settings_are_equal(current, fresh, setting))
            continue;
        if (json_array_append_new(is_restart ? needs_restart : changed, json_string(settings_name(setting))))
            return -ENOMEM;
        if (is_restart)
            r = settings_copy(fresh, current, setting);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Checks @fresh and, where it is not only tried, goes on with it: then it belongs to the configuration. */
static int take_over(struct configuration *configuration, struct serve_options *fresh, bool is_trial,
                     json_t **out_outcome, char out_why[SERVE_WHY_SIZE])
{
    json_t *changed = json_array();
    json_t *needs_restart = json_array();
    struct serve_plan plan;
    struct letter letter = {configuration, fresh, &plan};
    int r =
        changed && needs_restart ? compare(&configuration->current, fresh, changed, needs_restart) : -ENOMEM;
    int made = serve_plan_make(&plan, fresh, out_why);

    if (r == 0 && made)
        r = SETTINGS_FACE_E_REFUSED;
    if (r == 0 && !is_trial) {
        r = mailbox_run(configuration->options.mailbox, run_apply, &letter) ? -ECANCELED : 0;
        if (r == 0) {
            serve_options_clear(&configuration->current);
            configuration->current = *fresh;
            *fresh = (struct serve_options){0};
        }
    }
    serve_plan_clear(&plan);
    if (r == 0 && out_outcome)
        *out_outcome = json_pack("{s:O, s:O}", "changed", changed, "needs_restart", needs_restart);
    json_decref(changed);
    json_decref(needs_restart);
    if (r < 0)
        snprintf(out_why, SERVE_WHY_SIZE, r == -ECANCELED ? "the hub is ending" : "out of memory");
    return r;
}

int configuration_reload(struct configuration *configuration, bool is_trial, json_t **out_outcome,
                         char out_why[SERVE_WHY_SIZE])
{
    struct serve_options fresh = {0};
    int r;

    if (!can_be_read_again(configuration)) {
        snprintf(out_why, SERVE_WHY_SIZE, "commhub server has no settings to read again: use commhub serve");
        return SETTINGS_FACE_E_REFUSED;
    }
    pthread_mutex_lock(&configuration->mutex);
    r = read_layers(configuration, &fresh, out_why);
    if (r == 0)
        r = take_over(configuration, &fresh, is_trial, out_outcome, out_why);
    pthread_mutex_unlock(&configuration->mutex);
    serve_options_clear(&fresh);
    return r;
}

/* --- the face of the management plane --- */

static json_t *value_json(const struct serve_options *options, const struct setting *setting)
{
    struct buffer text = {0};
    json_t *value;

    if (!settings_is_set(options, setting))
        return json_null();
    settings_write(options, setting, &text);
    /* What settings_write() makes of numbers, flags, lists and texts is JSON as well as TOML. */
    value = text.failed ? NULL : json_loadb((const char *)text.ptr, text.len, JSON_DECODE_ANY, NULL);
    buffer_clear(&text);
    return value;
}

static const char *change_word(enum setting_change change)
{
    switch (change) {
    case CHANGE_AT_START:
        return "restart";
    case CHANGE_AT_RELOAD:
        return "reload";
    case CHANGE_LIVE:
        return "live";
    case CHANGE_COMMAND:
        break;
    }
    return "never";
}

static json_t *setting_json(const struct serve_options *options, const struct setting *setting)
{
    char origin[SETTINGS_ORIGIN_SIZE];

    settings_origin_text(options, setting, origin);
    return json_pack("{s:s, s:o, s:s, s:b, s:s}", "name", settings_name(setting), "value",
                     value_json(options, setting), "origin", origin, "is_pinned",
                     settings_origin(options, setting).source > SOURCE_STORE, "changes",
                     change_word(setting->change));
}

static json_t *list(void *context)
{
    struct configuration *configuration = context;
    json_t *array = json_array();

    pthread_mutex_lock(&configuration->mutex);
    for (size_t i = 0; i < settings_n; i++)
        if (settings_table[i].change != CHANGE_COMMAND)
            json_array_append_new(array, setting_json(&configuration->current, &settings_table[i]));
    pthread_mutex_unlock(&configuration->mutex);
    return array;
}

#define MOST_WISHES 32
#define VALUE_SIZE 128

struct wishes {
    size_t n;
    struct store_setting settings[MOST_WISHES];
    char values[MOST_WISHES][VALUE_SIZE];
};

/* A JSON value as the words of a flag; false where it is neither text, number nor truth. */
static bool value_text(json_t *value, char out_text[VALUE_SIZE])
{
    int len = -1;

    if (json_is_string(value))
        len = snprintf(out_text, VALUE_SIZE, "%s", json_string_value(value));
    else if (json_is_integer(value))
        len = snprintf(out_text, VALUE_SIZE, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        len = snprintf(out_text, VALUE_SIZE, "%.9g", json_real_value(value));
    else if (json_is_boolean(value))
        len = snprintf(out_text, VALUE_SIZE, "%s", json_is_true(value) ? "true" : "false");
    return len >= 0 && len < VALUE_SIZE;
}

static void add_unknown(const char *name, const char *pointer, struct problem_faults *faults)
{
    const struct setting *nearest = settings_nearest(name);

    if (nearest)
        problem_add(faults, pointer, "There is no such setting: did you mean %s?", settings_name(nearest));
    else
        problem_add(faults, pointer, "There is no such setting.");
}

/* The wish for one setting; adds a fault where it cannot be. Answers whether it is pinned. */
static bool read_wish(struct configuration *configuration, const char *name, json_t *value,
                      struct wishes *wishes, struct problem_faults *faults)
{
    const struct setting *setting = settings_find(bytes_of_text(name));
    char pointer[128];
    char origin[SETTINGS_ORIGIN_SIZE];

    snprintf(pointer, sizeof pointer, "#/%.100s", name);
    if (!setting || setting->change == CHANGE_COMMAND) {
        add_unknown(name, pointer, faults);
    } else if (settings_origin(&configuration->current, setting).source > SOURCE_STORE) {
        settings_origin_text(&configuration->current, setting, origin);
        problem_add(faults, pointer, "It is set by %s: change it there.", origin);
        return true;
    } else if (setting->change != CHANGE_LIVE) {
        problem_add(faults, pointer, "It cannot be changed here: set it in the file and %s the hub.",
                    setting->change == CHANGE_AT_START ? "restart" : "reload");
    } else if (wishes->n == MOST_WISHES ||
               (!json_is_null(value) && !value_text(value, wishes->values[wishes->n]))) {
        problem_add(faults, pointer, "It must be a text, a number, true or false, or null to be reset.");
    } else {
        wishes->settings[wishes->n] = (struct store_setting){
            settings_name(setting), json_is_null(value) ? NULL : wishes->values[wishes->n]};
        wishes->n++;
    }
    return false;
}

static int read_wishes(struct configuration *configuration, json_t *object, struct wishes *wishes,
                       struct problem_faults *faults)
{
    bool is_pinned = false;
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        is_pinned = read_wish(configuration, name, value, wishes, faults) || is_pinned;
    }
    if (!problem_faults_are_any(faults))
        return 0;
    return is_pinned ? SETTINGS_FACE_E_PINNED : SETTINGS_FACE_E_INVALID;
}

/* Lays the wishes over what all layers say without them; a wish for null leaves what is there then. */
static int lay_wishes_over(const struct wishes *wishes, struct serve_options *fresh,
                           struct problem_faults *faults)
{
    struct setting_origin origin = {.source = SOURCE_STORE};
    char why[SETTINGS_WHY_SIZE];
    char pointer[128];
    int r = 0;

    for (size_t i = 0; i < wishes->n && r >= 0; i++) {
        const struct store_setting *wish = &wishes->settings[i];
        const struct setting *setting = settings_find(bytes_of_text(wish->name));

        if (!wish->value) {
            r = serve_options_reset(fresh, setting);
            continue;
        }
        r = settings_read(fresh, setting, wish->name, wish->value, origin, why);
        snprintf(pointer, sizeof pointer, "#/%s", wish->name);
        if (r == SETTINGS_E_VALUE)
            problem_add(faults, pointer, "%s.", why);
    }
    if (r < 0)
        return r;
    return problem_faults_are_any(faults) ? SETTINGS_FACE_E_INVALID : 0;
}

static int change_locked(struct configuration *configuration, json_t *object, bool is_trial,
                         struct problem_faults *faults, char out_why[SERVE_WHY_SIZE])
{
    struct wishes wishes = {0};
    struct serve_options fresh = {0};
    int r = read_wishes(configuration, object, &wishes, faults);

    if (r == 0)
        r = read_layers(configuration, &fresh, out_why);
    if (r == 0)
        r = lay_wishes_over(&wishes, &fresh, faults);
    if (r == 0)
        r = take_over(configuration, &fresh, true, NULL, out_why);
    if (r == 0 && !is_trial)
        r = store_setting_write(configuration->options.store, wishes.settings, wishes.n, out_why);
    if (r == 0 && !is_trial)
        r = take_over(configuration, &fresh, false, NULL, out_why);
    serve_options_clear(&fresh);
    return r;
}

static int change(void *context, json_t *wishes, bool is_trial, struct problem_faults *faults,
                  char out_why[SETTINGS_FACE_WHY_SIZE])
{
    struct configuration *configuration = context;
    int r;

    pthread_mutex_lock(&configuration->mutex);
    r = change_locked(configuration, wishes, is_trial, faults, out_why);
    pthread_mutex_unlock(&configuration->mutex);
    return r;
}

static int reload(void *context, bool is_trial, json_t **out_outcome, char out_why[SETTINGS_FACE_WHY_SIZE])
{
    return configuration_reload(context, is_trial, out_outcome, out_why);
}

struct settings_face configuration_face(struct configuration *configuration)
{
    return (struct settings_face){configuration, list, change, reload};
}

/* --- from start to end --- */

static int copy_all(struct serve_options *to, const struct serve_options *from)
{
    int r = 0;

    *to = *from;
    to->texts = NULL;
    for (size_t i = 0; i < settings_n && r == 0; i++)
        r = settings_copy(to, from, &settings_table[i]);
    if (r == 0 && from->config_file)
        to->config_file = serve_options_keep(to, bytes_of_text(from->config_file));
    to->connection_secret = NULL;
    return r;
}

int configuration_new(struct configuration **out_configuration, const struct configuration_options *options,
                      char out_why[SERVE_WHY_SIZE])
{
    struct configuration *configuration = calloc(1, sizeof *configuration);
    int r = -ENOMEM;

    snprintf(out_why, SERVE_WHY_SIZE, "out of memory");
    if (!configuration)
        return r;
    configuration->options = *options;
    pthread_mutex_init(&configuration->mutex, NULL);
    r = copy_all(&configuration->current, options->started);
    if (r == 0)
        r = read_stored(configuration, &configuration->current, out_why);
    if (r < 0) {
        configuration_free(configuration);
        return r;
    }
    *out_configuration = configuration;
    return 0;
}

void configuration_free(struct configuration *configuration)
{
    if (!configuration)
        return;
    serve_options_clear(&configuration->current);
    pthread_mutex_destroy(&configuration->mutex);
    free(configuration);
}

const struct serve_options *configuration_options(const struct configuration *configuration)
{
    return &configuration->current;
}
