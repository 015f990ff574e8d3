/** Web servers' password prompts, databases, name servers, and addresses that were banned before. */
import { filterText } from './_text.ts'

const nginx = '^ \\[error\\] \\d+#\\d+: \\*\\d+ '
const nginxEnd =
  ', client: <ADDR>, server: [^,"]*, request: "[^"]*"(?:, upstream: "[^"]*")?(?:, host: "[^"]*")?(?:, referrer: "[^"]*")?\\s*$'

const nginxAuth = filterText({
  failregex: [
    `${nginx}user "<F-USER>.*</F-USER>"(?:: password mismatch|:? was not found in "[^"]*")${nginxEnd}`,
    `${nginx}no user/password was provided for basic authentication${nginxEnd}`,
  ],
  datepattern: '{^LN-BEG}',
})

const apache =
  '^(?:\\[\\]|\\s*\\S+ [\\w/-]+\\[\\d+\\]:)\\s\\[(?:\\w*:)?error\\](?: \\[pid \\d+(?::tid \\d+)?\\])? ' +
  '\\[client <ADDR>(?::\\d+)?\\] (?:AH\\d+: )?(?:Digest: )?'

const apacheAuth = filterText({
  failregex: [
    `${apache}user <F-USER>.*</F-USER>(?: not found(?:: |\\s*$)|: authentication failure for |: password mismatch: |: one-time-nonce mismatch)`,
    `${apache}(?:user <F-USER>.*</F-USER> in realm .* not found|invalid nonce .* received - (?:length is not|user attempted time travel)|realm mismatch - got |unknown algorithm |invalid qop )`,
    `${apache}(?:client used wrong authentication scheme|Authorization of user .* to access .* failed|access to .* failed, reason: user )`,
    `${apache}client denied by server configuration: `,
  ],
})

const mysqld = filterText({
  failregex: [
    '^(?:\\s*\\S+ (?:mysqld|mariadbd)(?:\\[\\d+\\])?:)?[\\s\\d:TZ.+-]*\\[(?:Warning|Note)\\] (?:\\[MY-\\d+\\] \\[Server\\] )?' +
      "Access denied for user '<F-USER>.*</F-USER>'@'<ADDR>'(?: to database '[^']*')? \\(using password: (?:YES|NO)\\)\\s*$",
  ],
})

const named = filterText({
  failregex: [
    '^(?:\\s*\\S+ named\\[\\d+\\]:)?(?:\\s+[\\w-]+:){0,2}\\s*client (?:@0x[\\da-f]+ )?<ADDR>#\\d+(?: \\([^()]*\\))?: (?:view \\S+: )?' +
      "(?:(?:query|zone transfer|update)(?: \\(cache\\))? '[^']*' denied|bad zone transfer request: )",
  ],
})

const recidive = filterText({
  failregex: [
    '^(?:\\s*\\S+ )?\\s*(?:fail2ban-server\\[\\d+\\]: )?fail2ban\\.actions\\s*(?:\\[\\d+\\])?: (?:NOTICE|WARNING)\\s+' +
      '\\[(?!recidive\\])[^\\]]+\\] (?:Restore )?Ban <ADDR>\\s*$',
  ],
})

export const webFilters = {
  'nginx-http-auth': nginxAuth,
  'nginx-auth': nginxAuth,
  'apache-auth': apacheAuth,
  'mysqld-auth': mysqld,
  mysqld,
  mariadb: mysqld,
  'named-refused': named,
  named,
  recidive,
}
