/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * Intrusive doubly linked list
 *
 * The link lives inside the element, so that an element unlinks itself in constant time from every list it is
 * on. An unlinked link points to itself; unlinking it again does no harm.
 */
#ifndef COMMHUB_BASE_LIST_H
#define COMMHUB_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev;
    struct list *next;
};

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->prev = list;
    list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct list *place, struct list *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

static inline void list_append(struct list *list, struct list *link)
{
    list_insert_before(list, link);
}

static inline void list_prepend(struct list *list, struct list *link)
{
    list_insert_before(list->next, link);
}

static inline void list_unlink(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

static inline struct list *list_first(struct list *list)
{
    return list_is_empty(list) ? NULL : list->next;
}

/* The element that holds the first link, NULL if there is none. */
#define list_first_entry(list, type, member)                                                                 \
    (list_is_empty(list) ? NULL : container_of((list)->next, type, member))

/*
 * The body may unlink the present element, but no other. A const list may be walked too: constness is of the
 * list's head, not of what hangs on it.
 */
#define list_for_each(link, head)                                                                            \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head);                        \
         link = link##_next, link##_next = link->next)

#endif
