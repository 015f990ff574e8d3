/** What `postern up` puts to work, in the order in which it begins; it ends the other way round. */
import { authportSection } from './authport-section.ts'
import { countrySection } from './country-section.ts'
import { guardSection } from './guard-section.ts'
import { rulesSection } from './rules-section.ts'
import type { Section } from './service.ts'

export const sections: readonly Section[] = [rulesSection, countrySection, authportSection, guardSection]
