/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "hub/core/view.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_BYTES 16384

/* Memory that is given back in one go. */
struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    _Alignas(16) uint8_t bytes[];
};

struct view {
    struct chunk *chunks;
    size_t n_bytes;
    bool failed;
};

/* ---- memory ---- */

struct view *view_new(void)
{
    return calloc(1, sizeof(struct view));
}

void view_free(struct view *view)
{
    if (!view)
        return;
    while (view->chunks) {
        struct chunk *next = view->chunks->next;

        free(view->chunks);
        view->chunks = next;
    }
    free(view);
}

bool view_has_failed(const struct view *view)
{
    return view->failed;
}

static void *take_memory(struct view *view, size_t len)
{
    struct chunk *chunk = view->chunks;
    void *memory;

    len = (len + 15) & ~(size_t)15;
    if (!chunk || chunk->size - chunk->used < len) {
        size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;

        chunk = malloc(sizeof *chunk + size);
        if (!chunk) {
            view->failed = true;
            return NULL;
        }
        *chunk = (struct chunk){.next = view->chunks, .size = size};
        view->chunks = chunk;
    }
    memory = chunk->bytes + chunk->used;
    chunk->used += len;
    view->n_bytes += len;
    return memory;
}

void *view_rows(struct view *view, size_t row_bytes, size_t *n)
{
    void *rows = *n ? take_memory(view, row_bytes * *n) : NULL;

    if (rows)
        memset(rows, 0, row_bytes * *n);
    else
        *n = 0;
    return rows;
}

const char *view_text(struct view *view, struct bytes text)
{
    char *copy = take_memory(view, text.len + 1);

    if (!copy)
        return "";
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}

struct bytes view_raw(struct view *view, struct bytes raw)
{
    void *copy = raw.len ? take_memory(view, raw.len) : NULL;

    if (!copy)
        return BYTES_NONE;
    memcpy(copy, raw.ptr, raw.len);
    return bytes_of(copy, raw.len);
}

/* ---- steps ---- */

static int begin(struct view_list *list, const struct view_kind *kind)
{
    size_t limit = list->limit;

    list->view = view_new();
    if (!list->view)
        return -ENOMEM;
    list->rows = view_rows(list->view, kind->row_bytes, &limit);
    list->view->n_bytes = 0; /* of what the rows hold */
    return 0;
}

/* Whether the page ends before the element that comes next. */
static bool is_full(const struct view_list *list)
{
    return list->n == list->limit || list->view->n_bytes >= VIEW_MOST_BYTES;
}

static void add_row(struct view_list *list, const struct view_kind *kind, void *element)
{
    kind->copy(list->view, element, (char *)list->rows + list->n++ * kind->row_bytes);
}

int view_give_up(struct view_list *list, int r)
{
    view_free(list->view);
    list->view = NULL;
    list->rows = NULL;
    list->n = 0;
    return r;
}

int view_step(struct view_list *list, const struct view_kind *kind, const struct roll *roll,
              const void *context)
{
    size_t until_bytes;
    int r = list->view ? 0 : begin(list, kind);

    if (r < 0)
        return r;
    until_bytes = list->view->n_bytes + VIEW_STEP_BYTES;
    for (size_t i = 0; i < VIEW_STEP_ROWS && !list->view->failed && list->view->n_bytes < until_bytes; i++) {
        uint64_t serial;
        void *element = roll_next(roll, list->after - kind->first_place, &serial);

        list->has_more = element != NULL;
        if (!element || is_full(list))
            return 0;
        list->after = kind->first_place + serial;
        if (!kind->wants || kind->wants(context, element))
            add_row(list, kind, element);
    }
    return list->view->failed ? view_give_up(list, -ENOMEM) : VIEW_E_GOES_ON;
}
