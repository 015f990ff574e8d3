/**
 * `postern up`: the sections of a `postern.yaml` at work, each as a service that begins, changes and ends by itself.
 *
 * What a section does is known where it is at home (`daemon/firewall`, `daemon/guard`, `daemon/authport`); here is what
 * all have in common: beginning, trying again, reloading, ending, answering, telling systemd and those who count.
 */
export { readAuthport } from './authport-section.ts'
export { checkConfig } from './check.ts'
export { ConfigRefused, Daemon, type DaemonStatus, socketIn } from './daemon.ts'
export { DaemonLog, type LogForm } from './daemon-log.ts'
export { notifier } from './notify.ts'
