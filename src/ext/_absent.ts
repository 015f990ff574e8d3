/** Targets and matches that this kernel lacks or cannot serve: they are read and printed, and refused where they are to be loaded. */
import type { Refusal } from '../lang/diagnostic.ts'

/** What the kernel says that has no such target. */
export const absentFromKernel = (name: string, kind: 'match' | 'target' = 'target'): Refusal => ({
  code: 'not-in-kernel',
  message: `this kernel has no ${kind} ${name}`,
  said: 'No chain/target/match by that name',
})

/** What iptables says of it before anything else. */
export const absentWarning = (name: string, kind: 'match' | 'target' = 'target'): Refusal => ({
  code: 'not-in-kernel',
  message: `this kernel has no ${kind} ${name}`,
  said: `Warning: Extension ${name} revision 0 not supported, missing kernel module?`,
})
