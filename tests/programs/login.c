/*
 * Logs principals in, as programs with habits of their own do, and tells what they notice of it:
 *
 *     login HABIT PASSWORD PRINCIPAL[,DEVICE]...
 *
 *     plain     one after the other, in one context
 *     ignore    the same, with SIGCHLD ignored
 *     reap      the same, with a handler for SIGCHLD that takes every child
 *     fork      the first; then, in the same context, the first in this process and the second in a child
 *     threads   all at once, each in a thread and a context of its own
 *
 * A line says what each principal was shown and got, the last ones what is not as it was before.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <krb5.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct login {
    char *principal;
    /* NULL for that of krb5.conf. */
    char *device;
    pthread_t thread;
};

static const char *password;
static volatile sig_atomic_t signalled;

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* In one piece, whoever else writes. */
static void say(const char *format, ...)
{
    char line[1024];
    va_list values;

    va_start(values, format);
    vsnprintf(line, sizeof(line), format, values);
    va_end(values);
    fputs(line, stdout);
    fflush(stdout);
}

static krb5_error_code show(krb5_context context, void *data, const char *name, const char *banner, int count,
                            krb5_prompt prompts[])
{
    (void)context, (void)name, (void)prompts;
    if (banner != NULL)
        say("%s: %s\n", ((struct login *)data)->principal, banner);
    return count == 0 ? 0 : KRB5_LIBOS_CANTREADPWD;
}

static krb5_error_code get_ticket(krb5_context context, struct login *login, krb5_creds *credentials)
{
    krb5_get_init_creds_opt *options = NULL;
    krb5_principal principal = NULL;
    krb5_error_code code;

    code = krb5_parse_name(context, login->principal, &principal);
    if (code == 0)
        code = krb5_get_init_creds_opt_alloc(context, &options);
    if (code == 0 && login->device != NULL)
        code = krb5_get_init_creds_opt_set_pa(context, options, "fido_device", login->device);
    if (code == 0)
        code = krb5_get_init_creds_password(context, credentials, principal, password, show, login, 0, NULL, options);
    krb5_get_init_creds_opt_free(context, options);
    krb5_free_principal(context, principal);
    return code;
}

static void log_in(krb5_context context, struct login *login)
{
    krb5_creds credentials;
    const char *message;
    krb5_error_code code;

    memset(&credentials, 0, sizeof(credentials));
    code = get_ticket(context, login, &credentials);
    if (code == 0) {
        say("%s: ticket %s a key\n", login->principal,
            credentials.ticket_flags & TKT_FLG_HW_AUTH ? "with" : "without");
        krb5_free_cred_contents(context, &credentials);
    } else {
        message = krb5_get_error_message(context, code);
        say("%s: %s\n", login->principal, message);
        krb5_free_error_message(context, message);
    }
}

static krb5_context make_context(void)
{
    krb5_context context;

    if (krb5_init_context(&context) != 0)
        die("krb5_init_context");
    return context;
}

/* What a program would notice. */
struct state {
    int descriptors, threads;
    sigset_t mask;
    struct sigaction actions[NSIG];
};

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    if (directory == NULL)
        die(path);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void read_state(struct state *state)
{
    memset(state, 0, sizeof(*state));
    state->descriptors = count_entries("/proc/self/fd");
    state->threads = count_entries("/proc/self/task");
    sigprocmask(SIG_BLOCK, NULL, &state->mask);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, NULL, &state->actions[number]);
}

/* No mask beyond the signals that there are: glibc leaves the rest of a set as it is. */
static int differ(const sigset_t *one, const sigset_t *other)
{
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(one, number) != sigismember(other, number))
            return 1;
    }
    return 0;
}

static int act_differently(const struct sigaction *one, const struct sigaction *other)
{
    return one->sa_handler != other->sa_handler || one->sa_flags != other->sa_flags ||
           differ(&one->sa_mask, &other->sa_mask);
}

static void compare(const struct state *before)
{
    struct state after;

    read_state(&after);
    if (after.descriptors != before->descriptors)
        say("descriptors: %d more\n", after.descriptors - before->descriptors);
    if (after.threads != before->threads)
        say("threads: %d more\n", after.threads - before->threads);
    if (differ(&after.mask, &before->mask))
        say("another signal mask\n");
    for (int number = 1; number < NSIG; number++) {
        if (act_differently(&after.actions[number], &before->actions[number]))
            say("another action for signal %d\n", number);
    }
    if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
        say("a child is left\n");
}

static void log_in_one_by_one(struct login *logins, int count)
{
    krb5_context context = make_context();
    struct state before;

    for (int i = 0; i < count; i++) {
        read_state(&before);
        log_in(context, &logins[i]);
        compare(&before);
    }
    krb5_free_context(context);
}

static void take_children(int number)
{
    int error = errno;

    signalled = number;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    errno = error;
}

static void take_children_in(void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    if (sigaction(SIGCHLD, &action, NULL) != 0)
        die("sigaction");
}

static void log_in_forked(struct login *logins)
{
    krb5_context context = make_context();
    struct state before;
    pid_t child;
    int status;

    log_in(context, &logins[0]);
    read_state(&before);
    child = fork();
    if (child < 0)
        die("fork");
    log_in(context, &logins[child == 0]);
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        die("waitpid");
    compare(&before);
    krb5_free_context(context);
}

static void *log_in_alone(void *data)
{
    krb5_context context = make_context();

    log_in(context, data);
    krb5_free_context(context);
    return NULL;
}

static void log_in_at_once(struct login *logins, int count)
{
    struct state before;

    read_state(&before);
    for (int i = 0; i < count; i++) {
        if (pthread_create(&logins[i].thread, NULL, log_in_alone, &logins[i]) != 0)
            die("pthread_create");
    }
    for (int i = 0; i < count; i++)
        pthread_join(logins[i].thread, NULL);
    compare(&before);
}

int main(int argc, char *argv[])
{
    int count = argc - 3;
    struct login *logins;

    if (count < 1 || (logins = calloc(count, sizeof(*logins))) == NULL)
        return 2;
    password = argv[2];
    for (int i = 0; i < count; i++) {
        logins[i].device = argv[i + 3];
        logins[i].principal = strsep(&logins[i].device, ",");
    }
    if (strcmp(argv[1], "plain") == 0) {
        log_in_one_by_one(logins, count);
    } else if (strcmp(argv[1], "ignore") == 0) {
        take_children_in(SIG_IGN);
        log_in_one_by_one(logins, count);
    } else if (strcmp(argv[1], "reap") == 0) {
        take_children_in(take_children);
        log_in_one_by_one(logins, count);
        say(signalled == SIGCHLD ? "a child came and went\n" : "no child came\n");
    } else if (strcmp(argv[1], "fork") == 0 && count == 2) {
        log_in_forked(logins);
    } else if (strcmp(argv[1], "threads") == 0) {
        log_in_at_once(logins, count);
    } else {
        return 2;
    }
    free(logins);
    return 0;
}
