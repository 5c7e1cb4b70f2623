// Postfix's configuration for the tests: the ordinary port, which obeys transport_maps, and the internal one, which passes
// them by. Nothing leaves the host: mail for other domains is discarded.

export type PostfixOptions = Readonly<{
  ports: Readonly<{ smtp: number; internal: number; lmtp: number; policy: number | null }>;
  domains: readonly string[];
  /** Lines for main.cf that come last. */
  main: readonly string[];
  /** Certificate and key for STARTTLS, in one file. */
  certificate: string | null;
  /** Dovecot's socket for SASL. */
  auth: string;
}>;

export function mainCf(folder: string, { ports, domains, main, certificate, auth }: PostfixOptions): string {
  const policy = ports.policy === null ? "" : `check_policy_service inet:127.0.0.1:${ports.policy}, `;
  return `
compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${folder}/postfix.log
maillog_file_prefixes = /var, /tmp, ${folder}
myhostname = mail.example.com
mydestination = localhost
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtp_host_lookup = native
virtual_mailbox_domains = ${domains.join(", ")}
virtual_mailbox_maps = texthash:${folder}/vmailbox
virtual_transport = lmtp:inet:127.0.0.1:${ports.lmtp}
transport_maps = texthash:${folder}/transport
default_transport = discard:nothing leaves the tests
relay_transport = discard:nothing leaves the tests
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = reject_unlisted_recipient, ${policy}permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
message_size_limit = 52428800
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${auth}
smtpd_sasl_auth_enable = yes
${certificate === null ? "" : `smtpd_tls_security_level = may\nsmtpd_tls_chain_files = ${certificate}`}
biff = no
alias_maps =
alias_database =
minimal_backoff_time = 2s
queue_run_delay = 2s
maximal_backoff_time = 5s
recipient_delimiter = +
smtputf8_enable = yes
${main.join("\n")}
`;
}

export function masterCf({ ports }: PostfixOptions): string {
  return `
127.0.0.1:${ports.smtp} inet n - n - - smtpd -o syslog_name=postfix/ordinary
127.0.0.1:${ports.internal} inet n - n - - smtpd -o syslog_name=postfix/internal -o content_filter=lmtp:inet:127.0.0.1:${ports.lmtp}
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 5 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
local     unix  - n n - - local
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
`;
}
