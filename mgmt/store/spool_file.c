/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * What federation asks for becomes a job. The thread takes all jobs that wait, does them in one transaction,
 * and sends them back to the loop with what came of them: so a commit, which waits for the disk, is shared
 * by everything that was asked for during the one before. A job belongs to the loop, then to the thread, then
 * to the loop again; the lock guards the list of those that wait, nothing else.
 *
 * A transaction that fails takes all its jobs back. They are told as failed and not done again: what was to
 * be stored is lost, what was to be read or removed is asked for anew by federation.
 */
#include "mgmt/store/spool_file.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/base/buffer.h"
#include "hub/base/list.h"
#include "mgmt/store/data_dir.h"
#include "mgmt/store/db.h"
#include "mgmt/store/migrations.h"

/* Until there is memory for a letter. */
#define POST_AGAIN_MS 100

enum job_kind {
    JOB_KNOW,
    JOB_OPEN,
    JOB_PUT,
    JOB_READ,
    JOB_DROP,
    JOB_EVICT,
    JOB_EXPIRE,
    JOB_FORGET,
    JOB_MARK,
    JOB_KIND_COUNT,
};

struct job {
    struct list link;
    enum job_kind kind;
    uint64_t spool;
    uint64_t lane;
    uint64_t number;
    uint64_t wall_s;
    uint64_t bytes; /* EVICT: wanted */
    char *bridge;   /* NULL, or own memory */
    struct buffer first;
    struct buffer second;
    /* What came of it. */
    uint64_t n_messages;
    uint64_t n_bytes;
    struct spool_row *rows; /* READ: their bodies stand in `first` */
    size_t n_rows;
};

/* Jobs on their way back to the loop. */
struct batch {
    struct spool_file *file;
    struct list jobs;
    char why[DB_WHY_SIZE]; /* "": all were done */
};

struct spool_file {
    struct spool spool;
    struct mailbox *mailbox;
    struct spool_listener listener;
    void *listener_context;
    bool is_told; /* the listener still wants to hear */
    struct db *db;
    struct db_statement *put;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t has_job;
    struct list waiting;
    bool is_ending;
};

static void job_free(struct job *job)
{
    list_unlink(&job->link);
    free(job->bridge);
    buffer_clear(&job->first);
    buffer_clear(&job->second);
    free(job->rows);
    free(job);
}

static void jobs_free(struct list *jobs)
{
    while (!list_is_empty(jobs))
        job_free(list_first_entry(jobs, struct job, link));
}

/* --- statements (the thread, or the loop's thread before there is one) -----------------------------------
 */

static int prepare(struct spool_file *file, const char *sql, const struct job *job,
                   struct db_statement **out_statement)
{
    int r = db_prepare(file->db, sql, out_statement);

    if (r == 0 && job->bridge)
        db_bind_text(*out_statement, 1, bytes_of_text(job->bridge));
    return r;
}

static int do_know(struct spool_file *file, struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = prepare(file, "INSERT OR REPLACE INTO bridge (name, hub_id) VALUES (?1, ?2)", job, &statement);

    if (r < 0)
        return r;
    db_bind_blob(statement, 2, buffer_bytes(&job->first));
    return db_step(statement);
}

static int do_open(struct spool_file *file, struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = prepare(file, "INSERT OR IGNORE INTO lane (bridge, id, channel, topic) VALUES (?1, ?2, ?3, ?4)",
                    job, &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 2, (int64_t)job->lane);
    db_bind_blob(statement, 3, buffer_bytes(&job->first));
    db_bind_blob(statement, 4, buffer_bytes(&job->second));
    return db_step(statement);
}

static int count_up(struct spool_file *file, const struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db, "UPDATE lane SET last_number = ?1 WHERE id = ?2", &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, (int64_t)job->number);
    db_bind_number(statement, 2, (int64_t)job->lane);
    return db_step(statement);
}

static int do_put(struct spool_file *file, struct job *job)
{
    int r;

    db_bind_number(file->put, 1, (int64_t)job->lane);
    db_bind_number(file->put, 2, (int64_t)job->number);
    db_bind_number(file->put, 3, (int64_t)job->wall_s);
    db_bind_blob(file->put, 4, buffer_bytes(&job->first));
    r = db_step(file->put);
    db_statement_reset(file->put);
    return r < 0 ? r : count_up(file, job);
}

static int add_row(struct job *job, struct db_statement *statement)
{
    struct bytes body = db_column(statement, 1);

    job->rows[job->n_rows++] =
        (struct spool_row){(uint64_t)db_column_number(statement, 0), bytes_of(NULL, body.len)};
    return buffer_append_bytes(&job->first, body);
}

static int do_read(struct spool_file *file, struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    size_t offset = 0;
    int r = db_prepare(file->db,
                       "SELECT number, body FROM message WHERE lane = ?1 AND number > ?2 ORDER BY number",
                       &statement);

    job->rows = calloc(SPOOL_BATCH_MESSAGES, sizeof *job->rows);
    if (r < 0 || !job->rows)
        return r < 0 ? r : -ENOMEM;
    db_bind_number(statement, 1, (int64_t)job->lane);
    db_bind_number(statement, 2, (int64_t)job->number);
    while (job->n_rows < SPOOL_BATCH_MESSAGES && job->first.len < SPOOL_BATCH_BYTES &&
           (r = db_step(statement)) == DB_ROW) {
        if ((r = add_row(job, statement)) < 0)
            return r;
    }
    for (size_t i = 0; i < job->n_rows; i++) {
        job->rows[i].body.ptr = job->first.ptr + offset;
        offset += job->rows[i].body.len;
    }
    return r < 0 ? r : 0;
}

static int do_drop(struct spool_file *file, struct job *job)
{
    static const char *const sql[] = {
        "SELECT count(*), coalesce(sum(length(body)), 0) FROM message WHERE lane = ?1 AND number <= ?2",
        "DELETE FROM message WHERE lane = ?1 AND number <= ?2",
    };
    int r = 0;

    for (int i = 0; i < 2 && r >= 0; i++) {
        cleanup_(db_statement_freep) struct db_statement *statement = NULL;

        r = db_prepare(file->db, sql[i], &statement);
        if (r < 0)
            return r;
        db_bind_number(statement, 1, (int64_t)job->lane);
        db_bind_number(statement, 2, (int64_t)job->number);
        r = db_step(statement);
        if (i == 0 && r == DB_ROW) {
            job->n_messages = (uint64_t)db_column_number(statement, 0);
            job->n_bytes = (uint64_t)db_column_number(statement, 1);
        }
    }
    return r;
}

/* Those of the bridge that arrived up to then. */
static int remove_until(struct spool_file *file, const struct job *job, int64_t arrival)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = prepare(
        file, "DELETE FROM message WHERE arrival <= ?2 AND lane IN (SELECT id FROM lane WHERE bridge = ?1)",
        job, &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 2, arrival);
    return db_step(statement);
}

/* From the oldest on, as long as it is wanted. */
static int remove_oldest(struct spool_file *file, struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int64_t arrival = -1;
    int r = prepare(file,
                    "SELECT m.arrival, m.wall_s, length(m.body) FROM message m JOIN lane l ON m.lane = l.id "
                    "WHERE l.bridge = ?1 ORDER BY m.arrival",
                    job, &statement);

    if (r < 0)
        return r;
    while ((r = db_step(statement)) == DB_ROW) {
        bool is_wanted = job->kind == JOB_EVICT ? job->n_bytes < job->bytes
                                                : (uint64_t)db_column_number(statement, 1) < job->wall_s;

        if (!is_wanted)
            break;
        arrival = db_column_number(statement, 0);
        job->n_messages++;
        job->n_bytes += (uint64_t)db_column_number(statement, 2);
    }
    return r < 0 || arrival < 0 ? r : remove_until(file, job, arrival);
}

static int do_forget(struct spool_file *file, struct job *job)
{
    static const char *const sql[] = {
        "DELETE FROM lane WHERE bridge = ?1",
        "DELETE FROM bridge WHERE name = ?1",
    };
    int r = 0;

    for (int i = 0; i < 2 && r >= 0; i++) {
        cleanup_(db_statement_freep) struct db_statement *statement = NULL;

        r = prepare(file, sql[i], job, &statement);
        if (r == 0)
            r = db_step(statement);
    }
    return r;
}

static int do_mark(struct spool_file *file, struct job *job)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db, "INSERT OR REPLACE INTO mark (spool, lane, number) VALUES (?1, ?2, ?3)",
                       &statement);

    if (r < 0)
        return r;
    db_bind_number(statement, 1, (int64_t)job->spool);
    db_bind_number(statement, 2, (int64_t)job->lane);
    db_bind_number(statement, 3, (int64_t)job->number);
    return db_step(statement);
}

static int (*const doings[JOB_KIND_COUNT])(struct spool_file *file, struct job *job) = {
    [JOB_KNOW] = do_know,         [JOB_OPEN] = do_open,     [JOB_PUT] = do_put,
    [JOB_READ] = do_read,         [JOB_DROP] = do_drop,     [JOB_EVICT] = remove_oldest,
    [JOB_EXPIRE] = remove_oldest, [JOB_FORGET] = do_forget, [JOB_MARK] = do_mark,
};

/* --- the thread ----------------------------------------------------------------------------------------- */

static int do_all(struct spool_file *file, struct list *jobs)
{
    int r = db_run(file->db, "BEGIN IMMEDIATE");

    if (r < 0)
        return r;
    list_for_each (link, jobs) {
        struct job *job = container_of(link, struct job, link);

        if (r >= 0)
            r = doings[job->kind](file, job);
    }
    if (r >= 0)
        r = db_run(file->db, "COMMIT");
    return r;
}

static void tell_batch(void *argument);

/* From here on the batch is the loop's, or gone. */
static void send_back(struct batch *batch)
{
    struct timespec pause = {.tv_nsec = POST_AGAIN_MS * 1000000L};
    int r;

    while ((r = mailbox_post(batch->file->mailbox, tell_batch, batch)) == -ENOMEM)
        nanosleep(&pause, NULL);
    if (r != 0) {
        jobs_free(&batch->jobs);
        free(batch);
    }
}

static void move_all(struct list *from, struct list *to)
{
    while (!list_is_empty(from)) {
        struct list *link = list_first(from);

        list_unlink(link);
        list_append(to, link);
    }
}

/* Waits for jobs; false: there are none and will be none. */
static bool take_jobs(struct spool_file *file, struct list *out_jobs)
{
    pthread_mutex_lock(&file->mutex);
    while (list_is_empty(&file->waiting) && !file->is_ending)
        pthread_cond_wait(&file->has_job, &file->mutex);
    move_all(&file->waiting, out_jobs);
    pthread_mutex_unlock(&file->mutex);
    return !list_is_empty(out_jobs);
}

static struct batch *batch_new(struct spool_file *file)
{
    struct timespec pause = {.tv_nsec = POST_AGAIN_MS * 1000000L};
    struct batch *batch;

    while (!(batch = calloc(1, sizeof *batch)))
        nanosleep(&pause, NULL);
    batch->file = file;
    list_init(&batch->jobs);
    return batch;
}

static void *work(void *argument)
{
    struct spool_file *file = argument;

    for (;;) {
        struct batch *batch = batch_new(file);

        if (!take_jobs(file, &batch->jobs)) {
            free(batch);
            return NULL;
        }
        if (do_all(file, &batch->jobs) < 0) {
            db_why(file->db, batch->why);
            db_rollback(file->db);
        }
        send_back(batch);
    }
}

static int start_thread(struct spool_file *file)
{
    sigset_t all, before;
    int error;

    /* Signals are for the threads that expect them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&file->thread, NULL, work, file);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    file->is_running = error == 0;
    return -error;
}

/* --- telling (the loop's thread) ------------------------------------------------------------------------ */

static void tell_job(const struct spool_file *file, const struct job *job)
{
    const struct spool_listener *listener = &file->listener;
    void *context = file->listener_context;

    switch (job->kind) {
    case JOB_PUT:
        listener->on_stored(context, job->lane, job->number);
        return;
    case JOB_READ:
        listener->on_read(context, job->lane, job->rows, job->n_rows);
        return;
    case JOB_DROP:
        listener->on_delivered(context, job->lane, job->n_messages, job->n_bytes);
        return;
    case JOB_EVICT:
    case JOB_EXPIRE:
        listener->on_lost(
            context, job->bridge,
            &(struct spool_loss){job->kind == JOB_EXPIRE, job->bytes, job->n_messages, job->n_bytes});
        return;
    case JOB_MARK:
        listener->on_marked(context, &(struct spool_mark){job->spool, job->lane, job->number});
        return;
    case JOB_KNOW:
    case JOB_OPEN:
    case JOB_FORGET:
    case JOB_KIND_COUNT:
        return;
    }
}

/* What is not done has no result but its own kind's empty one; a put is a loss. */
static void tell_failed(const struct spool_file *file, struct job *job)
{
    if (job->kind == JOB_PUT) {
        file->listener.on_put_failed(file->listener_context, job->lane, job->first.len);
        return;
    }
    job->n_messages = 0;
    job->n_bytes = 0;
    job->n_rows = 0;
    free(job->rows);
    job->rows = NULL;
    job->number = 0;
    tell_job(file, job);
}

static void tell_batch(void *argument)
{
    struct batch *batch = argument;
    const struct spool_file *file = batch->file;

    if (file->is_told && batch->why[0])
        file->listener.on_fault(file->listener_context, batch->why);
    while (!list_is_empty(&batch->jobs)) {
        struct job *job = list_first_entry(&batch->jobs, struct job, link);

        if (file->is_told && batch->why[0])
            tell_failed(file, job);
        else if (file->is_told)
            tell_job(file, job);
        job_free(job);
    }
    free(batch);
}

/* --- asking (the loop's thread) ------------------------------------------------------------------------- */

static struct job *job_new(enum job_kind kind, const char *bridge)
{
    struct job *job = calloc(1, sizeof *job);

    if (!job)
        return NULL;
    list_init(&job->link);
    job->kind = kind;
    if (bridge && !(job->bridge = strdup(bridge))) {
        job_free(job);
        return NULL;
    }
    return job;
}

/* The job is the thread's from here on; NULL is -ENOMEM. */
static int ask(struct spool_file *file, struct job *job)
{
    if (!job)
        return -ENOMEM;
    pthread_mutex_lock(&file->mutex);
    list_append(&file->waiting, &job->link);
    pthread_cond_signal(&file->has_job);
    pthread_mutex_unlock(&file->mutex);
    return 0;
}

/* The same with texts, which are copied. */
static int ask_with(struct spool_file *file, struct job *job, struct bytes first, struct bytes second)
{
    if (job &&
        (buffer_append_bytes(&job->first, first) < 0 || buffer_append_bytes(&job->second, second) < 0)) {
        job_free(job);
        job = NULL;
    }
    return ask(file, job);
}

static int know(void *context, const char *bridge, const uint8_t hub_id[SPOOL_HUB_ID_BYTES])
{
    return ask_with(context, job_new(JOB_KNOW, bridge), bytes_of(hub_id, SPOOL_HUB_ID_BYTES), BYTES_NONE);
}

static int open_lane(void *context, const struct spool_lane *lane)
{
    struct job *job = job_new(JOB_OPEN, lane->bridge);

    if (job)
        job->lane = lane->id;
    return ask_with(context, job, lane->channel, lane->topic);
}

static int put(void *context, uint64_t lane, uint64_t number, uint64_t wall_s, struct bytes body)
{
    struct job *job = job_new(JOB_PUT, NULL);

    if (job) {
        job->lane = lane;
        job->number = number;
        job->wall_s = wall_s;
    }
    return ask_with(context, job, body, BYTES_NONE);
}

static int ask_lane(struct spool_file *file, enum job_kind kind, uint64_t lane, uint64_t number)
{
    struct job *job = job_new(kind, NULL);

    if (job) {
        job->lane = lane;
        job->number = number;
    }
    return ask(file, job);
}

static int read_lane(void *context, uint64_t lane, uint64_t after)
{
    return ask_lane(context, JOB_READ, lane, after);
}

static int drop(void *context, uint64_t lane, uint64_t number)
{
    return ask_lane(context, JOB_DROP, lane, number);
}

static int evict(void *context, const char *bridge, uint64_t bytes)
{
    struct job *job = job_new(JOB_EVICT, bridge);

    if (job)
        job->bytes = bytes;
    return ask(context, job);
}

static int expire(void *context, const char *bridge, uint64_t before_wall_s)
{
    struct job *job = job_new(JOB_EXPIRE, bridge);

    if (job)
        job->wall_s = before_wall_s;
    return ask(context, job);
}

static int forget(void *context, const char *bridge)
{
    return ask(context, job_new(JOB_FORGET, bridge));
}

static int mark(void *context, const struct spool_mark *mark)
{
    struct job *job = job_new(JOB_MARK, NULL);

    if (job) {
        job->spool = mark->spool;
        job->lane = mark->lane;
        job->number = mark->number;
    }
    return ask(context, job);
}

static void listen_to(void *context, const struct spool_listener *listener, void *listener_context)
{
    struct spool_file *file = context;

    file->is_told = listener != NULL;
    if (listener)
        file->listener = *listener;
    file->listener_context = listener_context;
}

/* --- what is there at the start (the loop's thread, before the loop runs) --------------------------------
 */

static int each_bridge(void *context, int (*visit)(const char *bridge, const uint8_t *hub_id, void *to),
                       void *to)
{
    struct spool_file *file = context;
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db, "SELECT name, hub_id FROM bridge", &statement);

    if (r < 0)
        return r;
    while ((r = db_step(statement)) == DB_ROW) {
        cleanup_free_ char *name = bytes_to_text(db_column(statement, 0));

        r = name ? visit(name, db_column(statement, 1).ptr, to) : -ENOMEM;
        if (r < 0)
            break;
    }
    return r;
}

static int each_lane(void *context, int (*visit)(const struct spool_lane *lane, void *to), void *to)
{
    struct spool_file *file = context;
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db,
                       "SELECT l.id, l.bridge, l.channel, l.topic, l.last_number, count(m.body), "
                       "coalesce(sum(length(m.body)), 0) FROM lane l LEFT JOIN message m ON m.lane = l.id "
                       "GROUP BY l.id",
                       &statement);

    if (r < 0)
        return r;
    while ((r = db_step(statement)) == DB_ROW) {
        cleanup_free_ char *bridge = bytes_to_text(db_column(statement, 1));
        struct spool_lane lane = {
            .id = (uint64_t)db_column_number(statement, 0),
            .bridge = bridge,
            .channel = db_column(statement, 2),
            .topic = db_column(statement, 3),
            .last_number = (uint64_t)db_column_number(statement, 4),
            .n_messages = (uint64_t)db_column_number(statement, 5),
            .n_bytes = (uint64_t)db_column_number(statement, 6),
        };

        r = bridge ? visit(&lane, to) : -ENOMEM;
        if (r < 0)
            break;
    }
    return r;
}

static int each_mark(void *context, int (*visit)(const struct spool_mark *mark, void *to), void *to)
{
    struct spool_file *file = context;
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db, "SELECT spool, lane, number FROM mark", &statement);

    if (r < 0)
        return r;
    while ((r = db_step(statement)) == DB_ROW) {
        struct spool_mark mark = {(uint64_t)db_column_number(statement, 0),
                                  (uint64_t)db_column_number(statement, 1),
                                  (uint64_t)db_column_number(statement, 2)};

        r = visit(&mark, to);
        if (r < 0)
            break;
    }
    return r;
}

/* --- opening and closing -------------------------------------------------------------------------------- */

static int read_id(struct spool_file *file)
{
    cleanup_(db_statement_freep) struct db_statement *statement = NULL;
    int r = db_prepare(file->db, "SELECT id FROM spool", &statement);

    if (r == 0)
        r = db_step(statement);
    if (r == DB_ROW)
        file->spool.id = (uint64_t)db_column_number(statement, 0);
    return r == 0 ? -EBADMSG : r < 0 ? r : 0;
}

static int begin(struct spool_file *file, const char *data_dir, char out_why[DB_WHY_SIZE])
{
    const struct db_schema schema = {spool_migrations, spool_migrations_n};
    cleanup_free_ char *path = data_dir_path(data_dir, "spool.db");
    int r = path ? db_open(&file->db, path, &schema, out_why) : -ENOMEM;

    if (r < 0)
        return r;
    r = read_id(file);
    if (r == 0)
        r = db_prepare(file->db, "INSERT INTO message (lane, number, wall_s, body) VALUES (?1, ?2, ?3, ?4)",
                       &file->put);
    if (r < 0)
        db_why(file->db, out_why);
    return r < 0 ? r : start_thread(file);
}

int spool_file_open(struct spool_file **out_file, const char *data_dir, struct mailbox *mailbox,
                    char out_why[SPOOL_FILE_WHY_SIZE])
{
    struct spool_file *file = calloc(1, sizeof *file);
    char why[DB_WHY_SIZE] = "out of memory";
    int r;

    if (!file) {
        snprintf(out_why, SPOOL_FILE_WHY_SIZE, "%s", why);
        return -ENOMEM;
    }
    file->mailbox = mailbox;
    list_init(&file->waiting);
    pthread_mutex_init(&file->mutex, NULL);
    pthread_cond_init(&file->has_job, NULL);
    r = begin(file, data_dir, why);
    file->spool = (struct spool){
        .id = file->spool.id,
        .context = file,
        .listen = listen_to,
        .each_bridge = each_bridge,
        .each_lane = each_lane,
        .each_mark = each_mark,
        .know = know,
        .open = open_lane,
        .put = put,
        .read = read_lane,
        .drop = drop,
        .evict = evict,
        .expire = expire,
        .forget = forget,
        .mark = mark,
    };
    if (r < 0) {
        snprintf(out_why, SPOOL_FILE_WHY_SIZE, "spool.db in the data directory %.400s", why);
        spool_file_stop(file);
        spool_file_free(file);
        return r;
    }
    *out_file = file;
    return 0;
}

const struct spool *spool_file_spool(struct spool_file *file)
{
    return &file->spool;
}

void spool_file_stop(struct spool_file *file)
{
    if (!file)
        return;
    file->is_told = false;
    if (file->is_running) {
        pthread_mutex_lock(&file->mutex);
        file->is_ending = true;
        pthread_cond_signal(&file->has_job);
        pthread_mutex_unlock(&file->mutex);
        pthread_join(file->thread, NULL);
    }
    file->is_running = false;
    db_statement_free(file->put);
    db_close(file->db);
    file->put = NULL;
    file->db = NULL;
}

void spool_file_free(struct spool_file *file)
{
    if (!file)
        return;
    jobs_free(&file->waiting);
    pthread_mutex_destroy(&file->mutex);
    pthread_cond_destroy(&file->has_job);
    free(file);
}
