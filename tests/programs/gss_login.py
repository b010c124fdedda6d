"""Gets credentials by a password alone, as a program does that nobody watches: gss_login.py PRINCIPAL PASSWORD CACHE"""

import sys

import gssapi

principal, password, cache = sys.argv[1:]
name = gssapi.Name(principal, gssapi.NameType.kerberos_principal)
try:
    acquired = gssapi.raw.acquire_cred_with_password(name, password.encode(), usage="initiate")
    gssapi.Credentials(acquired.creds).store({b"ccache": cache.encode()}, usage="initiate", overwrite=True)
except gssapi.exceptions.GSSError as error:
    reasons = error.get_all_statuses(error.min_code, False)
    sys.exit(f"{principal}: {', '.join(reasons)}")
