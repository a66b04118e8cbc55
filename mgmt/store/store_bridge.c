/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/store/store_bridge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "mgmt/store/store_inside.h"

/*
 * The plain columns: name, form, and the member of struct bridge_spec. Statements are made of this list, so a
 * new column is one line here and one in a migration.
 */
#define EACH_PAGE 100 /* rows that are read at a time */
#define FIELDS(X)                                                                                            \
    X(address, TEXT, address)                                                                                \
    X(kind, ENUM, kind)                                                                                      \
    X(cost, U32, cost)                                                                                       \
    X(is_paused, BOOL, is_paused)                                                                            \
    X(classes, U32, classes)                                                                                 \
    X(max_entries, U32, limits.entries)                                                                      \
    X(messages_per_s, U32, limits.messages_per_s)                                                            \
    X(queue_bytes, U64, limits.queue_bytes)                                                                  \
    X(resend_bytes, U64, limits.resend_bytes)                                                                \
    X(resume_window_s, U32, resume_window_s)                                                                 \
    X(durable_bytes, U64, durable.max_bytes)                                                                 \
    X(durable_age_s, U32, durable.max_age_s)                                                                 \
    X(durable_at_bound, ENUM, durable.at_bound)                                                              \
    X(tls_ca_file, TEXT, tls.ca_file)                                                                        \
    X(tls_server_name, TEXT, tls.server_name)                                                                \
    X(tls_cert_file, TEXT, tls.cert_file)                                                                    \
    X(tls_key_file, TEXT, tls.key_file)                                                                      \
    X(tls_pinned_name, TEXT, tls.pinned_name)                                                                \
    X(management, ENUM, management)

enum field_form { FIELD_TEXT, FIELD_ENUM, FIELD_BOOL, FIELD_U32, FIELD_U64 };

static const struct field {
    enum field_form form;
    size_t at;
} fields[] = {
#define X(column, form, member) {FIELD_##form, offsetof(struct bridge_spec, member)},
    FIELDS(X)
#undef X
};

#define N_FIELDS (sizeof fields / sizeof *fields)

/* Before the fields: id, name, has_tls, two sealed secrets. */
#define COMMA_NAME(column, form, member) ", " #column
#define COMMA_PLACE(column, form, member) ", ?"
#define COMMA_ASSIGN(column, form, member) ", " #column " = excluded." #column
#define OWN_COLUMNS "name, has_tls, sealed_secret, sealed_connection_secret"
#define COLUMNS "id, " OWN_COLUMNS FIELDS(COMMA_NAME)
#define FIRST_FIELD 5

/* What the secrets are sealed for. */
#define SECRET_KIND "bridge"
#define CONNECTION_SECRET_KIND "bridge-connection"

/* The lists: name in the table, and the member. */
static const struct spec_list {
    const char *name;
    size_t at;
} pattern_lists[] = {
    {"allow", offsetof(struct bridge_spec, channels.allow)},
    {"deny", offsetof(struct bridge_spec, channels.deny)},
    {"in_allow", offsetof(struct bridge_spec, in.allow)},
    {"in_deny", offsetof(struct bridge_spec, in.deny)},
    {"out_allow", offsetof(struct bridge_spec, out.allow)},
    {"out_deny", offsetof(struct bridge_spec, out.deny)},
    {"durable", offsetof(struct bridge_spec, durable.topics)},
};

static const struct spec_list rename_lists[] = {
    {"remap_in", offsetof(struct bridge_spec, remap_in)},
    {"remap_out", offsetof(struct bridge_spec, remap_out)},
};

#define N_ELEMENTS(array) (sizeof(array) / sizeof *(array))

static void *member_of(struct bridge_spec *spec, size_t at)
{
    return (char *)spec + at;
}

static const void *const_member_of(const struct bridge_spec *spec, size_t at)
{
    return (const char *)spec + at;
}

static bool is_secret(const struct bridge_spec *spec, const char *text)
{
    return text == spec->secret || text == spec->connection_secret;
}

void store_bridge_free(struct store_bridge *bridge)
{
    if (!bridge)
        return;
    for (size_t i = 0; i < bridge->n_texts; i++) {
        if (is_secret(&bridge->spec, bridge->texts[i]))
            explicit_bzero(bridge->texts[i], strlen(bridge->texts[i]));
        free(bridge->texts[i]);
    }
    free(bridge->texts);
    for (size_t i = 0; i < N_ELEMENTS(pattern_lists); i++)
        free((void *)((struct bridge_patterns *)member_of(&bridge->spec, pattern_lists[i].at))->texts);
    for (size_t i = 0; i < N_ELEMENTS(rename_lists); i++)
        free((void *)((struct bridge_renames *)member_of(&bridge->spec, rename_lists[i].at))->rules);
    free(bridge);
}

void store_bridge_list_clear(struct store_bridges *bridges)
{
    for (size_t i = 0; i < bridges->n; i++)
        store_bridge_free(bridges->rows[i]);
    free(bridges->rows);
    bridges->rows = NULL;
    bridges->n = 0;
}

/* A copy that lives as long as the row; a NULL column stays NULL. */
static int keep(struct store_bridge *bridge, struct bytes column, const char **out_text)
{
    char **texts;
    char *text;

    *out_text = NULL;
    if (!column.ptr)
        return 0;
    texts = reallocarray(bridge->texts, bridge->n_texts + 1, sizeof *texts);
    if (!texts)
        return -ENOMEM;
    bridge->texts = texts;
    text = bytes_to_text(column);
    if (!text)
        return -ENOMEM;
    texts[bridge->n_texts++] = text;
    *out_text = text;
    return 0;
}

static int keep_secret(struct store *store, struct store_bridge *bridge, const char *kind,
                       struct bytes sealed, const char **out_text, char out_why[STORE_WHY_SIZE])
{
    cleanup_(seal_wipe) struct buffer secret = {0};
    cleanup_free_ char *purpose = NULL;
    int r;

    if (!sealed.ptr)
        return 0;
    purpose = store_purpose(kind, bytes_of_text(bridge->spec.name));
    if (!purpose)
        return -ENOMEM;
    r = store_unseal(store, purpose, sealed, &secret, out_why);
    return r < 0 ? r : keep(bridge, buffer_bytes(&secret), out_text);
}

static int add_pattern(struct store_bridge *bridge, struct bridge_patterns *patterns, struct bytes pattern)
{
    const char **longer = reallocarray((void *)patterns->texts, patterns->n + 1, sizeof *longer);
    int r;

    if (!longer)
        return -ENOMEM;
    patterns->texts = longer;
    r = keep(bridge, pattern, &longer[patterns->n]);
    if (r == 0)
        patterns->n++;
    return r;
}

static int add_rename(struct store_bridge *bridge, struct bridge_renames *renames, struct bytes from,
                      struct bytes to)
{
    struct bridge_rename *longer = reallocarray((void *)renames->rules, renames->n + 1, sizeof *longer);
    int r;

    if (!longer)
        return -ENOMEM;
    renames->rules = longer;
    r = keep(bridge, from, &longer[renames->n].from);
    if (r == 0)
        r = keep(bridge, to, &longer[renames->n].to);
    if (r == 0)
        renames->n++;
    return r;
}

static int add_item(struct store_bridge *bridge, struct bytes list, struct bytes text, struct bytes target)
{
    for (size_t i = 0; i < N_ELEMENTS(pattern_lists); i++) {
        if (bytes_equal_text(list, pattern_lists[i].name))
            return add_pattern(bridge, member_of(&bridge->spec, pattern_lists[i].at), text);
    }
    for (size_t i = 0; i < N_ELEMENTS(rename_lists); i++) {
        if (bytes_equal_text(list, rename_lists[i].name))
            return add_rename(bridge, member_of(&bridge->spec, rename_lists[i].at), text, target);
    }
    return 0;
}

static int read_items(struct store *store, struct store_bridge *bridge)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "SELECT list, text, target FROM bridge_item WHERE bridge_id = ?1 ORDER BY position",
                       &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, bridge->serial);
    while ((r = db_step(statement)) == DB_ROW) {
        r = add_item(bridge, db_column(statement, 0), db_column(statement, 1), db_column(statement, 2));
        if (r < 0)
            break;
    }
    return r;
}

static int read_field(struct store_bridge *bridge, const struct field *field, struct db_statement *statement,
                      int column)
{
    void *member = member_of(&bridge->spec, field->at);
    int64_t number = db_column_number(statement, column);

    switch (field->form) {
    case FIELD_TEXT:
        return keep(bridge, db_column(statement, column), member);
    case FIELD_BOOL:
        *(bool *)member = number != 0;
        break;
    case FIELD_ENUM:
    case FIELD_U32:
        *(uint32_t *)member = (uint32_t)number;
        break;
    case FIELD_U64:
        *(uint64_t *)member = (uint64_t)number;
        break;
    }
    return 0;
}

static int read_fields(struct store_bridge *bridge, struct db_statement *statement)
{
    int r;

    bridge->serial = db_column_number(statement, 0);
    bridge->has_tls = db_column_number(statement, 2) != 0;
    r = keep(bridge, db_column(statement, 1), &bridge->spec.name);
    for (size_t i = 0; r == 0 && i < N_FIELDS; i++)
        r = read_field(bridge, &fields[i], statement, FIRST_FIELD + (int)i);
    return r;
}

static int read_row(struct store *store, struct db_statement *statement, struct store_bridge **out_bridge,
                    char out_why[STORE_WHY_SIZE])
{
    cleanup_(store_bridge_freep) struct store_bridge *bridge = calloc(1, sizeof *bridge);
    int r = bridge ? read_fields(bridge, statement) : -ENOMEM;

    if (r == 0)
        r = read_items(store, bridge);
    if (r < 0)
        return store_fault(store, r, out_why);
    r = keep_secret(store, bridge, SECRET_KIND, db_column(statement, 3), &bridge->spec.secret, out_why);
    if (r == 0)
        r = keep_secret(store, bridge, CONNECTION_SECRET_KIND, db_column(statement, 4),
                        &bridge->spec.connection_secret, out_why);
    if (r < 0)
        return r;
    *out_bridge = take(bridge);
    return 0;
}

static int list(struct store *store, int64_t after, size_t limit, struct store_bridges *bridges,
                char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT " COLUMNS " FROM bridge WHERE id > ?1 ORDER BY id LIMIT ?2",
                       &statement);

    bridges->rows = r == 0 ? calloc(limit, sizeof *bridges->rows) : NULL;
    if (r == 0 && !bridges->rows)
        r = -ENOMEM;
    if (r < 0)
        return store_fault(store, r, out_why);
    db_bind_number(statement, 1, after);
    db_bind_number(statement, 2, (int64_t)limit + 1);
    while ((r = db_step(statement)) == DB_ROW) {
        if (bridges->n == limit) {
            bridges->has_more = true;
            return 0;
        }
        r = read_row(store, statement, &bridges->rows[bridges->n], out_why);
        if (r < 0)
            return r;
        bridges->n++;
    }
    return store_fault(store, r, out_why);
}

int store_bridge_list(struct store *store, int64_t after, size_t limit, struct store_bridges *out_bridges,
                      char out_why[STORE_WHY_SIZE])
{
    int r;

    *out_bridges = (struct store_bridges){0};
    pthread_mutex_lock(&store->mutex);
    r = list(store, after, limit, out_bridges, out_why);
    pthread_mutex_unlock(&store->mutex);
    if (r < 0)
        store_bridge_list_clear(out_bridges);
    return r;
}

static int find(struct store *store, const char *name, struct store_bridge **out_bridge,
                char out_why[STORE_WHY_SIZE])
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "SELECT " COLUMNS " FROM bridge WHERE name = ?1", &statement);

    if (r == 0) {
        db_bind_text(statement, 1, bytes_of_text(name));
        r = db_step(statement);
    }
    if (r < 0)
        return store_fault(store, r, out_why);
    return r == DB_ROW ? read_row(store, statement, out_bridge, out_why) : STORE_E_UNKNOWN;
}

int store_bridge_find(struct store *store, const char *name, struct store_bridge **out_bridge,
                      char out_why[STORE_WHY_SIZE])
{
    int r;

    pthread_mutex_lock(&store->mutex);
    r = find(store, name, out_bridge, out_why);
    pthread_mutex_unlock(&store->mutex);
    return r;
}

struct sealed {
    struct buffer secret;
    struct buffer connection_secret;
};

static void sealed_clear(struct sealed *sealed)
{
    buffer_clear(&sealed->secret);
    buffer_clear(&sealed->connection_secret);
}

static void bind_field(struct db_statement *statement, int place, const struct field *field,
                       const struct bridge_spec *spec)
{
    const void *member = const_member_of(spec, field->at);

    switch (field->form) {
    case FIELD_TEXT:
        db_bind_text(statement, place, bytes_of_text(*(const char *const *)member));
        break;
    case FIELD_BOOL:
        db_bind_number(statement, place, *(const bool *)member);
        break;
    case FIELD_ENUM:
    case FIELD_U32:
        db_bind_number(statement, place, *(const uint32_t *)member);
        break;
    case FIELD_U64:
        db_bind_number(statement, place, (int64_t) * (const uint64_t *)member);
        break;
    }
}

static int upsert(struct store *store, const struct bridge_spec *spec, bool has_tls,
                  const struct sealed *sealed, int64_t *out_id)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r =
        db_prepare(store->db,
                   "INSERT INTO bridge (" OWN_COLUMNS FIELDS(COMMA_NAME) ") VALUES (?, ?, ?, ?" FIELDS(
                       COMMA_PLACE) ") ON CONFLICT (name) DO UPDATE SET has_tls = excluded.has_tls, "
                                    "sealed_secret = excluded.sealed_secret, sealed_connection_secret = "
                                    "excluded.sealed_connection_secret" FIELDS(COMMA_ASSIGN) " RETURNING id",
                   &statement);

    if (r < 0)
        return r;
    db_bind_text(statement, 1, bytes_of_text(spec->name));
    db_bind_number(statement, 2, has_tls);
    db_bind_blob(statement, 3, buffer_bytes(&sealed->secret));
    db_bind_blob(statement, 4, buffer_bytes(&sealed->connection_secret));
    for (size_t i = 0; i < N_FIELDS; i++)
        bind_field(statement, FIRST_FIELD + (int)i, &fields[i], spec);
    r = db_step(statement);
    if (r != DB_ROW)
        return r < 0 ? r : -EIO;
    *out_id = db_column_number(statement, 0);
    r = db_step(statement);
    return r;
}

static int insert_item(struct store *store, int64_t id, const char *list, size_t position, const char *text,
                       const char *target)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db,
                       "INSERT INTO bridge_item (bridge_id, list, position, text, target) "
                       "VALUES (?1, ?2, ?3, ?4, ?5)",
                       &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, id);
    db_bind_text(statement, 2, bytes_of_text(list));
    db_bind_number(statement, 3, (int64_t)position);
    db_bind_text(statement, 4, bytes_of_text(text));
    db_bind_text(statement, 5, bytes_of_text(target));
    return db_step(statement);
}

static int insert_items(struct store *store, int64_t id, const struct bridge_spec *spec)
{
    int r = 0;

    for (size_t i = 0; i < N_ELEMENTS(pattern_lists); i++) {
        const struct bridge_patterns *patterns = const_member_of(spec, pattern_lists[i].at);

        for (size_t at = 0; r == 0 && at < patterns->n; at++)
            r = insert_item(store, id, pattern_lists[i].name, at, patterns->texts[at], NULL);
    }
    for (size_t i = 0; i < N_ELEMENTS(rename_lists); i++) {
        const struct bridge_renames *renames = const_member_of(spec, rename_lists[i].at);

        for (size_t at = 0; r == 0 && at < renames->n; at++)
            r = insert_item(store, id, rename_lists[i].name, at, renames->rules[at].from,
                            renames->rules[at].to);
    }
    return r;
}

static int delete_items(struct store *store, int64_t id)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(store->db, "DELETE FROM bridge_item WHERE bridge_id = ?1", &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, id);
    return db_step(statement);
}

static int put(struct store *store, const struct bridge_spec *spec, bool has_tls, const struct sealed *sealed)
{
    int64_t id = 0;
    int r = upsert(store, spec, has_tls, sealed, &id);

    if (r == 0)
        r = delete_items(store, id);
    return r == 0 ? insert_items(store, id, spec) : r;
}

/* No secret: the buffer stays without memory, which is NULL in the row. */
static int seal_secret(struct store *store, const char *kind, const struct bridge_spec *spec,
                       const char *secret, struct buffer *out_sealed)
{
    cleanup_free_ char *purpose = NULL;

    if (!secret)
        return 0;
    purpose = store_purpose(kind, bytes_of_text(spec->name));
    if (!purpose)
        return -ENOMEM;
    return seal_close(&store->key, bytes_of_text(purpose), bytes_of_text(secret), out_sealed);
}

int store_bridge_put(struct store *store, const struct bridge_spec *spec, bool has_tls,
                     char out_why[STORE_WHY_SIZE])
{
    cleanup_(sealed_clear) struct sealed sealed = {0};
    int r = store_begin(store);

    if (r == 0)
        r = seal_secret(store, SECRET_KIND, spec, spec->secret, &sealed.secret);
    if (r == 0)
        r = seal_secret(store, CONNECTION_SECRET_KIND, spec, spec->connection_secret,
                        &sealed.connection_secret);
    if (r == 0)
        r = put(store, spec, has_tls, &sealed);
    return store_end(store, r, out_why);
}

int store_bridge_remove(struct store *store, const char *name, char out_why[STORE_WHY_SIZE])
{
    return store_remove_named(store, "DELETE FROM bridge WHERE name = ?1", bytes_of_text(name), out_why);
}

int store_bridge_count(struct store *store, uint64_t *out_n)
{
    char why[STORE_WHY_SIZE];

    return store_count(store, "SELECT count(*) FROM bridge", BYTES_NONE, out_n, why);
}

int store_bridge_each(struct store *store, int (*visit)(const struct bridge_spec *spec, void *context),
                      void *context, char out_why[STORE_WHY_SIZE])
{
    struct store_bridges page = {.has_more = true};
    int r = 0;

    for (int64_t after = 0; r == 0 && page.has_more;) {
        r = store_bridge_list(store, after, EACH_PAGE, &page, out_why);
        for (size_t i = 0; r == 0 && i < page.n; i++) {
            after = page.rows[i]->serial;
            r = visit(&page.rows[i]->spec, context);
        }
        store_bridge_list_clear(&page);
    }
    return r;
}
