/** The sections of `postern.yaml`, in the order in which they begin; they end the other way round. */
import { authportSection } from './authport-section.ts'
import { guardSection } from './guard-section.ts'
import type { Section } from './service.ts'

export const sections: readonly Section[] = [authportSection, guardSection]
