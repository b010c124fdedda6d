/*
 * answering PRINCIPAL [ANSWER...]: logs in with the password on standard input, and answers the question "fido" with the
 * first ANSWER, then with the next; an empty one stands for no answer. There is no prompter.
 */
#include <krb5.h>
#include <krb5_fido.h>
#include <stdio.h>
#include <string.h>

static char password[256];

static krb5_error_code answer_questions(krb5_context context, void *data, krb5_responder_context questions)
{
    char ***answers = data;
    const char *challenge = krb5_responder_get_challenge(context, questions, KRB5_FIDO_QUESTION);

    /* Asked for once: ENOENT later. */
    (void)krb5_responder_set_answer(context, questions, KRB5_RESPONDER_QUESTION_PASSWORD, password);
    if (challenge == NULL)
        return 0;
    printf("%s\n", challenge);
    if (**answers == NULL)
        return 0;
    if (***answers == '\0')
        return (*answers)++, 0;
    return krb5_responder_set_answer(context, questions, KRB5_FIDO_QUESTION, *(*answers)++);
}

int main(int argc, char **argv)
{
    krb5_get_init_creds_opt *options;
    krb5_context context;
    krb5_principal client;
    krb5_creds creds = { 0 };
    krb5_error_code code;
    char **answers = argv + 2;

    if (argc < 2 || fgets(password, sizeof(password), stdin) == NULL)
        return 2;
    password[strcspn(password, "\n")] = '\0';
    if (krb5_init_context(&context) != 0 || krb5_parse_name(context, argv[1], &client) != 0 ||
        krb5_get_init_creds_opt_alloc(context, &options) != 0 ||
        krb5_get_init_creds_opt_set_responder(context, options, answer_questions, &answers) != 0)
        return 2;
    code = krb5_get_init_creds_password(context, &creds, client, NULL, NULL, NULL, 0, NULL, options);
    if (code == 0) {
        printf("%s\n", (creds.ticket_flags & TKT_FLG_HW_AUTH) ? "ticket with the key" : "ticket");
    } else {
        const char *message = krb5_get_error_message(context, code);
        fprintf(stderr, "%s\n", message);
        krb5_free_error_message(context, message);
    }
    krb5_free_cred_contents(context, &creds);
    krb5_get_init_creds_opt_free(context, options);
    krb5_free_principal(context, client);
    krb5_free_context(context);
    return code != 0;
}
