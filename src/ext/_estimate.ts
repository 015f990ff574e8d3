/**
 * An estimate of a rate: fed by `-j RATEEST`, read by `-m rateest`.
 *
 * Kernel: est_timer(), gen_estimator_read(), net/core/gen_estimator.c, Linux 6.18. The kernel's timer begins when the
 * estimate's first rule is loaded; here all begin with the first step.
 */
export interface EstimateTerms {
  /** A quarter of a second times 2 to this power, 0 to 5. */
  readonly intervalPower: number
  /** The average reaches back so many intervals, as a power of 2; 1 to 30. */
  readonly averagePower: number
}

/** What estimates are shared as. */
export const estimateKind = 'rateest'

/** The averages have so many binary places. */
const fractionBits = 8n

export class RateEstimate {
  readonly #intervalJiffies: number
  readonly #terms: EstimateTerms
  #nextTick: number
  /** Since the last tick. */
  #bytes = 0n
  #packets = 0n
  #averageBytes = 0n
  #averagePackets = 0n

  /** `hz`: timer ticks in a second. */
  constructor(terms: EstimateTerms, hz: number) {
    this.#terms = terms
    this.#intervalJiffies = Math.floor(hz / 4) * 2 ** terms.intervalPower
    this.#nextTick = this.#intervalJiffies
  }

  count(bytes: number, jiffies: number): void {
    this.#advance(jiffies)
    this.#bytes += BigInt(bytes)
    this.#packets++
  }

  /** Bytes and packets per second, rounded down. */
  read(jiffies: number): { readonly bytes: bigint; readonly packets: bigint } {
    this.#advance(jiffies)
    return { bytes: this.#averageBytes >> fractionBits, packets: this.#averagePackets >> fractionBits }
  }

  #advance(jiffies: number): void {
    while (this.#nextTick <= jiffies) {
      const [bytes, packets] = [this.#averageBytes, this.#averagePackets]
      this.#averageBytes = this.#mixed(bytes, this.#bytes)
      this.#averagePackets = this.#mixed(packets, this.#packets)
      this.#bytes = 0n
      this.#packets = 0n
      this.#nextTick += this.#intervalJiffies
      if (bytes !== this.#averageBytes || packets !== this.#averagePackets) continue
      // Nothing changes any more while nothing comes.
      const ticks = Math.floor((jiffies - this.#nextTick) / this.#intervalJiffies) + 1
      if (ticks > 0) this.#nextTick += ticks * this.#intervalJiffies
    }
  }

  #mixed(average: bigint, since: bigint): bigint {
    const { intervalPower, averagePower } = this.#terms
    const rate = since << BigInt(10 - intervalPower)
    return BigInt.asUintN(64, average + (rate >> BigInt(averagePower)) - (average >> BigInt(averagePower)))
  }
}
