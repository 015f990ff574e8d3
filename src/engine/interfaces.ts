/** The devices of a host, made from its configuration; `lo` is always the first. */
import type { Device } from '../ext/context.ts'
import { type Address, type Family, type Prefix, parsePrefix, prefixContains } from '../net/address.ts'
import type { HostConfig } from './config.ts'

export interface Interface {
  readonly device: Device
  readonly addresses: readonly Prefix[]
}

/** Source: drivers/net/loopback.c. */
const loopbackMtu = 65536

const loopback: Interface = {
  device: { name: 'lo', index: 1, kind: 'loopback', mac: new Uint8Array(6), mtu: loopbackMtu },
  addresses: [parsePrefix('127.0.0.1/8')!, parsePrefix('::1/128')!],
}

export class Interfaces {
  readonly all: readonly Interface[]
  readonly loopback: Device = loopback.device
  readonly #byName: ReadonlyMap<string, Interface>

  constructor(config: HostConfig) {
    const rest = config.interfaces.map(
      ({ name, addresses, mac, mtu }, place): Interface => ({
        device: { name, index: place + 2, kind: 'ethernet', mac, mtu },
        addresses,
      }),
    )
    this.all = [loopback, ...rest]
    this.#byName = new Map(this.all.map((one) => [one.device.name, one]))
  }

  named(name: string): Device | null {
    return this.#byName.get(name)?.device ?? null
  }

  addressesOf(device: Device, family: Family): readonly Prefix[] {
    const addresses = this.#byName.get(device.name)?.addresses ?? []
    return addresses.filter(({ address }) => address.family === family)
  }

  /** The device on whose link an address lies, or null. */
  onLink(address: Address): Device | null {
    const found = this.all.find(({ addresses }) =>
      addresses.some((prefix) => prefixContains(prefix, address)),
    )
    return found?.device ?? null
  }
}
