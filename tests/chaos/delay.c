/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * A wire with a delay: one TAP device in each of two network namespaces, frames carried from one to the other
 *
 *     delay NAMESPACE DEVICE NAMESPACE DEVICE MS
 *
 * For kernels without netem. It prints "ready" when both devices are there; they go with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 2048
#define MAX_FRAMES 16384 /* under way in one direction; what comes above is lost, as on a real wire */

struct under_way {
    uint64_t due_us;
    size_t len;
    uint8_t bytes[FRAME_BYTES];
};

struct direction {
    int from, to;
    struct under_way *frames; /* a ring */
    unsigned first, n;
};

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int open_tap(const char *name_space, const char *device)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    char path[128];
    int place, tap;

    snprintf(path, sizeof path, "/run/netns/%s", name_space);
    place = open(path, O_RDONLY | O_CLOEXEC);
    if (place < 0 || setns(place, CLONE_NEWNET) < 0)
        die(path);
    close(place);
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0)
        die("/dev/net/tun");
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", device);
    if (ioctl(tap, TUNSETIFF, &request) < 0)
        die(device);
    return tap;
}

static void take_in(struct direction *direction, uint64_t delay_us)
{
    for (;;) {
        struct under_way *frame = &direction->frames[(direction->first + direction->n) % MAX_FRAMES];
        uint8_t lost[FRAME_BYTES];
        bool has_room = direction->n < MAX_FRAMES;
        ssize_t len = read(direction->from, has_room ? frame->bytes : lost, FRAME_BYTES);

        if (len <= 0)
            return;
        if (!has_room)
            continue;
        frame->len = (size_t)len;
        frame->due_us = now_us() + delay_us;
        direction->n++;
    }
}

/* Milliseconds to the next frame that is due; -1: none is under way. */
static int let_out(struct direction *direction)
{
    while (direction->n > 0) {
        struct under_way *frame = &direction->frames[direction->first];
        uint64_t now = now_us();

        if (frame->due_us > now)
            return (int)((frame->due_us - now + 999) / 1000);
        if (write(direction->to, frame->bytes, frame->len) < 0 && errno != EIO && errno != EAGAIN)
            die("write");
        direction->first = (direction->first + 1) % MAX_FRAMES;
        direction->n--;
    }
    return -1;
}

static void carry(struct direction *there, struct direction *back, uint64_t delay_us)
{
    struct pollfd ends[2] = {{.fd = there->from, .events = POLLIN}, {.fd = back->from, .events = POLLIN}};

    for (;;) {
        int wait_there = let_out(there);
        int wait_back = let_out(back);
        int wait_ms = wait_there < 0 || (wait_back >= 0 && wait_back < wait_there) ? wait_back : wait_there;

        if (poll(ends, 2, wait_ms) < 0)
            die("poll");
        take_in(there, delay_us);
        take_in(back, delay_us);
    }
}

int main(int argc, char **argv)
{
    struct direction there, back;

    if (argc != 6)
        die("usage: delay NAMESPACE DEVICE NAMESPACE DEVICE MS");
    there = (struct direction){.from = open_tap(argv[1], argv[2]), .to = open_tap(argv[3], argv[4])};
    back = (struct direction){.from = there.to, .to = there.from};
    there.frames = calloc(MAX_FRAMES, sizeof *there.frames);
    back.frames = calloc(MAX_FRAMES, sizeof *back.frames);
    if (!there.frames || !back.frames)
        die("memory");
    printf("ready\n");
    fflush(stdout);
    carry(&there, &back, strtoull(argv[5], NULL, 10) * 1000);
}
