/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A crowd: one client at each hub, all sending to all, and each keeping its own count of what reached it
 *
 * It is the judge of the chaos tests: no number of a hub's own goes into it. Every client has the channel
 * open, owns a topic, subscribes the others' and provides a service. What is sent says who sent it and its
 * number among the sender's messages of that kind, so every receiver knows what it missed, what it got twice
 * and what overtook what; a provider knows what it carried out twice, a caller how each call ended.
 *
 *     crowd [OPTION VALUE]... ADDRESS...
 *
 *     --channel NAME       (chaos)
 *     --first NUMBER       of the first client; two crowds of one mesh have different numbers (0)
 *     --rate N             operations a second of the whole crowd (2000)
 *     --broadcasts N       each client; likewise --publishes and --calls (0)
 *     --service NAME       provided by every client too; what was carried out is told in the report
 *     --call NAME          call this and not the others' own services
 *     --deadline MS        of a call (20 000)
 *     --bytes N            of padding in each message (0)
 *
 * It prints "ready" when every client is set up, begins at "go" on its standard input, answers "report" with
 * one line of JSON, and ends at "stop" or at the end of its input.
 */
#include <commipc.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_MEMBERS 32
#define MAX_CALLS_UNDER_WAY 256 /* of one client */
#define MAX_TEXTS 8
#define TURN_MS 1

enum kind {
    KIND_BROADCAST,
    KIND_PUBLISH,
    KIND_CALL,
    KIND_COUNT,
};

static const char *const kind_names[KIND_COUNT] = {"broadcast", "publish", "call"};

/* What one receiver got of one sender in one kind. */
struct tally {
    uint8_t *seen; /* a bit for each number */
    uint32_t next; /* behind the highest number that came */
    uint64_t got;  /* different ones */
    uint64_t twice;
    uint64_t overtaken; /* came after a higher number */
};

enum ending {
    ENDING_ANSWERED,
    ENDING_REFUSED,      /* an error of the hub or the provider */
    ENDING_DISCONNECTED, /* the caller's own hub was lost */
    ENDING_TIMED_OUT,    /* neither answer nor error within the deadline: a broken promise */
    ENDING_COUNT,
};

static const char *const ending_names[ENDING_COUNT] = {"answered", "refused", "disconnected", "timed_out"};

struct member {
    unsigned number;
    struct commipc_client *client;
    struct commipc_channel *channel;
    char topic[32];
    char service[32];
    unsigned n_waiting; /* parts of its setup that are not done */
    uint32_t sent[KIND_COUNT];
    uint32_t under_way;
    uint64_t ended[ENDING_COUNT];
    uint64_t slowest_ms;
    uint8_t *answered; /* a bit for each of its calls */
    struct tally tallies[MAX_MEMBERS][KIND_COUNT];
};

struct asked {
    struct member *caller;
    uint32_t number;
    uint64_t since_ms;
};

static struct {
    const char *channel;
    unsigned first;
    uint32_t rate;
    uint32_t wanted[KIND_COUNT];
    const char *service;
    const char *call;
    uint32_t deadline_ms;
    uint32_t n_bytes;
} options = {.channel = "chaos", .rate = 2000, .deadline_ms = 20000};

static struct member members[MAX_MEMBERS];
static unsigned n_members;
static struct commipc_writer *writer;
static char *padding;
static char texts[MAX_TEXTS][128]; /* of errors that calls ended with */
static uint64_t n_strange;         /* messages that no crowd sent */
static bool is_sending;
static bool is_over;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "crowd: %s\n", what);
    exit(1);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- counting ------------------------------------------------------------------------------------------- */

static bool bit_set(uint8_t *bits, uint32_t number)
{
    uint8_t bit = (uint8_t)(1U << (number % 8));
    bool was_set = bits[number / 8] & bit;

    bits[number / 8] |= bit;
    return was_set;
}

static uint8_t *bits_of(enum kind kind)
{
    uint8_t *bits = calloc(options.wanted[kind] / 8 + 1, 1);

    if (!bits)
        die("out of memory");
    return bits;
}

static void tally_take(struct tally *tally, enum kind kind, uint32_t number)
{
    if (!tally->seen)
        tally->seen = bits_of(kind);
    if (bit_set(tally->seen, number)) {
        tally->twice++;
        return;
    }
    tally->got++;
    if (number < tally->next)
        tally->overtaken++;
    else
        tally->next = number + 1;
}

/* [kind, sender, number, padding]: what every message of a crowd is. */
static void take(struct member *receiver, struct commipc_value data)
{
    uint64_t parts[3] = {0};
    struct commipc_value part;
    size_t place = 0;

    for (int i = 0; i < 3; i++) {
        if (commipc_value_next(data, &place, NULL, &part) || commipc_value_u64(part, &parts[i])) {
            n_strange++;
            return;
        }
    }
    if (parts[0] >= KIND_COUNT || parts[1] >= MAX_MEMBERS || parts[2] >= options.wanted[parts[0]]) {
        n_strange++;
        return;
    }
    tally_take(&receiver->tallies[parts[1]][parts[0]], (enum kind)parts[0], (uint32_t)parts[2]);
}

/* --- callbacks ------------------------------------------------------------------------------------------ */

static void on_message(void *user, const struct commipc_message *message)
{
    take(user, message->data);
}

static void on_call(void *user, struct commipc_call *call)
{
    take(user, commipc_call_data(call));
    commipc_call_reply(call, commipc_call_data(call));
}

static void on_done(void *user, int outcome, const char *text)
{
    struct member *member = user;

    if (outcome) {
        fprintf(stderr, "crowd: client %u: %s\n", member->number, text);
        exit(1);
    }
    member->n_waiting--;
}

static enum ending ending_of(int outcome)
{
    switch (outcome) {
    case COMMIPC_DONE:
        return ENDING_ANSWERED;
    case COMMIPC_E_TIMEOUT:
        return ENDING_TIMED_OUT;
    case COMMIPC_E_DISCONNECTED:
    case COMMIPC_E_NOT_OPEN:
    case COMMIPC_E_NOT_CONNECTED:
        return ENDING_DISCONNECTED;
    default:
        return ENDING_REFUSED;
    }
}

static void note_text(const char *text)
{
    for (int i = 0; i < MAX_TEXTS; i++) {
        if (strncmp(texts[i], text, sizeof texts[i] - 1) == 0)
            return;
        if (texts[i][0] == '\0') {
            snprintf(texts[i], sizeof texts[i], "%s", text);
            return;
        }
    }
}

static void on_answer(void *user, const struct commipc_answer *answer)
{
    struct asked *asked = user;
    struct member *caller = asked->caller;
    enum ending ending = ending_of(answer->outcome);
    uint64_t took_ms = now_ms() - asked->since_ms;

    caller->under_way--;
    caller->ended[ending]++;
    if (took_ms > caller->slowest_ms)
        caller->slowest_ms = took_ms;
    if (ending == ENDING_ANSWERED)
        bit_set(caller->answered, asked->number);
    else if (ending == ENDING_REFUSED)
        note_text(answer->text);
    free(asked);
}

/* --- setting up ----------------------------------------------------------------------------------------- */

static void provide(struct member *member, const char *name)
{
    struct commipc_event event = COMMIPC_EVENT_INIT;

    event.name = name;
    event.is_group = options.service == name;
    event.on_call = on_call;
    event.on_done = on_done;
    event.user = member;
    member->n_waiting++;
    if (commipc_channel_provide(member->channel, &event))
        die("cannot provide");
}

static void join(struct member *member, const char *address, struct commipc_loop *loop)
{
    struct commipc_options wanted = COMMIPC_OPTIONS_INIT;
    char why[COMMIPC_WHY_SIZE];
    char id[32];

    snprintf(id, sizeof id, "crowd-%u", member->number);
    wanted.address = address;
    wanted.client_id = id;
    wanted.loop = loop;
    wanted.reconnect_least_ms = 100;
    wanted.reconnect_most_ms = 400;
    if (commipc_client_new(&member->client, &wanted, why))
        die(why);
    member->n_waiting = 3;
    snprintf(member->topic, sizeof member->topic, "news-%u", member->number);
    snprintf(member->service, sizeof member->service, "work-%u", member->number);
    member->answered = bits_of(KIND_CALL);
    if (commipc_channel_open(member->client, options.channel, NULL, on_done, member, &member->channel) ||
        commipc_channel_on_message(member->channel, "note", on_message, member) ||
        commipc_topic_declare(member->channel, member->topic, (struct commipc_value){0}, on_done, member))
        die("cannot set up a client");
    provide(member, member->service);
    if (options.service)
        provide(member, options.service);
    member->n_waiting--;
}

static void subscribe(struct member *member)
{
    for (unsigned i = 0; i < n_members; i++) {
        if (&members[i] == member)
            continue;
        member->n_waiting++;
        if (commipc_topic_subscribe(member->channel, members[i].topic, on_message, on_done, member))
            die("cannot subscribe");
    }
}

static bool is_set_up(void)
{
    for (unsigned i = 0; i < n_members; i++) {
        if (members[i].n_waiting > 0)
            return false;
    }
    return true;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static struct commipc_value write_message(enum kind kind, const struct member *member)
{
    struct commipc_value value;

    commipc_writer_reset(writer);
    commipc_writer_array(writer, 4);
    commipc_writer_u64(writer, kind);
    commipc_writer_u64(writer, member->number);
    commipc_writer_u64(writer, member->sent[kind]);
    commipc_writer_text_of(writer, padding, options.n_bytes);
    if (commipc_writer_take(writer, &value))
        die("out of memory");
    return value;
}

/* The others' services in turn. */
static const char *service_to_call(const struct member *member)
{
    unsigned own = (unsigned)(member - members);
    unsigned step = n_members > 1 ? 1 + member->sent[KIND_CALL] % (n_members - 1) : 0;

    return options.call ? options.call : members[(own + step) % n_members].service;
}

static int ask(struct member *member, struct commipc_value data)
{
    struct asked *asked;
    int r;

    if (member->under_way >= MAX_CALLS_UNDER_WAY)
        return COMMIPC_E_TOO_MANY;
    asked = malloc(sizeof *asked);
    if (!asked)
        die("out of memory");
    *asked = (struct asked){.caller = member, .number = member->sent[KIND_CALL], .since_ms = now_ms()};
    r = commipc_channel_call(member->channel, service_to_call(member), data, options.deadline_ms, on_answer,
                             asked, NULL);
    if (r)
        free(asked);
    else
        member->under_way++;
    return r;
}

/* Whether it was said; what cannot be said now is said later. */
static bool say(struct member *member, enum kind kind)
{
    struct commipc_value data = write_message(kind, member);
    int r = 0;

    switch (kind) {
    case KIND_BROADCAST:
        r = commipc_channel_broadcast(member->channel, "note", data);
        break;
    case KIND_PUBLISH:
        r = commipc_topic_publish(member->channel, member->topic, data);
        break;
    case KIND_CALL:
        r = ask(member, data);
        break;
    case KIND_COUNT:
        break;
    }
    if (r == 0)
        member->sent[kind]++;
    return r == 0;
}

/* The next operation of whoever is next; false: nobody has anything left that can be said now. */
static bool say_next(void)
{
    static unsigned turn;

    for (unsigned tried = 0; tried < n_members * KIND_COUNT; tried++, turn++) {
        struct member *member = &members[turn / KIND_COUNT % n_members];
        enum kind kind = (enum kind)(turn % KIND_COUNT);

        if (member->sent[kind] < options.wanted[kind] && say(member, kind)) {
            turn++;
            return true;
        }
    }
    return false;
}

/* As much as the rate has room for since the last time, but no burst after a stall. */
static void send_some(void)
{
    static uint64_t last_ms;
    static uint64_t room; /* in thousandths of an operation */
    uint64_t now = now_ms();

    room += last_ms ? (now - last_ms) * options.rate : 0;
    last_ms = now;
    if (room > (uint64_t)options.rate * 100)
        room = (uint64_t)options.rate * 100;
    for (; room >= 1000; room -= 1000) {
        if (!say_next())
            return;
    }
}

/* --- reporting ------------------------------------------------------------------------------------------ */

struct sums {
    uint64_t due, got, twice, overtaken;
};

/* Of everything that members of this crowd sent to others of it. */
static struct sums sum_up(enum kind kind)
{
    struct sums sums = {0};

    for (unsigned to = 0; to < n_members; to++) {
        for (unsigned from = 0; from < n_members; from++) {
            const struct tally *tally = &members[to].tallies[members[from].number][kind];

            sums.got += tally->got;
            sums.twice += tally->twice;
            sums.overtaken += tally->overtaken;
            sums.due += to != from ? members[from].sent[kind] : 0;
        }
    }
    return sums;
}

/* Calls that were answered, but that nobody here carried out; meaningless where others provide. */
static uint64_t count_answered_by_nobody(void)
{
    uint64_t n = 0;

    for (unsigned from = 0; from < n_members; from++) {
        for (uint32_t number = 0; number < members[from].sent[KIND_CALL]; number++) {
            bool is_carried_out = !(members[from].answered[number / 8] & 1U << (number % 8));

            for (unsigned to = 0; to < n_members && !is_carried_out; to++) {
                const uint8_t *seen = members[to].tallies[members[from].number][KIND_CALL].seen;

                is_carried_out = seen && seen[number / 8] & 1U << (number % 8);
            }
            n += !is_carried_out;
        }
    }
    return n;
}

/* Where the losses are: [receiver, sender, lost, first lost number, last lost number] */
static void print_gaps(enum kind kind)
{
    const char *comma = "";

    for (unsigned to = 0; to < n_members; to++) {
        for (unsigned from = 0; from < n_members; from++) {
            const struct tally *tally = &members[to].tallies[members[from].number][kind];
            uint32_t lost = 0, first = 0, last = 0;

            for (uint32_t number = 0; to != from && number < members[from].sent[kind]; number++) {
                if (tally->seen && tally->seen[number / 8] & 1U << (number % 8))
                    continue;
                first = lost++ ? first : number;
                last = number;
            }
            if (lost > 0) {
                printf("%s[%u, %u, %u, %u, %u]", comma, members[to].number, members[from].number, lost, first,
                       last);
                comma = ", ";
            }
        }
    }
}

static void print_kind(enum kind kind)
{
    struct sums sums = sum_up(kind);
    uint64_t sent = 0;

    for (unsigned i = 0; i < n_members; i++)
        sent += members[i].sent[kind];
    printf("\"%s\": {\"sent\": %llu, \"due\": %llu, \"got\": %llu, \"twice\": %llu, \"overtaken\": %llu, "
           "\"gaps\": [",
           kind_names[kind], (unsigned long long)sent, (unsigned long long)sums.due,
           (unsigned long long)sums.got, (unsigned long long)sums.twice, (unsigned long long)sums.overtaken);
    if (kind != KIND_CALL)
        print_gaps(kind);
    printf("]}, ");
}

static void print_endings(void)
{
    uint64_t under_way = 0, slowest_ms = 0;

    for (int ending = 0; ending < ENDING_COUNT; ending++) {
        uint64_t n = 0;

        for (unsigned i = 0; i < n_members; i++)
            n += members[i].ended[ending];
        printf("\"%s\": %llu, ", ending_names[ending], (unsigned long long)n);
    }
    for (unsigned i = 0; i < n_members; i++) {
        under_way += members[i].under_way;
        if (members[i].slowest_ms > slowest_ms)
            slowest_ms = members[i].slowest_ms;
    }
    printf("\"under_way\": %llu, \"slowest_ms\": %llu, ", (unsigned long long)under_way,
           (unsigned long long)slowest_ms);
}

static void print_texts(void)
{
    printf("\"texts\": [");
    for (int i = 0; i < MAX_TEXTS && texts[i][0]; i++) {
        printf(i ? ", \"" : "\"");
        for (const char *c = texts[i]; *c; c++)
            printf(*c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
        printf("\"");
    }
    printf("], ");
}

/* {caller: bits in hexadecimal of its calls that were carried out here} */
static void print_carried_out(void)
{
    const char *comma = "";

    printf("\"carried_out\": {");
    for (unsigned from = 0; from < MAX_MEMBERS && options.service; from++) {
        for (unsigned to = 0; to < n_members; to++) {
            const uint8_t *seen = members[to].tallies[from][KIND_CALL].seen;

            if (!seen)
                continue;
            printf("%s\"%u\": \"", comma, from);
            for (uint32_t i = 0; i < options.wanted[KIND_CALL] / 8 + 1; i++)
                printf("%02x", seen[i]);
            printf("\"");
            comma = ", ";
        }
    }
    printf("}, ");
}

static bool has_all_sent(void)
{
    for (unsigned i = 0; i < n_members; i++) {
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            if (members[i].sent[kind] < options.wanted[kind])
                return false;
        }
    }
    return true;
}

static void report(void)
{
    printf("{");
    for (int kind = 0; kind < KIND_COUNT; kind++)
        print_kind((enum kind)kind);
    print_endings();
    print_texts();
    print_carried_out();
    printf("\"answered_by_nobody\": %llu, \"strange\": %llu, \"has_all_sent\": %s}\n",
           (unsigned long long)(options.call ? 0 : count_answered_by_nobody()), (unsigned long long)n_strange,
           has_all_sent() ? "true" : "false");
    fflush(stdout);
}

/* --- running -------------------------------------------------------------------------------------------- */

static void obey(const char *command)
{
    if (strcmp(command, "go") == 0)
        is_sending = true;
    else if (strcmp(command, "report") == 0)
        report();
    else if (strcmp(command, "stop") == 0)
        is_over = true;
    else
        die("unknown command");
}

static void read_commands(void)
{
    static char line[64];
    static size_t len;
    char c;
    ssize_t n;

    while ((n = read(STDIN_FILENO, &c, 1)) == 1) {
        if (c != '\n' && len < sizeof line - 1) {
            line[len++] = c;
            continue;
        }
        line[len] = '\0';
        len = 0;
        obey(line);
    }
    if (n == 0)
        is_over = true;
}

static void take_option(const char *name, const char *value)
{
    static const struct {
        const char *name;
        uint32_t *number;
        const char **text;
    } rows[] = {
        {"--channel", NULL, &options.channel},
        {"--first", &options.first, NULL},
        {"--rate", &options.rate, NULL},
        {"--broadcasts", &options.wanted[KIND_BROADCAST], NULL},
        {"--publishes", &options.wanted[KIND_PUBLISH], NULL},
        {"--calls", &options.wanted[KIND_CALL], NULL},
        {"--service", NULL, &options.service},
        {"--call", NULL, &options.call},
        {"--deadline", &options.deadline_ms, NULL},
        {"--bytes", &options.n_bytes, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (rows[i].text)
            *rows[i].text = value;
        else
            *rows[i].number = (uint32_t)strtoul(value, NULL, 10);
        return;
    }
    die("unknown option");
}

static void set_up(int argc, char **argv)
{
    struct commipc_loop *loop;
    int i = 1;

    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2)
        take_option(argv[i], argv[i + 1]);
    n_members = (unsigned)(argc - i);
    if (n_members == 0 || options.first + n_members > MAX_MEMBERS)
        die("1 to 32 clients");
    writer = commipc_writer_new();
    padding = malloc(options.n_bytes + 1);
    if (!writer || !padding || commipc_loop_new(&loop))
        die("out of memory");
    memset(padding, 'x', options.n_bytes);
    for (unsigned k = 0; k < n_members; k++) {
        members[k].number = options.first + k;
        join(&members[k], argv[i + (int)k], loop);
    }
    for (unsigned k = 0; k < n_members; k++)
        subscribe(&members[k]);
}

int main(int argc, char **argv)
{
    bool is_ready = false;

    set_up(argc, argv);
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    while (!is_over) {
        if (commipc_turn(members[0].client, TURN_MS) < 0)
            die("the loop failed");
        if (!is_ready && is_set_up()) {
            is_ready = true;
            printf("ready\n");
            fflush(stdout);
        }
        if (is_sending)
            send_some();
        read_commands();
    }
    return 0;
}
