/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What can be reached in the mesh, and by which ways
 *
 * A route is one entry: (kind, channel, name, origin hub). Since the origin is part of the key, every entry
 * has one true source, which alone numbers it: that is what makes "newer" decidable. A candidate is one way
 * to it, told by one link; all that were accepted are kept, so that an alternative is at hand when a link
 * dies.
 *
 * Rules that hold throughout: all candidates of a route bear the route's seq (a newer one drops the older
 * ones, an older one is not taken in); a link has at most one candidate in a route; our own entries have one
 * candidate without a link. A route that its origin has withdrawn stays as a tombstone for a while, so that
 * an older entry that is still under way somewhere does not raise it from the dead.
 *
 * The table chooses nothing and tells nobody: see route_choice.c and advertise.c.
 */
#ifndef COMMHUB_FEDERATION_ROUTE_TABLE_H
#define COMMHUB_FEDERATION_ROUTE_TABLE_H

#include "federation/hub_id.h"
#include "federation/link_set.h"
#include "federation/pacer.h"
#include "federation/path_table.h"
#include "hub/base/block.h"
#include "hub/base/list.h"
#include "hub/base/map.h"
#include "hub/base/roll.h"

struct mesh_link;
struct origin;

enum route_kind {
    ROUTE_HUB,      /* the hub itself; channel and name are empty */
    ROUTE_SERVICE,  /* an event with providers */
    ROUTE_TOPIC,    /* a declared topic */
    ROUTE_INTEREST, /* somebody has the channel open (name empty), or subscribes the topic */
    ROUTE_MEMBER,   /* a client that has the channel open */
    ROUTE_PROFILE,  /* what the hub tells about itself (profile.h); channel and name are empty */
    ROUTE_KIND_COUNT
};

/* Filters, and the core, have to do with these kinds only. */
static inline bool route_kind_has_channel(enum route_kind kind)
{
    return kind != ROUTE_HUB && kind != ROUTE_PROFILE;
}

struct route_key {
    enum route_kind kind;
    struct bytes channel;
    struct bytes name;
    struct hub_id origin;
};

struct route_seq {
    uint64_t incarnation;
    uint64_t counter;
};

/* <0, 0, >0 */
int route_table_compare_seq(struct route_seq a, struct route_seq b);

struct candidate {
    struct list in_route;
    struct list in_link;
    struct list in_path;
    struct route *route;
    struct mesh_link *link; /* NULL: our own entry */
    uint64_t digest;        /* of the entry that it came by; in the sum of those of its link */
    struct shared_path *path;
    uint64_t cost : 55;     /* with the link's own */
    uint64_t held_back : 8; /* set of 1 << enum bridge_class: what bridges on the way hold back; never all */
    bool is_doubtful : 1;   /* the link tells its table anew, and has not told this yet */
};

static inline struct bytes candidate_path(const struct candidate *candidate)
{
    return candidate->path->node.key;
}

/* Whether it leads over a link that is cut, and may go on. */
static inline bool candidate_is_stale(const struct candidate *candidate)
{
    return candidate->path->is_stale;
}

struct route {
    struct map_node by_key;
    struct map_node by_name; /* the same without the origin */
    struct list in_origin;
    uint64_t serial; /* grows in the order of making; of this table */
    struct origin *origin;
    struct bytes channel;
    struct bytes name;
    struct block *first_channel; /* what the origin calls the channel; NULL: the same */
    struct route_seq seq;
    struct block *attributes; /* MessagePack as the origin wrote it; NULL without candidates */
    struct list candidates;
    struct candidate *best; /* NULL: not reachable */
    struct list untold;     /* in the mesh's list of routes to advertise; else linked to itself */
    struct list unoffered;  /* in the mesh's list of routes to show to the core */
    struct list in_ended;   /* among the tombstones, or the missed */
    uint64_t ended_at_ms;
    struct link_set told;   /* the links whose far side believes that it can be reached by us */
    uint64_t told_digest;   /* of what they believe, the same for all (digest.h); 0: not known, none does */
    struct pacer_rest rest; /* before it is told again */
    uint64_t upset_ms;      /* when its way was cut, ended or went on, here or elsewhere */
    enum route_kind kind;
    uint32_t n_parked;    /* messages that wait for a way: see parked.c */
    bool is_dead;         /* a tombstone of `seq` */
    bool is_missed;       /* all ways are lost, and its origin has not withdrawn it */
    bool is_broken;       /* what was told may lead nowhere: the next way does not wait for a rest */
    bool is_word_told;    /* `seq` was, to a link */
    bool is_offered;      /* the core knows it */
    bool is_word_offered; /* of `seq` */
    bool was_refused;     /* the core did not want it; asked again when things change */
    bool has_held_back;   /* a way that holds something back was told: messages differ in the way they take */
    uint8_t key[];
};

struct route_table {
    struct map by_key;
    struct map by_name;
    struct roll all; /* by their serials */
    uint64_t last_serial;
    struct list graves; /* oldest first */
    size_t n_graves;
    struct list missed; /* the earliest first */
    size_t n_missed;
    size_t n_candidates;
    struct path_table paths;
    struct route *latest;            /* that was found in a row; or NULL */
    struct block *latest_attributes; /* that were taken over, for those of a row are the same; or NULL */
};

#define ROUTE_TABLE_GRAVE_MS 60000U
#define ROUTE_TABLE_MAX_GRAVES 65536U

/* So long, and so many: what has lost its ways without a word of its origin may find another. As long as a
 * cut link may take to return. */
#define ROUTE_TABLE_MISSED_MS 30000U
#define ROUTE_TABLE_MAX_MISSED 65536U

void route_table_init(struct route_table *table);

/* Frees every route and candidate; links and origins are left with dangling lists and go too. */
void route_table_clear(struct route_table *table);

struct route *route_table_find(const struct route_table *table, const struct route_key *key);

/* The same, and quicker where those of one origin are sought in the order in which they were made. */
struct route *route_table_find_in_row(struct route_table *table, const struct route_key *key);

/* The route, made if there was none, hung on @routes of its origin; NULL: out of memory. */
struct route *route_table_get(struct route_table *table, const struct route_key *key, struct origin *origin,
                              struct list *routes);

/* The routes of one kind, channel and name, whatever their origin, in no certain order. */
struct route *route_table_first_named(const struct route_table *table, enum route_kind kind,
                                      struct bytes channel, struct bytes name);
struct route *route_table_next_named(const struct route *route);

/* The candidate that @link told; NULL if there is none. */
struct candidate *route_table_candidate_of(const struct route *route, const struct mesh_link *link);

/*
 * Takes a way in, in the place of the one that the same link told before. @seq must not be older than the
 * route's; a newer one drops all older candidates and takes over @attributes (copied). 0 or -ENOMEM, and
 * then nothing has changed.
 */
int route_table_put(struct route_table *table, struct route *route, struct mesh_link *link,
                    struct list *candidates_of_link, struct route_seq seq, struct bytes path, uint64_t cost,
                    struct bytes attributes);

/* The route's word is from now on this one of its origin, another one than before. */
void route_table_take_word(struct route *route, struct route_seq seq);

/* What the origin calls the channel. */
struct bytes route_table_first_channel(const struct route *route);

/* Sets it; for a route without candidates. 0 or -ENOMEM. */
int route_table_set_first_channel(struct route *route, struct bytes first_channel);

/* Takes one way out, and its digest off the sum. `best` is the caller's to choose anew. */
void route_table_drop(struct route_table *table, struct candidate *candidate);

/* All ways die and a tombstone stands; @seq must be newer than the route's. */
void route_table_bury(struct route_table *table, struct route *route, struct route_seq seq, uint64_t now_ms);

/* Takes tombstones away whose time is over. */
void route_table_clear_graves(struct route_table *table, uint64_t now_ms);

/* The last way was lost, and may come back; nothing where it is missed already. */
void route_table_miss(struct route_table *table, struct route *route, uint64_t now_ms);

/* There is a way again, or none is to be waited for. */
void route_table_found(struct route_table *table, struct route *route);

/* Gives up the routes that have been missed for too long. */
void route_table_forget_missed(struct route_table *table, uint64_t now_ms);

/* Whether nothing holds the route any more: no way, no tombstone, nobody told, not offered, not waiting, not
 * missed. */
bool route_table_is_idle(const struct route *route);

/* Frees an idle route; but the one of the hub itself stays as long as its origin, which points to it. */
void route_table_release(struct route_table *table, struct route *route);
void route_table_remove(struct route_table *table, struct route *route);

#endif
