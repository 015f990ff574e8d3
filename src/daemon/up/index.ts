/**
 * `postern up`: the sections of a `postern.yaml` at work, each as a service that begins, changes and ends by itself.
 *
 * What a section does is known where it is at home (`daemon/guard`, `daemon/authport`); here is what all have in common:
 * beginning, trying again, reloading, ending, telling systemd and those who count.
 */
export { checkConfig } from './check.ts'
export { DaemonLog, type LogForm } from './daemon-log.ts'
export { serveMetrics } from './metrics.ts'
export { notifier } from './notify.ts'
export { Supervisor } from './supervisor.ts'
