/* SPDX-License-Identifier: LGPL-3.0-or-later */
/*
 * commhub: one program, a subcommand for each job
 */
#include <stdio.h>
#include <string.h>

#include "hub/base/text.h"
#include "hub/bench/bench.h"
#include "hub/program/bridge_run.h"
#include "hub/program/admin_commands.h"
#include "hub/program/care_commands.h"
#include "hub/program/client_commands.h"
#include "hub/program/doctor.h"
#include "hub/program/mesh_commands.h"
#include "hub/program/operator_commands.h"
#include "hub/program/serve.h"
#include "hub/program/tail.h"
#include "hub/program/top.h"

enum { EXIT_USAGE = 2 };

/* Runs, or only shows, what was read into @options; @r is the outcome of reading. */
static int serve_as_read(struct serve_options *options, int r, const char *why)
{
    int status = 0;

    if (r == SERVE_OPTIONS_E_USAGE) {
        fprintf(stderr, "commhub: %s\n", why);
        status = EXIT_USAGE;
    } else if (r == 0 && options->is_print_only) {
        status = serve_options_print(options, stdout) < 0;
    } else if (r == 0) {
        status = serve_run(options);
    }
    serve_options_clear(options);
    return status;
}

static int run_serve(int argc, char **argv)
{
    struct serve_options options;
    char why[SERVE_WHY_SIZE];
    int r = serve_options_read(argc, argv, &options, why);

    if (r != SERVE_OPTIONS_E_DONE)
        serve_options_warn_of_environment();
    return serve_as_read(&options, r, why);
}

static int run_server(int argc, char **argv)
{
    struct serve_options options;
    char why[SERVE_WHY_SIZE];
    int r = serve_options_read_original(argc, argv, &options, why);

    return serve_as_read(&options, r, why);
}

static char bench_name[] = "commhub bench";

/* The load generator reads its arguments as a program does, its name first. */
static int run_bench(int argc, char **argv)
{
    argv[-1] = bench_name;
    return bench_main(argc + 1, argv - 1);
}

/* Of one noun, half is for a hub that runs. */
static int run_audit(int argc, char **argv)
{
    return argc > 0 && strcmp(argv[0], "list") == 0 ? operator_commands_audit(argc, argv)
                                                    : admin_commands_audit(argc, argv);
}

static int print_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("commhub " COMMHUB_VERSION);
    return 0;
}

static int print_help(int argc, char **argv);
static int print_completion(int argc, char **argv);

/* @argc and @argv of run() begin behind the subcommand. */
static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", run_serve, "run a hub"},
    {"server", run_server, "run a hub with the original command's flags"},
    {"call", client_commands_call, "call an event"},
    {"stream", client_commands_stream, "call an event that streams, print what comes"},
    {"send", client_commands_send, "send to one provider of an event"},
    {"broadcast", client_commands_broadcast, "send to all members of a channel"},
    {"publish", client_commands_publish, "publish on a topic"},
    {"subscribe", client_commands_subscribe, "print what is published on a topic"},
    {"explore", client_commands_explore, "print what a channel offers"},
    {"members", client_commands_members, "print who is in a channel"},
    {"bridge", operator_commands_bridge, "see and change bridges"},
    {"link", operator_commands_link, "see the links to other hubs"},
    {"channel", operator_commands_channel, "see channels, give them passwords"},
    {"client", operator_commands_client, "see who is connected"},
    {"user", operator_commands_user, "see and change users"},
    {"token", operator_commands_token, "make and withdraw tokens"},
    {"top", top_command, "show what a running hub does, over and over"},
    {"tail", tail_command, "print the hub's records as they come"},
    {"export", operator_commands_export, "print bridges and protected channels as one document"},
    {"diff", operator_commands_diff, "say what a document would change"},
    {"apply", operator_commands_apply, "take in a document, whole or not at all"},
    {"why", mesh_commands_why, "explain where messages go in the mesh"},
    {"bridge-run", bridge_run_command, "join two hubs of the protocol"},
    {"admin", admin_commands_admin, "make administrators and set passwords while the hub is down"},
    {"audit", run_audit, "list the audit log, or verify it while the hub is down"},
    {"trace", mesh_commands_trace, "follow a call through the mesh without carrying it out"},
    {"backup", care_commands_backup, "copy a running hub's store to a file"},
    {"support-bundle", care_commands_support_bundle, "put what helpers have to see into one file"},
    {"restore", care_commands_restore, "put such a copy back while the hub is down"},
    {"health", care_commands_health, "ask whether a hub takes connections"},
    {"doctor", doctor_command, "check a running hub and where it runs, and say what to do"},
    {"bench", run_bench, "load a hub and measure it"},
    {"completion", print_completion, "print the shell's completion: commhub completion bash"},
    {"version", print_version, "print the version"},
    {"--version", print_version, NULL},
    {"help", print_help, "print this"},
    {"--help", print_help, NULL},
    {"-h", print_help, NULL},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void write_help(FILE *out)
{
    fputs("commhub " COMMHUB_VERSION
          " - a messaging hub for the CommIPC protocol\n\nUsage: commhub COMMAND ...\n\n",
          out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].help)
            fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\ncommhub COMMAND --help tells more.\n", out);
}

static int print_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    write_help(stdout);
    return 0;
}

static int print_completion(int argc, char **argv)
{
    if (argc != 1 || strcmp(argv[0], "bash") != 0) {
        fputs("Usage: commhub completion bash\n\nSource what it prints: . <(commhub completion bash)\n",
              stderr);
        return EXIT_USAGE;
    }
    fputs("_commhub() {\n    local words=\n    case ${COMP_WORDS[1]} in\n", stdout);
    operator_commands_complete(stdout);
    fputs("    esac\n    if [ \"$COMP_CWORD\" -eq 1 ]; then words='", stdout);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (commands[i].help)
            printf("%s%s", i ? " " : "", commands[i].name);
    fputs("'; fi\n"
          "    if [ \"$COMP_CWORD\" -gt 2 ]; then words=; fi\n"
          "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
          "}\n"
          "complete -o default -F _commhub commhub\n",
          stdout);
    return 0;
}

int main(int argc, char **argv)
{
    char shown[64];

    if (argc < 2) {
        write_help(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    text_escape(bytes_of_text(argv[1]), shown, sizeof shown);
    fprintf(stderr, "commhub: unknown command %s: see commhub --help\n", shown);
    return EXIT_USAGE;
}
