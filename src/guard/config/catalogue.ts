/**
 * Everything that can be said of the guard's configuration, with examples: `postern explain guard/no-time`, and a chapter
 * of docs/diagnostics.md. A test reads each example, and finds codes that are missing here.
 */
import type { ExplainedCode } from '../../ext/catalogue/index.ts'

export interface GuardCatalogueEntry extends ExplainedCode {
  /** Where the example stands; default: `jail.local`. */
  readonly file?: 'fail2ban.local' | 'filter.d/sshd.local' | 'action.d/iptables.local' | 'postern.yaml'
}

/** A jail that differs from fail2ban's own in some lines. */
const jail = (...lines: readonly string[]): string => ['[sshd]', 'enabled = true', ...lines].join('\n')

const yaml = (...lines: readonly string[]): string => ['guard:', '  jails:', ...lines].join('\n')

const refusesAll = 'fail2ban does not start with it.'

export const guardCatalogue: readonly GuardCatalogueEntry[] = [
  {
    code: 'guard/no-section',
    severity: 'error',
    means: `Options belong to a section, and the file begins without one. ${refusesAll}`,
    wrong: '«bantime = 10m»\n[sshd]\nenabled = true',
    mended: '[DEFAULT]\nbantime = 10m\n[sshd]\nenabled = true',
  },
  {
    code: 'guard/no-option',
    severity: 'error',
    means: `A line is neither a section nor "option = value". A value that goes on in the next line needs an indent there. ${refusesAll}`,
    wrong: jail('ignoreip = 127.0.0.1/8', '«192.0.2.1»'),
    mended: jail('ignoreip = 127.0.0.1/8', '           192.0.2.1'),
  },
  {
    code: 'guard/repeated-section',
    severity: 'error',
    means: `A section stands twice in one file. ${refusesAll} In two files (jail.conf, jail.local) it may.`,
    wrong: `${jail()}\n«[sshd]»\nmaxretry = 3`,
    mended: jail('maxretry = 3'),
  },
  {
    code: 'guard/repeated-option',
    severity: 'error',
    means: `An option stands twice in one section of a file. ${refusesAll}`,
    wrong: jail('maxretry = 5', '«maxretry» = 3'),
    mended: jail('maxretry = 3'),
  },
  {
    code: 'guard/lost-action',
    severity: 'warning',
    means:
      'Another action in the list of `action` stands at the beginning of its line, as web pages print it. It is taken for what was meant; fail2ban reads an option of that name and ignores it, so the mail or the rule never comes.',
    wrong: jail('action = iptables[port=ssh]', '«sendmail-whois[dest=root]»'),
    mended: jail('action = iptables[port=ssh]', '         sendmail-whois[dest=root]'),
  },
  {
    code: 'guard/unknown-reference',
    severity: 'error',
    means: `%(name)s is replaced by the option of that name, and none is set. A percent sign that means itself is written %%. ${refusesAll}`,
    wrong: jail('logpath = «%(sshd_lgo)s»'),
    mended: jail('logpath = %(sshd_log)s'),
  },
  {
    code: 'guard/bad-percent',
    severity: 'error',
    means: `A percent sign begins %(name)s, or is written %%. ${refusesAll}`,
    wrong: jail('logpath = /var/log/«%h».log'),
    mended: jail('logpath = /var/log/%%h.log'),
  },
  {
    code: 'guard/endless-reference',
    severity: 'error',
    means: `An option refers to itself by %(name)s. The value that an earlier file gave is %(known/name)s. ${refusesAll}`,
    wrong: jail('ignoreip = «%(ignoreip)s 192.0.2.1»'),
    mended: jail('ignoreip = %(known/ignoreip)s 192.0.2.1'),
  },
  {
    code: 'guard/not-text',
    severity: 'error',
    means: `%(name)s asks for something that is a number or a yes or no when it is asked for, or is not set. ${refusesAll}`,
  },
  {
    code: 'guard/endless-tag',
    severity: 'error',
    means: `Options of a filter or an action put each other in by <name> without end. ${refusesAll}`,
    file: 'action.d/iptables.local',
    wrong: '[Definition]\n«actionban» = <one>\none = <two>\ntwo = <one>',
    mended: '[Definition]\nactionban = <one>\none = <two>\ntwo = /usr/local/bin/ban <ip>',
  },
  {
    code: 'guard/no-definition',
    severity: 'warning',
    means: 'A file of filter.d or action.d has no section [Definition], so it finds or does nothing.',
  },
  {
    code: 'guard/unreadable',
    severity: 'warning',
    means: 'A file that is included, or a .local beside it, cannot be read. fail2ban leaves it out, too.',
  },
  {
    code: 'guard/no-folder',
    severity: 'error',
    means: 'There is no folder of that name to read the configuration from.',
  },
  {
    code: 'guard/no-jails',
    severity: 'error',
    means: 'The folder has neither jail.conf nor jail.local.',
  },
  {
    code: 'guard/unknown-jail',
    severity: 'error',
    means: 'A jail was asked for by name that the configuration does not have.',
  },
  {
    code: 'guard/unknown-filter',
    severity: 'error',
    means:
      'There is no file of that name in filter.d, and Postern has no filter of that name. fail2ban skips the jail.',
    wrong: jail('filter = «shd»'),
    mended: jail('filter = sshd'),
  },
  {
    code: 'guard/unknown-action',
    severity: 'error',
    means:
      'There is no file of that name in action.d, and Postern has no action of that name. fail2ban skips the jail.',
    wrong: jail('action = «iptable»[port=ssh]'),
    mended: jail('action = iptables[port=ssh]'),
  },
  {
    code: 'guard/bad-reference',
    severity: 'error',
    means:
      'A filter or action is named with options in brackets, name[option=value, other="a, b"], and these cannot be read. fail2ban skips the jail.',
    wrong: jail('action = iptables«[port=ssh»'),
    mended: jail('action = iptables[port=ssh]'),
  },
  {
    code: 'guard/no-filter',
    severity: 'warning',
    means: 'A jail without a filter finds nothing.',
    wrong: jail('«filter» ='),
    mended: jail('filter = sshd'),
  },
  {
    code: 'guard/no-action',
    severity: 'warning',
    means: 'The bans of a jail without an action do nothing but stand in the list.',
    wrong: jail('«action» ='),
    mended: jail('action = iptables[port=ssh]'),
  },
  {
    code: 'guard/python-action',
    severity: 'error',
    means:
      "The action is a program in Python that runs within fail2ban's server; it is not run here. fail2ban's own smtp.py is done by postern-mail. The other actions of the jail stand.",
    wrong: jail('action = «badips.py[category=ssh]»'),
    mended: jail('action = iptables[port=ssh]'),
  },
  {
    code: 'guard/no-log',
    severity: 'error',
    means: 'A jail that reads neither a file nor the journal finds nothing. fail2ban skips the jail.',
    file: 'postern.yaml',
    wrong: yaml('    sshd: {}'),
    mended: yaml('    sshd: { logs: /var/log/auth.log }'),
  },
  {
    code: 'guard/odd-logpath',
    severity: 'warning',
    means: 'What stands behind the last blank of a path says where to begin reading: head or tail.',
    wrong: jail('logpath = «/var/log/my app.log»'),
    mended: jail('logpath = /var/log/app.log tail'),
  },
  {
    code: 'guard/no-number',
    severity: 'error',
    means: 'An option wants a whole number. Only `;` begins a comment behind a value, `#` does not.',
    wrong: jail('maxretry = «five»'),
    mended: jail('maxretry = 5'),
  },
  {
    code: 'guard/too-small',
    severity: 'error',
    means: 'A number is smaller than makes sense.',
    wrong: jail('maxretry = «0»'),
    mended: jail('maxretry = 1'),
  },
  {
    code: 'guard/no-time',
    severity: 'error',
    means: 'An option wants a time: seconds, or 10m, 1h30m, 1d12h, 4w.',
    wrong: jail('findtime = «soon»'),
    mended: jail('findtime = 10m'),
  },
  {
    code: 'guard/no-boolean',
    severity: 'warning',
    means: 'An option wants yes or no. What is neither 1, on, true nor yes counts as no, as in fail2ban.',
    wrong: jail('ignoreself = «si»'),
    mended: jail('ignoreself = yes'),
  },
  {
    code: 'guard/unknown-usedns',
    severity: 'warning',
    means: '`usedns` is yes, warn, no or raw; with anything else, names are not looked up.',
    wrong: jail('usedns = «maybe»'),
    mended: jail('usedns = warn'),
  },
  {
    code: 'guard/unread-option',
    severity: 'warning',
    means: 'Nothing reads an option of that name: it may be misspelt. fail2ban says nothing of it.',
    wrong: jail('«maxretries» = 3'),
    mended: jail('maxretry = 3'),
  },
  {
    code: 'guard/bad-expression',
    severity: 'error',
    means:
      'An expression of a filter cannot be read, or has nothing that says who failed (<HOST>, <ADDR>, <F-ID>). The filter works without it. `postern guard config` looks at them all.',
    file: 'filter.d/sshd.local',
    wrong: '[Definition]\nfailregex = «^Failed (?:password for .* from <HOST>$»',
    mended: '[Definition]\nfailregex = ^Failed (?:password|none) for .* from <HOST>$',
  },
  {
    code: 'guard/slow-expression',
    severity: 'note',
    means:
      'A part of the expression repeats what repeats the same characters, so that fail2ban needs twice the time for each further character of a line that somebody made for it. Postern searches it within bounds; under fail2ban, whoever can write into the log stops it.',
    file: 'filter.d/sshd.local',
    wrong: '[Definition]\nfailregex = «^refused:(?: [^:]+)* by <HOST>$»',
    mended: '[Definition]\nfailregex = ^refused:(?: [^: ]+)* by <HOST>$',
  },
  {
    code: 'guard/open-quote',
    severity: 'error',
    means: `A quotation mark of \`journalmatch\` is never closed. ${refusesAll}`,
    wrong: jail('journalmatch = «"_SYSTEMD_UNIT=ssh.service»'),
    mended: jail('journalmatch = _SYSTEMD_UNIT=ssh.service'),
  },
  {
    code: 'guard/unknown-level',
    severity: 'error',
    means: 'fail2ban.conf names a level of logging that there is not. fail2ban does not start.',
    file: 'fail2ban.local',
    wrong: '[Definition]\nloglevel = «CHATTY»',
    mended: '[Definition]\nloglevel = INFO',
  },
  {
    code: 'guard/yaml',
    severity: 'error',
    means: 'postern.yaml is no YAML.',
    file: 'postern.yaml',
    wrong: 'guard: {\n«»',
    mended: 'guard: { jails: {} }',
  },
  {
    code: 'guard/yaml-shape',
    severity: 'error',
    means:
      'A key has no meaning at its place in postern.yaml, or a value is not what it has to be (docs/postern.schema.json).',
    file: 'postern.yaml',
    wrong: yaml('    sshd: { «maxretries»: 3, logs: /var/log/auth.log }'),
    mended: yaml('    sshd: { maxretry: 3, logs: /var/log/auth.log }'),
  },
]
