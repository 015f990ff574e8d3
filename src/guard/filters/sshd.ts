/** OpenSSH: what auth.c, auth2.c and packet.c of OpenSSH 6 to 10 print. `mode=aggressive` takes scanners as well. */
import { filterText } from './_text.ts'

const port = '(?: port \\d+)?(?: on \\S+)?'
/** What sshd writes behind the peer of protocol 2; of protocol 1, a client could write on. */
const protocol = ' port \\d+(?: on \\S+)? ssh2'
const preauth = '(?: \\[preauth\\])?'
const invalid = '(?:(?:invalid|illegal) user )?'

export const sshd = filterText({
  prefregex:
    '^<F-MLFID>\\s*(?:\\S+ )?sshd(?:-session|-auth)?(?:\\[\\d+\\])?:</F-MLFID> (?:\\[ID \\d+ \\S+\\] )?' +
    '(?:(?:error|fatal): )?(?:PAM: )?<F-CONTENT>.+</F-CONTENT>$',
  failregex: [
    `^Failed (?!publickey)\\S+ for ${invalid}<F-USER>.*</F-USER> from <ADDR>${protocol}\\s*$`,
    `^Failed publickey for (?:invalid|illegal) user <F-USER>.*</F-USER> from <ADDR>${protocol}(?:: \\S+ \\S+)?\\s*$`,
    `^[Ii](?:nvalid|llegal) user <F-USER>.*</F-USER> from <ADDR>${port}${preauth}\\s*$`,
    `^[Aa]uthentication (?:failure|error|failed) for ${invalid}<F-USER>.*</F-USER> from <ADDR>(?: via \\S+)?${port}${preauth}\\s*$`,
    `^User <F-USER>.*</F-USER> from <ADDR>${port} not allowed because [\\w' ]+${preauth}\\s*$`,
    `^maximum authentication attempts exceeded for ${invalid}<F-USER>.*</F-USER> from <ADDR>${protocol}${preauth}\\s*$`,
    `^ROOT LOGIN REFUSED FROM <ADDR>${port}${preauth}\\s*$`,
    '^refused connect from \\S+ \\(<ADDR>\\)\\s*$',
    `^Received disconnect from <ADDR>${port}:\\s*3: .*: Auth fail`,
  ],
  aggressive: [
    `^Unable to negotiate with <ADDR>${port}: no matching `,
    `^Did not receive identification string from <ADDR>${port}\\s*$`,
    `^Bad protocol version identification '.*' from <ADDR>${port}\\s*$`,
    `^banner exchange: Connection from <ADDR>${port}: `,
    `^Received disconnect from <ADDR>${port}:\\s*14: No supported authentication methods available`,
    `^Connection (?:closed|reset) by(?: (?:invalid|authenticating) user <F-USER>.*</F-USER>)? <ADDR>${port} \\[preauth\\]\\s*$`,
  ],
})
