/* SPDX-License-Identifier: LGPL-3.0-or-later */
#include "mgmt/rest/listing.h"

#include <stdlib.h>
#include <string.h>

#include "mgmt/rest/json_value.h"
#include "mgmt/rest/listing_query.h"
#include "mgmt/rest/problem.h"

#define READ_ROWS 1000 /* at once, where the whole list has to be seen */

/* A row that is wanted. */
struct entry {
    struct listing_value value; /* in the order that was asked for */
    uint64_t place;
    const void *row;
};

struct kept_chunk {
    struct kept_chunk *next;
    struct listing_chunk chunk;
};

/* A page in the making. */
struct page {
    const struct listing *listing;
    struct listing_query query;
    struct listing_ask ask;
    bool is_sorted_here; /* every row is gathered; else they come in the list's own order, and some will do */
    struct kept_chunk *chunks;
    struct entry *entries;
    size_t n;
    size_t size;
    uint64_t reached;
    bool has_more; /* behind what was gathered */
};

static bool refuse(const struct page *page, unsigned status, const char *why)
{
    problem_reply(page->ask.reply, page->ask.request, status, "%s", why);
    return false;
}

static void free_chunk(struct listing_chunk *chunk)
{
    if (chunk->free)
        chunk->free(chunk->memory);
}

static void clear(struct page *page)
{
    while (page->chunks) {
        struct kept_chunk *next = page->chunks->next;

        free_chunk(&page->chunks->chunk);
        free(page->chunks);
        page->chunks = next;
    }
    free(page->entries);
    listing_query_clear(&page->query);
}

/* ---- gathering ---- */

static bool add_entry(struct page *page, const void *row, uint64_t number)
{
    uint64_t (*place)(const void *row) = page->listing->place;

    if (page->n == page->size) {
        size_t size = page->size ? 2 * page->size : LISTING_LIMIT + 1;
        struct entry *entries = realloc(page->entries, size * sizeof *entries);

        if (!entries)
            return refuse(page, 500, "out of memory");
        page->entries = entries;
        page->size = size;
    }
    page->entries[page->n++] = (struct entry){.place = place ? place(row) : number, .row = row};
    if (page->query.order)
        page->entries[page->n - 1].value = page->query.order->value(row);
    return true;
}

/* The chunk is kept: rows are of its memory. */
static bool keep(struct page *page, const struct listing_chunk *chunk)
{
    struct kept_chunk *kept = malloc(sizeof *kept);

    if (!kept)
        return refuse(page, 500, "out of memory");
    *kept = (struct kept_chunk){page->chunks, *chunk};
    page->chunks = kept;
    return true;
}

static bool take_chunk(struct page *page, struct listing_chunk *chunk)
{
    size_t n_before = page->n;

    page->reached = chunk->reached;
    page->has_more = chunk->has_more;
    for (size_t i = 0; i < chunk->n; i++) {
        const void *row = (const char *)chunk->rows + i * page->listing->row_bytes;

        if (listing_query_wants(&page->query, row) && !add_entry(page, row, i + 1)) {
            free_chunk(chunk);
            return false;
        }
    }
    if (page->n > n_before && keep(page, chunk))
        return true;
    free_chunk(chunk);
    return page->n == n_before;
}

/* Whether what was gathered makes the page, and shows whether there is another. */
static bool is_enough(const struct page *page)
{
    return !page->has_more ||
           (!page->is_sorted_here && (page->n > page->query.limit || page->listing->is_heavy));
}

static bool gather(struct page *page)
{
    do {
        struct listing_chunk chunk = {0};

        if (page->n * page->listing->row_bytes > LISTING_MOST_SORTED_BYTES)
            return refuse(page, 400, "The list is too long to be sorted: filter it, or leave out sort.");
        if (!page->listing->read(&page->ask, &chunk) || !take_chunk(page, &chunk))
            return false;
        page->ask.after = page->reached;
        page->ask.limit = READ_ROWS;
    } while (!is_enough(page));
    return true;
}

/* ---- order ---- */

static int compare_values(const struct listing_value *a, const struct listing_value *b)
{
    if (a->text && b->text)
        return strcmp(a->text, b->text);
    if (a->text || b->text)
        return a->text ? 1 : -1;
    return (a->number > b->number) - (a->number < b->number);
}

static int compare(const void *one, const void *other)
{
    const struct entry *a = one, *b = other;
    int by_value = compare_values(&a->value, &b->value);

    return by_value ? by_value : (a->place > b->place) - (a->place < b->place);
}

static void reverse(struct entry *entries, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct entry entry = entries[i];

        entries[i] = entries[n - 1 - i];
        entries[n - 1 - i] = entry;
    }
}

/* The first entry behind the cursor. */
static size_t first_of_page(const struct page *page)
{
    const struct listing_query *query = &page->query;
    struct entry last = {.value = query->value, .place = query->place};
    size_t first = 0;

    if (!query->has_cursor)
        return 0;
    while (first < page->n) {
        int is_behind = compare(&page->entries[first], &last);

        if (query->is_falling ? is_behind < 0 : is_behind > 0)
            break;
        first++;
    }
    return first;
}

/* Brings the entries into order; answers where the page begins. */
static size_t arrange(struct page *page)
{
    if (!page->is_sorted_here || page->n == 0)
        return 0;
    qsort(page->entries, page->n, sizeof *page->entries, compare);
    if (page->query.is_falling)
        reverse(page->entries, page->n);
    return first_of_page(page);
}

/* ---- the page ---- */

static json_t *cursor_behind(const struct page *page, size_t end)
{
    if (end < page->n)
        return listing_query_cursor(&page->query, page->entries[end - 1].place, page->entries[end - 1].value);
    return page->has_more ? listing_query_cursor(&page->query, page->reached, (struct listing_value){0})
                          : json_null();
}

static json_t *page_json(const struct page *page, size_t begin)
{
    size_t end = page->n - begin > page->query.limit ? begin + page->query.limit : page->n;
    json_t *items = json_array();

    for (size_t i = begin; i < end; i++) {
        if (json_array_append_new(items, page->listing->row_json(page->ask.request, page->entries[i].row))) {
            json_decref(items);
            return NULL;
        }
    }
    return json_value_page(items, cursor_behind(page, end));
}

static void begin(struct page *page)
{
    const struct listing *listing = page->listing;
    const struct listing_query *query = &page->query;
    bool is_own_order = listing->place && !query->order &&
                        (query->is_falling == listing->is_falling || listing->goes_both_ways);

    page->is_sorted_here = !is_own_order;
    page->ask.after = is_own_order ? query->place : 0;
    page->ask.is_backwards = is_own_order && query->is_falling != listing->is_falling;
    page->ask.limit = !is_own_order || query->is_filtered ? READ_ROWS : query->limit + 1;
}

void listing_reply(const struct listing *listing, struct rest *rest, const struct request *request,
                   struct reply *reply)
{
    struct page page = {.listing = listing, .ask = {.rest = rest, .request = request, .reply = reply}};

    if (listing_query_read(&page.query, listing, request, reply)) {
        begin(&page);
        if (gather(&page))
            json_value_reply(reply, 200, page_json(&page, arrange(&page)));
    }
    clear(&page);
}

/* ---- sources ---- */

const char *listing_argument(const struct listing_ask *ask, const char *name)
{
    return request_argument(ask->request, name);
}

struct listing_chunk listing_rows(void *rows, size_t n, uint64_t reached, bool has_more)
{
    return (struct listing_chunk){rows, n, reached, has_more, free, rows};
}

struct viewing {
    struct rest *rest;
    listing_step *step;
    struct view_list *list;
    int result;
};

static bool run_step(void *argument)
{
    struct viewing *viewing = argument;

    viewing->result = viewing->step(viewing->rest->options.server, viewing->list);
    return viewing->result == VIEW_E_GOES_ON;
}

static void free_view(void *memory)
{
    view_free(memory);
}

bool listing_read_view(const struct listing_ask *ask, listing_step *step, struct view_list *list,
                       struct listing_chunk *out_chunk)
{
    struct viewing viewing = {ask->rest, step, list, 0};

    list->after = ask->after;
    list->limit = ask->limit;
    if (!rest_walk(ask->rest, run_step, &viewing, ask->request, ask->reply))
        return false;
    if (viewing.result == VIEW_E_UNKNOWN)
        problem_reply(ask->reply, ask->request, 404, "There is no channel of that name.");
    else if (viewing.result < 0)
        problem_reply(ask->reply, ask->request, 500, "The hub could not answer: out of memory.");
    else
        *out_chunk = (struct listing_chunk){.rows = list->rows,
                                            .n = list->n,
                                            .reached = list->after,
                                            .has_more = list->has_more,
                                            .free = free_view,
                                            .memory = list->view};
    return viewing.result == 0;
}
