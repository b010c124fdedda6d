/*
 * Logs in as a program with a window of its own would: password and PIN are there before they are asked for, and no prompter
 * is needed.
 *
 *   cc responder.c $(pkg-config --cflags --libs krb5) -o responder
 *   printf 'PASSWORD\nPIN\n' | ./responder alice
 *
 * It prints each question's challenge, and keeps no ticket. krb5_fido.h tells what challenge and answer look like.
 */
#include <krb5.h>
#include <krb5_fido.h>
#include <stdio.h>
#include <string.h>

/* What the user has typed: a line each, empty for nothing. */
struct typed {
    char password[256];
    char pin[KRB5_FIDO_PIN_MAX + 1];
};

static void read_line(char *line, size_t size)
{
    if (fgets(line, (int)size, stdin) == NULL)
        line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
}

/* Writes {"pin":"..."} with what JSON wants escaped, at most 6 bytes for each of the PIN's. */
static void write_answer(const char *pin, char *answer, size_t size)
{
    size_t length = (size_t)snprintf(answer, size, "{\"pin\":\"");

    for (; *pin != '\0'; pin++) {
        const char *format = (*pin == '"' || *pin == '\\') ? "\\%c" : "%c";
        if ((unsigned char)*pin < 0x20)
            format = "\\u%04x";
        length += (size_t)snprintf(answer + length, size - length, format, *pin);
    }
    snprintf(answer + length, size - length, "\"}");
}

static krb5_error_code answer_questions(krb5_context context, void *data, krb5_responder_context questions)
{
    const char *const *names = krb5_responder_list_questions(context, questions);
    struct typed *typed = data;
    char answer[sizeof("{\"pin\":\"\"}") + 6 * KRB5_FIDO_PIN_MAX];
    krb5_error_code code = 0;

    for (; code == 0 && names != NULL && *names != NULL; names++) {
        const char *challenge = krb5_responder_get_challenge(context, questions, *names);
        printf("%s: %s\n", *names, challenge != NULL ? challenge : "");
        if (strcmp(*names, KRB5_RESPONDER_QUESTION_PASSWORD) == 0) {
            code = krb5_responder_set_answer(context, questions, *names, typed->password);
        } else if (strcmp(*names, KRB5_FIDO_QUESTION) == 0 && typed->pin[0] != '\0') {
            write_answer(typed->pin, answer, sizeof(answer));
            code = krb5_responder_set_answer(context, questions, *names, answer);
            explicit_bzero(answer, sizeof(answer));
        }
    }
    return code;
}

static krb5_error_code log_in(krb5_context context, const char *name, struct typed *typed)
{
    krb5_get_init_creds_opt *options = NULL;
    krb5_principal client = NULL;
    krb5_creds creds = { 0 };
    krb5_error_code code;

    code = krb5_parse_name(context, name, &client);
    if (code == 0)
        code = krb5_get_init_creds_opt_alloc(context, &options);
    if (code == 0)
        code = krb5_get_init_creds_opt_set_responder(context, options, answer_questions, typed);
    if (code == 0)
        code = krb5_get_init_creds_password(context, &creds, client, NULL, NULL, NULL, 0, NULL, options);
    if (code == 0)
        printf("There is a ticket%s.\n", (creds.ticket_flags & TKT_FLG_HW_AUTH) ? ", and the key counted" : "");
    krb5_free_cred_contents(context, &creds);
    krb5_get_init_creds_opt_free(context, options);
    krb5_free_principal(context, client);
    return code;
}

int main(int argc, char **argv)
{
    struct typed typed;
    krb5_context context;
    krb5_error_code code;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PRINCIPAL\n", argv[0]);
        return 2;
    }
    read_line(typed.password, sizeof(typed.password));
    read_line(typed.pin, sizeof(typed.pin));
    code = krb5_init_context(&context);
    if (code != 0) {
        fprintf(stderr, "%s: no Kerberos: %d\n", argv[0], (int)code);
        return 1;
    }
    code = log_in(context, argv[1], &typed);
    explicit_bzero(&typed, sizeof(typed));
    if (code != 0) {
        const char *message = krb5_get_error_message(context, code);
        fprintf(stderr, "%s: %s\n", argv[0], message);
        krb5_free_error_message(context, message);
    }
    krb5_free_context(context);
    return code != 0;
}
