/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A service on libcommipc: answers `echo`, streams `count`, until it is interrupted
 *
 *     commipc_example ADDRESS CHANNEL [PASSWORD_VARIABLE]
 *
 * The password is in the environment variable that is named. The guide docs/client.md explains it.
 */
#include <commipc.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct commipc_client *client;

static void on_signal(int number)
{
    (void)number;
    commipc_stop(client);
}

static void on_state(void *user, enum commipc_state state, const char *detail)
{
    (void)user;
    fprintf(stderr, "state %d %s\n", (int)state, detail);
}

static void on_error(void *user, const char *text)
{
    (void)user;
    fprintf(stderr, "error: %s\n", text);
}

static void on_done(void *user, int outcome, const char *text)
{
    if (outcome)
        fprintf(stderr, "%s: %s\n", (const char *)user, text);
    else
        printf("ready %s\n", (const char *)user);
    fflush(stdout);
}

static void echo(void *user, struct commipc_call *call)
{
    (void)user;
    commipc_call_reply(call, commipc_call_data(call));
}

/* Called with {"n": 3}: streams 0, 1, 2. */
static void count(void *user, struct commipc_call *call)
{
    struct commipc_writer *writer = commipc_writer_new();
    struct commipc_value value;
    uint64_t n = 0;
    int r = 0;

    (void)user;
    if (commipc_value_get(commipc_call_data(call), "n", &value) != 0 || commipc_value_u64(value, &n) != 0) {
        commipc_call_fail(call, "n is missing or no number");
        commipc_writer_free(writer);
        return;
    }
    for (uint64_t i = 0; i < n && r == 0; i++) {
        commipc_writer_reset(writer);
        commipc_writer_u64(writer, i);
        r = commipc_writer_take(writer, &value);
        if (r == 0)
            r = commipc_call_chunk(call, value);
    }
    if (r)
        commipc_call_fail(call, commipc_outcome_text(r));
    else
        commipc_call_end(call);
    commipc_writer_free(writer);
}

static int provide(struct commipc_channel *channel)
{
    static char echo_name[] = "echo";
    static char count_name[] = "count";
    struct commipc_event event = COMMIPC_EVENT_INIT;
    int r;

    event.name = echo_name;
    event.on_call = echo;
    event.on_done = on_done;
    event.user = echo_name;
    r = commipc_channel_provide(channel, &event);
    event.name = count_name;
    event.is_stream = true;
    event.on_call = count;
    event.user = count_name;
    return r ? r : commipc_channel_provide(channel, &event);
}

int main(int argc, char **argv)
{
    struct commipc_options options = COMMIPC_OPTIONS_INIT;
    struct commipc_channel *channel;
    char why[COMMIPC_WHY_SIZE];
    int r;

    if (argc < 3) {
        fprintf(stderr, "usage: %s ADDRESS CHANNEL [PASSWORD_VARIABLE]\n", argv[0]);
        return 2;
    }
    options.address = argv[1];
    options.on_state = on_state;
    options.on_error = on_error;
    if (commipc_client_new(&client, &options, why) < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    r = commipc_channel_open(client, argv[2], argc > 3 ? getenv(argv[3]) : NULL, on_done, argv[2], &channel);
    if (r == 0)
        r = provide(channel);
    if (r == 0)
        r = commipc_run(client);
    if (r)
        fprintf(stderr, "%s\n", commipc_outcome_text(r));
    commipc_client_free(client);
    return r ? 1 : 0;
}
