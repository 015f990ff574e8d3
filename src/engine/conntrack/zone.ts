/**
 * Zones: connections of one are never found from another, so that networks with the same addresses can be told apart.
 *
 * Kernel: include/net/netfilter/nf_conntrack_zones.h, Linux 6.18.
 */
import type { ConnectionTemplate, Zone } from '../../ext/context.ts'

export const defaultZone: Zone = { id: 0, direction: 'both' }

/** The zone that a direction of a connection (0 original, 1 reply) is kept in. Source: nf_ct_zone_id(). */
export const zoneIdOf = ({ id, direction }: Zone, way: 0 | 1): number =>
  direction === 'both' || (direction === 'original') === (way === 0) ? id : 0

/** Where the packet's connection is looked for. Source: nf_ct_zone_tmpl(). */
export function zoneFor(template: ConnectionTemplate | null, mark: number): Zone {
  if (template === null) return defaultZone
  const { zone, isZoneOfMark } = template
  return isZoneOfMark ? { id: mark & 0xffff, direction: zone.direction } : zone
}
