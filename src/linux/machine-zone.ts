/** The zone of this machine's clock (TZ, /etc/localtime). */
import { type Zone, zoneOf } from '../guard/dates/zone.ts'

export const machineZone: Zone = zoneOf((utcMs) => -new Date(utcMs).getTimezoneOffset())
