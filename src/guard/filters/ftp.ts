/** FTP servers: vsftpd, ProFTPD, Pure-FTPd. */
import { filterText, syslog } from './_text.ts'

const pam = (service: string): string =>
  `\\(?pam_unix\\)?(?:\\(${service}:auth\\):)? authentication failure;.* rhost=<ADDR>(?:\\s+user=\\S*)?\\s*$`

/** A session of ProFTPD: the server's name, then name and address of the client. */
const proftpdSession = `^\\s*(?:\\S+ )?proftpd\\[\\d+\\]:? \\S+ \\([^\\s\\[\\]]*\\[<ADDR>\\]\\)(?::| -) `

export const ftpFilters = {
  vsftpd: filterText({
    failregex: [
      '^\\s*(?:\\[pid \\d+\\] )?\\[<F-USER>.*</F-USER>\\] FAIL LOGIN: Client "<ADDR>"(?:, "[\\w .]*")?\\s*$',
      `^${syslog('vsftpd')}${pam('vsftpd')}`,
    ],
  }),
  proftpd: filterText({
    failregex: [
      `${proftpdSession}USER <F-USER>.*</F-USER>(?:: no such user found from| \\(Login failed\\):)`,
      `${proftpdSession}SECURITY VIOLATION: <F-USER>.*</F-USER> login attempted\\.?\\s*$`,
      `${proftpdSession}Maximum login attempts \\(\\d+\\) exceeded`,
    ],
  }),
  'pure-ftpd': filterText({
    failregex: [
      `^${syslog('pure-ftpd')}\\([^@()]*@<ADDR>\\) \\[WARNING\\] Authentication failed for user \\[<F-USER>.*</F-USER>\\]\\s*$`,
    ],
  }),
}
