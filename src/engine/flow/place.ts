/** Where a packet of a flow is asked: no target acts there. */
import type { Device, HostServices } from '../../ext/context.ts'
import type { Hook } from '../../lang/rule.ts'
import { type Place, TableContext } from '../traverse.ts'

export class FlowPlace implements Place {
  in: Device | null = null
  out: Device | null = null
  hook: Hook = 'PREROUTING'
  readonly nat = null
  readonly host: HostServices
  readonly context: TableContext

  constructor(host: HostServices) {
    this.host = host
    this.context = new TableContext(this)
  }

  begin(hook: Hook, cameBy: Device | null, leavesBy: Device | null): void {
    this.hook = hook
    this.in = cameBy
    this.out = leavesBy
  }

  emit(): never {
    return this.#refuse()
  }

  sendIcmpError(): never {
    return this.#refuse()
  }

  duplicate(): never {
    return this.#refuse()
  }

  proxySyn(): never {
    return this.#refuse()
  }

  #refuse(): never {
    throw new Error('no target acts on a packet of a flow')
  }
}
