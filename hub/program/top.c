/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * The terminal: raw enough that keys come at once, on its other screen, so that what was there before is
 * there again afterwards. A signal only sets a mark and cuts short what waits; the way out is the same for
 * all ends.
 */
#include "hub/program/top.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/program/api_client.h"
#include "hub/program/top_view.h"

#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define MOST_INTERVAL_S 3600

struct top {
    struct api_client_options api;
    struct api_client *client;
    uint64_t interval_ms;
    bool is_once;
    bool wants_help;
    struct top_sample before;
    struct top_sample now;
    struct termios kept;
    char why[API_CLIENT_WHY_SIZE]; /* the hub cannot be asked; "": it can */
};

static volatile sig_atomic_t ended_by; /* the signal */

static void on_signal(int number)
{
    if (number != SIGWINCH)
        ended_by = number;
}

/* --- asking --------------------------------------------------------------------------------------------- */

static void sample_clear(struct top_sample *sample)
{
    json_decref(sample->hub);
    json_decref(sample->clients);
    json_decref(sample->channels);
    json_decref(sample->links);
    *sample = (struct top_sample){0};
}

/* The JSON of an answer that says yes, or a status and why. */
static int ask(struct top *top, const char *path, json_t **out_json)
{
    struct api_answer answer = {0};
    int r = api_client_ask(top->client, "GET", path, NULL, &answer, top->why);

    if (r == 0 && answer.status == 200 && answer.json) {
        *out_json = json_incref(answer.json);
    } else if (r == 0) {
        const char *detail = json_string_value(json_object_get(answer.json, "detail"));

        snprintf(top->why, sizeof top->why, "%s", "the hub wants a token: see --token-file");
        if (answer.status != 401)
            snprintf(top->why, sizeof top->why, "%s was answered %u: %.300s", path, answer.status,
                     detail ? detail : "");
        r = API_STATUS_FAILED;
    }
    api_client_answer_clear(&answer);
    return r;
}

/* The sample before is kept where this one fails. */
static int take_sample(struct top *top)
{
    struct top_sample sample = {.taken_ms = clock_monotonic_ms()};
    int r;

    *top->why = '\0';
    r = ask(top, "/api/v1/hub", &sample.hub);
    if (r == 0)
        r = ask(top, "/api/v1/clients?limit=1000", &sample.clients);
    if (r == 0)
        r = ask(top, "/api/v1/channels?limit=1000", &sample.channels);
    if (r == 0)
        r = ask(top, "/api/v1/links?limit=1000", &sample.links);
    if (r) {
        sample_clear(&sample);
        return r;
    }
    sample_clear(&top->before);
    top->before = top->now;
    top->now = sample;
    return 0;
}

/* --- showing -------------------------------------------------------------------------------------------- */

static struct top_size screen_size(void)
{
    struct winsize size = {0};

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return (struct top_size){.width = 80, .height = 24};
    return (struct top_size){.width = size.ws_col, .height = size.ws_row};
}

static void put(struct bytes text)
{
    while (text.len > 0) {
        ssize_t n = write(STDOUT_FILENO, text.ptr, text.len);

        if (n <= 0)
            return;
        text = bytes_from(text, (size_t)n);
    }
}

/* Written over what is there, so that nothing flickers. */
static void show(const struct top *top)
{
    cleanup_(buffer_clear) struct buffer text = {0};
    cleanup_(buffer_clear) struct buffer screen = {0};
    struct top_size size = screen_size();
    char shown[API_CLIENT_WHY_SIZE];
    const char *last;

    size.height--; /* the last line says how to end, or what is wrong */
    top_view_write(&top->before, &top->now, size, &text);
    buffer_append_text(&screen, HOME);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            buffer_append_text(&screen, CLEAR_LINE "\n");
        else
            buffer_append(&screen, &text.ptr[i], 1);
    }
    text_escape(bytes_of_text(top->why), shown, sizeof shown);
    last = *shown ? shown : "q: quit";
    buffer_append_text(&screen, CLEAR_BELOW);
    buffer_append(&screen, last, strnlen(last, size.width - 1));
    if (!screen.failed)
        put(buffer_bytes(&screen));
}

static int print_once(struct top *top)
{
    cleanup_(buffer_clear) struct buffer text = {0};
    int r = take_sample(top);

    if (r == 0) {
        poll(NULL, 0, (int)top->interval_ms);
        r = take_sample(top);
    }
    if (r) {
        fprintf(stderr, "commhub top: %s\n", top->why);
        return r;
    }
    top_view_write(&top->before, &top->now, (struct top_size){.width = 120, .height = 60}, &text);
    put(buffer_bytes(&text));
    return text.failed ? API_STATUS_FAILED : API_STATUS_DONE;
}

/* --- the terminal --------------------------------------------------------------------------------------- */

static void take_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH};
    struct sigaction action = {.sa_handler = on_signal}; /* without SA_RESTART: what waits is cut short */

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

static bool enter(struct top *top)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &top->kept) < 0)
        return false;
    raw = top->kept;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    take_signals();
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return false;
    put(BYTES_LITERAL(ENTER_SCREEN));
    return true;
}

static void leave(const struct top *top)
{
    put(BYTES_LITERAL(LEAVE_SCREEN));
    tcsetattr(STDIN_FILENO, TCSANOW, &top->kept);
}

/* Until the next sample is due, the size changes, or a key or signal says that it is enough: then true. */
static bool wait_for_end(uint64_t due_ms)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t now_ms = clock_monotonic_ms();
    char key = 0;
    int n;

    if (ended_by)
        return true;
    n = poll(&input, 1, due_ms > now_ms ? (int)(due_ms - now_ms) : 0);
    if (n > 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q'))
        return true; /* a key, or the terminal has gone */
    return ended_by != 0;
}

static int watch(struct top *top)
{
    uint64_t due_ms = clock_monotonic_ms() + top->interval_ms;
    int r = take_sample(top);

    if (r) {
        fprintf(stderr, "commhub top: %s\n", top->why);
        return r;
    }
    if (!enter(top))
        return print_once(top);
    show(top);
    while (!wait_for_end(due_ms)) {
        if (clock_monotonic_ms() >= due_ms) {
            take_sample(top); /* what is wrong is shown */
            due_ms = clock_monotonic_ms() + top->interval_ms;
        }
        show(top);
    }
    leave(top);
    if (ended_by) {
        signal(ended_by, SIG_DFL);
        raise(ended_by);
    }
    return API_STATUS_DONE;
}

/* --- the command ---------------------------------------------------------------------------------------- */

static bool read_interval(void *context, const char *value)
{
    struct top *top = context;
    uint64_t seconds;

    if (text_to_u64(value, 1, MOST_INTERVAL_S, &seconds) < 0)
        return false;
    top->interval_ms = seconds * 1000;
    return true;
}

static int run(struct top *top)
{
    int r = api_client_new(&top->client, &top->api, top->why);

    if (r) {
        fprintf(stderr, "commhub top: %s\n", top->why);
        return r;
    }
    r = top->is_once || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ? print_once(top) : watch(top);
    sample_clear(&top->before);
    sample_clear(&top->now);
    api_client_free(top->client);
    return r;
}

int top_command(int argc, char **argv)
{
    struct top top = {.interval_ms = 1000};
    const struct option rows[] = {
        API_CLIENT_OPTIONS(&top.api),
        {"--once", .is_given = &top.is_once},
        {"--interval", .read = read_interval, .context = &top},
    };
    int r = api_client_read_arguments("top", rows, sizeof rows / sizeof *rows, argc, argv, &top.wants_help);

    if (r)
        return r;
    if (!top.wants_help)
        return run(&top);
    fputs("Usage: commhub top [--once] [--interval S] [--api URL] [--token-file FILE]\n\n"
          "Shows what a running hub does: rates, and the clients, channels and links with most traffic or "
          "members. q\n"
          "ends it. Of each list it asks for the first 1000.\n\n"
          "  --once             print one table; so it does, too, where there is no terminal\n"
          "  --interval S       seconds between two looks (1)\n" API_CLIENT_HELP
          "\nExit status: 0 done, 1 the hub said no, 2 wrong use, 3 no answer in time, 4 no connection.\n",
          stdout);
    return API_STATUS_DONE;
}
