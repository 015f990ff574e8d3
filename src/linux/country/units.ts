/** systemd's units that fetch new lists now and then. */

/** `command`: words that sync. Lists change by the week; the hour is drawn so that not all machines ask at once. */
export function timerUnits(command: readonly string[]): { readonly name: string; readonly text: string }[] {
  return [
    {
      name: 'postern-country.service',
      text: `[Unit]
Description=Fetch lists of countries' networks and put them in force
Documentation=man:postern-country-sync(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=${command.map(unitWord).join(' ')}
StateDirectory=postern/country
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ReadWritePaths=/var/lib/postern /run
`,
    },
    {
      name: 'postern-country.timer',
      text: `[Unit]
Description=Fetch lists of countries' networks every week
Documentation=man:postern-country-sync(1)

[Timer]
OnBootSec=5min
OnCalendar=weekly
RandomizedDelaySec=12h
Persistent=yes

[Install]
WantedBy=timers.target
`,
    },
  ]
}

/** A word of ExecStart: systemd.service(5), "Command lines". */
const unitWord = (word: string): string => {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./{}$-]+$/.test(escaped)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
