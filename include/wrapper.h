/* Everything of MIT krb5 that the rooms of this project use, bound at build time. */
#include <krb5/krb5.h>
#include <krb5/clpreauth_plugin.h>
#include <krb5/kdcpreauth_plugin.h>
#include <krb5/kdcpolicy_plugin.h>
#include <krb5/kadm5_auth_plugin.h>
#include <kdb.h>
#include <profile.h>
#include <kadm5/admin.h>
