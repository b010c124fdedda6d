/*
 * krb5_fido.h: for programs that log in with libkrb5 and want to ask their user for a security key themselves.
 *
 * A program that sets a responder (krb5_get_init_creds_opt_set_responder) is asked the question KRB5_FIDO_QUESTION before
 * the client module asks anything of the user. Without a responder, or without an answer, the module uses the prompter.
 * Nothing here needs to be linked: the question and its answer are JSON texts (RFC 8259, UTF-8) that pass through
 * krb5_responder_get_challenge and krb5_responder_set_answer. docs/examples/responder.c is a whole program.
 *
 * THE CHALLENGE is one object:
 *
 *   {"version": 1,
 *    "realm": "EXAMPLE.COM",
 *    "principal": "alice@EXAMPLE.COM",
 *    "factors": ["fido", "none"],
 *    "devices": [{"path": "/dev/hidraw0", "product": "YubiKey 5 NFC",
 *                 "pin": true, "pin_retries": 8, "builtin_uv": false}]}
 *
 *   version      KRB5_FIDO_QUESTION_VERSION. It changes only if an answer to an older version would be misunderstood; members
 *                may be added without.
 *   principal    as krb5_unparse_name prints it.
 *   factors      what the answer may choose: "fido", password and key; "none", the password alone.
 *   devices      the attached keys, perhaps none. Texts in it come from the keys and are not to be trusted.
 *     path       the key's device file, or "unix:" and the path of its socket.
 *     product    its product name; empty where only the configuration names the key.
 *     pin        whether a PIN is set.
 *     pin_retries  how many wrong PINs it still takes, if a PIN is set and the key tells.
 *     builtin_uv whether it knows its user by fingerprint or the like. It then asks for a PIN only if that fails.
 *
 * THE ANSWER is one object. All members are optional, null stands for an absent one, others are passed over:
 *
 *   {"device": "/dev/hidraw0", "pin": "1234", "factor": "fido"}
 *
 *   device       the only key to use: a path of the challenge, or any value of fido_device in krb5.conf.
 *   pin          1 to 63 bytes. It is used if the key, the KDC or the credential wants one, and only then. If it is wrong the
 *                prompter asks for another; a program without one gets an error that tells how many attempts are left.
 *   factor       one of the challenge's.
 *
 * An answer of another form ends the login.
 *
 * WHEN IT IS ASKED. After the KDC has proved that it knows the password, with the states of the keys ("pin" and so on). Before
 * that, without the states, since no key is opened for a KDC that has proved nothing: if the KDC leaves it to the client
 * whether to use a key ("factors" has both), and if it sends the factor's challenge in the clear. What is answered there
 * holds for the rest of the login, unless a later answer says otherwise; only the later question is asked with the states. The
 * question "password" (KRB5_RESPONDER_QUESTION_PASSWORD) is asked along with the first.
 *
 * Answers hold secrets: wipe yours once krb5_responder_set_answer has copied it.
 */
#ifndef KRB5_FIDO_H
#define KRB5_FIDO_H

/* The name of the question. */
#define KRB5_FIDO_QUESTION "fido"

/* The version that this header describes. */
#define KRB5_FIDO_QUESTION_VERSION 1

/* The longest PIN, in bytes. */
#define KRB5_FIDO_PIN_MAX 63

/* Options for krb5_get_init_creds_opt_set_pa, as for kinit -X. Both win over krb5.conf. */
#define KRB5_FIDO_ATTR_DEVICE "fido_device"   /* a device path, "unix:PATH", "auto" or "none" */
#define KRB5_FIDO_ATTR_TIMEOUT "fido_timeout" /* how long to wait for a key and a touch, such as "60s" */

#endif /* KRB5_FIDO_H */
