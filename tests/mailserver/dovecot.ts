// Dovecot's configuration for the tests: LMTP and IMAP on the loopback, virtual users in a file, quota, sieve. Where it
// answers 552 on its first address it answers 452 on the second, as quota_full_tempfail would have it.

/** A mailbox and what is special about it. */
export type Mailbox = Readonly<{ address: string; extra?: string }>;

export const password = "secret";

/** The users' file: everybody has the same password. */
export function usersFile(mailboxes: readonly Mailbox[]): string {
  return mailboxes.map(({ address, extra = "" }) => `${address}:{PLAIN}${password}::::::${extra}\n`).join("");
}

export type DovecotPorts = Readonly<{ lmtp: number; imap: number; auth: string }>;

/** `folder` holds everything; `owner` is the system user who owns the mailboxes. */
export function dovecotConf(folder: string, ports: DovecotPorts, owner: Readonly<{ uid: number; gid: number; name: string }>): string {
  return `
base_dir = ${folder}/run
state_dir = ${folder}/run-state
log_path = ${folder}/dovecot.log
protocols = lmtp imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 1
first_valid_gid = 1
default_internal_user = dovecot
mail_location = maildir:~/Maildir
mail_plugins = quota
recipient_delimiter = +
mail_fsync = never
mail_max_userip_connections = 200
passdb {
  driver = passwd-file
  args = username_format=%Lu ${folder}/users
}
userdb {
  driver = passwd-file
  args = username_format=%Lu ${folder}/users
  default_fields = uid=${owner.uid} gid=${owner.gid} home=${folder}/mail/%Ld/%Ln
}
namespace inbox {
  inbox = yes
  separator = /
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=1G
  quota_grace = 0
  sieve = file:~/sieve;active=~/.dovecot.sieve
}
protocol lmtp {
  mail_plugins = quota sieve
  postmaster_address = postmaster@example.com
}
lmtp_rcpt_check_quota = yes
local 127.0.0.1 {
  protocol lmtp {
    quota_full_tempfail = no
  }
}
local 127.0.0.2 {
  protocol lmtp {
    quota_full_tempfail = yes
  }
}
service lmtp {
  user = ${owner.name}
  client_limit = 1
  process_min_avail = 4
  process_limit = 60
  inet_listener lmtp {
    address = 127.0.0.1 127.0.0.2
    port = ${ports.lmtp}
  }
}
service imap-login {
  process_min_avail = 1
  inet_listener imap {
    address = 127.0.0.1
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = 0
  }
}
service auth {
  unix_listener auth-userdb {
    mode = 0666
  }
  unix_listener ${ports.auth} {
    mode = 0666
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
`;
}
