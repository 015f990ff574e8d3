/** Mail servers: Postfix, Dovecot, Exim. */
import { filterText } from './_text.ts'

const postfix = `^\\s*(?:\\S+ )?postfix(?:-\\w+)?/(?:\\w+/)?(?:smtpd|postscreen)\\[\\d+\\]: `
/** A client as Postfix names it: a name that it looked up, and the address. */
const postfixClient = '[^\\[\\]\\s]*\\[<ADDR>\\](?::\\d+)?'

const dovecot = `^(?:\\s*(?:\\S+ )?dovecot(?:\\[\\d+\\])?:| )? ?(?:dovecot: )?`

const exim = '^(?: \\[\\d+\\]| \\S+ exim\\[\\d+\\]:)? (?:\\w+-\\w+-\\w+ )?'
/** A client as Exim names it: looked-up name, HELO in parentheses, address, port. */
const eximClient = '(?:[^\\s()\\[\\]]+ )?(?:\\(\\S*\\) )?\\[<ADDR>\\](?::\\d+)?(?: I=\\[\\S+\\](?::\\d+)?)?'

export const mailFilters = {
  postfix: filterText({
    failregex: [
      `${postfix}warning: ${postfixClient}: SASL \\S+ authentication failed: (?!Connection lost|Temporary|Invalid authentication mechanism)`,
      `${postfix}\\w+: (?:milter-)?reject: [A-Z]+ from ${postfixClient}: [45]\\d\\d `,
      `${postfix}improper command pipelining after \\S+ from ${postfixClient}`,
      `${postfix}too many errors after \\S+ from ${postfixClient}\\s*$`,
    ],
    aggressive: [
      `${postfix}lost connection after (?:AUTH|UNKNOWN|EHLO|CONNECT) from ${postfixClient}\\s*$`,
      `${postfix}disconnect from ${postfixClient}.* auth=0/\\d+`,
    ],
  }),
  dovecot: filterText({
    failregex: [
      `${dovecot}(?:imap|pop3|submission|managesieve|sieve)-login: (?:Info: )?[\\w: ]+ \\(auth failed, <F-ATTEMPTS>\\d+</F-ATTEMPTS> attempts?(?: in \\d+ secs)?\\):` +
        '(?: user=<<F-USER>.*</F-USER>>,)?(?: method=[\\w-]+,)? rip=<ADDR>, lip=[\\da-f.:]+(?:, [\\w :]+)*(?:, session=<\\S+>)?\\s*$',
      `${dovecot}auth(?:-worker)?(?:\\([\\w]+\\))?: (?:Info: )?(?:conn unix:auth-worker \\(\\S+\\): auth-worker<\\d+>: )?` +
        '(?:pam|passwd-file|sql|ldap|shadow)\\(<F-USER>.*</F-USER>,<ADDR>(?:,<\\S+>)?\\): ' +
        '(?:unknown user|[Pp]assword mismatch(?: \\(for LDAP bind\\))?|invalid credentials|pam_authenticate\\(\\) failed: [\\w ]+(?:\\([Pp]assword mismatch\\?\\))?)' +
        '(?: \\(SHA1 of given password: [\\da-f]+\\))?(?:: \\d+ Time\\(s\\))?\\s*$',
      `${dovecot}(?:dovecot-)?(?:auth(?:-worker)?(?:\\(\\d+\\))?: )?pam_unix\\(dovecot:auth\\): authentication failure;.* rhost=<ADDR>(?:\\s+user=\\S*)?\\s*$`,
    ],
    aggressive: [
      `${dovecot}(?:imap|pop3|submission|managesieve)-login: (?:Info: )?[\\w: ]+ \\((?:no auth attempts|tried to use (?:disabled|disallowed) plaintext auth)[^)]*\\):` +
        '(?: user=<>,)?(?: method=[\\w-]+,)? rip=<ADDR>, lip=',
    ],
  }),
  exim: filterText({
    failregex: [
      `${exim}\\w+ authenticator failed for ${eximClient}: 535 Incorrect authentication data(?: \\(set_id=<F-USER>.*</F-USER>\\))?(?:: \\d+ Time\\(s\\))?\\s*$`,
      `${exim}SMTP protocol synchronization error \\([^)]*\\): rejected (?:connection from|"[^"]*") H=${eximClient} `,
      `${exim}SMTP call from ${eximClient} dropped: too many (?:nonmail commands|unrecognized commands|syntax or protocol errors) `,
      `${exim}H=${eximClient}(?: X=\\S+)?(?: CV=\\S+)?(?: F=\\S*)? rejected RCPT \\S+: (?:relay not permitted|Sender verify failed|Unknown user|Unrouteable address)`,
      `${exim}SMTP protocol error in "AUTH [^"]*" H=${eximClient} AUTH command used when not advertised\\s*$`,
    ],
    aggressive: [`${exim}no MAIL in SMTP connection from ${eximClient} D=\\S+`],
  }),
}
