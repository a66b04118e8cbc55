/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/live/record_copy.h"

#include "hub/base/text.h"

#define ESCAPED_SIZE (RECORD_COPY_TEXT_BYTES * 4 + 8)

struct taking {
    struct record_copy *copy;
    bool is_taken;
};

static void take_copy(const struct log_record *record, void *context)
{
    struct taking *taking = context;
    struct record_copy *copy = taking->copy;
    size_t used = 0;

    taking->is_taken = true;
    copy->record = *record;
    for (size_t i = 0; i < record->n_fields; i++) {
        struct bytes *text = &copy->record.fields[i].text;
        size_t room = sizeof copy->texts - used;

        if (text->len > room)
            text->len = room;
        if (text->len)
            memcpy(copy->texts + used, text->ptr, text->len);
        text->ptr = copy->texts + used;
        used += text->len;
    }
}

bool record_copy_next(struct record_copy *copy, struct log *log, uint64_t position)
{
    struct taking taking = {.copy = copy};

    log_read(log, position, 1, take_copy, &taking);
    return taking.is_taken;
}

json_t *record_copy_text(struct bytes text)
{
    char escaped[ESCAPED_SIZE];

    if (text.len && text_is_utf8(text))
        return json_stringn_nocheck((const char *)text.ptr, text.len);
    text_escape(text, escaped, sizeof escaped);
    return json_string(escaped);
}

static json_t *field_json(const struct log_field *field)
{
    switch (field->type) {
    case LOG_FIELD_TEXT:
        return record_copy_text(field->text);
    case LOG_FIELD_BOOL:
        return json_boolean(field->is_true);
    case LOG_FIELD_NUMBER:
        return json_integer(field->number);
    case LOG_FIELD_NULL:
        return json_null();
    }
    return NULL;
}

json_t *record_copy_data(const struct record_copy *copy)
{
    const struct log_record *record = &copy->record;
    json_t *data = json_object();
    int r = data ? 0 : -1;

    for (size_t i = 0; r == 0 && i < record->n_fields; i++)
        r = json_object_set_new(data, record->fields[i].name, field_json(&record->fields[i]));
    if (r == 0 && record->stream == LOG_LOGS && !json_object_get(data, "level"))
        r = json_object_set_new(data, "level", json_string(log_level_name(record->level)));
    if (r == 0)
        return data;
    json_decref(data);
    return NULL;
}
