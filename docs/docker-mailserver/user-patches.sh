#!/bin/bash
# docker-data/dms/config/user-patches.sh: the internal port, for forwards and replies between your own mailboxes.
# It hands over to Dovecot at once, so transport_maps cannot send such mail back out to SES. Do not publish it.
# `-o transport_maps=` would not do: mail is routed long after the port has taken it.
set -eu

postconf -M '2525/inet=2525 inet n - n - - smtpd'
postconf -P '2525/inet/syslog_name=postfix/internal'
postconf -P '2525/inet/content_filter=lmtp:unix:/var/run/dovecot/lmtp'
postconf -P '2525/inet/smtpd_tls_security_level=none'
postconf -P '2525/inet/smtpd_sasl_auth_enable=no'
postconf -P '2525/inet/smtpd_client_restrictions=permit_mynetworks,reject'
postconf -P '2525/inet/smtpd_relay_restrictions=permit_mynetworks,reject'
postconf -P '2525/inet/smtpd_recipient_restrictions=reject_unauth_destination'
postconf -P '2525/inet/smtpd_error_sleep_time=0'
postconf -P '2525/inet/smtpd_hard_error_limit=100'
postconf -P '2525/inet/smtpd_client_connection_rate_limit=0'

# With postscreen in front of port 25, the service that takes the mail is smtpd/pass: it needs the values of postfix-master.cf too.
if postconf -M smtpd/pass 2>/dev/null | grep -q .; then
  for value in smtpd_error_sleep_time=0 smtpd_hard_error_limit=100 smtpd_client_connection_rate_limit=0; do
    postconf -P "smtpd/pass/$value"
  done
fi
