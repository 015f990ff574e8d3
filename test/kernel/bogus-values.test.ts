/** A value that means nothing to any option of any extension: refused in iptables' own words. */
import { expect, test } from 'vitest'
import { matches, targets } from '../../src/ext/registry.ts'
import { expectAlike, kernelIsOutOfReach } from './programs.ts'
